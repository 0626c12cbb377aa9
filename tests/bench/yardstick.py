"""The released PostoMETRO network, ported line by line to torch: what our speed is compared with.

It takes the weights of a `Network` of ours and computes as the released code does: `nn.MultiheadAttention` that returns
its weights, a dense 445 x 445 mask, queries repeated for every picture, positions made and added in every layer,
SwinV2-B with its network of positions in every forward, dense learned and sparse fixed samplers, picture by picture.
Tokens come first, then the batch, as in the released code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.nets import Network
from core.nets.config import COARSE_VERTICES, FINE_VERTICES, INTERMEDIATE_VERTICES, LSP_JOINTS, TransformerConfig
from core.nets.pose_classifier import soft_tokens, token_confidence
from core.nets.transformer import Attention, DecoderLayer, EncoderDecoder, EncoderLayer, sine_position
from core.nets.upsamplers import LearnedSampler, SparseSampler

from .yardstick_swin import YardstickSwin

QUERIES = LSP_JOINTS + COARSE_VERTICES


class YardstickOutput(NamedTuple):
    """What the released `forward` answers.

    Attributes:
        weak_camera: (B, 3).
        joints: (B, 14, 3).
        coarse_vertices: (B, 431, 3).
        intermediate_vertices: (B, 1723, 3).
        fine_vertices: (B, 6890, 3).
        keypoints: (B, 17, 2) of PCT, crop units.
    """

    weak_camera: Tensor
    joints: Tensor
    coarse_vertices: Tensor
    intermediate_vertices: Tensor
    fine_vertices: Tensor
    keypoints: Tensor


class Yardstick(nn.Module):
    """The released network with a `Network`'s weights, which it shares; evaluation alone."""

    mask: Tensor
    up_1723: Tensor

    def __init__(self, network: Network) -> None:
        """Take over the weights.

        Args:
            network: with pose tokens of SwinV2-B, a learned sampler and the body's last one, as preset resnet50.
        """
        super().__init__()
        if network.pose_backbone is None or network.mesh.to_tokens is None or network.to_fine is None:
            raise ValueError("the yardstick is of PostoMETRO with PCT's own backbone and the body's last sampler")
        self.own, mesh = network, network.mesh
        self.swin = YardstickSwin(network.pose_backbone)  # type: ignore[arg-type]
        self.first = _Transformer(mesh.first)
        self.second = _Transformer(mesh.second)
        self.coarse_to_intermediate = _dense(network.to_intermediate)  # type: ignore[arg-type]
        self.register_buffer("up_1723", _sparse(network.to_fine), persistent=False)  # type: ignore[arg-type]
        self.register_buffer("mask", _mask(network), persistent=False)

    def forward(self, image: Tensor) -> YardstickOutput:
        """(B, 3, 256, 256) normalised RGB."""
        own, mesh, batch = self.own, self.own.mesh, image.shape[0]
        assert own.tokenizer is not None and own.classifier is not None and own.modulator is not None
        assert mesh.to_tokens is not None and mesh.narrow_pose is not None
        logits = own.classifier(self.swin(image))
        tokens = soft_tokens(logits, own.tokenizer.quantiser.codebook)
        keypoints = own.tokenizer.decode(tokens)
        pose = own.modulator(tokens, token_confidence(logits)).transpose(0, 1)
        features = mesh.to_tokens(own.backbone(image))
        height, width = features.shape[-2:]
        img = features.flatten(2).permute(2, 0, 1)
        position_1 = sine_position(height, width, img.shape[-1], image).transpose(0, 1).repeat(1, batch, 1)
        position_2 = sine_position(height, width, mesh.config.second.width, image).transpose(0, 1).repeat(1, batch, 1)
        camera = mesh.camera_token.unsqueeze(1).repeat(1, batch, 1)
        queries = torch.cat([mesh.joint_tokens, mesh.vertex_tokens]).unsqueeze(1).repeat(1, batch, 1)
        mask = self.mask
        camera, memory, queries = self.first(camera, torch.cat([img, pose]), queries, position_1, mask)
        pose_2 = mesh.narrow_pose(memory[height * width :])
        memory = torch.cat([mesh.narrow_memory(memory), pose_2])
        camera, queries = mesh.narrow_camera(camera), mesh.narrow_queries(queries)
        camera, _, queries = self.second(camera, memory, queries, position_2, mask)
        xyz = mesh.to_xyz(queries.transpose(0, 1))
        coarse = xyz[:, LSP_JOINTS:]
        intermediate = self.coarse_to_intermediate(coarse.transpose(1, 2)).transpose(1, 2)
        fine = torch.stack([torch.sparse.mm(self.up_1723, vertices) for vertices in intermediate])
        weak_camera = mesh.to_camera(camera.transpose(0, 1)).squeeze(1)
        return YardstickOutput(weak_camera, xyz[:, :LSP_JOINTS], coarse, intermediate, fine, keypoints)


class _Transformer(nn.Module):
    """FastMETRO's `Transformer`, with positions on the image tokens alone."""

    def __init__(self, own: EncoderDecoder) -> None:
        super().__init__()
        self.own = own
        self.encoder = nn.ModuleList(_EncoderLayer(layer, own.config) for layer in own.encoder)  # type: ignore[arg-type]
        self.decoder = nn.ModuleList(_DecoderLayer(layer, own.config) for layer in own.decoder)  # type: ignore[arg-type]

    def forward(
        self, camera: Tensor, memory: Tensor, queries: Tensor, position: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(1, B, d), (M, B, d), (445, B, d), (h * w, B, d), (445, 445) bool."""
        length, batch = memory.shape[:2]
        tokens = torch.cat([camera, memory])
        after = torch.zeros(length - position.shape[0], batch, position.shape[-1])
        keys = torch.cat([position, after])
        with_camera = torch.cat([torch.zeros_like(camera), keys])
        for layer in self.encoder:
            tokens = layer(tokens, with_camera)
        tokens = self.own.encoder_norm(tokens)
        camera, memory = tokens[:1], tokens[1:]
        is_padding = torch.zeros(batch, length, dtype=torch.bool)
        no_position = torch.zeros_like(queries)
        for layer in self.decoder:
            queries = layer(queries, memory, keys, no_position, mask, is_padding)
        return camera, memory, self.own.decoder_norm(queries)


class _EncoderLayer(nn.Module):
    """DETR's `forward_pre`."""

    def __init__(self, own: EncoderLayer, config: TransformerConfig) -> None:
        super().__init__()
        self.own = own
        self.self_attn = _attention(own.attention, config)

    def forward(self, src: Tensor, pos: Tensor) -> Tensor:
        """(N, B, d)."""
        src2 = self.own.norm1(src)
        q = k = src2 + pos
        src2 = self.self_attn(q, k, value=src2, attn_mask=None, key_padding_mask=None)[0]
        src = src + self.own.dropout(src2)
        src2 = self.own.norm2(src)
        out: Tensor = src + self.own.dropout(self.own.feedforward(src2))
        return out


class _DecoderLayer(nn.Module):
    """DETR's `forward_pre`."""

    def __init__(self, own: DecoderLayer, config: TransformerConfig) -> None:
        super().__init__()
        self.own = own
        self.self_attn = _attention(own.self_attention, config)
        self.multihead_attn = _attention(own.cross_attention, config)

    def forward(
        self, tgt: Tensor, memory: Tensor, pos: Tensor, query_pos: Tensor, mask: Tensor, is_padding: Tensor
    ) -> Tensor:
        """(445, B, d)."""
        tgt2 = self.own.norm1(tgt)
        q = k = tgt2 + query_pos
        tgt2 = self.self_attn(q, k, value=tgt2, attn_mask=mask)[0]
        tgt = tgt + self.own.dropout(tgt2)
        tgt2 = self.own.norm2(tgt)
        query = tgt2 + query_pos
        tgt2 = self.multihead_attn(query=query, key=memory + pos, value=memory, key_padding_mask=is_padding)[0]
        tgt = tgt + self.own.dropout(tgt2)
        tgt2 = self.own.norm3(tgt)
        out: Tensor = tgt + self.own.dropout(self.own.feedforward(tgt2))
        return out


def _attention(own: Attention, config: TransformerConfig) -> nn.MultiheadAttention:
    attention = nn.MultiheadAttention(config.width, config.heads, config.dropout)
    attention.load_state_dict(own.state_dict())
    return attention


def _mask(network: Network) -> Tensor:
    """(445, 445) bool, True where a vertex may not look."""
    blocked = torch.zeros(QUERIES, QUERIES, dtype=torch.bool)
    blocked[LSP_JOINTS:, LSP_JOINTS:] = True
    pattern = network.mesh.pattern
    patch, row, column = (pattern.bias == 0).nonzero(as_tuple=True)
    blocked[pattern.queries[patch, row], pattern.keys[patch, column]] = False
    return blocked


def _dense(own: LearnedSampler) -> nn.Linear:
    linear = nn.Linear(COARSE_VERTICES, INTERMEDIATE_VERTICES)
    assert own.bias is not None
    linear.load_state_dict({"weight": own.weight, "bias": own.bias[:, 0]})
    return linear


def _sparse(own: SparseSampler) -> Tensor:
    rows = torch.arange(FINE_VERTICES).repeat_interleave(own.columns.shape[1])
    places = torch.stack([rows, own.columns.flatten()])
    return torch.sparse_coo_tensor(
        places, own.values.flatten(), (FINE_VERTICES, INTERMEDIATE_VERTICES), check_invariants=True
    ).coalesce()

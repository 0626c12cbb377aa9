"""PostoMETRO's mesh regressor: modulated pose tokens and image tokens through two encoder-decoders.

Sec. 3.2 and 3.3 of the paper; FastMETRO is the same network without pose tokens. Where the text and the
released code differ, `NetConfig` decides.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .config import COARSE_VERTICES, LSP_JOINTS, NetConfig
from .mesh_attention import MeshAttentionPattern
from .mixer import FullyConnected, Mixer, TokenLinear
from .precision import full_precision
from .transformer import Encoded, EncoderDecoder, sine_position

QUERIES = LSP_JOINTS + COARSE_VERTICES


class PoseModulator(nn.Module):
    """Pose tokens of the codebook made ready for the transformer (Sec. 3.2)."""

    def __init__(self, config: NetConfig) -> None:
        super().__init__()
        self.confidence = config.confidence
        tokens, code_dim = config.tokenizer.tokens, config.tokenizer.quantiser.code_dim
        before, after = (int(config.confidence == place) for place in ("before", "after"))
        self.mixer: nn.Sequential | None = None
        width = code_dim
        if config.modulator == "mixer":
            width = config.modulator_width
            self.mixer = nn.Sequential(
                nn.Linear(code_dim + before, width),
                Mixer(
                    config.modulator_layers,
                    width,
                    config.modulator_channel_hidden,
                    tokens,
                    config.modulator_token_hidden,
                ),
                TokenLinear(tokens, tokens),
            )
            before = 0
        self.out = FullyConnected(width + before + after, config.first.width)

    def forward(self, tokens: Tensor, confidence: Tensor) -> Tensor:
        """(B, 34, D) tokens and (B, 34, 1) scores to (B, 34, d1)."""
        if self.confidence == "before":
            tokens = torch.cat([tokens, confidence], dim=2)
        if self.mixer is not None:
            tokens = self.mixer(tokens)
        if self.confidence == "after":
            tokens = torch.cat([tokens, confidence.to(tokens.dtype)], dim=2)
        out: Tensor = self.out(tokens)
        return out


class MeshOutput(NamedTuple):
    """The regressor's answer, with what stands between its transformers (for parity and probes).

    Attributes:
        joints: (B, 14, 3) metres, camera axes, relative to the mid-hip.
        coarse_vertices: (B, 431, 3) the same; the asked ones where not all were.
        weak_camera: (B, 3) s, tx, ty.
        first, second: what each transformer answered.
    """

    joints: Tensor
    coarse_vertices: Tensor
    weak_camera: Tensor
    first: Encoded
    second: Encoded


class Asked(NamedTuple):
    """Some of the coarse vertices, and who of them and the joints sees whom.

    Attributes:
        vertices: (V,) numbers of coarse vertices.
        pattern: of 14 joints and those V.
    """

    vertices: Tensor
    pattern: MeshAttentionPattern

    @property
    def rows(self) -> Tensor:
        """(14 + V,) numbers of the queries."""
        return torch.cat([torch.arange(LSP_JOINTS, device=self.vertices.device), LSP_JOINTS + self.vertices])


class MeshRegressor(nn.Module):
    """Camera, image and pose tokens in; 14 joints, 431 vertices and a weak camera out."""

    template: Tensor

    def __init__(self, config: NetConfig, channels: int, adjacency: Tensor, template: Tensor | None = None) -> None:
        """Build the two transformers.

        Args:
            config: sizes and switches.
            channels: of the image features.
            adjacency: (431, 431) bool with self; joints see and are seen by everything.
            template: (445, 3) joints and vertices of a body at rest, camera axes, relative to the mid-hip.
        """
        super().__init__()
        wide, narrow = config.first.width, config.second.width
        self.config = config
        self.to_tokens = nn.Conv2d(channels, wide, 1) if config.image_tokens else None
        self.camera_token = nn.Parameter(torch.randn(1, wide))
        self.joint_tokens = nn.Parameter(torch.randn(LSP_JOINTS, wide))
        self.vertex_tokens = nn.Parameter(torch.randn(COARSE_VERTICES, wide))
        self.first = EncoderDecoder(config.first)
        self.second = EncoderDecoder(config.second)
        self.narrow_camera = nn.Linear(wide, narrow)
        self.narrow_memory = nn.Linear(wide, narrow)
        self.narrow_queries = nn.Linear(wide, narrow)
        self.narrow_pose = nn.Linear(wide, narrow) if config.pose_tokens else None
        self.to_xyz = nn.Linear(narrow, 3)
        self.to_camera = nn.Linear(narrow, 3)
        self.pattern = MeshAttentionPattern(adjacency.numpy())
        self._use_template(template)

    def _use_template(self, template: Tensor | None) -> None:
        """Start from a standing body: queries know their place on it, and the output is added to it."""
        self.template_embed: nn.Linear | None = None
        if not self.config.template_queries:
            return
        if template is None:
            raise ValueError("template_queries needs the body's template (445, 3), got None")
        self.template_embed = nn.Linear(3, self.config.first.width)
        self.register_buffer("template", template.float(), persistent=False)
        nn.init.normal_(self.joint_tokens, std=0.2)
        nn.init.normal_(self.vertex_tokens, std=0.2)
        nn.init.normal_(self.to_xyz.weight, std=0.003)
        nn.init.zeros_(self.to_xyz.bias)
        nn.init.normal_(self.to_camera.weight, std=0.003)
        with torch.no_grad():
            self.to_camera.bias.copy_(torch.tensor([0.9, 0.0, 0.0]))  # a standing person of 1.7 m fills the crop

    def forward(self, features: Tensor | None, pose_tokens: Tensor | None, asked: Asked | None = None) -> MeshOutput:
        """Regress the mesh.

        Args:
            features: (B, C, h, w) image features; None without image tokens, or to lift pose tokens alone.
            pose_tokens: (B, 34, d1) modulated; None without pose tokens.
            asked: some of the vertices, to train with at less cost; None for all.
        """
        queries, pattern = self._queries(), self.pattern
        if asked is not None:
            queries, pattern = queries[:, asked.rows], asked.pattern
        memory, positions = self._memory(features, pose_tokens)
        batch = memory.shape[0]
        camera = self.camera_token.expand(batch, 1, -1)
        first: Encoded = self.first(camera, memory, queries, positions[0], pattern)
        pose_count = 0 if pose_tokens is None else pose_tokens.shape[1]
        second: Encoded = self.second(
            self.narrow_camera(first.camera),
            self._narrowed(first.memory, pose_count),
            self.narrow_queries(first.queries),
            positions[1],
            pattern,
        )
        with full_precision(second.queries):
            xyz = self.to_xyz(second.queries.float())
            weak_camera = self.to_camera(second.camera[:, 0].float())
        if self.template_embed is not None:
            xyz = xyz + (self.template if asked is None else self.template[asked.rows])
        return MeshOutput(xyz[:, :LSP_JOINTS], xyz[:, LSP_JOINTS:], weak_camera, first, second)

    @torch.no_grad()
    def fold(self, side: int, pose_count: int) -> None:
        """Compute what is the same for every picture, for a network whose weights no longer change.

        Args:
            side: of the square map of image features, 0 without image tokens.
            pose_count: pose tokens, 34 or 0.
        """
        positions: tuple[Tensor | None, Tensor | None] = (None, None)
        if self.to_tokens is not None:
            wide, narrow = self.config.first.width, self.config.second.width
            positions = (
                sine_position(side, side, wide, self.camera_token),
                sine_position(side, side, narrow, self.camera_token),
            )
        length = (side**2 if self.to_tokens is not None else 0) + pose_count
        repeated = pose_count if self.narrow_pose is not None and self.config.pose_tokens_in_second == "twice" else 0
        self.first.fold(positions[0], 1, length)
        self.second.fold(positions[1], 1, length + repeated)
        self.first.fold_queries(self._queries(), self.pattern)

    def _narrowed(self, memory: Tensor, pose_count: int) -> Tensor:
        """The second transformer's memory (B, M, d2).

        The code sends the pose tokens twice: among all of the memory through the image's Linear, and again
        through their own. "once" leaves out the first of the two.
        """
        if self.narrow_pose is None or not pose_count:
            narrow: Tensor = self.narrow_memory(memory)
            return narrow
        image_count = memory.shape[1] - pose_count
        is_once = self.config.pose_tokens_in_second == "once"
        through_image = self.narrow_memory(memory[:, :image_count] if is_once else memory)
        return torch.cat([through_image, self.narrow_pose(memory[:, image_count:])], dim=1)

    def _memory(
        self, features: Tensor | None, pose_tokens: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor | None, Tensor | None]]:
        """(B, M, d1) image tokens then pose tokens, and the image tokens' positions in both transformers."""
        parts: list[Tensor] = []
        positions: tuple[Tensor | None, Tensor | None] = (None, None)
        if self.to_tokens is not None and features is not None:
            height, width = features.shape[-2:]
            parts.append(self.to_tokens(features).flatten(2).transpose(1, 2))
            wide, narrow = self.config.first.width, self.config.second.width
            positions = (
                sine_position(height, width, wide, features),
                sine_position(height, width, narrow, features),
            )
        if not parts and pose_tokens is None:
            raise ValueError("expected features, pose tokens or both, got neither")
        if pose_tokens is not None:
            parts.append(pose_tokens.to(parts[0].dtype) if parts else pose_tokens)
        return torch.cat(parts, dim=1), positions

    def _queries(self) -> Tensor:
        """(1, 445, d1): the same for every picture."""
        queries = torch.cat([self.joint_tokens, self.vertex_tokens])
        if self.template_embed is not None:
            queries = queries + self.template_embed(self.template)
        return queries[None]


def project(points: Tensor, weak_camera: Tensor, mode: str = "scale_outside") -> Tensor:
    """Weak-perspective projection into the crop.

    Args:
        points: (B, N, 3) metres, camera axes.
        weak_camera: (B, 3) s, tx, ty.
        mode: "scale_outside" s * (xy + t), "scale_inside" s * xy + t.

    Returns:
        (B, N, 2) crop units.
    """
    scale, shift = weak_camera[:, None, :1], weak_camera[:, None, 1:]
    if mode == "scale_inside":
        return scale * points[..., :2] + shift
    return scale * (points[..., :2] + shift)

"""Names of the public networks' weights, and what we call them.

Upstream: PCT 6f356f6, FastMETRO c5ae206, PostoMETRO-Paper c971ded. A rule turns an upstream name into ours;
the first that matches wins. Values keep their shapes but for the learned upsampler's bias, which we store as
a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

Rule = tuple[str, str]

MIXER: tuple[Rule, ...] = (
    (r"^(\d+)\.layernorm1\.", r"\1.token_norm."),
    (r"^(\d+)\.layernorm2\.", r"\1.channel_norm."),
    (r"^(\d+)\.MLP_token\.", r"\1.token_mlp."),
    (r"^(\d+)\.MLP_channel\.", r"\1.channel_mlp."),
)


def nested(prefix: str, own_prefix: str, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The same rules for names under a prefix."""
    return tuple(("^" + prefix + rule[1:], own_prefix + own) for rule, own in rules)


TOKENIZER: tuple[Rule, ...] = (
    (r"^invisible_token$", "hidden_joint"),
    (r"^(codebook|ema_cluster_size|ema_w)$", r"quantiser.\1"),
    (r"^start_embed\.", "joint_embed."),
    (r"^start_img_embed\.", "guide_embed."),
    *nested(r"encoder\.", "encoder.layers.", MIXER),
    (r"^encoder_layer_norm\.", "encoder.norm."),
    (r"^token_mlp\.", "to_tokens.linear."),
    (r"^feature_embed\.", "to_codes."),
    (r"^decoder_token_mlp\.", "from_tokens.linear."),
    (r"^decoder_start\.", "from_codes."),
    *nested(r"decoder\.", "decoder.layers.", MIXER),
    (r"^decoder_layer_norm\.", "decoder.norm."),
    (r"^recover_embed\.", "to_xy."),
)

HEAD: tuple[Rule, ...] = (
    (r"^conv_trans\.", "reduce."),
    (r"^conv_head\.0\.", "blocks."),
    (r"^mixer_trans\.", "to_tokens."),
    *nested(r"mixer_head\.", "mixers.", MIXER),
    (r"^mixer_norm_layer\.", "embed."),
    (r"^cls_pred_layer\.", "logits."),
)

PCT: tuple[Rule, ...] = (
    (r"^backbone\.", "pose_backbone."),
    *nested(r"keypoint_head\.tokenizer\.", "tokenizer.", TOKENIZER),
    *nested(r"keypoint_head\.", "classifier.", HEAD),
)

ENCODER_LAYER: tuple[Rule, ...] = (
    (r"^self_attn\.", "attention."),
    (r"^linear", "feedforward.linear"),
    (r"^norm", "norm"),
)

DECODER_LAYER: tuple[Rule, ...] = (
    (r"^self_attn\.", "self_attention."),
    (r"^multihead_attn\.", "cross_attention."),
    (r"^linear", "feedforward.linear"),
    (r"^norm", "norm"),
)


def _transformer(upstream: str, own: str) -> tuple[Rule, ...]:
    encoder = nested(upstream + r"\.encoder\.layers\.(\d+)\.", own + r".encoder.\1.", ENCODER_LAYER)
    decoder = nested(upstream + r"\.decoder\.layers\.(\d+)\.", own + r".decoder.\1.", DECODER_LAYER)
    norms = ((rf"^{upstream}\.(encoder|decoder)\.norm\.", own + r".\1_norm."),)
    return encoder + decoder + norms


REGRESSOR: tuple[Rule, ...] = (
    *_transformer("transformer_1", "mesh.first"),
    *_transformer("transformer_2", "mesh.second"),
    (r"^dim_reduce_enc_cam\.", "mesh.narrow_camera."),
    (r"^dim_reduce_enc_img\.", "mesh.narrow_memory."),
    (r"^dim_reduce_enc_pct\.", "mesh.narrow_pose."),
    (r"^dim_reduce_dec\.", "mesh.narrow_queries."),
    (r"^cam_token_embed\.weight$", "mesh.camera_token"),
    (r"^joint_token_embed\.weight$", "mesh.joint_tokens"),
    (r"^vertex_token_embed\.weight$", "mesh.vertex_tokens"),
    (r"^xyz_regressor\.", "mesh.to_xyz."),
    (r"^cam_predictor\.", "mesh.to_camera."),
    (r"^conv_1x1\.", "mesh.to_tokens."),
    (r"^coarse2intermediate_upsample\.", "to_intermediate."),
)

POSTOMETRO: tuple[Rule, ...] = (
    (r"^backbone\.", "backbone."),
    *nested(r"pct\.", "", PCT),
    (r"^start_embed\.", "modulator.mixer.0."),
    *nested(r"encoder\.", "modulator.mixer.1.layers.", MIXER),
    (r"^encoder_layer_norm\.", "modulator.mixer.1.norm."),
    (r"^token_mlp\.", "modulator.mixer.2.linear."),
    (r"^token_mixer\.", "modulator.out."),
    *REGRESSOR,
)

FASTMETRO: tuple[Rule, ...] = (
    (r"^backbone\.0\.", "backbone.conv1."),
    (r"^backbone\.1\.", "backbone.bn1."),
    *((rf"^backbone\.{stage + 3}\.", f"backbone.layer{stage}.") for stage in (1, 2, 3, 4)),
    *REGRESSOR,
)

BACKBONE: tuple[Rule, ...] = ((r"^", ""),)
IMAGE_BACKBONE: tuple[Rule, ...] = ((r"^(?:backbone\.)?", "backbone."),)
POSE_BACKBONE: tuple[Rule, ...] = ((r"^(?:backbone\.)?", "pose_backbone."),)

RULES: dict[str, tuple[Rule, ...]] = {
    "pct": PCT,
    "fastmetro": FASTMETRO,
    "postometro": POSTOMETRO,
    "tokenizer": TOKENIZER,
    "head": (*nested(r"tokenizer\.", "tokenizer.", TOKENIZER), *nested("", "classifier.", HEAD)),
    "backbone": BACKBONE,
    "resnet50": IMAGE_BACKBONE,
    "hrnet_w48": IMAGE_BACKBONE,
    "swin": POSE_BACKBONE,
}

# Upstream weights that no output depends on, or that our constructors compute.
IGNORED = re.compile(
    r"relative_coords_table$|relative_position_index$|attn_mask$"
    r"|^(pct\.)?extra_backbone\.|(^|\.)final_layer\.|stage4\.2\.fuse_layers\.[012]\."
    r"|^smpl_parameter_regressor\.|^(coarse2)?smpl\.|^position_encoding_"
)


class Translated(NamedTuple):
    """An upstream state dict in our names.

    Attributes:
        state: what a network takes.
        missing: our names that the file does not hold.
        unknown: upstream names that nothing here wants.
        ignored: upstream names that no output depends on.
        mismatched: "name: expected shape, got shape".
    """

    state: dict[str, Tensor]
    missing: list[str]
    unknown: list[str]
    ignored: list[str]
    mismatched: list[str]


def own_name(upstream: str, rules: Iterable[Rule]) -> str | None:
    """Our name of an upstream weight, or None where no rule knows it."""
    for pattern, own in rules:
        match = re.match(pattern, upstream)
        if match:
            return match.expand(own) + upstream[match.end() :]
    return None


def translate(upstream: Mapping[str, Tensor], network: nn.Module, kind: str) -> Translated:
    """An upstream state dict in our names, checked against the network that shall take it.

    Args:
        upstream: names and values of the public checkpoint.
        network: ours, for the names and shapes that it has.
        kind: a key of `RULES`.
    """
    if kind not in RULES:
        raise ValueError(f"expected a kind of checkpoint among {', '.join(RULES)}, got {kind!r}")
    wanted = network.state_dict()
    found = Translated({}, [], [], [], [])
    for name, value in upstream.items():
        own = own_name(name, RULES[kind])
        if IGNORED.search(name):
            found.ignored.append(name)
        elif own is None or own not in wanted:
            found.unknown.append(name)
        else:
            _take(found, own, value, wanted[own])
    for own in wanted:
        if own.endswith("quantiser.is_started"):  # a loaded codebook is a started one
            found.state[own] = torch.tensor(True)
    own_counters = ("quantiser.unused_steps", "num_batches_tracked")
    seen = {*found.state, *(text.split(":")[0] for text in found.mismatched)}
    found.missing.extend(own for own in wanted if own not in seen and not own.endswith(own_counters))
    return found


def _take(found: Translated, own: str, value: Tensor, wanted: Tensor) -> None:
    if own == "to_intermediate.bias" and value.ndim == 1:
        value = value[:, None]
    if value.shape != wanted.shape:
        found.mismatched.append(f"{own}: expected {tuple(wanted.shape)}, got {tuple(value.shape)}")
        return
    found.state[own] = value.to(wanted.dtype)

"""Which network a public checkpoint belongs to, read from the names and shapes of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import nn

from core.nets.config import LAYERS_OF_DEPTH, NetConfig, QuantiserConfig, TokenizerConfig
from core.nets.network import build_backbone
from core.nets.pose_classifier import FlattenClassifier
from core.nets.pose_tokenizer import PoseTokenizer

UPSTREAM_CODEBOOK = QuantiserConfig(start="upstream", restart_after=0)
Shapes = Mapping[str, tuple[int, ...]]


def tokenizer_config(shapes: Shapes, prefix: str = "") -> TokenizerConfig:
    """PCT's tokenizer as its weights show it: with or without an image guide.

    Args:
        shapes: of the checkpoint's weights, by upstream name.
        prefix: of the tokenizer's names.
    """
    guide = shapes.get(f"{prefix}start_img_embed.weight")
    if guide is None:
        return TokenizerConfig(quantiser=UPSTREAM_CODEBOOK)
    width = guide[0] + shapes[f"{prefix}start_embed.weight"][0]
    ratio, channels = guide[0] / width, guide[1]
    return TokenizerConfig(guide_ratio=ratio, guide_channels=channels, quantiser=UPSTREAM_CODEBOOK)


def body_config(shapes: Shapes) -> NetConfig:
    """FastMETRO's or PostoMETRO's network: backbone, depth, with or without pose tokens.

    Raises:
        ValueError: the names show no known depth.
    """
    layers = {name.split(".")[3] for name in shapes if name.startswith("transformer_1.encoder.layers.")}
    depths = [depth for depth, count in LAYERS_OF_DEPTH.items() if count == len(layers)]
    if not depths:
        raise ValueError(f"expected 1, 2 or 3 layers transformer_1.encoder.layers.*, got {len(layers)}")
    config = NetConfig(
        backbone="hrnet_w48" if "backbone.transition1.0.0.weight" in shapes else "resnet50",
        pose_tokens="token_mixer.ff.0.weight" in shapes,
        tokenizer=tokenizer_config(shapes, "pct.keypoint_head.tokenizer."),
    )
    preset = "hrnet_w48" if config.backbone == "hrnet_w48" else "resnet50"
    return replace(config, preset=preset).with_depth(depths[0])


class BackboneAlone(nn.Module):
    """A backbone under the name that a whole `Network` gives it; "swin" is the one of the pose tokens."""

    def __init__(self, kind: str, config: NetConfig) -> None:
        super().__init__()
        if kind == "swin":
            self.pose_backbone, _ = build_backbone("swin_v2_base", config)
        else:
            self.backbone, _ = build_backbone(kind, config)


class PctParts(nn.Module):
    """PCT's network under the names that a whole `Network` gives its parts.

    Args:
        config: sizes.
        has_backbone: False for the head and the tokenizer alone.
    """

    def __init__(self, config: NetConfig, has_backbone: bool = True) -> None:
        super().__init__()
        if has_backbone:
            self.pose_backbone, _ = build_backbone("swin_v2_base", config)
        self.classifier = FlattenClassifier(8 * config.swin_width, config.classifier, config.tokenizer)
        self.tokenizer = PoseTokenizer(config.tokenizer)

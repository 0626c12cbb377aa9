"""Every size and every switch of the networks, as plain data.

Presets: `tiny` (one shared backbone from nothing) and `base` (on MoveNet's trunk), which ship with the project,
`resnet50` and `hrnet_w48` (the paper's, with PCT's own SwinV2-B for the pose tokens), `resnet50-debug` (the same parts,
small enough for two CPU cores). Depths
S, M, L are 1, 2, 3 encoder and decoder layers in each of the two transformers. The switches cover the places
where PostoMETRO's text and its released code differ, and the variants of its Tables 5, 6 and 7; the defaults of
the big presets are those of the released code.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from ..geometry.crops import IMAGENET_MEAN, IMAGENET_STD

COCO_JOINTS = 17
LSP_JOINTS = 14
HEATMAP_JOINTS = 19  # 17 COCO, then Neck and Head of LSP
COARSE_VERTICES = 431
INTERMEDIATE_VERTICES = 1723
FINE_VERTICES = 6890
LAYERS_OF_DEPTH = {"S": 1, "M": 2, "L": 3}

# LSP order (R_Ankle R_Knee R_Hip L_Hip L_Knee L_Ankle R_Wrist R_Elbow R_Shoulder L_Shoulder L_Elbow L_Wrist
# Neck Head) read out of the 19 heatmaps.
LSP_FROM_HEATMAPS = (16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, 17, 18)


NEWER_FIELDS = ("rotation_head", "pose_source", "hidden_below", "mean", "std")
"""Of `NetConfig`: left out of a bundle that does not use them."""


@dataclass(frozen=True, slots=True)
class QuantiserConfig:
    """The codebook and how it learns.

    Attributes:
        codes: number of codes K.
        code_dim: width of one code.
        decay: of the exponential moving averages (PCT: 0.9).
        epsilon: Laplace smoothing of the counts.
        start: "first_batch" fills the codebook from the first batch's latents; "upstream" keeps PCT's random
            start.
        restart_after: steps without a hit after which a code is moved onto a latent of the batch; 0 never.
    """

    codes: int = 2048
    code_dim: int = 512
    decay: float = 0.9
    epsilon: float = 1e-5
    start: Literal["first_batch", "upstream"] = "first_batch"
    restart_after: int = 10


@dataclass(frozen=True, slots=True)
class TokenizerConfig:
    """PCT's pose tokenizer (its paper, Sec. 3.1).

    Attributes:
        joints: J, joints in and out.
        tokens: M, tokens per person.
        width: of the encoder's mixers.
        channel_hidden: hidden width of the encoder's channel MLP.
        token_hidden: hidden width of every token MLP.
        drop_joint: probability with which a visible joint is hidden in training.
        guide_ratio: share of `width` that comes from the image feature at each joint; 0 needs no image.
        guide_channels: width of that image feature.
        units: what the first and last Linear see: "pixels" of a `crop_px` crop (PCT), or "crop" units in
            [-1, 1].
    """

    joints: int = COCO_JOINTS
    tokens: int = 34
    width: int = 512
    encoder_layers: int = 4
    token_hidden: int = 64
    channel_hidden: int = 512
    decoder_width: int = 32
    decoder_layers: int = 1
    decoder_channel_hidden: int = 64
    drop_joint: float = 0.2
    guide_ratio: float = 0.0
    guide_channels: int = 1024
    units: Literal["pixels", "crop"] = "pixels"
    crop_px: int = 256
    quantiser: QuantiserConfig = field(default_factory=QuantiserConfig)


@dataclass(frozen=True, slots=True)
class ClassifierConfig:
    """From image features to logits over the codebook (PCT, Sec. 3.2), or our pooled head.

    Attributes:
        kind: "flatten" is PCT's head and fixes the input to 256 px; "pooled" reads features under each
            heatmap.
        width: of the mixers (PCT: 64).
        channel_hidden: hidden width of the channel MLP (PCT: 256).
        conv_width: width of PCT's convolutions; unused by "pooled".
        feature_size: side of the feature map that "flatten" is made for.
    """

    kind: Literal["flatten", "pooled"] = "flatten"
    width: int = 64
    layers: int = 4
    token_hidden: int = 64
    channel_hidden: int = 256
    conv_width: int = 256
    feature_size: int = 8


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """One encoder-decoder."""

    width: int
    feedforward: int
    heads: int = 8
    encoder_layers: int = 3
    decoder_layers: int = 3
    dropout: float = 0.1


@dataclass(frozen=True, slots=True)
class RotationTokenizerConfig:
    """Sizes of the tokenizer.

    Attributes:
        tokens: M, tokens a pose.
        width: of the convolutions.
        layers: residual blocks on each side.
        kernel: tokens that a convolution sees.
        plane: numbers a token has before it is quantised. The codes lie in a space of so many dimensions, put into
            the quantiser's wide one: few, and alike for all tokens, so that each token can use the whole codebook.
        quantiser: the codebook, the same class as the 2D pose tokenizer's.
    """

    tokens: int = 40
    width: int = 96
    layers: int = 2
    kernel: int = 3
    plane: int = 2
    quantiser: QuantiserConfig = field(default_factory=lambda: QuantiserConfig(codes=512, code_dim=128, decay=0.99))


ROTATION_PRESETS: dict[str, RotationTokenizerConfig] = {
    "tiny": RotationTokenizerConfig(),
    "paper": RotationTokenizerConfig(
        tokens=160, width=512, layers=3, quantiser=QuantiserConfig(codes=2048, code_dim=256, decay=0.99)
    ),
}
"""`paper` has TokenHMR's 160 tokens of 2048 x 256; `tiny` is for CPUs."""


@dataclass(frozen=True, slots=True)
class RotationHeadConfig:
    """The head that answers bone rotations (TokenHMR, Sec. 3.3; our own network).

    Attributes:
        width: of its query and of its mixers.
        reads: times that the query looks at what the mesh regressor knew.
        heads: of that look.
        joint_mixers: mixer layers over the 24 joints.
        token_mixers: mixer layers over the tokens.
        channel_hidden: hidden width of the mixers' channel MLPs.
        token_hidden: hidden width of their token MLPs.
        answers: "tokens" of the vocabulary, or "rotations" without a vocabulary, to tell what it is worth.
        tokenizer: whose codes the tokens are.
    """

    width: int = 128
    reads: int = 2
    heads: int = 4
    joint_mixers: int = 2
    token_mixers: int = 1
    channel_hidden: int = 256
    token_hidden: int = 64
    answers: Literal["tokens", "rotations"] = "tokens"
    tokenizer: RotationTokenizerConfig = field(default_factory=RotationTokenizerConfig)


@dataclass(frozen=True, slots=True)
class NetConfig:
    """The whole network.

    Attributes:
        preset: the name this configuration started from.
        input_size: side of the crop in pixels.
        backbone: of the image tokens.
        pose_backbone: of the pose tokens; "shared" reads the image backbone's features.
        pose_source: the pose tokens come from the "classifier" (the paper), or from the tokenizer's encoder, which
            reads the heatmaps' "points" and needs no classifier.
        hidden_below: confidence under which a heatmap's point is a hidden joint to that encoder.
        image_tokens: False for Table 5's "pose tokens alone".
        pose_tokens: False for Table 5's "image tokens alone" (FastMETRO).
        modulator: what stands between PCT's tokens and the transformers (Table 7).
        confidence: where a token's score joins it: "before" the mixers (text) or "after" them (code).
        confidence_value: "raw" maximum logit (code) or "softmax" maximum probability.
        token_mixing: tokens are "softmax" (code) or "logits" (text) times the codebook.
        pose_tokens_in_second: "twice" (code) or "once" (text, Fig. 2).
        upsampler: 431 -> 1723 "learned" (code) or the "body"'s own sampler.
        upsampler_bias: of the learned one; "shared" by x, y and z is upstream's.
        projection: "scale_outside" s * (xy + t) (code) or "scale_inside" s * xy + t (text).
        template_queries: queries also see the template's coordinates, and xyz is a residual to them.
        modulator_width: of the mixers between tokens and transformers; the next three are theirs too.
        small_width: of the small backbone's first stage.
        resnet_width: of ResNet-50's stem; the next is the blocks in its four stages.
        swin_width: of SwinV2-B's first stage; the next is the blocks in its four stages.
        neck_width: of the feature under the heatmaps.
        rotation_head: bones beside the mesh; None has no such head, and the network is as if there were none.
        mean: of the pictures' RGB in [0, 1], which the input subtracts.
        std: by which the input divides after that.
    """

    preset: str = "resnet50"
    input_size: int = 256
    backbone: Literal["small", "movenet", "resnet50", "hrnet_w48"] = "resnet50"
    pose_backbone: Literal["shared", "swin_v2_base"] = "swin_v2_base"
    image_tokens: bool = True
    pose_tokens: bool = True
    modulator: Literal["mixer", "linear"] = "mixer"
    confidence: Literal["before", "after", "none"] = "after"
    confidence_value: Literal["raw", "softmax"] = "raw"
    token_mixing: Literal["softmax", "logits"] = "softmax"
    pose_tokens_in_second: Literal["once", "twice"] = "twice"
    upsampler: Literal["learned", "body"] = "learned"
    upsampler_bias: Literal["shared", "per_axis", "none"] = "shared"
    projection: Literal["scale_outside", "scale_inside"] = "scale_outside"
    template_queries: bool = False
    modulator_width: int = 512
    modulator_layers: int = 4
    modulator_token_hidden: int = 64
    modulator_channel_hidden: int = 512
    small_width: int = 32
    neck_width: int = 64
    resnet_width: int = 64
    resnet_depths: tuple[int, ...] = (3, 4, 6, 3)
    swin_width: int = 128
    swin_depths: tuple[int, ...] = (2, 2, 18, 2)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    first: TransformerConfig = field(default_factory=lambda: TransformerConfig(512, 2048))
    second: TransformerConfig = field(default_factory=lambda: TransformerConfig(128, 512))
    rotation_head: RotationHeadConfig | None = None
    pose_source: Literal["classifier", "points"] = "classifier"
    hidden_below: float = 0.0
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __post_init__(self) -> None:
        if not (self.image_tokens or self.pose_tokens):
            raise ValueError("expected image_tokens, pose_tokens or both, got neither")
        if self.classifier.kind == "pooled" and not self.has_heatmaps:
            raise ValueError(f"the pooled classifier needs heatmaps, which {self.backbone!r} does not have")
        if self.pose_source == "points" and not self.has_heatmaps:
            raise ValueError(f"tokens from points need heatmaps, which {self.backbone!r} does not have")

    @property
    def has_heatmaps(self) -> bool:
        """Whether the backbone leaves a fine map, with heatmaps on it."""
        return self.backbone in ("small", "movenet")

    def with_depth(self, depth: str) -> NetConfig:
        """The same network with S, M or L transformers."""
        if depth not in LAYERS_OF_DEPTH:
            raise ValueError(f"expected a depth among {', '.join(LAYERS_OF_DEPTH)}, got {depth!r}")
        layers = LAYERS_OF_DEPTH[depth]
        first = replace(self.first, encoder_layers=layers, decoder_layers=layers)
        second = replace(self.second, encoder_layers=layers, decoder_layers=layers)
        return replace(self, first=first, second=second)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; `from_dict` reads them back."""
        values = asdict(self)
        for newer in fields(self):
            if newer.name in NEWER_FIELDS and getattr(self, newer.name) == newer.default:
                del values[newer.name]  # bundles from before it stay as they were
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetConfig:
        """The configuration that `to_dict` wrote; unknown fields are an error."""
        tokenizer = dict(values["tokenizer"])
        tokenizer["quantiser"] = QuantiserConfig(**tokenizer["quantiser"])
        parts: dict[str, Any] = {
            "tokenizer": TokenizerConfig(**tokenizer),
            "classifier": ClassifierConfig(**values["classifier"]),
            "first": TransformerConfig(**values["first"]),
            "second": TransformerConfig(**values["second"]),
        }
        for name in ("resnet_depths", "swin_depths", "mean", "std"):
            if name in values:
                parts[name] = tuple(values[name])
        if values.get("rotation_head"):
            head = dict(values["rotation_head"])
            codes = dict(head["tokenizer"])
            codes["quantiser"] = QuantiserConfig(**codes["quantiser"])
            parts["rotation_head"] = RotationHeadConfig(**{**head, "tokenizer": RotationTokenizerConfig(**codes)})
        unknown = set(values) - {known.name for known in fields(cls)}
        if unknown:
            raise ValueError(f"unknown network fields: {', '.join(sorted(unknown))}")
        return cls(**{**values, **parts})


def _tiny() -> NetConfig:
    return NetConfig(
        preset="tiny",
        input_size=128,
        backbone="small",
        pose_backbone="shared",
        pose_tokens_in_second="once",
        upsampler="body",
        template_queries=True,
        modulator_width=128,
        modulator_layers=2,
        modulator_channel_hidden=256,
        tokenizer=TokenizerConfig(
            width=256,
            channel_hidden=256,
            decoder_width=64,
            decoder_layers=2,
            decoder_channel_hidden=128,
            units="crop",
            quantiser=QuantiserConfig(codes=1024, code_dim=128),
        ),
        classifier=ClassifierConfig(kind="pooled", width=128, layers=3, channel_hidden=256),
        first=TransformerConfig(192, 384, heads=3, encoder_layers=2, decoder_layers=1, dropout=0.0),
        second=TransformerConfig(96, 192, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0),
    )


def _base() -> NetConfig:
    return replace(
        _tiny(),
        preset="base",
        input_size=224,
        backbone="movenet",
        neck_width=96,
        pose_source="points",
        hidden_below=0.1,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )


def _debug() -> NetConfig:
    return NetConfig(
        preset="resnet50-debug",
        resnet_width=16,
        resnet_depths=(1, 1, 2, 1),
        swin_width=32,
        swin_depths=(1, 2, 2, 1),
        modulator_width=128,
        modulator_layers=2,
        modulator_channel_hidden=128,
        tokenizer=TokenizerConfig(
            width=128,
            encoder_layers=2,
            channel_hidden=128,
            quantiser=QuantiserConfig(codes=256, code_dim=128),
        ),
        classifier=ClassifierConfig(width=32, layers=2, channel_hidden=64, conv_width=32),
        first=TransformerConfig(128, 256, heads=4, encoder_layers=1, decoder_layers=1),
        second=TransformerConfig(64, 128, heads=2, encoder_layers=1, decoder_layers=1),
    )


PRESETS: dict[str, NetConfig] = {
    "tiny": _tiny(),
    "base": _base(),
    "resnet50": NetConfig(),
    "hrnet_w48": NetConfig(preset="hrnet_w48", backbone="hrnet_w48"),
    "resnet50-debug": _debug(),
}


def preset(name: str, depth: str | None = None) -> NetConfig:
    """A preset by name, at its own depth or at S, M or L."""
    if name not in PRESETS:
        raise ValueError(f"expected a preset among {', '.join(PRESETS)}, got {name!r}")
    return PRESETS[name] if depth is None else PRESETS[name].with_depth(depth)

"""The whole network: a picture in, pose tokens and a mesh out.

    image -> backbone -> heatmaps (tiny) -> classifier -> logits -> tokens -> modulator -> mesh regressor
                 |                                                                              |
                 +------------------------------- image tokens ---------------------------------+

With `pose_source="points"` (preset base) the tokenizer's encoder stands in the classifier's place: it reads the points
of the heatmaps, and a point of low confidence is a joint that it does not see.

`read_pose` stops after the logits, so that the backbone and the classifier train without the transformers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .body_parts import BodyParts
from .config import COARSE_VERTICES, COCO_JOINTS, NetConfig
from .heatmaps import HeatmapHead, HeatmapReading, pool_under_heatmaps, read_heatmaps
from .hrnet import HRNetW48
from .movenet import MoveNetBackbone, MoveNetFeatures, MoveNetHeatmapHead
from .pose_classifier import FlattenClassifier, PooledClassifier, soft_tokens, token_confidence
from .pose_tokenizer import PoseTokenizer
from .postometro import QUERIES, MeshOutput, MeshRegressor, PoseModulator
from .precision import full_precision
from .resnet import ResNet50
from .rotation_head import BoneEvidence, Bones, RotationHead
from .small import SmallBackbone, SmallFeatures
from .swin_v2 import SwinV2Base
from .upsamplers import DenseSampler, LearnedSampler, Triplets, fine_sampler


class PoseReading(NamedTuple):
    """What the network knows before the transformers.

    Attributes:
        features: (B, C, h, w) image features, the image tokens to be.
        fine: (B, c, S / 4, S / 4) under the heatmaps; None without them, as all below but the logits.
        heatmaps: (B, 19, S / 4, S / 4) logits.
        points: what was read from the heatmaps.
        joint_features: (B, 19, C + c + 3) pooled features, x, y, confidence.
        person_logit: (B,) is there a person in the crop.
        token_logits: (B, 34, K); None without a classifier.
    """

    features: Tensor
    fine: Tensor | None
    heatmaps: Tensor | None
    points: HeatmapReading | None
    joint_features: Tensor | None
    person_logit: Tensor | None
    token_logits: Tensor | None


class PoseTokens(NamedTuple):
    """The pose tokens of a picture.

    Attributes:
        tokens: (B, 34, D).
        score: (B, 34, 1) what the modulator is told of their confidence.
        ids: (B, 34) int64, of the nearest codes.
        certainty: (B, 34) in [0, 1].
    """

    tokens: Tensor
    score: Tensor
    ids: Tensor
    certainty: Tensor


class NetOutput(NamedTuple):
    """The network's answer; None where a preset has no such part.

    Attributes:
        coarse_vertices: (B, 431, 3) metres, camera axes, relative to the mid-hip.
        intermediate_vertices: (B, 1723, 3) the same.
        joints: (B, 14, 3) LSP order, the same.
        weak_camera: (B, 3) s, tx, ty.
        token_logits: (B, 34, K).
        keypoints: (B, 17, 2) COCO, crop units, decoded from the pose tokens.
        heatmaps: (B, 19, h, w) logits.
        heatmap_points: (B, 19, 2) crop units.
        heatmap_confidence: (B, 19) in [0, 1].
        person_logit: (B,).
        bones: of the rotation head.
        token_ids: (B, 34) int64, the codes of the pose tokens.
        token_certainty: (B, 34) in [0, 1].
    """

    coarse_vertices: Tensor
    intermediate_vertices: Tensor
    joints: Tensor
    weak_camera: Tensor
    token_logits: Tensor | None
    keypoints: Tensor | None
    heatmaps: Tensor | None
    heatmap_points: Tensor | None
    heatmap_confidence: Tensor | None
    person_logit: Tensor | None
    bones: Bones | None = None
    token_ids: Tensor | None = None
    token_certainty: Tensor | None = None


class Network(nn.Module):
    """Backbones, classifier, tokenizer, modulator and mesh regressor of one `NetConfig`."""

    def __init__(self, config: NetConfig, mesh: MeshRegressor, backbone: nn.Module, parts: dict[str, Any]) -> None:
        """Put the parts together; `build_network` makes them."""
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.mesh = mesh
        self.pose_backbone: nn.Module | None = parts.get("pose_backbone")
        self.heatmap_head: HeatmapHead | MoveNetHeatmapHead | None = parts.get("heatmap_head")
        self.person: nn.Linear | None = parts.get("person")
        self.classifier: nn.Module | None = parts.get("classifier")
        self.tokenizer: PoseTokenizer | None = parts.get("tokenizer")
        self.modulator: PoseModulator | None = parts.get("modulator")
        self.to_intermediate: nn.Module = parts["to_intermediate"]
        self.to_fine: nn.Module | None = parts.get("to_fine")
        self.rotation_head: RotationHead | None = parts.get("rotation_head")

    def forward(self, image: Tensor, pose_tokens: Tensor | None = None, confidence: Tensor | None = None) -> NetOutput:
        """Everything, for a batch of crops.

        Args:
            image: (B, 3, S, S) normalised RGB.
            pose_tokens: (B, 34, D) to use in place of the classifier's, as Table 6's true tokens.
            confidence: (B, 34, 1) to use in place of the classifier's, as Table 6's fixed one.
        """
        reading = self.read_pose(image)
        return self.regress(reading, pose_tokens, confidence)

    def read_pose(self, image: Tensor) -> PoseReading:
        """Features, heatmaps and token logits: all that comes before the transformers."""
        if self.heatmap_head is None:
            features = self.backbone(image)
            seen = features if self.pose_backbone is None else self.pose_backbone(image)
            logits = None if self.classifier is None else self.classifier(seen)
            return PoseReading(features, None, None, None, None, None, logits)
        return self.read_features(self.backbone(image))

    def read_features(self, found: SmallFeatures | MoveNetFeatures) -> PoseReading:
        """`read_pose` from what a backbone with a fine map found."""
        if self.heatmap_head is None:
            raise ValueError("this network has no heatmaps")
        features, fine, *prior = found
        heatmaps = self.heatmap_head(fine, *prior)
        points = read_heatmaps(heatmaps)
        pooled = pool_under_heatmaps(points.weights, features, fine).float()
        joint_features = torch.cat([pooled, points.points, points.confidence[..., None]], dim=2)
        person_logit = None
        if self.person is not None:
            with full_precision(features):
                person_logit = self.person(features.float().mean((2, 3))).squeeze(1)
        logits = None if self.classifier is None else self.classifier(joint_features)
        return PoseReading(features, fine, heatmaps, points, joint_features, person_logit, logits)

    def tokens(self, token_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Soft tokens (B, 34, D) and their scores (B, 34, 1), in float32."""
        if self.tokenizer is None:
            raise ValueError("this network has no pose tokens")
        with full_precision(token_logits):
            logits = token_logits.float()
            tokens = soft_tokens(logits, self.tokenizer.quantiser.codebook, self.config.token_mixing)
            return tokens, token_confidence(logits, self.config.confidence_value)

    def pose_tokens_of(self, reading: PoseReading) -> PoseTokens | None:
        """The pose tokens of what `read_pose` saw; None in a network without them."""
        if self.tokenizer is None or self.modulator is None:
            return None
        if self.config.pose_source == "points" and reading.points is not None:
            return self.encoded(reading.points)
        if reading.token_logits is None:
            return None
        certainty, ids = reading.token_logits.softmax(-1).max(-1)
        return PoseTokens(*self.tokens(reading.token_logits), ids, certainty)

    def encoded(self, points: HeatmapReading) -> PoseTokens:
        """Tokens of the points of heatmaps; a token is as certain as the joints that it is made of."""
        if self.tokenizer is None:
            raise ValueError("this network has no pose tokens")
        xy, confidence = points.points[:, :COCO_JOINTS].detach(), points.confidence[:, :COCO_JOINTS].detach()
        with full_precision(xy):
            seen = (confidence > self.config.hidden_below).to(xy.dtype)
            ids = self.tokenizer.token_ids(torch.cat([xy, seen[..., None]], 2))
            certainty = self.tokenizer.certainty_of(confidence.float())
            tokens = functional.embedding(ids, self.tokenizer.quantiser.codebook)
        return PoseTokens(tokens, certainty[..., None], ids, certainty)

    def regress(
        self, reading: PoseReading, pose_tokens: Tensor | None = None, confidence: Tensor | None = None
    ) -> NetOutput:
        """The mesh from what `read_pose` saw; see `forward`."""
        own = self.pose_tokens_of(reading)
        mesh, keypoints = self._mesh_and_keypoints(reading, own, pose_tokens, confidence)
        points = reading.points
        return NetOutput(
            coarse_vertices=mesh.coarse_vertices,
            intermediate_vertices=self.to_intermediate(mesh.coarse_vertices),
            joints=mesh.joints,
            weak_camera=mesh.weak_camera,
            token_logits=reading.token_logits,
            keypoints=keypoints,
            heatmaps=reading.heatmaps,
            heatmap_points=None if points is None else points.points,
            heatmap_confidence=None if points is None else points.confidence,
            person_logit=reading.person_logit,
            bones=None if self.rotation_head is None else self.rotation_head(_evidence(mesh, points)),
            token_ids=None if own is None else own.ids,
            token_certainty=None if own is None else own.certainty,
        )

    def lift(self, points: HeatmapReading) -> NetOutput:
        """The mesh from points alone, without a picture: image tokens are left out.

        Args:
            points: of all 19 heatmaps; `weights` is not read.
        """
        tokens = self.encoded(points)
        if self.tokenizer is None or self.modulator is None:
            raise ValueError("this network has no pose tokens")
        mesh: MeshOutput = self.mesh(None, self.modulator(tokens.tokens, tokens.score))
        return NetOutput(
            coarse_vertices=mesh.coarse_vertices,
            intermediate_vertices=self.to_intermediate(mesh.coarse_vertices),
            joints=mesh.joints,
            weak_camera=mesh.weak_camera,
            token_logits=None,
            keypoints=self.tokenizer.decode(tokens.tokens),
            heatmaps=None,
            heatmap_points=points.points,
            heatmap_confidence=points.confidence,
            person_logit=None,
            token_ids=tokens.ids,
            token_certainty=tokens.certainty,
        )

    def evidence(self, reading: PoseReading) -> BoneEvidence:
        """What the rotation head reads: the mesh and what the regressor knew of it."""
        mesh, _ = self._mesh_and_keypoints(reading, self.pose_tokens_of(reading), None, None)
        return _evidence(mesh, reading.points)

    def _mesh_and_keypoints(
        self, reading: PoseReading, own: PoseTokens | None, pose_tokens: Tensor | None, confidence: Tensor | None
    ) -> tuple[MeshOutput, Tensor | None]:
        modulated = keypoints = None
        if self.modulator is not None and self.tokenizer is not None and own is not None:
            pose_tokens = own.tokens if pose_tokens is None else pose_tokens
            confidence = own.score if confidence is None else confidence
            keypoints = self.tokenizer.decode(pose_tokens)
            modulated = self.modulator(pose_tokens, confidence)
        mesh: MeshOutput = self.mesh(reading.features if self.config.image_tokens else None, modulated)
        return mesh, keypoints

    def fine_vertices(self, intermediate: Tensor) -> Tensor:
        """The body's fixed last step: (B, 1723, 3) to (B, 6890, 3)."""
        if self.to_fine is None:
            raise ValueError("this network was built without the body's 1723 to 6890 sampler")
        vertices: Tensor = self.to_fine(intermediate)
        return vertices


def _evidence(mesh: MeshOutput, points: HeatmapReading | None) -> BoneEvidence:
    second = mesh.second
    return BoneEvidence(
        points=torch.cat([mesh.joints, mesh.coarse_vertices], 1),
        queries=second.queries,
        memory=torch.cat([second.camera, second.memory], 1),
        weak_camera=mesh.weak_camera,
        confidence=None if points is None else points.confidence,
    )


def build_network(
    config: NetConfig,
    adjacency: NDArray[np.bool_],
    up_1723_to_6890: Sequence[NDArray[Any]] | None = None,
    *,
    up_431_to_1723: Sequence[NDArray[Any]] | None = None,
    template: NDArray[np.float32] | None = None,
    body_parts: BodyParts | None = None,
) -> Network:
    """A network with fresh weights.

    Args:
        config: sizes and switches.
        adjacency: (431, 431) bool, the coarse mesh's 1-ring.
        up_1723_to_6890: rows, columns, values of the body's last sampler; only `fine_vertices` needs it.
        up_431_to_1723: rows, columns, values of the body's first sampler; `upsampler="body"` needs it, and a
            learned one starts from it.
        template: (445, 3) 14 joints and 431 vertices at rest, camera axes, relative to the mid-hip.
        body_parts: which vertices follow which joint; only a rotation head needs it.
    """
    adjacency = np.asarray(adjacency)
    if adjacency.shape != (COARSE_VERTICES, COARSE_VERTICES):
        raise ValueError(f"expected adjacency (431, 431), got {adjacency.shape}")
    if template is not None and np.shape(template) != (QUERIES, 3):
        raise ValueError(f"expected a template (445, 3), got {np.shape(template)}")
    backbone, channels = build_backbone(config.backbone, config)
    rest = None if template is None else torch.from_numpy(np.array(template, np.float32))
    mesh = MeshRegressor(config, channels, torch.from_numpy(adjacency.astype(bool)), rest)
    parts: dict[str, Any] = {"to_intermediate": _intermediate_sampler(config, up_431_to_1723)}
    if up_1723_to_6890 is not None:
        parts["to_fine"] = fine_sampler(Triplets(*up_1723_to_6890))
    if config.has_heatmaps:
        is_small = isinstance(backbone, SmallBackbone)
        parts["heatmap_head"] = HeatmapHead(config.neck_width) if is_small else MoveNetHeatmapHead(config.neck_width)
        parts["person"] = nn.Linear(channels, 1)
    if config.pose_tokens:
        parts |= _pose_parts(config, channels)
    if config.rotation_head is not None:
        if body_parts is None:
            raise ValueError("the rotation head needs the body's parts, got None")
        parts["rotation_head"] = RotationHead(
            config.rotation_head, config.second.width, config.has_heatmaps, body_parts
        )
    return Network(config, mesh, backbone, parts)


def network_for_body(config: NetConfig, body: Any) -> Network:
    """`build_network` with the samplers, adjacency and template of a `core.body.Body`."""
    return build_network(
        config,
        body.adjacency_431,
        _triplets(body.up_1723),
        up_431_to_1723=_triplets(body.up_431),
        template=body_template(body.v_template, body.lsp_regressor, body.index_431),
        body_parts=BodyParts.of(body),
    )


def body_template(
    v_template: NDArray[np.float32], lsp_regressor: NDArray[np.float32], index_431: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(445, 3) joints and coarse vertices of a body that stands and faces the camera.

    The rest pose is y up, x to the person's left, z forward; camera axes are x right, y down, z forward:
    half a turn about x. The origin is the mid-hip (LSP joints 2 and 3).
    """
    joints = lsp_regressor @ v_template
    points = np.concatenate([joints, v_template[index_431]]) - (joints[2] + joints[3]) / 2.0
    turned: NDArray[np.float32] = (points * np.array([1.0, -1.0, -1.0])).astype(np.float32)
    return turned


def build_backbone(name: str, config: NetConfig) -> tuple[nn.Module, int]:
    """A backbone and the width of its features."""
    if name == "small":
        small = SmallBackbone(config.small_width, config.neck_width)
        return small, small.channels
    if name == "movenet":
        movenet = MoveNetBackbone(8 * config.small_width)
        return movenet, movenet.channels
    makers: dict[str, Callable[[], ResNet50 | HRNetW48 | SwinV2Base]] = {
        "resnet50": lambda: ResNet50(config.resnet_width, config.resnet_depths),
        "hrnet_w48": HRNetW48,
        "swin_v2_base": lambda: SwinV2Base(width=config.swin_width, depths=config.swin_depths),
    }
    if name not in makers:
        raise ValueError(f"expected a backbone among small, movenet, {', '.join(makers)}, got {name!r}")
    backbone = makers[name]()
    return backbone, backbone.channels


def _pose_parts(config: NetConfig, channels: int) -> dict[str, Any]:
    parts: dict[str, Any] = {"tokenizer": PoseTokenizer(config.tokenizer), "modulator": PoseModulator(config)}
    if config.pose_source == "points":
        return parts
    if config.classifier.kind == "pooled":
        pooled = channels + config.neck_width
        parts["classifier"] = PooledClassifier(pooled, config.classifier, config.tokenizer)
        return parts
    if config.pose_backbone != "shared":
        parts["pose_backbone"], channels = build_backbone(config.pose_backbone, config)
    parts["classifier"] = FlattenClassifier(channels, config.classifier, config.tokenizer)
    return parts


def _intermediate_sampler(config: NetConfig, up_431: Sequence[NDArray[Any]] | None) -> nn.Module:
    triplets = None if up_431 is None else Triplets(*up_431)
    if config.upsampler == "learned":
        return LearnedSampler(config.upsampler_bias, triplets)
    if triplets is None:
        raise ValueError("upsampler='body' needs up_431_to_1723, got None")
    return DenseSampler(triplets)


def _triplets(matrix: Any) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Rows, columns, values of a scipy sparse matrix."""
    entries = matrix.tocoo()
    return entries.row, entries.col, entries.data

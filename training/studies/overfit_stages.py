"""A preset at full size learns people by heart: PCT's head by SwinV2's features, then the network by PCT's logits.

Crops are not augmented, so what is frozen says the same of a person in every round and is computed once: SwinV2's
features while the head learns, the head's logits while the mesh does, and the image backbone's features too where it
stays as it is. While few vertices are asked for, a part of them takes part in a step, another one in the next: the
queries learn at half the cost or less before all of them learn together. One process.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.body.model import load_body
from core.nets.mesh_attention import MeshAttentionPattern
from core.nets.network import PoseReading
from core.nets.postometro import Asked, project
from training.evaluate.metrics import mpjpe
from training.losses import mesh_losses
from training.pictures import PictureBatch
from training.stages.paper_classifier import PaperClassifierConfig, PaperClassifierModule
from training.stages.paper_mesh import PaperMeshConfig, PaperMeshModule
from training.stages.paper_stage import PaperBatch
from training.stages.picture_stage import normalised, start_from
from training.studies.overfit_people import AT_ONCE, Rounds, in_parts, kept_features, rows_of

NEAR = 2
"""Edges of the coarse mesh over which vertices of one part see each other: neighbours are mostly of other parts."""
logger = logging.getLogger("training")


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A batch of people with what the frozen part said of them.

    Attributes:
        people: crops and labels.
        said: (B, ...) SwinV2's features, or logits (B, 34, K).
        features: (B, C, h, w) of the image backbone; None where it learns.
        asked: the vertices that take part; None for all.
    """

    people: PaperBatch
    said: Tensor
    features: Tensor | None = None
    asked: Asked | None = None


class HeadModule(PaperClassifierModule):
    """PCT's head and losses on features that are known."""

    def __init__(self, config: PaperClassifierConfig) -> None:
        super().__init__(config)
        self.net.pose_backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> HeadModule:
        """Training mode for the head."""
        super().train(mode)
        self.net.pose_backbone.eval()
        return self

    def forward(self, batch: Learned) -> dict[str, Tensor]:  # type: ignore[override]
        """Loss terms."""
        return self.terms(*self.read_features(batch.said), batch.people.pictures.coco_2d)


class HeadStage:
    """PCT's head learns the codebook's tokens of the people; SwinV2 stays as it is."""

    def __init__(self, config: PaperClassifierConfig, people: PaperBatch, kept: Path | None = None) -> None:
        """Start; SwinV2's features are read from the file `kept` where it is there, and else written to it."""
        torch.manual_seed(config.seed)
        self.config, self.people = config, people
        self.module = HeadModule(config)
        for source in config.init:
            start_from(self.module, source)
        image, swin = people.pictures.image, self.module.net.pose_backbone
        self.features = kept_features(kept, lambda: in_parts(lambda part: swin(normalised(part)), image))
        self.rounds = Rounds(len(self.features), config.batch, config.seed)

    def batch(self, step: int, progress: float) -> Learned:
        """People of a step."""
        del progress
        rows = self.rounds.rows(step)
        return Learned(rows_of(self.people, rows), self.features[rows])

    def evaluate(self) -> Mapping[str, float]:
        """How many of everybody's tokens are the tokenizer's own."""
        true = self.module.labels(self.people.pictures.coco_2d)
        right = in_parts(lambda features: self.module.read_features(features)[0].argmax(-1), self.features) == true
        return {"tokens_right_percent": 100 * float(right.float().mean())}


class CachedMeshModule(PaperMeshModule):
    """The network and its losses on logits that are known; what made them is taken out once it has."""

    def features(self, image: Tensor) -> Tensor:
        """(B, C, h, w) of pictures (B, 3, S, S) uint8."""
        found: Tensor = self.net.backbone(normalised(image))
        return found

    def seen_by_swin(self, image: Tensor) -> Tensor:
        """(B, C, 8, 8) of pictures (B, 3, S, S) uint8."""
        assert self.net.pose_backbone is not None
        found: Tensor = self.net.pose_backbone(normalised(image))
        return found

    def forget_pose(self) -> None:
        """Take SwinV2 and PCT's head out: checkpoints hold what learns, and the tokenizer."""
        self.net.pose_backbone = self.net.classifier = None
        self.idle = [part for part in (self.net.tokenizer,) if part is not None]

    def freeze_backbone(self, image: Tensor) -> None:
        """Leave the backbone as it is, with BatchNorm's statistics of pictures (N, 3, S, S)."""
        norms = [part for part in self.net.backbone.modules() if isinstance(part, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all that it sees
            norm.train()
        in_parts(self.features, image)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        self.net.backbone.requires_grad_(False).eval()
        self.idle.append(self.net.backbone)

    def vertices(self, features: Tensor, logits: Tensor) -> Tensor:
        """(B, 6890, 3) answers."""
        out = self.net.regress(_reading(features, logits))
        return self.net.fine_vertices(out.intermediate_vertices)

    def forward(self, batch: Learned) -> dict[str, Tensor]:  # type: ignore[override]
        """Loss terms."""
        features = self.features(batch.people.pictures.image) if batch.features is None else batch.features
        if batch.asked is not None:
            return self.few(features, batch.said, batch.asked, batch.people.pictures)
        out = self.net.regress(_reading(features, batch.said))
        return self.terms(out, self.net.fine_vertices(out.intermediate_vertices), batch.people)

    def few(self, features: Tensor, logits: Tensor, asked: Asked, true: PictureBatch) -> dict[str, Tensor]:
        """Loss terms of the joints and some of the coarse vertices. These have the weight of all three meshes, and of
        the joints that would be read off them.
        """
        assert self.net.modulator is not None
        mesh = self.net.mesh(features, self.net.modulator(*self.net.tokens(logits)), asked)
        weights, confidence = self.losses.weights, true.lsp_3d_weight
        flat, seen = project(mesh.joints, mesh.weak_camera), true.lsp_2d[..., 2].clamp(max=1)
        coarse = true.coarse_vertices[:, asked.vertices]
        return {
            "coarse": (weights.coarse + weights.intermediate + weights.fine + weights.joints)
            * mesh_losses.vertex_loss(mesh.coarse_vertices, coarse, true.has_mesh),
            "token_joints": weights.joints
            * mesh_losses.joint_loss_3d(mesh.joints, true.lsp_3d, confidence, (confidence > 0).any(1)),
            "token_projection": weights.projection * mesh_losses.joint_loss_2d(flat, true.lsp_2d[..., :2], seen),
        }


def sameness(features: Tensor) -> float:
    """How little features (N, C, h, w) tell N people apart: the part of their means' variance that lies in one
    direction, in [0, 1].
    """
    means = features.float().mean((2, 3))
    squares = torch.linalg.svdvals(means - means.mean(0)) ** 2
    return float(squares[0] / squares.sum().clamp_min(1e-12))


def _reading(features: Tensor, logits: Tensor) -> PoseReading:
    """What comes before the transformers: the backbone's features, and logits (B, 34, K)."""
    return PoseReading(features, None, None, None, None, None, logits)


def parts_of(adjacency: Tensor, count: int, seed: int) -> list[Asked]:
    """The coarse vertices in random parts; in a part those see each other that are at most `NEAR` edges away.

    Args:
        adjacency: (431, 431) bool.
        count: of parts.
        seed: of the parts.
    """
    reach = torch.linalg.matrix_power(adjacency.float() + torch.eye(len(adjacency)), NEAR) > 0
    order = torch.from_numpy(np.random.default_rng([seed, 72]).permutation(len(adjacency)))
    parts = [part.sort().values for part in torch.tensor_split(order, count)]
    return [Asked(part, MeshAttentionPattern(reach[part][:, part].numpy(), patches=1)) for part in parts]


@dataclass(frozen=True, slots=True)
class Thrift:
    """What is left out of the training of a mesh for the sake of time.

    Attributes:
        is_backbone_frozen: the image backbone keeps its first weights, and its features are computed once.
        few_samples: so many samples in the beginning are asked for a part of the vertices.
        few_parts: how many such parts there are.
        kept: file with SwinV2's features, as `HeadStage` writes it.
    """

    is_backbone_frozen: bool = False
    few_samples: int = 0
    few_parts: int = 4
    kept: Path | None = None


class CachedMeshStage:
    """The network learns the people's meshes; `is_reached` once the scored ones are near enough."""

    def __init__(
        self, config: PaperMeshConfig, people: PaperBatch, target_mm: float, scored: int, thrift: Thrift | None = None
    ) -> None:
        """Start.

        Args:
            config: its `init` names what has SwinV2, PCT's head and the tokenizer.
            people: everybody.
            target_mm: mean joint error at which to stop.
            scored: so many people, evenly spread, are scored regularly.
            thrift: what is left out; None for nothing.
        """
        torch.manual_seed(config.seed)
        body = load_body()
        self.config, self.people, self.target_mm, self.thrift = config, people, target_mm, thrift or Thrift()
        self.network = CachedMeshModule(config, body)
        self.module: nn.Module = self.network
        for source in config.init:
            start_from(self.module, source)
        self.module.eval()
        image, head = people.pictures.image, self.network.net.classifier
        assert head is not None
        swin = kept_features(self.thrift.kept, lambda: in_parts(self.network.seen_by_swin, image))
        self.logits = in_parts(head, swin)
        self.network.forget_pose()
        self.features: Tensor | None = None
        if self.thrift.is_backbone_frozen:
            self.network.freeze_backbone(image)
            self.features = in_parts(self.network.features, image)
            logger.info("frozen features: %.0f %% of what differs lies in one direction", 100 * sameness(self.features))
        adjacency = torch.from_numpy(np.asarray(body.adjacency_431, bool))
        self.parts = parts_of(adjacency, self.thrift.few_parts, config.seed)
        self.module.train()
        count = len(self.logits)
        self.rounds = Rounds(count, config.batch, config.seed)
        self.some = torch.arange(min(scored, count)) * count // min(scored, count)
        self.is_reached = False

    def batch(self, step: int, progress: float) -> Learned:
        """People of a step."""
        del progress
        rows = self.rounds.rows(step)
        features = None if self.features is None else self.features[rows]
        is_few = (step + 1) * self.config.batch <= self.thrift.few_samples
        asked = self.parts[step % len(self.parts)] if is_few else None
        return Learned(rows_of(self.people, rows), self.logits[rows], features, asked)

    def evaluate(self) -> Mapping[str, float]:
        """MPJPE of some of the people, mm; joints regressed from the mesh, about mid-hip."""
        error = self.error_mm(self.some)
        self.is_reached = error < self.target_mm
        return {"mpjpe": error}

    def error_mm(self, rows: Tensor) -> float:
        """Mean joint error of people (N,)."""
        answers = [
            self.network.vertices(self._features(part), self.logits[part]) for part in torch.split(rows, AT_ONCE)
        ]
        said = torch.einsum("jv,bvc->bjc", self.network.regressor, torch.cat(answers).float())
        true = torch.einsum("jv,bvc->bjc", self.network.regressor, self.people.vertices[rows])
        return 1000 * float(mpjpe(said.numpy(), true.numpy()).mean())

    def _features(self, rows: Tensor) -> Tensor:
        """(N, C, h, w) of people (N,)."""
        if self.features is not None:
            return self.features[rows]
        return self.network.features(self.people.pictures.image[rows])

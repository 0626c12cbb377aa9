"""A preset at full size learns people by heart: PCT's head by SwinV2's features, then the network by PCT's logits.

Crops are not augmented, so what is frozen says the same of a person in every round and is computed once: SwinV2's
features while the head learns, the head's logits while the mesh does. One process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.body import load_body
from core.nets.network import PoseReading
from training.datasets.mix import open_mix, read_mix
from training.datasets.mixed import MixSettings
from training.metrics import mpjpe
from training.pictures import PictureBatch
from training.stages.paper import PaperBatch, PaperSteps
from training.stages.paper_classifier import PaperClassifierConfig, PaperClassifierModule
from training.stages.paper_mesh import PaperMeshConfig, PaperMeshModule
from training.stages.pictured import normalised, start_from

AT_ONCE = 16
logger = logging.getLogger("training")


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A batch of people with what the frozen part said of them.

    Attributes:
        people: crops and labels.
        said: (B, ...) SwinV2's features, or logits (B, 34, K).
    """

    people: PaperBatch
    said: Tensor


def everybody(mix: Path, size: int) -> PaperBatch:
    """All people of a mix of one set, each once, in unturned crops.

    Args:
        mix: its file.
        size: pixels a side.

    Raises:
        DatasetError: the set's files are missing or damaged.
    """
    mixed = open_mix(read_mix(mix), MixSettings(size, augment=False))
    found = PaperSteps(mixed, mixed.people)[0]
    if not isinstance(found, PaperBatch):
        raise found
    return found


def rows_of(batch: PaperBatch, rows: Tensor) -> PaperBatch:
    """Some people of a batch, by their numbers (N,)."""
    names = PictureBatch.__slots__
    return PaperBatch(
        PictureBatch(**{name: getattr(batch.pictures, name)[rows] for name in names}), batch.vertices[rows]
    )


def in_parts(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """A function of rows, a few rows at a time, without gradients."""
    with torch.no_grad():
        return torch.cat([function(part) for part in torch.split(values, AT_ONCE)])


class Rounds:
    """Which people a step has: everybody once a round, each round in its own order; a function of (seed, step)."""

    def __init__(self, people: int, batch: int, seed: int) -> None:
        self.people, self.batch, self.seed = people, min(batch, people), seed

    def rows(self, step: int) -> Tensor:
        """(B,) numbers."""
        first = step * self.batch
        numbers = np.arange(first, first + self.batch)
        orders = {
            turn: np.random.default_rng([self.seed, 71, turn]).permutation(self.people)
            for turn in sorted({int(number) // self.people for number in numbers})
        }
        return torch.tensor([orders[int(number) // self.people][number % self.people] for number in numbers])


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

    def __init__(self, config: PaperClassifierConfig, people: PaperBatch) -> None:
        torch.manual_seed(config.seed)
        self.config, self.people = config, people
        self.module = HeadModule(config)
        for source in config.init:
            start_from(self.module, source)
        self.features = in_parts(lambda image: self.module.net.pose_backbone(normalised(image)), people.pictures.image)
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

    def reading(self, image: Tensor, logits: Tensor) -> PoseReading:
        """What comes before the transformers: the backbone's features, and logits (B, 34, K)."""
        return PoseReading(self.net.backbone(normalised(image)), None, None, None, None, None, logits)

    def logits(self, image: Tensor) -> Tensor:
        """(B, 34, K) of pictures (B, 3, S, S) uint8."""
        assert self.net.pose_backbone is not None and self.net.classifier is not None
        found: Tensor = self.net.classifier(self.net.pose_backbone(normalised(image)))
        return found

    def forget_pose(self) -> None:
        """Take SwinV2 and PCT's head out: checkpoints hold what learns, and the tokenizer."""
        self.net.pose_backbone = self.net.classifier = None
        self.idle = [part for part in (self.net.tokenizer,) if part is not None]

    def vertices(self, image: Tensor, logits: Tensor) -> Tensor:
        """(B, 6890, 3) answers."""
        out = self.net.regress(self.reading(image, logits))
        return self.net.fine_vertices(out.intermediate_vertices)

    def forward(self, batch: Learned) -> dict[str, Tensor]:  # type: ignore[override]
        """Loss terms."""
        out = self.net.regress(self.reading(batch.people.pictures.image, batch.said))
        return self.terms(out, self.net.fine_vertices(out.intermediate_vertices), batch.people)


class CachedMeshStage:
    """The network learns the people's meshes; `is_reached` once the scored ones are near enough."""

    def __init__(self, config: PaperMeshConfig, people: PaperBatch, target_mm: float, scored: int) -> None:
        """Start.

        Args:
            config: its `init` names what has SwinV2, PCT's head and the tokenizer.
            people: everybody.
            target_mm: mean joint error at which to stop.
            scored: so many people, evenly spread, are scored regularly.
        """
        torch.manual_seed(config.seed)
        self.config, self.people, self.target_mm = config, people, target_mm
        self.network = CachedMeshModule(config, load_body())
        self.module: nn.Module = self.network
        for source in config.init:
            start_from(self.module, source)
        self.module.eval()
        self.logits = in_parts(self.network.logits, people.pictures.image)
        self.network.forget_pose()
        self.module.train()
        count = len(self.logits)
        self.rounds = Rounds(count, config.batch, config.seed)
        self.some = torch.arange(min(scored, count)) * count // min(scored, count)
        self.is_reached = False

    def batch(self, step: int, progress: float) -> Learned:
        """People of a step."""
        del progress
        rows = self.rounds.rows(step)
        return Learned(rows_of(self.people, rows), self.logits[rows])

    def evaluate(self) -> Mapping[str, float]:
        """MPJPE of some of the people, mm; joints regressed from the mesh, about mid-hip."""
        error = self.error_mm(self.some)
        self.is_reached = error < self.target_mm
        return {"mpjpe": error}

    def error_mm(self, rows: Tensor) -> float:
        """Mean joint error of people (N,)."""
        answers = [
            self.network.vertices(self.people.pictures.image[part], self.logits[part])
            for part in torch.split(rows, AT_ONCE)
        ]
        said = torch.einsum("jv,bvc->bjc", self.network.regressor, torch.cat(answers).float())
        true = torch.einsum("jv,bvc->bjc", self.network.regressor, self.people.vertices[rows])
        return 1000 * float(mpjpe(said.numpy(), true.numpy()).mean())

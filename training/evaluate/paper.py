"""Test splits of published sets as the paper's protocols want them: crops, and the truth by the neutral body and by the
person's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.nets.network import NetOutput
from training.datasets.bodies import Bodies
from training.datasets.catalogue import Joined
from training.datasets.crops import Augmentation, crop_person
from training.datasets.decoding import MOST_BROKEN, BrokenPictures, decode
from training.datasets.mixture_file import Mix, open_readers
from training.datasets.sample import Bytes, DatasetError, Float, Reader, Sample
from training.evaluate.protocols import H36M_TO_J14, SCORERS, Answered, Bool, ProtocolName, ProtocolScores
from training.joint_orders import COCO_FROM_SUPERSET, LSP_FROM_SUPERSET

BATCH = 32


class Answers(Protocol):
    """A network that can be scored."""

    def answer(self, image: Tensor, true_2d: Tensor) -> tuple[NetOutput, Tensor]:
        """Its output and the 6890 vertices for pictures (B, 3, S, S) uint8; see `PaperNetwork.answer`."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Up to 32 people.

    Attributes:
        image: (B, 3, S, S) uint8 RGB.
        coco_2d: (B, 17, 3) crop units and visibility.
        neutral: (B, 6890, 3) by the neutral body; zeros where nobody knows.
        gendered: (B, 6890, 3) by the body of the person's gender.
        joints: (B, 14, 3) the set's own.
        has_mesh: (B,).
        has_joints: (B,) whether the set has all 14 of its own.
    """

    image: Tensor
    coco_2d: Tensor
    neutral: Float
    gendered: Float
    joints: Float
    has_mesh: Bool
    has_joints: Bool


@dataclass(slots=True, eq=False)
class Truths:
    """People of a split, 32 at a time.

    Attributes:
        reader: of the split.
        neutral: METRO's bodies, one for all.
        gendered: SPIN's; the neutral ones where SPIN is not asked for.
        size: pixels a side of the crops.
        people: so many are read, evenly spread over the split; all where it holds no more.
        quirks: METRO's crop, number for number.
        broken: pictures that were left out.
        without_joints: people with a mesh and without 14 joints of their own, counted as they are read.
    """

    reader: Reader
    neutral: Bodies
    gendered: Bodies
    size: int
    people: int
    quirks: bool = False
    broken: BrokenPictures = field(default_factory=lambda: BrokenPictures(MOST_BROKEN))
    without_joints: int = 0

    def __iter__(self) -> Iterator[Truth]:
        """Batches in order."""
        self.without_joints = 0
        total = len(self.reader)
        picked = np.arange(total) if self.people >= total else np.arange(self.people) * total // self.people
        for start in range(0, len(picked), BATCH):
            rows = [self.reader[int(number)] for number in picked[start : start + BATCH]]
            found = [(sample, image) for sample in rows if (image := self._picture(sample)) is not None]
            if found:
                yield self._truth([sample for sample, _ in found], [image for _, image in found])

    def _picture(self, sample: Sample) -> Bytes | None:
        image = decode(sample.picture)
        if image is None:
            self.broken.add(sample.picture.name)
        return image

    def _truth(self, samples: Sequence[Sample], images: Sequence[Bytes]) -> Truth:
        crops = [
            crop_person(sample, image, self.size, Augmentation(), self.quirks)
            for sample, image in zip(samples, images, strict=True)
        ]
        joints = np.stack([sample.joints_3d[LSP_FROM_SUPERSET] for sample in samples])
        has_mesh = np.array([sample.has_mesh for sample in samples])
        has_joints = (joints[..., 3] > 0).all(1)
        self.without_joints += int((has_mesh & ~has_joints).sum())
        return Truth(
            torch.from_numpy(np.stack([crop.image for crop in crops])),
            torch.from_numpy(np.stack([crop.joints_2d[COCO_FROM_SUPERSET] for crop in crops]).astype(np.float32)),
            _meshes(samples, self.neutral), _meshes(samples, self.gendered), joints[..., :3], has_mesh, has_joints,
        )  # fmt: skip


def _meshes(samples: Sequence[Sample], bodies: Bodies) -> Float:
    """(B, 6890, 3) true meshes; a set's own where it has one, zeros where nobody knows."""
    meshes = np.zeros((len(samples), 6890, 3), np.float32)
    for row, sample in enumerate(samples):
        if sample.vertices is not None:
            meshes[row] = sample.vertices
    posed = [row for row, sample in enumerate(samples) if sample.vertices is None and sample.pose is not None]
    if posed:
        pose = np.stack([np.asarray(samples[row].pose) for row in posed])
        betas = np.stack([np.asarray(samples[row].betas) for row in posed])
        meshes[posed] = bodies.vertices(pose, betas, [samples[row].gender for row in posed])
    return meshes


def read_truths(mix: Mix, people: int, size: int, gendered: bool = False) -> Truths:
    """The people of a mix's sets, one set after the other.

    Args:
        mix: shares do not matter.
        people: at the most, evenly spread.
        size: pixels a side of the crops.
        gendered: SPIN's truth is wanted too, which needs SMPL's files by gender.

    Raises:
        DatasetError: a file is missing or damaged.
    """
    readers = [reader for reader, _ in open_readers(mix)]
    neutral = Bodies.read(mix.smpl, gendered=False)
    other = Bodies.read(mix.smpl, gendered=True) if gendered else neutral
    joined = readers[0] if len(readers) == 1 else Joined(readers, " and ".join(reader.name for reader in readers))
    if not len(joined):
        raise DatasetError(f"{joined.name} holds nobody; get it again")
    return Truths(joined, neutral, other, size, people, mix.quirks)


def scored(
    network: Answers,
    truths: Truths,
    protocols: Sequence[ProtocolName],
    regressor: Float,
    device: torch.device,
) -> dict[ProtocolName, ProtocolScores]:
    """Scores under protocols, in one pass.

    Joints of people for whom the set has no 14 of its own are regressed from the neutral mesh, which METRO's TSV files
    never need; `Truths.without_joints` counts them.

    Args:
        network: in evaluation mode, on the device.
        truths: who.
        protocols: under which.
        regressor: (17, 6890) Human3.6M's, or a body's stand-in.
        device: of the network.
    """
    scorers = {name: SCORERS[name](regressor) for name in protocols}
    rows = regressor[list(H36M_TO_J14)]
    for truth in truths:
        with torch.no_grad():
            _, fine = network.answer(truth.image.to(device), truth.coco_2d.to(device))
        joints = truth.joints.copy()
        borrowed = truth.has_mesh & ~truth.has_joints
        joints[borrowed] = np.einsum("jv,bvc->bjc", rows, truth.neutral[borrowed])
        answered = Answered(
            fine.float().cpu().numpy(), truth.neutral, truth.gendered, joints, truth.has_mesh,
            truth.has_joints | borrowed,
        )  # fmt: skip
        for scorer in scorers.values():
            scorer.add(answered)
    return {name: scorer.scores for name, scorer in scorers.items()}

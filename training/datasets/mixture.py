"""Batches from several sets at once: shares a set, every person once a round, a function of (seed, rank, step).

    dataset = MixedDataset([(reader, 0.7), (other, 0.3)], Bodies.read(None), MixSettings(size=256))
    batch = dataset.batch(16, step=0)       # a `PictureBatch`: what the stages with pictures eat

Pictures are numbered over all processes and steps: number n is the same person with the same augmentation whether one
process draws it or eight do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from training.datasets.bodies import Bodies, mid_hip
from training.datasets.crops import Augmentation, Cropped, crop_person, draw_augmentation, turned
from training.datasets.decoding import MOST_BROKEN, BrokenPictures, decode
from training.datasets.sample import DatasetError, Float, Reader, Sample
from training.joint_orders import COCO_FROM_SUPERSET, LSP_FROM_SUPERSET
from training.pictures import PictureBatch
from training.pictures.compose import empty_batch

BLOCK = 1024
"""Shares are rounded to 1 / BLOCK; within a block of so many pictures they are exact."""
HIPS = [2, 3]


@dataclass(frozen=True, slots=True)
class MixSettings:
    """How samples become crops.

    Attributes:
        size: pixels a side of the crops, a multiple of 4.
        seed: of order and augmentation.
        rank: of this process.
        world: how many processes there are.
        augment: flips, turns, zooms and gains, with METRO's numbers.
        quirks: METRO's crop, number for number.
        most_broken: pictures that may be skipped because they do not decode.
    """

    size: int = 256
    seed: int = 1
    rank: int = 0
    world: int = 1
    augment: bool = True
    quirks: bool = False
    most_broken: int = MOST_BROKEN


class MixedDataset:
    """Batches of several sets; stateless but for caches and the count of broken pictures."""

    def __init__(self, sets: Sequence[tuple[Reader, float]], bodies: Bodies, settings: MixSettings) -> None:
        """A mixture.

        Args:
            sets: readers with their shares; shares need not sum to one.
            bodies: what the sets' parameters belong to.
            settings: see `MixSettings`.

        Raises:
            DatasetError: no set, an empty set, or a share that is not positive.
        """
        if not sets:
            raise DatasetError("the mixture has no set; name one at least")
        for reader, share in sets:
            if not len(reader) or not share > 0:
                raise DatasetError(
                    f"{reader.name} has {len(reader)} people and the share {share:g}; expected more than 0 of both"
                )
        self.readers = [reader for reader, _ in sets]
        self.bodies, self.settings = bodies, settings
        self.broken = BrokenPictures(settings.most_broken)
        ends = np.round(BLOCK * np.cumsum([0.0, *(share for _, share in sets)]) / sum(share for _, share in sets))
        self.quota = np.diff(ends).astype(np.int64)
        self._block: tuple[int, npt.NDArray[np.int64]] | None = None
        self._orders: dict[int, tuple[int, npt.NDArray[np.int64]]] = {}

    def pick(self, number: int) -> tuple[int, int]:
        """Which set the picture of a number is from, and its how-manyth of that set."""
        block, place = divmod(number, BLOCK)
        if self._block is None or self._block[0] != block:
            which = np.repeat(np.arange(len(self.quota)), self.quota)
            self._block = (block, np.random.default_rng([self.settings.seed, 61, block]).permutation(which))
        which = self._block[1]
        return int(which[place]), int(block * self.quota[which[place]] + (which[:place] == which[place]).sum())

    def _row(self, which: int, number: int) -> int:
        """The how-manyth person of a set: everybody once a round, each round in an order of its own."""
        total = len(self.readers[which])
        rounds = number // total
        if which not in self._orders or self._orders[which][0] != rounds:
            order = np.random.default_rng([self.settings.seed, 62, which, rounds]).permutation(total)
            self._orders[which] = (rounds, order)
        return int(self._orders[which][1][number % total])

    def draw(self, number: int) -> tuple[Sample, Cropped]:
        """The picture of a number; where it does not decode, the next of its set that does.

        Raises:
            DatasetError: damaged labels, or too many broken pictures.
        """
        settings = self.settings
        rng = np.random.default_rng([settings.seed, 63, number])
        augmentation = draw_augmentation(rng) if settings.augment else Augmentation()
        which, count = self.pick(number)
        for later in range(len(self.readers[which])):
            sample = self.readers[which][self._row(which, count + later)]
            image = decode(sample.picture)
            if image is not None:
                return sample, crop_person(sample, image, settings.size, augmentation, settings.quirks)
            self.broken.add(sample.picture.name)
        raise DatasetError(f"no picture of {self.readers[which].name} decodes; get them again")

    def batch(self, count: int, step: int) -> PictureBatch:
        """The pictures of one step of this process.

        Raises:
            DatasetError: damaged labels, or too many broken pictures.
        """
        return to_batch(*self.drawn(count, step), self.bodies)

    @property
    def people(self) -> int:
        """How many people the sets hold."""
        return sum(len(reader) for reader in self.readers)

    def drawn(self, count: int, step: int) -> tuple[list[Sample], list[Cropped]]:
        """The people of one step of this process, with their crops.

        Raises:
            DatasetError: damaged labels, or too many broken pictures.
        """
        first = (step * self.settings.world + self.settings.rank) * count
        drawn = [self.draw(first + n) for n in range(count)]
        return [sample for sample, _ in drawn], [cropped for _, cropped in drawn]


class StepDataset(Dataset[PictureBatch | DatasetError]):
    """A mixture by step, for a DataLoader with batch_size=None; what is wrong with a set comes as a value."""

    def __init__(self, mixed: MixedDataset, count: int) -> None:
        self.mixed, self.count = mixed, count

    def __getitem__(self, step: int) -> PictureBatch | DatasetError:
        """The pictures of a step, or the reason why there are none."""
        try:
            return self.mixed.batch(self.count, step)
        except DatasetError as error:
            return error


def to_batch(
    samples: Sequence[Sample], cropped: Sequence[Cropped], bodies: Bodies, meshes: Mapping[int, Float] | None = None
) -> PictureBatch:
    """What the losses read, with masks for what each sample lacks.

    Joints in 3D are the set's own where it has all 14; else, where there is a mesh, they are regressed from it.

    Args:
        samples: B samples.
        cropped: their crops.
        bodies: what their parameters belong to.
        meshes: as `meshes_of` makes them, where they are known already.

    Raises:
        DatasetError: a gender has no body.
    """
    out = empty_batch(len(samples), cropped[0].image.shape[-1])
    out["image"][:] = [each.image for each in cropped]
    points = np.stack([each.joints_2d for each in cropped])
    out["coco_2d"][:], out["lsp_2d"][:] = points[:, COCO_FROM_SUPERSET], points[:, LSP_FROM_SUPERSET]
    out["has_person"][:] = True
    _add_meshes(out, samples, meshes_of(samples, cropped, bodies) if meshes is None else meshes, bodies)
    for row, each in enumerate(cropped):
        _add_joints(out, row, each.joints_3d[LSP_FROM_SUPERSET])
    return PictureBatch(**{name: torch.from_numpy(values) for name, values in out.items()})


def _add_joints(out: dict[str, npt.NDArray[Any]], row: int, joints: Float) -> None:
    """The set's own joints (14, 4), unless the mesh knows more of them."""
    weight = joints[:, 3]
    is_rooted = (weight[HIPS] > 0).all()
    if not is_rooted or (out["has_mesh"][row] and not (weight > 0).all()):
        return
    out["lsp_3d"][row] = np.where(weight[:, None] > 0, joints[:, :3] - joints[HIPS, :3].mean(0), 0)
    out["lsp_3d_weight"][row] = np.clip(weight, 0, 1)


def meshes_of(samples: Sequence[Sample], cropped: Sequence[Cropped], bodies: Bodies) -> dict[int, Float]:
    """Meshes (6890, 3) about their mid-hip, metres, turned and mirrored with the crops, by row; not of all.

    Raises:
        DatasetError: a gender has no body.
    """
    posed = [row for row, each in enumerate(cropped) if each.pose is not None and samples[row].vertices is None]
    meshes = {
        row: _own_mesh(sample, cropped[row], bodies)
        for row, sample in enumerate(samples)
        if sample.vertices is not None
    }
    if posed:
        pose = np.stack([np.asarray(cropped[row].pose) for row in posed])
        betas = np.stack([np.asarray(samples[row].betas) for row in posed])
        meshes |= dict(zip(posed, bodies.vertices(pose, betas, [samples[row].gender for row in posed]), strict=True))
    return meshes


def _add_meshes(
    out: dict[str, npt.NDArray[Any]], samples: Sequence[Sample], meshes: Mapping[int, Float], bodies: Bodies
) -> None:
    for row, vertices in meshes.items():
        body = bodies.body(samples[row].gender)
        out["coarse_vertices"][row] = vertices[bodies.neutral.index_431]
        out["intermediate_vertices"][row] = vertices[bodies.neutral.index_1723]
        joints = body.lsp_regressor @ vertices
        out["lsp_3d"][row] = joints - joints[HIPS].mean(0)
        out["lsp_3d_weight"][row] = 1
        out["has_mesh"][row] = True


def _own_mesh(sample: Sample, cropped: Cropped, bodies: Bodies) -> Float:
    """A set's own mesh (6890, 3) about its mid-hip, turned and mirrored as its picture."""
    body = bodies.body(sample.gender)
    vertices = turned(np.asarray(sample.vertices), cropped.augmentation)
    if cropped.augmentation.is_flipped:
        vertices = vertices[body.mirror] * [-1, 1, 1]
    return np.asarray(vertices - mid_hip(body, vertices[None])[0])

"""2D poses of published sets without their pictures: what PCT's tokenizer learned from (COCO and MPII)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.datasets.metro_operations import PERSON_PX
from training.datasets.sample import DatasetError, Float, Reader
from training.joint_orders import COCO_FROM_SUPERSET, COCO_MIRROR

LEAST_JOINTS = 6
"""Labelled joints below which a person teaches no pose."""
TURN_DEG, TURN_SHARE, ZOOM = 40.0, 0.6, 0.5
SHIFT, SHIFT_SHARE = 0.16, 0.3


@dataclass(frozen=True, slots=True, eq=False)
class KeypointBank:
    """Labelled people that are looked at with new crops at every draw, as `training.datasets.pose_bank.PoseBank`.

    Attributes:
        points: (N, 17, 3) COCO's joints in units of the crop, [-1, 1] over it, and 1 where labelled.
        seed: of the draws.
    """

    points: Tensor
    seed: int

    @classmethod
    def read(cls, readers: Sequence[Reader], seed: int) -> KeypointBank:
        """All people of sets with enough labelled joints; reads every label once, no picture.

        Raises:
            DatasetError: damaged labels, or nobody.
        """
        rows: list[Float] = []
        for sample in (sample for reader in readers for sample in reader):
            joints = sample.joints_2d[COCO_FROM_SUPERSET]
            if (joints[:, 2] > 0).sum() < LEAST_JOINTS:
                continue
            units = (joints[:, :2] - sample.center_px) * (2 / (PERSON_PX * sample.scale))
            rows.append(np.concatenate([units, joints[:, 2:] > 0], 1).astype(np.float32))
        if not rows:
            names = ", ".join(reader.name for reader in readers)
            raise DatasetError(f"nobody of {names} has {LEAST_JOINTS} labelled joints; name another set")
        return cls(torch.from_numpy(np.stack(rows)), seed)

    def draw(self, count: int, step: int) -> Tensor:
        """Poses as a crop sees them, a function of (seed, step), with PCT's flips, turns, zooms and shifts.

        Returns:
            (count, 17, 3) x, y in crop units and visibility: 1 labelled and inside the crop, 0 else.
        """
        rng = np.random.default_rng([self.seed, 64, step])
        found = self.points[torch.from_numpy(rng.integers(0, len(self.points), count))].numpy().copy()
        is_flipped = rng.random(count) < 0.5
        found[is_flipped] = found[is_flipped][:, COCO_MIRROR] * np.array([-1, 1, 1], np.float32)
        turn = np.clip(rng.normal(0, TURN_DEG, count), -2 * TURN_DEG, 2 * TURN_DEG) * (rng.random(count) < TURN_SHARE)
        zoom = np.clip(rng.normal(1, ZOOM, count), 1 - ZOOM, 1 + ZOOM)
        shift = rng.uniform(-SHIFT, SHIFT, (count, 2)) * (rng.random(count) < SHIFT_SHARE)[:, None]
        sine, cosine = np.sin(np.deg2rad(turn)), np.cos(np.deg2rad(turn))
        matrix = np.stack([np.stack([cosine, -sine], 1), np.stack([sine, cosine], 1)], 1) / zoom[:, None, None]
        found[..., :2] = np.einsum("nab,njb->nja", matrix, found[..., :2]) + 2 * shift[:, None]
        found[..., 2] *= (np.abs(found[..., :2]) < 1).all(-1)
        found[..., :2] *= found[..., 2:]
        return torch.from_numpy(found)

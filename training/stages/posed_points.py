"""Posed bodies as the heatmaps would tell them, without pictures: what the lifter learns from beside pictures.

Bodies in the poses of the motion library are posed once. Every step looks at some of them with new cameras, crops and
flips, and reads off the 19 points of the heatmaps with the errors that the network itself makes: patterns of its own
errors and confidences on rendered people, taken as they are or scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.body.model import Body
from core.nets.heatmaps import HeatmapReading
from training.joint_orders import COCO_MIRROR, LSP_MIRROR
from training.motions import PoseSampler
from training.motions.rotation_vectors import to_matrix
from training.pictures import PictureBatch
from training.pictures.compose import empty_batch
from training.pictures.crops import Placement, place_crop
from training.pictures.scene import place, sample_betas, sample_camera

Float = npt.NDArray[np.floating[Any]]

NECK = 12
"""The 19 points are COCO's 17, then Neck and Head of LSP's 14."""
MIRROR_19 = np.array([*COCO_MIRROR, 17, 18])
CHUNK = 256
STEP_M = 1e-4
CROP = 2
"""Side of the crop in crop units, from -1 to 1."""
TRUNCATED, TUMBLED = 0.3, 0.2
"""Shares of people cut by the crop's border, and turned by any angle."""
ERROR_SCALE = (0.4, 1.5)
LEAST_PATTERNS = 64


@dataclass(frozen=True, slots=True, eq=False)
class BodyBank:
    """Bodies in poses, y up, about the mid-hip.

    Attributes:
        vertices: (N, 1723, 3) int16, tenths of a millimetre.
        points: (N, 31, 3) metres: 17 COCO and 14 LSP joints.
    """

    vertices: npt.NDArray[np.int16]
    points: Float

    @classmethod
    def sampled(cls, body: Body, poses: PoseSampler, count: int, seed: int) -> BodyBank:
        """Random bodies in random poses."""
        rng = np.random.default_rng([seed, 61])
        regressor = np.concatenate([np.asarray(body.coco_regressor), np.asarray(body.lsp_regressor)]).astype(np.float32)
        parts = []
        for start in range(0, count, CHUNK):
            rows = min(CHUNK, count - start)
            pose = np.stack([poses.sample(rng) for _ in range(rows)]).astype(np.float32)
            posed = body.pose(pose, np.stack([sample_betas(rng) for _ in range(rows)])).vertices
            points = np.asarray(regressor @ posed)
            root = points[:, [17 + 2, 17 + 3]].mean(1, keepdims=True)
            vertices = np.round((posed[:, body.index_1723] - root) / STEP_M).astype(np.int16)
            parts.append((vertices, (points - root).astype(np.float32)))
        return cls(np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))


@dataclass(frozen=True, slots=True, eq=False)
class ErrorPatterns:
    """What a network made of known joints, a person a row.

    Attributes:
        error: (N, 19, 2) crop units, of joints in the crop.
        place: (N, 19, 2) crop units, where it put them.
        confidence: (N, 19).
        is_inside: (N, 19), whether the joint lies in the crop.
    """

    error: Float
    place: Float
    confidence: Float
    is_inside: npt.NDArray[np.bool_]

    @classmethod
    def measured(cls, batches: Iterable[PictureBatch], read: Callable[[PictureBatch], HeatmapReading]) -> ErrorPatterns:
        """Of pictures with people in them.

        Args:
            batches: pictures with labels.
            read: the network's heatmaps of them.
        """
        rows: list[tuple[Float, Float, Float, npt.NDArray[np.bool_]]] = []
        for batch in batches:
            said = read(batch)
            true = torch.cat([batch.coco_2d, batch.lsp_2d[:, NECK:]], 1)[batch.has_person].numpy()
            place, confidence = (part[batch.has_person].numpy() for part in (said.points, said.confidence))
            rows.append((place - true[..., :2], place, confidence, (np.abs(true[..., :2]) < 1).all(-1)))
        return cls(*(np.concatenate(part) for part in zip(*rows, strict=True)))

    def applied(self, true: Float, rng: np.random.Generator) -> tuple[Float, Float]:
        """Points as the network would tell them.

        Args:
            true: (B, 19, 2) crop units.
            rng: of the patterns and their scale.

        Returns:
            (B, 19, 2) points and (B, 19) confidences.
        """
        count = len(true)
        inside = (np.abs(true) < 1).all(-1)
        rows = np.repeat(rng.integers(len(self.error), size=(count, 1)), true.shape[1], 1)
        for joint in range(true.shape[1]):
            for where in (True, False):
                wrong = (inside[:, joint] == where) & (self.is_inside[rows[:, joint], joint] != where)
                fitting = np.flatnonzero(self.is_inside[:, joint] == where)
                if wrong.any() and len(fitting):
                    rows[wrong, joint] = rng.choice(fitting, int(wrong.sum()))
        columns = np.arange(true.shape[1])
        scale = np.exp(rng.uniform(np.log(ERROR_SCALE[0]), np.log(ERROR_SCALE[1]), (count, 1, 1)))
        moved = true + self.error[rows, columns] * scale
        points = np.where(inside[..., None], moved, self.place[rows, columns])
        return np.clip(points, -1, 1).astype(np.float32), self.confidence[rows, columns].astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class PosedBatch:
    """Points with the bodies behind them.

    Attributes:
        reading: points and confidences of the 19 heatmaps; no weights.
        truth: labels of the bodies; no pictures and no dense labels.
    """

    reading: HeatmapReading
    truth: PictureBatch


class PosedPoints:
    """Draws posed bodies; any step can be asked for."""

    def __init__(self, body: Body, bank: BodyBank, patterns: ErrorPatterns, seed: int) -> None:
        if len(patterns.error) < LEAST_PATTERNS:
            raise ValueError(f"expected {LEAST_PATTERNS} people to take errors from, got {len(patterns.error)}")
        self.body, self.bank, self.patterns, self.seed = body, bank, patterns, seed
        self._coarse = np.searchsorted(body.index_1723, body.index_431)
        if not np.array_equal(np.asarray(body.index_1723)[self._coarse], body.index_431):
            raise ValueError("expected the coarse vertices among the intermediate ones, in rising order")

    def batch(self, count: int, rank: int, step: int) -> PosedBatch:
        """The bodies of one step: a function of seed, rank, step and count alone."""
        rng = np.random.default_rng([self.seed, 62, rank, step])
        out = empty_batch(count, 0)
        true = np.stack([self._look(out, n, int(rng.integers(len(self.bank.points))), rng) for n in range(count)])
        points, confidence = self.patterns.applied(true, rng)
        reading = HeatmapReading(torch.from_numpy(points), torch.from_numpy(confidence), torch.zeros(count, 0))
        return PosedBatch(reading, PictureBatch(**{name: torch.from_numpy(values) for name, values in out.items()}))

    def _look(self, out: dict[str, Any], n: int, row: int, rng: np.random.Generator) -> Float:
        """Fills the labels of one body; returns its 19 points in crop units."""
        camera_to_world, angle = sample_camera(rng)
        spin = rng.uniform(-np.pi, np.pi)
        yaw = to_matrix(np.array([0, spin, 0], np.float32))
        turn = camera_to_world.T @ yaw
        joints = self.bank.points[row] @ turn.T
        vertices = (self.bank.vertices[row] * np.float32(STEP_M)) @ turn.T
        transl, focal = place(vertices, angle)
        seen = joints + transl
        canvas = (seen[:, :2] / seen[:, 2:] * focal).astype(np.float32)
        placed = place_crop(canvas, CROP, rng, 1.0, TUMBLED, TRUNCATED)
        flat = placed.points(canvas) - 1
        self._label(out, n, placed, flat, joints, vertices)
        points = np.concatenate([flat[:17], flat[17 + NECK :]])
        return np.asarray(points[MIRROR_19] if placed.is_flipped else points)

    def _label(
        self, out: dict[str, Any], n: int, placed: Placement, flat: Float, joints: Float, vertices: Float
    ) -> None:
        flip = placed.is_flipped
        for name, part, mirror in (("coco", slice(0, 17), COCO_MIRROR), ("lsp", slice(17, 31), LSP_MIRROR)):
            points = flat[part][list(mirror)] if flip else flat[part]
            out[f"{name}_2d"][n, :, :2] = points
            out[f"{name}_2d"][n, :, 2] = (np.abs(points) < 1).all(-1)
        lsp = placed.directions(joints[17:])
        turned = placed.directions(vertices)
        out["lsp_3d"][n] = lsp[list(LSP_MIRROR)] if flip else lsp
        out["intermediate_vertices"][n] = turned[self.body.mirror_1723] if flip else turned
        out["coarse_vertices"][n] = out["intermediate_vertices"][n][self._coarse]
        out["has_person"][n] = out["has_mesh"][n] = True
        out["lsp_3d_weight"][n] = 1

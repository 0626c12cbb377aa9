"""Whole pictures with nobody, one or many people and the box of each: what the detector learns from.

crowds = Crowds(PictureStore.open("store"), size=256, seed=0)
batch = crowds.batch(16, step=0)        # the same for the same seed, rank, step and store
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.geometry.boxes import box_of_points, xywh_to_xyxy
from training.pictures import photometry
from training.pictures.compose import Composer, gain_of
from training.pictures.crops import Placement, opencv_matrix, turn_of
from training.pictures.store import PictureStore

Float = npt.NDArray[np.floating[Any]]
Bytes = npt.NDArray[np.uint8]

MOST_PEOPLE = 9
COUNT_CHANCES = (0.15, 0.37, 0.16, 0.1, 0.07, 0.05, 0.04, 0.03, 0.02, 0.01)
SMALLEST, LARGEST = 0.07, 1.25
"""Longer side of a person's box against the picture's side."""
LARGE_SHARE = 0.45
"""Of first persons that fill much of the picture, as a main person does."""
TUMBLED_SHARE = 0.12
LEAST_INSIDE, LEAST_SEEN, LEAST_SEEN_TO_LEARN = 0.4, 0.12, 0.25
THING_SHARE = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class CrowdBatch:
    """B whole pictures of S pixels. All tensors are on the CPU.

    Attributes:
        image: (B, 3, S, S) uint8 RGB.
        boxes: (B, 9, 4) xyxy pixels around the joints that lie in the picture, with the margin of crops.
        kind: (B, 9) int64: 1 a person, -1 a person too hidden to ask for, 0 an empty row.
    """

    image: Tensor
    boxes: Tensor
    kind: Tensor


class Crowds:
    """Draws pictures of crowds from a store; stateless but for caches, so any step can be asked for."""

    def __init__(
        self, store: PictureStore, size: int, seed: int, rank: int = 0, empty_share: float = COUNT_CHANCES[0]
    ) -> None:
        """Crowds of S x S pixels out of a store, other ones for every seed and rank; some pictures show nobody."""
        self.store, self.size, self.seed, self.rank = store, size, seed, rank
        others = np.array(COUNT_CHANCES[1:]) / sum(COUNT_CHANCES[1:])
        self._count_chances = np.concatenate([[empty_share], (1 - empty_share) * others])
        self._composer = Composer(store, size, seed, rank)

    def batch(self, count: int, step: int) -> CrowdBatch:
        """The pictures of one step: a function of seed, rank, step and count alone."""
        rng = np.random.default_rng([self.seed, 5, self.rank, step])
        image = np.zeros((count, 3, self.size, self.size), np.uint8)
        boxes = np.zeros((count, MOST_PEOPLE, 4), np.float32)
        kind = np.zeros((count, MOST_PEOPLE), np.int64)
        for n in range(count):
            self._compose(image[n], boxes[n], kind[n], rng)
        return CrowdBatch(torch.from_numpy(image), torch.from_numpy(boxes), torch.from_numpy(kind))

    def _compose(self, image: Bytes, boxes: Float, kind: npt.NDArray[np.int64], rng: np.random.Generator) -> None:
        hard = float(rng.random())
        people = int(rng.choice(MOST_PEOPLE + 1, p=self._count_chances))
        rows = rng.integers(len(self.store), size=max(1, people))
        picture = self._composer.background(int(rows[0]), rng, hard)
        owner = np.zeros((self.size, self.size), np.uint8)
        areas = []
        for n, share in enumerate(sorted(self._sizes(people, rng))):
            placed, boxes[n] = self._place(int(rows[n]), share * self.size, rng)
            areas.append(self._lay(picture, owner, int(rows[n]), placed, n + 1, rng))
        if rng.random() < THING_SHARE:
            for _ in range(int(rng.integers(1, 4))):
                layer = self._composer.thing(rng)
                photometry.lay_over(picture, layer, gain_of(rng, 0.3))
                owner[layer[..., 3] > 127] = 255
        seen = np.bincount(owner.ravel(), minlength=MOST_PEOPLE + 2)
        for n, area in enumerate(areas):
            share = seen[n + 1] / max(area, 1.0)
            if boxes[n, 2:].any():
                kind[n] = 1 if share > LEAST_SEEN_TO_LEARN else -1 if share > LEAST_SEEN else 0
        picture = photometry.compress(photometry.soften(picture, rng, hard), rng, hard)
        self._composer.photograph(picture, image, rng, hard)

    def _sizes(self, people: int, rng: np.random.Generator) -> list[float]:
        """Longer sides of the people's boxes against the picture's side."""
        sizes = np.exp(rng.uniform(np.log(SMALLEST), np.log(0.8), people))
        if people and rng.random() < LARGE_SHARE:
            sizes[0] = rng.uniform(0.5, LARGEST)
        return [float(size) for size in sizes]

    def _place(self, row: int, side: float, rng: np.random.Generator) -> tuple[Placement, Float]:
        """Where a person goes, and the box (4,) xyxy around the joints that lie in the picture."""
        angle = rng.uniform(-np.pi, np.pi) if rng.random() < TUMBLED_SHARE else rng.normal(0, 0.12)
        turn = turn_of(float(angle), bool(rng.random() < 0.5))
        points = np.concatenate(self._composer.canvas_points(row)) @ turn.T
        whole = box_of_points(points)
        scale = side / float(whole[2:].max())
        size = whole[2:] * scale
        out = (1 - LEAST_INSIDE) * size * (rng.random() < 0.4)  # most stand in the picture as far as they fit
        low, high = np.minimum(0, self.size - size) - out, np.maximum(0, self.size - size) + out
        corner = rng.uniform(low, high)
        placed = Placement(turn, scale, (corner - whole[:2] * scale).astype(np.float32), False)
        moved = points * scale + placed.shift
        inside = ((moved > 0) & (moved < self.size)).all(1)
        if inside.sum() < 4:
            return placed, np.zeros(4, np.float32)
        box = xywh_to_xyxy(box_of_points(moved, inside))
        return placed, np.clip(box, 0, self.size).astype(np.float32)

    def _lay(
        self, picture: Bytes, owner: Bytes, row: int, placed: Placement, name: int, rng: np.random.Generator
    ) -> float:
        """Puts a person with a shadow into the picture, in place; returns the area of all of them, pixels."""
        shard, local = self.store.at(row)
        source = np.asarray(shard.foreground[local])
        corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32) * source.shape[0]
        reach = placed.points(corners)
        x0, y0 = np.clip(np.floor(reach.min(0)), 0, self.size).astype(int)
        x1, y1 = np.clip(np.ceil(reach.max(0)), 0, self.size).astype(int)
        area = float((source[..., 3] > 127).sum()) * placed.scale**2
        if x1 <= x0 or y1 <= y0:
            return area
        shift = placed.shift - np.array([x0, y0], np.float32)
        local_place = Placement(placed.turn, placed.scale, shift, placed.is_flipped)
        window, side = picture[y0:y1, x0:x1], (int(x1 - x0), int(y1 - y0))
        shadow = np.asarray(shard.floor_shadow[local])
        if rng.random() < 0.75:
            photometry.darken(window, _warp(shadow, local_place, 2.0, side), float(rng.uniform(0.2, 1)))
        person = _warp(source, local_place, 1.0, side)
        photometry.lay_over(window, person, self._composer.matched_gain(window, person, rng))
        owner[y0:y1, x0:x1][person[..., 3] > 127] = name
        return area


def _warp(source: Bytes, placed: Placement, shrink: float, side: tuple[int, int]) -> Bytes:
    """A canvas' map in a window of the picture, shrunk first where it would alias."""
    while placed.scale * shrink < 0.62 and source.shape[0] > 12:
        half = (source.shape[1] // 2, source.shape[0] // 2)
        source = np.asarray(cv2.resize(source, half, interpolation=cv2.INTER_AREA), np.uint8)
        shrink *= 2
    matrix = opencv_matrix(placed.matrix(), shrink)
    return np.asarray(cv2.warpAffine(source, matrix, side, flags=cv2.INTER_LINEAR), np.uint8)

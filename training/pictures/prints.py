"""Graphics for the chest and the back of clothes: numbers, words, badges, stripes. Drawn, not photographed."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import torch

COUNT, SIDE = 96, 48
_INK = (255.0,)
_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZ0123456789"


def _colour(rng: np.random.Generator) -> tuple[float, float, float]:
    if rng.random() < 0.4:
        level = float(rng.choice([15, 240, 120]))
        return (level, level, level)
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.5, 1), rng.uniform(0.4, 1))
    return (red * 255, green * 255, blue * 255)


def _graphic(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """One graphic (SIDE, SIDE, 4) uint8 RGBA."""
    big = 4 * SIDE
    colour, cover = np.zeros((big, big, 3), np.uint8), np.zeros((big, big), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        shape, ink = int(rng.integers(5)), _colour(rng)
        mask = np.zeros((big, big), np.uint8)
        x, y = (int(v) for v in rng.integers(big // 4, 3 * big // 4, 2))
        if shape == 0:
            word = "".join(rng.choice(list(_LETTERS), int(rng.integers(1, 6))))
            scale = 9.0 / max(1, len(word)) + 1
            (w, h), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, scale, 14)
            cv2.putText(mask, word, ((big - w) // 2, (big + h) // 2), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK,
                        int(rng.integers(6, 20)), cv2.LINE_AA)  # fmt: skip
        elif shape == 1:
            cv2.circle(mask, (x, y), int(rng.integers(20, 70)), _INK, int(rng.choice([-1, 8, 16])), cv2.LINE_AA)
        elif shape == 2:
            corners = np.stack([x + rng.normal(0, 55, 5), y + rng.normal(0, 55, 5)], -1)
            cv2.fillPoly(mask, [cv2.convexHull(corners.astype(np.int32))], _INK, cv2.LINE_AA)
        elif shape == 3:
            for row in range(0, big, int(rng.integers(24, 60))):
                cv2.line(mask, (10, row), (big - 10, row), _INK, int(rng.integers(5, 16)), cv2.LINE_AA)
        else:
            axes = (int(rng.integers(15, 80)), int(rng.integers(15, 80)))
            cv2.ellipse(mask, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, _INK, -1, cv2.LINE_AA)
        part = mask[..., None] / 255.0
        colour = (colour * (1 - part) + np.array(ink) * part).astype(np.uint8)
        cover = np.maximum(cover, mask)
    joined = np.concatenate([colour, cover[..., None]], -1)
    return np.asarray(cv2.resize(joined, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=1)
def atlas() -> torch.Tensor:
    """(COUNT, SIDE, SIDE, 4) float32: linear RGB and coverage."""
    rng = np.random.default_rng(7)
    stack = np.stack([_graphic(rng) for _ in range(COUNT)]).astype(np.float32) / 255
    stack[..., :3] **= 2.2
    return torch.from_numpy(stack)

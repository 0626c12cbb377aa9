"""The bank of things that get in the way: furniture, poles, balls, plants, fences, bags. RGBA cut-outs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.motions.rotation_vectors import to_matrix
from training.pictures import raycast
from training.pictures.environments import to_srgb
from training.pictures.materials import green, light, material
from training.pictures.raster import Float
from training.pictures.scene import LOOKS_ALONG_Z
from training.pictures.settings import RenderSettings

SIDE = 112
COUNTS = {"train": 900, "test": 200}


def _chair(rng: np.random.Generator) -> list[list[float]]:
    width, seat = rng.uniform(0.18, 0.35), rng.uniform(0.35, 0.5)
    back, leg = rng.uniform(0.2, 0.5), rng.uniform(0.015, 0.04)
    shapes = [[raycast.BOX, 0, seat, 0, width, 0.03, width, 0, 0]]
    shapes.append([raycast.BOX, 0, seat + back, -width, width, back, 0.025, 0, int(rng.integers(2))])
    for x in (-1, 1):
        for z in (-1, 1):
            shapes.append([raycast.BOX, x * (width - leg), seat / 2, z * (width - leg), leg, seat / 2, leg, 0, 1])
    return shapes


def _table(rng: np.random.Generator) -> list[list[float]]:
    width, depth, height = rng.uniform(0.4, 1.1), rng.uniform(0.3, 0.6), rng.uniform(0.35, 0.8)
    shapes = [[raycast.BOX, 0, height, 0, width, 0.03, depth, 0, 0]]
    for x in (-1, 1):
        for z in (-1, 1):
            shapes.append([raycast.BOX, x * width * 0.92, height / 2, z * depth * 0.9, 0.03, height / 2, 0.03, 0, 1])
    for _ in range(int(rng.integers(0, 4))):
        half = rng.uniform(0.03, 0.15, 3)
        shapes.append([raycast.BOX, rng.uniform(-0.8, 0.8) * width, height + half[1], 0, *half, rng.uniform(0, 3), 2])
    return shapes


def _stack(rng: np.random.Generator) -> list[list[float]]:
    shapes, top = [], 0.0
    for k in range(int(rng.integers(1, 5))):
        half = rng.uniform(0.1, 0.5, 3)
        place = (rng.normal(0, 0.1), top + half[1], rng.normal(0, 0.1))
        shapes.append([raycast.BOX, *place, *half, rng.uniform(0, 3), k % 3])
        top += 2 * half[1]
    return shapes


def _balls(rng: np.random.Generator) -> list[list[float]]:
    shapes = []
    for k in range(int(rng.integers(1, 4))):
        half = rng.uniform(0.1, 0.5, 3) if rng.random() < 0.5 else np.full(3, rng.uniform(0.1, 0.5))
        shapes.append([raycast.BALL, *rng.normal(0, 0.3, 3), *half, 0, k])
    return shapes


def _pole(rng: np.random.Generator) -> list[list[float]]:
    thick = rng.uniform(0.02, 0.12)
    shapes = [[raycast.BOX, 0, 0, 0, thick, 1.2, thick, rng.uniform(0, 1), 0]]
    if rng.random() < 0.5:
        shapes.append([raycast.BOX, 0, rng.uniform(-0.6, 0.9), 0, rng.uniform(0.2, 0.9), thick, thick, 0, 1])
    if rng.random() < 0.4:
        shapes.append([raycast.BOX, 0, 0.9, 0.05, *rng.uniform(0.1, 0.35, 2), 0.02, 0, 2])
    return shapes


def _fence(rng: np.random.Generator) -> list[list[float]]:
    gap, thick = rng.uniform(0.12, 0.4), rng.uniform(0.008, 0.04)
    shapes = [[raycast.BOX, x, 0, 0, thick, 0.6, thick, 0, 0] for x in np.arange(-1.1, 1.1, gap)]
    return shapes + [[raycast.BOX, 0, y, 0, 1.2, thick, thick, 0, 1] for y in (-0.5, 0.0, 0.5)]


def _bag(rng: np.random.Generator) -> list[list[float]]:
    half = rng.uniform(0.15, 0.4, 3)
    inner = half * np.array([0.8, 0.75, 0.7])
    shapes = [[raycast.BALL, 0, 0, 0, *half, 0, 0], [raycast.BOX, 0, 0, 0, *inner, 0, 0]]
    return [*shapes, [raycast.BOX, 0, half[1] * 1.2, 0, half[0] * 0.5, 0.03, 0.03, 0, 1]]


def _solid(rng: np.random.Generator) -> tuple[Float, Float]:
    """Linear RGB and coverage of a thing made of boxes and balls."""
    makers = (_chair, _table, _stack, _balls, _pole, _fence, _bag)
    shapes = np.array(makers[int(rng.integers(len(makers)))](rng), np.float64)
    kinds = [*range(raycast.KINDS), *[raycast.FLAT] * 8]
    materials = np.array([material(rng, kinds, (0.05, 0.5)) for _ in range(3)])
    middle = (shapes[:, 1:4].min(0) + shapes[:, 1:4].max(0)) / 2
    yaw, pitch, roll = rng.uniform(0, 2 * np.pi), rng.normal(0.15, 0.2), rng.normal(0, 0.15)
    turn = to_matrix(np.array([[0, yaw, 0], [pitch, 0, 0], [0, 0, roll]], np.float32))
    view = (turn[0] @ turn[1] @ LOOKS_ALONG_Z @ turn[2]).astype(np.float64)
    size = float(np.abs(shapes[:, 1:4] - middle).max() + shapes[:, 4:7].max() * 0.5)
    tangent = rng.uniform(0.2, 0.5)
    origin = middle - view[:, 2] * size * 1.2 / tangent
    return raycast.cast(
        shapes, materials, origin, view, tangent, 2 * SIDE, light(rng, (0.4, 1.0)), np.zeros(9), 0.0, False
    )


def _plant(rng: np.random.Generator) -> tuple[Float, Float]:
    """Leaves on twigs: hundreds of small ellipses of one hue."""
    side = 2 * SIDE
    picture, cover = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.uint8)
    base = green(rng, raycast.FLAT)
    if rng.random() < 0.2:
        base = material(rng, [raycast.FLAT])
    centre, spread = rng.uniform(0.3, 0.7, 2) * side, rng.uniform(0.12, 0.3) * side
    size, angle = rng.uniform(3, 16), rng.uniform(0, 180)
    for _ in range(int(rng.integers(40, 320))):
        at = centre + rng.normal(0, spread, 2) * [1, rng.uniform(0.5, 1.2)]
        tone = base[2:5] * rng.uniform(0.4, 1.8)
        axes = (int(size * rng.uniform(0.7, 1.6)) + 1, int(size * rng.uniform(0.2, 0.5)) + 1)
        turn = float(rng.normal(angle, 45))
        where = (int(at[0]), int(at[1]))
        cv2.ellipse(picture, where, axes, turn, 0, 360, tuple(float(t) for t in tone), -1)
        cv2.ellipse(cover, where, axes, turn, 0, 360, (255.0,), -1)
    return picture, cover.astype(np.float32) / 255


def occluder(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """One cut-out (SIDE, SIDE, 4) uint8 RGBA, premultiplied."""
    picture, cover = _plant(rng) if rng.random() < 0.25 else _solid(rng)
    seen = cover > 0
    if seen.any():
        picture = picture * np.float32(rng.uniform(0.08, 0.4) / max(float(picture[seen].mean()), 1e-3))
    joined = np.concatenate([to_srgb(picture) * cover[..., None], cover[..., None]], -1)
    small = cv2.resize(joined, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small * 255 + 0.5, 0, 255), np.uint8)


def write(folder: Path, settings: RenderSettings) -> None:
    """Writes occluders.npy, unless it is there."""
    if (folder / "occluders.npy").exists():
        return
    count = min(COUNTS[settings.split], max(48, settings.count // 4))
    kind = 4 if settings.split == "train" else 5
    np.save(
        folder / "occluders.npy",
        np.stack([occluder(np.random.default_rng([settings.seed, kind, number])) for number in range(count)]),
    )

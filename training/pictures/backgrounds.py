"""The bank of backgrounds: crops of panoramas, rooms, halls, streets, parks, studios, collages."""

from __future__ import annotations

import colorsys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.motions.rotation_vectors import to_matrix
from training.pictures import raycast
from training.pictures.environments import Environment, panorama_crop, to_srgb
from training.pictures.materials import green, hue, light, material
from training.pictures.palette import from_srgb
from training.pictures.raster import Float
from training.pictures.scene import LOOKS_ALONG_Z
from training.pictures.settings import RenderSettings

SIDE = 224
COUNTS = {"train": 3000, "test": 500}
PANORAMA_SHARE = 0.34
FLOORS = [raycast.PLANKS, raycast.TILES, raycast.CHECKER, raycast.GRASS, raycast.FLAT, raycast.COURT, raycast.MARBLE]
WALLS = [raycast.FLAT, raycast.FLAT, raycast.BRICKS, raycast.STRIPES, raycast.PLANKS, raycast.POSTER, raycast.MARBLE]
ANY = list(range(raycast.KINDS))


def _bark() -> Float:
    colours = [from_srgb(colour) for colour in ((70, 52, 38), (45, 34, 26), (90, 70, 50))]
    return np.concatenate([[raycast.BRICKS, 0.3], *colours, [0.5]])


def _box(
    rng: np.random.Generator, at: tuple[float, float, float], half: tuple[float, float, float], which: int
) -> list[float]:
    return [raycast.BOX, *at, *half, rng.uniform(-0.6, 0.6), which]


def _view(rng: np.random.Generator, height: float) -> tuple[Float, Float, float]:
    pitch, roll = np.radians(rng.normal(7, 9)), np.radians(rng.normal(0, 3))
    turn = to_matrix(np.array([[0, rng.uniform(-np.pi, np.pi), 0], [pitch, 0, 0], [0, 0, roll]], np.float32))
    return np.array([0, height, 0.0]), turn[0] @ turn[1] @ LOOKS_ALONG_Z @ turn[2], rng.uniform(0.35, 0.85)


def room(rng: np.random.Generator) -> Float:
    """Indoors: walls, floor, ceiling, windows, doors, pictures, furniture. Linear RGB."""
    hall = rng.random() < 0.3
    half = (rng.uniform(4, 12), rng.uniform(2.5, 5), rng.uniform(4, 12)) if hall else (
        rng.uniform(1.8, 4), rng.uniform(1.25, 1.7), rng.uniform(1.8, 4))  # fmt: skip
    materials = [material(rng, WALLS), material(rng, FLOORS), material(rng, [raycast.FLAT, raycast.TILES])]
    materials[2][2:5] = np.clip(materials[2][2:5] + 0.4, 0, 0.95)
    shapes = [[raycast.BOX, 0, half[1], 0, *half, 0, 0]]
    for _ in range(int(rng.integers(3, 16))):
        materials.append(material(rng, ANY, (0.05, 0.6)))
        wall = int(rng.integers(4))
        along = rng.uniform(-0.9, 0.9)
        sign = 1 if wall % 2 else -1
        flat = rng.random() < 0.5  # pictures, windows, doors; else furniture
        size = rng.uniform(0.15, 0.9, 2)
        if flat:
            y = half[1] * rng.uniform(0.7, 1.4)
            at = (sign * half[0], y, along * half[2]) if wall < 2 else (along * half[0], y, sign * half[2])
            extent = (0.03, size[1], size[0]) if wall < 2 else (size[0], size[1], 0.03)
            shapes.append([raycast.BOX, *at, *extent, 0, len(materials) - 1])
            if rng.random() < 0.3:
                materials[-1][2:5] = rng.uniform(1, 3)  # a bright window
                materials[-1][0] = raycast.FLAT
        else:
            depth = rng.uniform(0.15, 0.5)
            tall = rng.uniform(0.2, 1.0)
            where = rng.uniform(0.45, 0.92)
            at = (sign * half[0] * where, tall, along * half[2])
            if wall >= 2:
                at = (along * half[0], tall, sign * half[2] * where)
            shapes.append(_box(rng, at, (size[0], tall, depth), len(materials) - 1))
    origin, turn, tangent = _view(rng, min(rng.uniform(0.8, 2.0), half[1] * 1.7))
    origin[[0, 2]] = rng.uniform(-0.5, 0.5, 2) * [half[0], half[2]]
    picture, _ = raycast.cast(
        np.array(shapes, np.float64), np.array(materials), origin, turn.astype(np.float64), tangent, SIDE,
        light(rng, (0.5, 1.1)), np.full(9, 0.5), 0.0, True,
    )  # fmt: skip
    return picture


def outdoors(rng: np.random.Generator) -> Float:
    """Outdoors: ground, sky, houses, trees, hedges, fences, cars as boxes. Linear RGB."""
    blue = colorsys.hsv_to_rgb(rng.normal(0.58, 0.03), rng.uniform(0.05, 0.7), rng.uniform(0.5, 1))
    sky_hue = from_srgb(np.array(blue) * 255)
    horizon = np.clip(sky_hue * 0.5 + 0.5 * rng.uniform(0.5, 1.1) * np.clip(rng.normal(1, 0.08, 3), 0.7, 1.2), 0, 1.2)
    sky = np.concatenate([sky_hue, horizon, np.full(3, rng.uniform(0.6, 1.1))])
    ground = green(rng, raycast.GRASS) if rng.random() < 0.5 else material(rng, FLOORS, (0.5, 3))
    materials, shapes = [ground], [[raycast.BOX, 0, -0.5, 0, 400, 0.5, 400, 0, 0]]
    for _ in range(int(rng.integers(4, 26))):
        bearing, distance = rng.uniform(-np.pi, np.pi), rng.uniform(4, 45)
        x, z = distance * np.sin(bearing), distance * np.cos(bearing)
        kind = rng.random()
        if kind < 0.3:
            materials.append(material(rng, [raycast.WINDOWS, raycast.BRICKS, raycast.WINDOWS, raycast.FLAT], (0.8, 3)))
            tall = rng.uniform(1.5, 9)
            shapes.append(_box(rng, (x, tall, z), (rng.uniform(2, 9), tall, rng.uniform(2, 9)), len(materials) - 1))
        elif kind < 0.68:
            materials.append(green(rng, raycast.FOLIAGE))
            size, trunk = rng.uniform(0.5, 3), rng.uniform(0.3, 2.5)
            for _ in range(3):
                jitter = rng.normal(0, 0.4, 3) * size
                middle = (x + jitter[0], trunk + size + jitter[1], z + jitter[2])
                shapes.append([raycast.BALL, *middle, size, size * rng.uniform(0.6, 1), size, 0, len(materials) - 1])
            materials.append(_bark())
            shapes.append(_box(rng, (x, trunk / 2, z), (0.12 * size, trunk, 0.12 * size), len(materials) - 1))
        elif kind < 0.8:
            boards = [raycast.STRIPES, raycast.BRICKS, raycast.CROWD, raycast.POSTER]
            materials.append(material(rng, boards, (0.1, 0.8)))
            shapes.append(_box(rng, (x, 0.7, z), (rng.uniform(1, 8), 0.7, 0.08), len(materials) - 1))
        else:
            materials.append(material(rng, ANY, (0.1, 0.8)))
            half = rng.uniform(0.15, 1.2, 3)
            shapes.append(_box(rng, (x, half[1], z), (half[0], half[1], half[2]), len(materials) - 1))
    origin, turn, tangent = _view(rng, rng.uniform(0.7, 2.5))
    # The ground is a box under the camera: keep every box that would hold the camera away from it.
    keep = [s for i, s in enumerate(shapes) if i == 0 or np.hypot(s[1], s[3]) > max(s[4], s[6]) * 1.5 + 0.5]
    picture, _ = raycast.cast(
        np.array(keep, np.float64), np.array(materials), origin, turn.astype(np.float64), tangent, SIDE,
        light(rng, (0.35, 0.8)), sky, rng.uniform(0, 0.6), True,
    )  # fmt: skip
    return picture


def plain(rng: np.random.Generator) -> Float:
    """A studio backdrop: a gradient, a floor line, a vignette. Linear RGB."""
    line = np.linspace(-1, 1, SIDE, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    angle = rng.uniform(0, 2 * np.pi)
    mix = 0.5 + 0.5 * np.clip((x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(0.2, 1.2), -1, 1)
    picture = hue(rng) * mix[..., None] + hue(rng) * (1 - mix[..., None])
    if rng.random() < 0.6:
        floor = 0.5 + 0.5 * np.tanh((y - rng.uniform(0.2, 0.9)) * rng.choice([3, 30]))
        picture = picture * (1 - floor[..., None]) + floor[..., None] * hue(rng)
    return np.asarray(picture * (1 - 0.3 * rng.random() * (x**2 + y**2))[..., None], np.float32)


def collage(rng: np.random.Generator) -> Float:
    """Overlapping shapes and textures of any colour: clutter that teaches not to trust edges. Linear RGB."""
    picture = np.ones((SIDE, SIDE, 3), np.float32) * hue(rng)
    for _ in range(int(rng.integers(8, 40))):
        mask = np.zeros((SIDE, SIDE), np.uint8)
        centre, size = rng.uniform(0, SIDE, 2), rng.uniform(8, 70)
        if rng.random() < 0.6:
            corners = centre + rng.normal(0, size, (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(mask, [cv2.convexHull(corners.astype(np.int32))], (255.0,), cv2.LINE_AA)
        else:
            axes = (int(size), int(size * rng.uniform(0.1, 1)))
            angle = float(rng.uniform(0, 180))
            cv2.ellipse(mask, (int(centre[0]), int(centre[1])), axes, angle, 0, 360, (255.0,), -1, cv2.LINE_AA)
        paint = np.ones((SIDE, SIDE, 3), np.float32) * hue(rng)
        if rng.random() < 0.5:
            noise = rng.normal(size=(int(rng.integers(4, 60)),) * 2).astype(np.float32)
            paint = paint + cv2.resize(noise, (SIDE, SIDE))[..., None] * 0.15 * paint
        picture = picture + (paint - picture) * (mask[..., None] / np.float32(255))
    return np.maximum(picture, 0)


def background(rng: np.random.Generator, environments: list[Environment]) -> tuple[npt.NDArray[np.uint8], int, float]:
    """One background (SIDE, SIDE, 3) uint8 RGB, its panorama's number (-1 none) and heading (radians)."""
    which, heading = -1, 0.0
    if environments and rng.random() < PANORAMA_SHARE:
        which = int(rng.integers(len(environments)))
        heading = float(rng.uniform(-np.pi, np.pi))
        pitch, roll = np.radians(rng.normal(6, 10)), np.radians(rng.normal(0, 4))
        turn = to_matrix(np.array([[0, heading, 0], [pitch, 0, 0], [0, 0, roll]], np.float32))
        view = (turn[0] @ turn[1] @ LOOKS_ALONG_Z @ turn[2]).astype(np.float32)
        picture = panorama_crop(environments[which], view, float(rng.uniform(0.35, 1.0)), SIDE)
    else:
        maker = (room, outdoors, plain, collage)[int(rng.choice(4, p=[0.42, 0.4, 0.1, 0.08]))]
        picture = maker(rng)
    middle = max(float(np.median(picture.mean(-1))), 1e-3)
    gain = rng.uniform(0.08, 0.4) / middle
    picture = picture * np.float32(np.clip(gain, 0.3, 4) if which < 0 else gain)
    display = to_srgb(picture) * 255
    return np.clip(display + 0.5, 0, 255).astype(np.uint8), which, heading


def write(folder: Path, settings: RenderSettings, environments: list[Environment]) -> None:
    """Writes backgrounds.npy and background_place.npy, unless they are there."""
    if (folder / "background_place.npy").exists():
        return
    count = min(COUNTS[settings.split], max(64, settings.count // 4))
    bank = np.empty((count, SIDE, SIDE, 3), np.uint8)
    place = np.empty((count, 2), np.float32)
    for number in range(count):
        rng = np.random.default_rng([settings.seed, 2 if settings.split == "train" else 3, number])
        bank[number], place[number, 0], place[number, 1] = background(rng, environments)
    np.save(folder / "backgrounds.npy", bank)
    np.save(folder / "background_place.npy", place)

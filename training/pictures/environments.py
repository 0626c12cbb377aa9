"""Light and the world around: HDR panoramas (CC0, inside the bpy wheel) and lights made up.

World frame: y up, metres. Camera frame: x right, y down, z forward. Panoramas are equirectangular, the middle
column looks along +z of the world.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from training.pictures.raster import Float

HELD_OUT = ("courtyard", "sunset")
"""Panoramas that only the test split sees."""
PANORAMA_WIDTH = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """What lights a person, in the camera's frame.

    Attributes:
        ambient: (3, 4, 4) quadratic forms: irradiance of colour c at the normal n is [n 1] ambient[c] [n 1].
        key_direction: (3,) unit, towards the key light.
        key_colour: (3,) irradiance on a surface that faces the key light.
    """

    ambient: Float
    key_direction: Float
    key_colour: Float


@dataclass(frozen=True, slots=True, eq=False)
class Environment:
    """A panorama: `radiance` (H, 2 H, 3) linear RGB, median 0.2; `soft` and `sun` are its light (world frame)."""

    name: str
    radiance: Float
    soft: Float
    sun_direction: Float
    sun_colour: Float


def panorama_folder() -> Path | None:
    """Where the bpy wheel keeps its CC0 panoramas; None without bpy. bpy itself is not imported."""
    spec = importlib.util.find_spec("bpy")
    for root in (spec.submodule_search_locations or []) if spec else []:
        found = sorted(Path(root).glob("*/datafiles/studiolights/world"))
        if found:
            return found[0]
    return None


def load_environments(split: str, folder: Path | None = None) -> list[Environment]:
    """Panoramas of a split: `HELD_OUT` for "test", the others for "train"; none without bpy."""
    folder = folder or panorama_folder()
    if folder is None:
        return []
    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"
    environments = []
    for path in sorted(folder.glob("*.exr")):
        if (path.stem in HELD_OUT) == (split == "test"):
            picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if picture is not None:
                environments.append(_environment(path.stem, picture[..., 2::-1].astype(np.float32)))
    return environments


def directions(height: int) -> Float:
    """World directions (H, 2 H, 3) of a panorama's pixels."""
    polar = (np.arange(height) + 0.5) / height * np.pi
    azimuth = (np.arange(2 * height) + 0.5) / height * np.pi - np.pi
    sine = np.sin(polar)[:, None]
    out = np.stack(
        [sine * np.sin(azimuth), np.repeat(np.cos(polar)[:, None], 2 * height, 1), sine * np.cos(azimuth)], -1
    )
    return np.asarray(out, np.float32)


def _environment(name: str, radiance: Float) -> Environment:
    radiance = radiance * np.float32(0.2 / max(float(np.median(radiance.mean(-1))), 1e-4))
    small = cv2.resize(radiance, (128, 64), interpolation=cv2.INTER_AREA)
    around = directions(64)
    solid = np.sqrt(np.maximum(0, 1 - around[..., 1] ** 2)) * (np.pi / 64) ** 2
    limit = np.float32(np.percentile(small.mean(-1), 90) * 2)
    bright = np.maximum(small - limit, 0) * solid[..., None]
    total = bright.sum((0, 1))
    towards = (bright.sum(-1)[..., None] * around).sum((0, 1))
    if np.linalg.norm(towards) < 1e-6:
        towards = np.array([0, 1, 0], np.float32)
    soft = quadratic_light(around.reshape(-1, 3), (np.minimum(small, limit) * solid[..., None]).reshape(-1, 3))
    return Environment(name, radiance, soft, (towards / np.linalg.norm(towards)).astype(np.float32), total)


def quadratic_light(towards: Float, power: Float) -> Float:
    """Irradiance of far lights as quadratic forms of the normal (Ramamoorthi and Hanrahan 2001).

    Args:
        towards: (K, 3) unit directions to the lights.
        power: (K, 3) irradiance each one gives a surface that faces it.

    Returns:
        (3, 4, 4), divided by pi so that white under it has radiance irradiance / pi.
    """
    x, y, z = towards[:, 0], towards[:, 1], towards[:, 2]
    basis = np.stack(
        [
            np.full_like(x, 0.282095), 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z,
            0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
        ]
    )  # fmt: skip
    c1, c2, c3, c4, c5 = 0.429043, 0.511664, 0.743125, 0.886227, 0.247708
    forms = []
    for m in (basis @ power).T:
        forms.append(
            [
                [c1 * m[8], c1 * m[4], c1 * m[7], c2 * m[3]],
                [c1 * m[4], -c1 * m[8], c1 * m[5], c2 * m[1]],
                [c1 * m[7], c1 * m[5], c3 * m[6], c2 * m[2]],
                [c2 * m[3], c2 * m[1], c2 * m[2], c4 * m[0] - c5 * m[6]],
            ]
        )
    return np.asarray(forms, np.float32) / np.float32(np.pi)


def light_of(environment: Environment, camera_to_world: Float) -> Light:
    """The panorama's light in the frame of a camera, scaled to a mean irradiance of one."""
    turn = np.eye(4, dtype=np.float32)
    turn[:3, :3] = camera_to_world
    ambient = np.einsum("ji,cjk,kl->cil", turn, environment.soft, turn)
    key = environment.sun_colour / np.pi
    return _exposed(ambient, camera_to_world.T @ environment.sun_direction, key)


def made_up_light(rng: np.random.Generator, camera_to_world: Float) -> Light:
    """A random light: sky and ground, one to three soft lamps, a key light that may be weak."""
    around = directions(12).reshape(-1, 3)
    solid = np.sqrt(np.maximum(0, 1 - around[:, 1:2] ** 2)) * (np.pi / 12) ** 2
    warm = rng.uniform(-0.25, 0.25)
    sky = np.array([1 + warm, 1.0, 1 - warm]) * rng.uniform(0.5, 1.2)
    ground = np.clip(rng.normal(0.5, 0.15, 3), 0.1, 1) * rng.uniform(0.2, 0.8)
    mix = np.clip(0.5 + around[:, 1:2] * rng.uniform(0.6, 2), 0, 1)
    power = (sky * mix + ground * (1 - mix)) * solid
    for _ in range(int(rng.integers(0, 3))):
        towards = rng.normal(size=3) + np.array([0, 0.6, 0])
        towards /= np.linalg.norm(towards)
        lobe = np.maximum(0, around @ towards)[:, None] ** rng.uniform(2, 12)
        power = power + lobe * solid * rng.uniform(0.5, 5) * np.clip(rng.normal(1, 0.15, 3), 0.4, 1.6)
    soft = quadratic_light(around, power.astype(np.float32))
    turn = np.eye(4, dtype=np.float32)
    turn[:3, :3] = camera_to_world
    ambient = np.einsum("ji,cjk,kl->cil", turn, soft, turn)
    towards = rng.normal(size=3) * np.array([1, 0.6, 1]) + np.array([0, 0.9, 0])
    towards = (towards / np.linalg.norm(towards)).astype(np.float32)
    key = np.clip(rng.normal(1, 0.08, 3), 0.6, 1.4) * rng.choice([0.0, rng.uniform(0.2, 1), rng.uniform(1, 3)])
    return _exposed(ambient, camera_to_world.T @ towards, key)


def _exposed(ambient: Float, key_direction: Float, key_colour: Float) -> Light:
    """The light with brightness one: mean over directions of the ambient term plus a third of the key."""
    level = float(np.mean(ambient[:, 3, 3] + np.trace(ambient[:, :3, :3], axis1=1, axis2=2) / 3))
    key = np.asarray(key_colour, np.float32)
    total = max(level, 1e-4) + 0.33 * float(key.mean())
    # A sun in the picture would leave the rest black; cameras are exposed between the two.
    if key.mean() > 6 * level:
        key = key * np.float32(6 * level / key.mean())
        total = level * 3
    gain = np.float32(1.0 / total)
    return Light((ambient * gain).astype(np.float32), key_direction.astype(np.float32), key * gain)


def panorama_crop(environment: Environment, camera_to_world: Float, tangent: float, size: int) -> Float:
    """What a camera sees of the panorama: (size, size, 3) linear RGB.

    Args:
        environment: the panorama.
        camera_to_world: (3, 3).
        tangent: tangent of half the angle of view.
        size: pixels a side.
    """
    line = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1) * np.float32(tangent)
    x, y = np.meshgrid(line, line)
    ray = np.stack([x, y, np.ones_like(x)], -1) @ camera_to_world.T
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    height, width = environment.radiance.shape[:2]
    column = (np.arctan2(ray[..., 0], ray[..., 2]) / (2 * np.pi) + 0.5) * width - 0.5
    row = np.arccos(np.clip(ray[..., 1], -1, 1)) / np.pi * height - 0.5
    places = column.astype(np.float32), row.astype(np.float32)
    seen = cv2.remap(environment.radiance, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(seen, np.float32)


def to_srgb(linear: Float) -> Float:
    """Linear RGB to display values in [0, 1], with a shoulder from 0.8 on."""
    clipped = np.maximum(linear, 0)
    bent = np.where(clipped > 0.8, 0.8 + 0.2 * np.tanh((clipped - 0.8) / 0.6), clipped)
    return np.where(bent < 0.0031308, bent * 12.92, 1.055 * np.power(bent, 1 / 2.4) - 0.055).astype(np.float32)

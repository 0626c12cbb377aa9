"""Random colours, materials and a light for things that are cast by `raycast`: backgrounds and occluders."""

from __future__ import annotations

import colorsys

import numpy as np

from training.pictures.palette import from_srgb
from training.pictures.raster import Float


def hue(rng: np.random.Generator, low: float = 0.0, high: float = 0.5) -> Float:
    """A colour of things: mostly muted."""
    saturation = rng.uniform(low, high) if rng.random() < 0.75 else rng.uniform(0.3, 0.95)
    return from_srgb(np.array(colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.15, 0.98))) * 255)


def material(rng: np.random.Generator, kinds: list[int], scale: tuple[float, float] = (0.15, 1.2)) -> Float:
    """One of the textures of `raycast` in three colours.

    Args:
        rng: chance.
        kinds: textures to choose from.
        scale: smallest and largest size of the texture, metres.

    Returns:
        (12,) kind, size, three linear RGB colours, and a number of the texture's own, as `raycast.cast` reads them.
    """
    base = hue(rng)
    near = np.clip(base * rng.uniform(0.4, 1.6), 0.005, 0.95)
    other = near if rng.random() < 0.6 else hue(rng)
    size = np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1])))
    return np.concatenate([[rng.choice(kinds), size], base, other, hue(rng), [rng.uniform(0.1, 0.8)]])


def green(rng: np.random.Generator, kind: int) -> Float:
    """A `material` whose three colours are greens: grass, leaves."""
    made = material(rng, [kind], (0.3, 2.0))
    for start in (2, 5, 8):
        made[start : start + 3] = from_srgb(
            np.array(colorsys.hsv_to_rgb(rng.normal(0.24, 0.05) % 1, rng.uniform(0.25, 0.75), rng.uniform(0.15, 0.65)))
            * 255
        )
    return made


def light(rng: np.random.Generator, ambient: tuple[float, float]) -> Float:
    """(7,) the direction towards a sun or lamp, mostly from above, its colour, and the ambient light's strength."""
    towards = rng.normal(size=3) + np.array([0, 1.2, 0])
    towards /= np.linalg.norm(towards)
    colour = np.clip(rng.normal(1, 0.1, 3), 0.5, 1.5) * rng.uniform(0.1, 0.9)
    return np.concatenate([towards, colour, [rng.uniform(*ambient)]])

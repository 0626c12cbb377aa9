"""Colours of skin, hair and clothes, linear RGB. Outfits are numbered; the test split owns every eighth."""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt

from training.pictures.raster import Float

TEST_EVERY = 8

# Skin from light to dark, sRGB; neighbours are mixed.
SKIN = [
    (247, 219, 200), (239, 200, 176), (230, 184, 152), (220, 168, 130), (203, 148, 108), (182, 125, 86),
    (153, 99, 66), (121, 76, 50), (92, 57, 40), (68, 43, 33), (50, 33, 28),
]  # fmt: skip
HAIR = [
    (18, 15, 14), (28, 21, 18), (45, 31, 22), (70, 46, 30), (98, 66, 40), (134, 96, 58), (176, 136, 86),
    (214, 180, 128), (120, 56, 28), (150, 150, 148), (205, 204, 200),
]  # fmt: skip
EYES = [(60, 36, 20), (44, 28, 18), (92, 62, 34), (70, 90, 110), (90, 120, 150), (80, 100, 70), (30, 22, 18)]
# What clothes are mostly made of: black, white, greys, navy, denim, khaki, olive, brown, beige.
PLAIN = [
    (22, 22, 24), (40, 41, 44), (240, 240, 238), (225, 222, 214), (150, 152, 156), (96, 98, 102), (28, 36, 62),
    (44, 62, 98), (72, 98, 138), (118, 142, 172), (176, 156, 120), (206, 190, 160), (92, 94, 62), (84, 62, 44),
    (120, 86, 58), (60, 30, 34), (36, 58, 46),
]  # fmt: skip


def from_srgb(colour: npt.ArrayLike) -> Float:
    """Display colours 0 to 255 as linear RGB in [0, 1]."""
    value = np.asarray(colour, np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def outfit_number(rng: np.random.Generator, split: str) -> int:
    """A number that fixes an outfit's colours and cuts; those divisible by TEST_EVERY are for testing only."""
    number = int(rng.integers(1, 2**31 // TEST_EVERY)) * TEST_EVERY
    return number if split == "test" else number + int(rng.integers(1, TEST_EVERY))


def skin_colour(rng: np.random.Generator) -> Float:
    """A skin tone: a place on the scale from light to dark, a little redder or yellower."""
    where = rng.uniform(0, len(SKIN) - 1.001)
    first = int(where)
    mixed = np.array(SKIN[first]) * (1 - where + first) + np.array(SKIN[first + 1]) * (where - first)
    return from_srgb(np.clip(mixed * np.clip(rng.normal(1, [0.03, 0.025, 0.04]), 0.85, 1.15), 0, 255))


def hair_colour(rng: np.random.Generator, skin: Float) -> Float:
    """A hair colour; dark skin mostly has dark hair; one in twenty-five is dyed."""
    if rng.random() < 0.04:
        return from_srgb(np.array(colorsys.hsv_to_rgb(rng.random(), 0.7, 0.7)) * 255)
    dark = float(skin.mean()) < 0.25 and rng.random() < 0.85
    colour = np.array(HAIR[int(rng.integers(0, 4))] if dark else HAIR[int(rng.integers(0, len(HAIR)))], float)
    return from_srgb(np.clip(colour * rng.uniform(0.75, 1.25) + rng.normal(0, 4, 3), 4, 250))


def eye_colour(rng: np.random.Generator) -> Float:
    """The colour of an iris."""
    return from_srgb(EYES[int(rng.integers(len(EYES)))])


def cloth_colour(rng: np.random.Generator) -> Float:
    """A colour of cloth: plain three times in five, else any hue."""
    if rng.random() < 0.6:
        colour = np.array(PLAIN[int(rng.integers(len(PLAIN)))]) + rng.normal(0, 8, 3)
    else:
        saturation, value = rng.uniform(0.25, 0.95), rng.uniform(0.25, 0.95)
        colour = np.array(colorsys.hsv_to_rgb(rng.random(), saturation, value)) * 255
    return from_srgb(np.clip(colour, 6, 248))


def cloth_colours(rng: np.random.Generator) -> Float:
    """Three colours (3, 3) for one garment: the base, one that contrasts, one close to the base."""
    base, other = cloth_colour(rng), cloth_colour(rng)
    for _ in range(4):
        if np.abs(base - other).sum() > 0.25:
            break
        other = cloth_colour(rng)
    third = np.clip(base * rng.uniform(0.5, 1.5), 0.004, 0.93) if rng.random() < 0.5 else cloth_colour(rng)
    return np.stack([base, other, third]).astype(np.float32)

"""What a camera does to a picture, on bytes: layers, colour curves, noise, blur, JPEG. numba and OpenCV."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from training.pictures.jit import compiled
from training.pictures.raster import Float

Bytes = npt.NDArray[np.uint8]
NOISE_SIDE = 1024


@compiled
def lay_over(picture: Bytes, layer: Bytes, gain: Float) -> None:
    """Puts a premultiplied layer (S, S, 4) over a picture (S, S, 3), in place; `gain` (3,) scales its colour."""
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            cover = layer[row, column, 3]
            if cover == 0:
                continue
            rest = np.float32(255 - cover) / np.float32(255)
            top = np.float32(cover)
            for c in range(3):
                value = min(np.float32(layer[row, column, c]) * gain[c], top) + picture[row, column, c] * rest
                picture[row, column, c] = np.uint8(min(np.float32(255), value + np.float32(0.5)))


@compiled
def darken(picture: Bytes, shadow: Bytes, strength: float) -> None:
    """Multiplies a picture (S, S, 3) by one minus a shadow (S, S) of 0 to 255, in place."""
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            dark = np.float32(1) - np.float32(strength) * shadow[row, column] / np.float32(255)
            for c in range(3):
                picture[row, column, c] = np.uint8(picture[row, column, c] * dark)


@compiled
def hide(hidden: Bytes, layer: Bytes) -> None:
    """Adds a layer's coverage (S, S, 4) to the map of what hides the person (S, S), in place."""
    for row in range(hidden.shape[0]):
        for column in range(hidden.shape[1]):
            hidden[row, column] = max(hidden[row, column], layer[row, column, 3])


@compiled
def _level(value: float) -> int:
    return int(min(255.0, max(0.0, value)))


@compiled
def finish(
    picture: Bytes, curves: Bytes, saturation: float, noise: npt.NDArray[np.int8], sigma: float, out: Bytes
) -> None:
    """Colour curves, saturation and noise; planes out.

    Args:
        picture: (S, S, 3).
        curves: (3, 256) value of each channel.
        saturation: 1 leaves colours, 0 makes grey.
        noise: (S, S, 3), deviation 32.
        sigma: deviation of the noise in levels.
        out: (3, S, S) is written.
    """
    keep, mix, scale = np.float32(saturation), np.float32(1 - saturation), np.float32(sigma / 32)
    for row in range(picture.shape[0]):
        for column in range(picture.shape[1]):
            r = np.float32(curves[0, picture[row, column, 0]])
            g = np.float32(curves[1, picture[row, column, 1]])
            b = np.float32(curves[2, picture[row, column, 2]])
            grey = (np.float32(0.3) * r + np.float32(0.59) * g + np.float32(0.11) * b) * mix
            out[0, row, column] = _level(r * keep + grey + noise[row, column, 0] * scale)
            out[1, row, column] = _level(g * keep + grey + noise[row, column, 1] * scale)
            out[2, row, column] = _level(b * keep + grey + noise[row, column, 2] * scale)


@lru_cache(maxsize=1)
def noise_tile() -> npt.NDArray[np.int8]:
    """(NOISE_SIDE, NOISE_SIDE, 3) int8 Gaussian noise of deviation 32, the same for ever."""
    rng = np.random.default_rng(3)
    return np.clip(rng.normal(0, 32, (NOISE_SIDE, NOISE_SIDE, 3)), -127, 127).astype(np.int8)


_LEVELS = np.arange(256, dtype=np.float32) / 255


def curves(rng: np.random.Generator, hard: float) -> Bytes:
    """Random gamma, contrast, brightness and white balance as look-up tables (3, 256)."""
    spread = 0.35 + 0.65 * hard
    gamma = np.exp(rng.normal(0, 0.22 * spread))
    contrast, shift = np.exp(rng.normal(0, 0.2 * spread)), rng.normal(0, 0.06 * spread)
    balance = np.exp(rng.normal(0, 0.06 * spread, 3)).astype(np.float32)
    if rng.random() < 0.03 * hard:
        balance = np.exp(rng.normal(0, 0.25, 3)).astype(np.float32)
    value = (_LEVELS**gamma - 0.45) * contrast + 0.45 + shift
    return np.asarray(np.clip(value[None] * balance[:, None] * 255 + 0.5, 0, 255), np.uint8)


def soften(picture: Bytes, rng: np.random.Generator, hard: float) -> Bytes:
    """Sometimes a blur of focus or motion, or a lower resolution; (S, S, 3) in and out."""
    if rng.random() > 0.45 * hard + 0.05:
        return picture
    size = picture.shape[0]
    kind = rng.random()
    if kind < 0.4:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.5)) * size / 128), np.uint8)
    if kind < 0.6:
        length = int(rng.integers(3, 8)) * size // 128 | 1
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, np.pi)
        middle, reach = length // 2, length / 2
        tip = (int(middle + reach * np.cos(angle)), int(middle + reach * np.sin(angle)))
        cv2.line(kernel, (2 * middle - tip[0], 2 * middle - tip[1]), tip, (1.0,))
        return np.asarray(cv2.filter2D(picture, -1, kernel / max(float(kernel.sum()), 1e-6)), np.uint8)
    small = int(size * rng.uniform(0.35, 0.9))
    shrunk = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR), np.uint8)


def compress(picture: Bytes, rng: np.random.Generator, hard: float) -> Bytes:
    """Sometimes a trip through JPEG; (S, S, 3) in and out."""
    if rng.random() > 0.35 * hard:
        return picture
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(22, 92))])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)

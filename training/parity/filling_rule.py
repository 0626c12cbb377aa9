"""Weights, pictures and arrays that follow from a name: the rule behind the parity fixtures.

The reference networks were run once with weights made by this rule; their outputs are kept, the weights are
not. Every value comes from NumPy's Philox stream, whose raw bits are frozen, keyed by crc32(salt | name), as
a uniform of mean 0 and variance 1.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

COUNTERS = ("num_batches_tracked",)
COMPUTED = ("relative_position_index", "relative_coords_table")
MEANS = ("running_mean",)
VARIANCES = ("running_var", "ema_cluster_size")
TOKENS = (
    "cam_token_embed.weight",
    "joint_token_embed.weight",
    "vertex_token_embed.weight",
    "codebook",
    "ema_w",
    "invisible_token",
)
PEAKY_LAYER = "cls_pred_layer.weight"
PEAKY_GAIN = 6.0  # so that the softmax over the codebook is not flat


def uniforms(name: str, shape: tuple[int, ...], salt: str) -> Array:
    """float64 of `shape`, independent, on [-sqrt 3, sqrt 3)."""
    count = int(np.prod(shape, dtype=np.int64))
    stream = np.random.Philox(key=zlib.crc32(f"{salt}|{name}".encode()))
    unit = (stream.random_raw(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    unit *= 2.0
    unit -= 1.0
    unit *= 3.0**0.5
    return unit.reshape(shape)


def fill(key: str, shape: tuple[int, ...], salt: str, gain: float = 1.0) -> Array | None:
    """The value of one upstream weight, or None where the constructor computes it.

    Args:
        key: the weight's name in the reference network's state dict.
        shape: its shape.
        salt: of the fixture.
        gain: of the fixture; scales matrices and convolutions.
    """
    if key.endswith(COUNTERS):
        return np.zeros(shape, np.int64)
    if key.endswith(COMPUTED):
        return None
    u = uniforms(key, shape, salt)
    if key.endswith(MEANS):
        u = 0.1 * u
    elif key.endswith(VARIANCES):
        u = 1.0 + 0.25 * u
    elif key.endswith("logit_scale"):
        u = np.log(10.0) + 0.1 * u
    elif key.endswith(TOKENS):
        pass
    elif key.endswith("bias"):
        u = 0.1 * u
    elif len(shape) == 1:
        u = 1.0 + 0.1 * u
    else:
        u = _matrix(key, u, gain)
    return u.astype(np.float32)


def _matrix(key: str, u: Array, gain: float) -> Array:
    """Scaled by the fan-in; convolutions lose their mean, so that ReLU's common level hides no picture."""
    gain *= PEAKY_GAIN if key.endswith(PEAKY_LAYER) else 1.0
    if u.ndim == 4:
        u = u - u.mean(axis=(1, 2, 3), keepdims=True)
    scaled: Array = gain * u / np.sqrt(float(np.prod(u.shape[1:])))
    return scaled


def make_image(name: str, batch: int, size: int, salt: str) -> Array:
    """A normalised network input: waves and noise, (batch, 3, size, size) float32."""
    u = uniforms(f"image:{name}", (batch, 3, 4), salt)[:, :, :, None, None]
    y, x = np.meshgrid(np.arange(size) / size, np.arange(size) / size, indexing="ij")
    waves = np.sin(2 * np.pi * ((2 + u[:, :, 0]) * x + (3 + u[:, :, 1]) * y) + u[:, :, 2]) + 0.3 * u[:, :, 3]
    image: Array = waves + 0.25 * uniforms(f"image-noise:{name}", waves.shape, salt)
    return image.astype(np.float32)


def make_array(name: str, shape: tuple[int, ...], salt: str, scale: float = 1.0, shift: float = 0.0) -> Array:
    """An input array of mean `shift` and standard deviation `scale`, float32."""
    values: Array = shift + scale * uniforms(f"array:{name}", shape, salt)
    return values.astype(np.float32)


def synthetic_adjacency(count: int = 431) -> npt.NDArray[np.bool_]:
    """Bool (count, count): i is joined to itself and to i +- 1, 5, 17, all modulo count."""
    adjacency = np.eye(count, dtype=bool)
    i = np.arange(count)
    for step in (1, 5, 17):
        adjacency[i, (i + step) % count] = adjacency[(i + step) % count, i] = True
    return adjacency


def synthetic_upsample(fine: int = 6890, coarse: int = 1723) -> tuple[Array, Array, Array]:
    """Rows, columns, values of a sampler with three weights a row that sum to one."""
    i = np.arange(fine)
    j = i * coarse // fine
    extra = 0.01 * (i % 7)
    columns = np.stack([j, (j + 1) % coarse, (j + 2) % coarse], 1).ravel()
    values = np.stack([0.5 - extra, np.full(fine, 0.25), 0.25 + extra], 1).ravel()
    return np.repeat(i, 3), columns, values.astype(np.float32)


def digest(array: Array) -> Array:
    """Mean, deviation, smallest, largest and two fixed projections: (6,) float64."""
    flat = np.asarray(array, np.float64).ravel()
    i = np.arange(flat.size)
    waves = [(flat * wave).sum() / flat.size**0.5 for wave in (np.cos(0.7 * i), np.sin(0.3 * i))]
    return np.array([flat.mean(), flat.std(), flat.min(), flat.max(), *waves])

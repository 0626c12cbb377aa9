"""A periodic noise volume: wrinkles, stains, strands and weave are read from it at rest coordinates."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from training.pictures.jit import compiled
from training.pictures.raster import Float

SIDE = 64
COARSE, FINE, BUMP_X, BUMP_Y, BUMP_Z = range(5)


def _band(rng: np.random.Generator, slope: float, low: float) -> Float:
    """Gaussian noise (SIDE, SIDE, SIDE) whose spectrum falls with the given slope, mean 0, deviation 1."""
    spectrum = np.fft.rfftn(rng.normal(size=(SIDE, SIDE, SIDE)))
    axis = np.fft.fftfreq(SIDE) * SIDE
    frequency = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + np.fft.rfftfreq(SIDE) ** 2 * SIDE**2)
    spectrum *= np.where(frequency < low, 0, np.maximum(frequency, 1) ** -slope)
    values = np.fft.irfftn(spectrum, s=(SIDE, SIDE, SIDE), axes=(0, 1, 2))
    return np.asarray(values / values.std())


@lru_cache(maxsize=1)
def volume() -> torch.Tensor:
    """(SIDE^3, 5) float32: coarse and fine noise, and the gradient of a coarse one for bumps."""
    rng = np.random.default_rng(20)
    coarse, fine, bump = _band(rng, 1.8, 1), _band(rng, 0.4, 6), _band(rng, 2.0, 2)
    slopes = [np.roll(bump, -1, axis) - np.roll(bump, 1, axis) for axis in (2, 1, 0)]
    slopes = [slope / slope.std() for slope in slopes]
    return torch.from_numpy(np.stack([coarse, fine, *slopes], -1).reshape(-1, 5).astype(np.float32))


def sample(points: torch.Tensor, first: int, last: int) -> torch.Tensor:
    """Channels first..last - 1, at most three, of the volume at points (N, 3) in cells, trilinear, periodic: (N, C)."""
    if points.device.type == "cpu":
        return torch.from_numpy(_sample_cpu(points.contiguous().numpy(), volume().numpy(), first, last))
    return sample_torch(points, first, last)


@compiled
def _sample_cpu(points: Float, table: Float, first: int, last: int) -> Float:
    values = np.empty((points.shape[0], last - first), np.float32)
    second, third = min(first + 1, last - 1), last - 1  # up to three channels, summed in registers
    for n in range(points.shape[0]):
        x, y, z = np.floor(points[n, 0]), np.floor(points[n, 1]), np.floor(points[n, 2])
        px, py, pz = points[n, 0] - x, points[n, 1] - y, points[n, 2] - z
        a = b = c = np.float32(0)
        for k in range(2):
            cz, wz = (int(z) + k) & (SIDE - 1), pz if k else np.float32(1) - pz
            for j in range(2):
                cy, wy = (int(y) + j) & (SIDE - 1), py if j else np.float32(1) - py
                for i in range(2):
                    cx, wx = (int(x) + i) & (SIDE - 1), px if i else np.float32(1) - px
                    weight, row = wx * wy * wz, (cz * SIDE + cy) * SIDE + cx
                    a += weight * table[row, first]
                    b += weight * table[row, second]
                    c += weight * table[row, third]
        values[n, 0] = a
        values[n, second - first] = b
        values[n, third - first] = c
    return values


def sample_torch(points: torch.Tensor, first: int, last: int) -> torch.Tensor:
    """The same as `sample` in torch alone, for a GPU."""
    table = volume().to(points.device)[:, first:last]
    low = torch.floor(points)
    part = points - low
    corner = low.long()
    near, far = corner.remainder(SIDE), (corner + 1).remainder(SIDE)
    x, y, z = (torch.stack([near[:, k], far[:, k]]) for k in range(3))
    wx, wy, wz = (torch.stack([1 - part[:, k], part[:, k]]) for k in range(3))
    total = torch.zeros(points.shape[0], last - first, device=points.device)
    for i in range(2):
        for j in range(2):
            base = (z[i] * SIDE + y[j]) * SIDE
            weight = wz[i] * wy[j]
            for k in range(2):
                total += (weight * wx[k])[:, None] * table[base + x[k]]
    return total


def sample_nearest(points: torch.Tensor, channel: int) -> torch.Tensor:
    """One channel at points (N, 3) in cells, nearest cell: (N,)."""
    cell = torch.round(points).long().remainder(SIDE)
    return volume().to(points.device)[(cell[:, 2] * SIDE + cell[:, 1]) * SIDE + cell[:, 0], channel]

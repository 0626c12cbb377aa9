"""Samples to colour: a batch of G-buffers, looks and lights in, linear RGB out. torch, any device.

Samples of all pictures lie in one flat list; `picture` says which look and which light each one has. With one
picture a look's values stay scalars, which is what makes a CPU fast; a GPU takes hundreds of pictures at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from training.pictures import noise
from training.pictures.environments import Light
from training.pictures.gbuffer import GBuffer
from training.pictures.looks import LOOK_FIELDS, Look

_PER_SAMPLE = ("picture", "pixel", "rest", "normal", "shadow", "ambient", "material")


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """G-buffers of B pictures, flat.

    Attributes:
        picture: (N,) int64, which picture.
        pixel: (N,) int64, flat pixel number over all pictures.
        rest: (N, 3) rest coordinate, metres.
        normal: (N, 3) camera frame.
        shadow: (N,)
        ambient: (N,)
        material: (N,) int64.
        side: samples a side of every picture.
        pictures: B.
        covered: (K,) int64, flat pixel numbers over all pictures of all samples that show a person.
    """

    picture: Tensor
    pixel: Tensor
    rest: Tensor
    normal: Tensor
    shadow: Tensor
    ambient: Tensor
    material: Tensor
    side: int
    pictures: int
    covered: Tensor

    @classmethod
    def of(cls, buffers: list[GBuffer], device: str = "cpu") -> Samples:
        """G-buffers as one flat list on a device."""

        def join(name: str, kind: torch.dtype) -> Tensor:
            values = [getattr(buffer, name) for buffer in buffers]
            return torch.from_numpy(values[0] if len(values) == 1 else np.concatenate(values)).to(device, kind)

        counts = torch.tensor([len(buffer.index) for buffer in buffers])
        grid = (buffers[0].side // 2) ** 2

        def pixels(name: str) -> Tensor:
            numbers = [getattr(buffer, name).astype(np.int64) + n * grid for n, buffer in enumerate(buffers)]
            return torch.from_numpy(np.concatenate(numbers)).to(device)

        return cls(
            torch.repeat_interleave(torch.arange(len(buffers)), counts).to(device), pixels("pixel"),
            join("rest", torch.float32), join("normal", torch.float32), join("shadow", torch.float32),
            join("ambient", torch.float32), join("material", torch.int64), buffers[0].side, len(buffers),
            pixels("covered_pixel"),
        )  # fmt: skip

    def take(self, chosen: Tensor) -> Samples:
        """Some of the samples, by their numbers (K,)."""
        return replace(self, **{name: getattr(self, name).index_select(0, chosen) for name in _PER_SAMPLE})


class Looks:
    """Looks of B people as tensors; `self[name]` gives each sample of the current selection its value."""

    def __init__(self, looks: list[Look], device: str = "cpu") -> None:
        rows = [[getattr(look, name) for name in LOOK_FIELDS] for look in looks]
        columns = {
            name: np.array([row[n] for row in rows], np.float32) for n, name in enumerate(LOOK_FIELDS)
        }
        self._values = {name: torch.from_numpy(column).to(device) for name, column in columns.items()}
        self._used = {name for name, column in columns.items() if column.any()}
        self._picture: Tensor | None = None
        self._count = len(looks)

    def at(self, picture: Tensor) -> Looks:
        """The same looks, read at the given samples."""
        view = object.__new__(Looks)
        view._values, view._picture, view._count, view._used = self._values, picture, self._count, self._used
        return view

    def __getitem__(self, name: str) -> Tensor:
        value = self._values[name]
        if self._count == 1 or self._picture is None:
            return value[:1]
        return value[self._picture]

    def any(self, name: str) -> bool:
        """Whether any of the people has this at all: what nobody wears need not be painted."""
        return name in self._used

    def cloth(self, name: str, garment: Tensor) -> Tensor:
        """Values of a `cloth_*` field for samples (N,) and the garment each one shows."""
        value = self._values[name]
        return value[0, garment] if self._count == 1 or self._picture is None else value[self._picture, garment]


def light_samples(samples: Samples, lights: list[Light], normal: Tensor) -> tuple[Tensor, Tensor]:
    """Ambient and key irradiance / pi at samples: two (N, 3).

    Args:
        samples: where.
        lights: one a picture.
        normal: (N, 3) normals with bumps, camera frame.
    """
    device = normal.device
    form = torch.from_numpy(np.stack([light.ambient for light in lights])).to(device)
    direction = torch.from_numpy(np.stack([light.key_direction for light in lights]).astype(np.float32)).to(device)
    colour = torch.from_numpy(np.stack([light.key_colour for light in lights]).astype(np.float32)).to(device)
    x, y, z = normal.unbind(-1)
    basis = torch.stack([x * x, y * y, z * z, x * y, x * z, y * z, x, y, z, torch.ones_like(x)]).T  # rows are fast
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (3, 3)]
    rows = torch.stack([form[:, :, i, j] * (1 if i == j else 2) for i, j in pairs], 1)  # (B, 10, 3)
    if samples.pictures == 1:
        ambient = basis @ rows[0]
        towards, key = direction, colour
    else:
        ambient = torch.einsum("nk,nkc->nc", basis, rows[samples.picture])
        towards, key = direction[samples.picture], colour[samples.picture]
    # A little light comes round the terminator: skin scatters it, cloth is fuzzy.
    facing = (((normal * towards).sum(-1) + 0.12) / 1.12).clamp_min(0) * samples.shadow
    openness = (samples.ambient * 0.85 + 0.15)[:, None]
    return ambient.clamp_min(0.02) * openness, facing[:, None] * key


def bumped(samples: Samples, amount: Tensor) -> Tensor:
    """Normals (N, 3) bent by wrinkles of the given strength (N,)."""
    stretch = torch.tensor([22.0, 34.0, 22.0], device=amount.device)
    slopes = noise.sample(samples.rest * stretch + samples.picture[:, None] * 7.3, noise.BUMP_X, noise.BUMP_Z + 1)
    normal = samples.normal + slopes * amount[:, None]
    normal = normal / normal.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return torch.where((normal[:, 2:] > 0.05), samples.normal, normal)


def gloss(samples: Samples, lights: list[Light], normal: Tensor, strength: Tensor) -> Tensor:
    """Specular light of key and sky (N, 3), Blinn-Phong towards a camera along -z."""
    direction = np.stack([light.key_direction for light in lights]) + np.array([0, 0, -1], np.float32)
    half = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    colour = np.stack([light.key_colour for light in lights])
    half_t, colour_t = (torch.from_numpy(v.astype(np.float32)).to(normal.device) for v in (half, colour))
    if samples.pictures > 1:
        half_t, colour_t = half_t[samples.picture], colour_t[samples.picture]
    cube = (normal * half_t).sum(-1).clamp_min(0) ** 3
    shine = cube.square().square().square() * samples.shadow  # to the power of 24
    rim = (1 + normal[:, 2]).clamp(0, 1) ** 3 * samples.ambient
    return (shine * strength)[:, None] * colour_t + (rim * strength * 0.35)[:, None]


def resolve(samples: Samples, colour: Tensor, exposure: Tensor) -> Tensor:
    """Samples to pictures: display RGB and coverage, 2 x 2 samples a pixel.

    Args:
        samples: N samples.
        colour: (N, 3) linear RGB.
        exposure: (B,) gain of each picture.

    Returns:
        (B, side / 2, side / 2, 4) uint8 RGBA, colour premultiplied by coverage.
    """
    size = samples.side // 2
    linear = colour * exposure[samples.picture][:, None] if samples.pictures > 1 else colour * exposure
    bent = linear.clamp_max(0.75) + 0.25 * torch.tanh((linear - 0.75).clamp_min(0) * 2)
    display = 1.055 * bent.clamp(1e-5, 1).log().mul_(1 / 2.4).exp_() - 0.055
    total = torch.zeros(samples.pictures * size * size, 3, device=colour.device)
    total.index_add_(0, samples.pixel, display.clamp_min(0))
    seen = torch.bincount(samples.pixel, minlength=len(total)).clamp_min(1)
    cover = torch.bincount(samples.covered, minlength=len(total)) * (255 / 4)
    picture = torch.empty(len(total), 4, dtype=torch.uint8, device=colour.device)
    picture[:, :3] = total * (cover / seen)[:, None] + 0.5
    picture[:, 3] = cover + 0.5
    return picture.view(samples.pictures, size, size, 4)

"""The surface of people before any light: what `surface_colour` and `faces` paint, and `shade` lights."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """What light falls on.

    Attributes:
        albedo: (N, 3) linear RGB.
        gloss: (N,) strength of highlights.
        bump: (N,) strength of wrinkles.
    """

    albedo: Tensor
    gloss: Tensor
    bump: Tensor

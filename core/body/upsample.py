"""431 coarse vertices -> 6890: the surface that the coarse mesh stands for.

Both steps are linear: 431 -> 1723 by the body's sampler or by a learned one out of a weights bundle,
1723 -> 6890 always by the body's. Rows of the body's samplers sum to one: moving the coarse mesh moves the
fine one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from ..types import Float
from .model import Body

FRAMES_AT_ONCE = 64


@dataclass(frozen=True, slots=True, eq=False)
class LearnedSampler:
    """A trained 431 -> 1723 layer of a weights bundle: `fine = matrix @ coarse + bias`.

    Attributes:
        matrix: (1723, 431).
        bias: (1723,) metres, the same on all three axes, as a linear layer over the vertices has it.
    """

    matrix: Float
    bias: Float


def upsample(coarse: Float, body: Body, learned: LearnedSampler | None = None) -> Float:
    """(T, 6890, 3) vertices of (T, 431, 3) coarse ones, in the same unit and frame.

    Raises:
        ValueError: not this body's number of coarse vertices, or a learned sampler of another size.
    """
    middle_count, coarse_count = body.up_431.shape
    if coarse.ndim != 3 or coarse.shape[1:] != (coarse_count, 3):
        raise ValueError(f"expected coarse vertices (T, {coarse_count}, 3), got {coarse.shape}")
    matrix, bias = body.up_431, np.zeros(middle_count, np.float32)
    if learned is not None:
        if learned.matrix.shape != (middle_count, coarse_count) or learned.bias.shape != (middle_count,):
            raise ValueError(
                f"expected a learned sampler ({middle_count}, {coarse_count}) with bias ({middle_count},), "
                f"got {learned.matrix.shape} and {learned.bias.shape}"
            )
        matrix, bias = learned.matrix.astype(np.float32), learned.bias.astype(np.float32)
    out = np.empty((len(coarse), body.up_1723.shape[0], 3), np.float32)
    for start in range(0, len(coarse), FRAMES_AT_ONCE):
        part = coarse[start : start + FRAMES_AT_ONCE].astype(np.float32)
        flat = part.transpose(1, 0, 2).reshape(coarse_count, -1)
        fine = body.up_1723 @ (_product(matrix, flat) + bias[:, None])
        out[start : start + len(part)] = fine.reshape(-1, len(part), 3).transpose(1, 0, 2)
    return out


def _product(matrix: csr_matrix | Float, flat: Float) -> Float:
    return np.asarray(matrix @ flat)

"""431 to 1723 to 6890 vertices: the body's own samplers, or the learned first step of FastMETRO's code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .config import COARSE_VERTICES, FINE_VERTICES, INTERMEDIATE_VERTICES
from .precision import full_precision


class Triplets(NamedTuple):
    """A sparse matrix as rows, columns and values of its entries, each (N,)."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: NDArray[np.float32]


class SparseSampler(nn.Module):
    """A fixed sparse matrix as a gather; the body has it, so checkpoints need not."""

    columns: Tensor
    values: Tensor

    def __init__(self, triplets: Triplets, height: int) -> None:
        super().__init__()
        order = np.argsort(triplets.rows, kind="stable")
        rows = np.asarray(triplets.rows)[order].astype(np.int64)
        per_row = np.bincount(rows, minlength=height)
        slot = np.arange(len(rows)) - np.repeat(np.cumsum(per_row) - per_row, per_row)
        columns = np.zeros((height, int(per_row.max())), np.int64)
        values = np.zeros(columns.shape, np.float32)
        columns[rows, slot] = np.asarray(triplets.columns)[order]
        values[rows, slot] = np.asarray(triplets.values)[order]
        self.register_buffer("columns", torch.from_numpy(columns), persistent=False)
        self.register_buffer("values", torch.from_numpy(values), persistent=False)

    def forward(self, vertices: Tensor) -> Tensor:
        """(B, V_in, 3) to (B, V_out, 3), float32."""
        batch = vertices.shape[0]
        flat = vertices.float().index_select(1, self.columns.flatten())
        out = flat.reshape(batch, *self.columns.shape, 3) * self.values[..., None]
        return out.sum(2)


class DenseSampler(nn.Module):
    """The body's 431 to 1723 sampler as a dense matrix: a matmul is faster than a gather's backward at this
    size.
    """

    matrix: Tensor

    def __init__(self, triplets: Triplets) -> None:
        super().__init__()
        matrix = np.zeros((INTERMEDIATE_VERTICES, COARSE_VERTICES), np.float32)
        np.add.at(matrix, (np.asarray(triplets.rows), np.asarray(triplets.columns)), np.asarray(triplets.values))
        self.register_buffer("matrix", torch.from_numpy(matrix), persistent=False)

    def forward(self, coarse: Tensor) -> Tensor:
        """(B, 431, 3) to (B, 1723, 3), float32."""
        with full_precision(coarse):
            return _apply(self.matrix, coarse.float())


class LearnedSampler(nn.Module):
    """FastMETRO's learned 431 to 1723 step.

    Upstream's bias is one number a vertex, added to x, y and z alike; "per_axis" has three, "none" none.
    """

    def __init__(self, bias: str, start: Triplets | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(INTERMEDIATE_VERTICES, COARSE_VERTICES))
        width = {"shared": 1, "per_axis": 3}.get(bias, 0)
        self.bias = nn.Parameter(torch.zeros(INTERMEDIATE_VERTICES, width)) if width else None
        nn.init.xavier_uniform_(self.weight)
        if start is not None:
            self.weight.data.copy_(DenseSampler(start).matrix)

    def forward(self, coarse: Tensor) -> Tensor:
        """(B, 431, 3) to (B, 1723, 3), float32."""
        with full_precision(coarse):
            out = _apply(self.weight, coarse.float())
            return out if self.bias is None else out + self.bias


def _apply(matrix: Tensor, vertices: Tensor) -> Tensor:
    """(N, V) on (B, V, 3) to (B, N, 3): one matmul for the batch, where `torch.matmul` would copy the
    matrix.
    """
    batch = vertices.shape[0]
    columns = vertices.permute(1, 0, 2).flatten(1)
    return torch.unflatten(matrix @ columns, 1, (batch, 3)).permute(1, 0, 2)


def fine_sampler(triplets: Triplets) -> SparseSampler:
    """The fixed 1723 to 6890 step."""
    return SparseSampler(triplets, FINE_VERTICES)

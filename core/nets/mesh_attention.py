"""Self-attention of 14 joints and 431 vertices, where a vertex sees the joints and its neighbours alone.

More than 96 % of the 445 x 445 pairs are blocked. The mesh is cut into patches; the vertices of a patch look
at the joints, the patch and its rim, with a mask inside, so that a quarter of the pairs is computed and the
answer is the same as with one big mask. Joints see everything.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .config import LSP_JOINTS

PATCHES = 8
BLOCKED = -1e4  # exp of it is exactly zero in every floating type used here


class MeshAttentionPattern(nn.Module):
    """Which query looks at which key, patch by patch; no weights."""

    queries: Tensor
    keys: Tensor
    bias: Tensor
    back: Tensor

    def __init__(self, adjacency: NDArray[np.bool_], patches: int = PATCHES) -> None:
        """Cut the mesh.

        Args:
            adjacency: (V, V) bool, symmetric; a vertex always sees itself.
            patches: how many parts of (nearly) equal size.
        """
        super().__init__()
        adjacency = adjacency | np.eye(len(adjacency), dtype=bool)
        parts = bisect(adjacency, patches)
        rims = [np.flatnonzero(adjacency[part].any(0)) for part in parts]
        rows = max(map(len, parts))
        columns = LSP_JOINTS + max(map(len, rims))
        queries = np.full((patches, rows), LSP_JOINTS)
        keys = np.zeros((patches, columns), np.int64)
        is_open = np.zeros((patches, rows, columns), bool)
        back = np.zeros(len(adjacency), np.int64)
        keys[:, :LSP_JOINTS] = np.arange(LSP_JOINTS)
        is_open[:, :, :LSP_JOINTS] = True
        for i, (part, rim) in enumerate(zip(parts, rims, strict=True)):
            queries[i, : len(part)] = LSP_JOINTS + part
            keys[i, LSP_JOINTS : LSP_JOINTS + len(rim)] = LSP_JOINTS + rim
            is_open[i, : len(part), LSP_JOINTS : LSP_JOINTS + len(rim)] = adjacency[np.ix_(part, rim)]
            back[part] = i * rows + np.arange(len(part))
        self.register_buffer("queries", torch.from_numpy(queries.astype(np.int64)), persistent=False)
        self.register_buffer("keys", torch.from_numpy(keys), persistent=False)
        self.register_buffer(
            "bias", torch.from_numpy(np.where(is_open, 0.0, BLOCKED).astype(np.float32)), persistent=False
        )
        self.register_buffer("back", torch.from_numpy(back), persistent=False)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, *, heads: int, dropout: float) -> Tensor:
        """Attention with this pattern: (B, 445, d) each, to (B, 445, d)."""
        joints = attend(q[:, :LSP_JOINTS], k, v, heads=heads, dropout=dropout)
        patches, rows = self.queries.shape
        at = self.keys.flatten()
        q = torch.unflatten(q.index_select(1, self.queries.flatten()), 1, (patches, rows)).flatten(0, 1)
        k = torch.unflatten(k.index_select(1, at), 1, (patches, -1)).flatten(0, 1)
        v = torch.unflatten(v.index_select(1, at), 1, (patches, -1)).flatten(0, 1)
        vertices = attend(q, k, v, heads=heads, dropout=dropout, bias=self.bias)  # (B * patches, rows, d)
        vertices = vertices.reshape(-1, patches * rows, vertices.shape[-1]).index_select(1, self.back)
        return torch.cat([joints, vertices], dim=1)


def attend(q: Tensor, k: Tensor, v: Tensor, *, heads: int, dropout: float, bias: Tensor | None = None) -> Tensor:
    """Multi-head attention on projected tokens.

    On a CPU in training this is spelled out: the fused kernel's backward pass takes twice as long there.

    Args:
        q: (B, N, d).
        k: (B, M, d).
        v: (B, M, d).
        heads: h, dividing d.
        dropout: probability on the attention weights.
        bias: (P, N, M) added to the scores of batch rows i with i % P alike; B is a multiple of P.

    Returns:
        (B, N, d).
    """
    q, k, v = (torch.unflatten(t, -1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    if bias is None and not (q.requires_grad and q.device.type == "cpu"):
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
    else:
        scores = torch.matmul(q * (1.0 / math.sqrt(q.shape[-1])), k.transpose(-1, -2))
        if bias is not None:
            patched = torch.unflatten(scores, 0, (-1, bias.shape[0])) + bias[:, None].to(scores.dtype)
            scores = patched.flatten(0, 1)
        weights = scores.softmax(-1)
        if dropout:
            weights = F.dropout(weights, dropout)
        mixed = torch.matmul(weights, v)
    return mixed.transpose(1, 2).flatten(2)


def bisect(adjacency: NDArray[np.bool_], parts: int) -> list[NDArray[np.int64]]:
    """Cut a graph into parts of nearly equal size with short borders, by its Fiedler vector."""

    def halves(nodes: NDArray[np.int64], parts: int) -> list[NDArray[np.int64]]:
        if parts == 1:
            return [nodes]
        links = adjacency[np.ix_(nodes, nodes)].astype(np.float64)
        _, vectors = np.linalg.eigh(np.diag(links.sum(1)) - links)
        order = np.argsort(vectors[:, 1], kind="stable")
        cut = len(nodes) * (parts // 2) // parts
        first, second = np.sort(order[:cut]), np.sort(order[cut:])
        return halves(nodes[first], parts // 2) + halves(nodes[second], parts - parts // 2)

    return halves(np.arange(len(adjacency)), parts)

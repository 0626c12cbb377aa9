"""How each part of the body lies, read off the coarse vertices: no weights that learn, no pictures.

Where vertices follow a joint, an affine map takes their rest places to where they are now; it is linear in the
vertices. The rotation nearest to it is where `core.motion.mesh_fit` starts from too (there by an SVD; here by Newton
and Schulz' iteration, which is products alone and runs anywhere).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .rotation_tokenizer import matrices_of_six, six_of

JOINTS = 24
RIDGE = 0.1
"""Of a part's mean spread, added in every direction: across a thin limb noise would decide alone."""
FROM_PARENT, FROM_CHILD = 0.05, 0.02
"""Parts with few vertices lean on their neighbours, as in `core.motion.mesh_fit`."""
ITERATIONS = 8
"""A stretch of .2 is within 1 % of 1 after them."""


class BodyParts(NamedTuple):
    """What the head needs of a body.

    Attributes:
        rest: (431, 3) coarse vertices of the mean body at rest, metres.
        weights: (431, 24) skin weights.
        parents: (24,) -1 for the root.
    """

    rest: NDArray[np.float32]
    weights: NDArray[np.float32]
    parents: tuple[int, ...]

    @classmethod
    def of(cls, body: Any) -> BodyParts:
        """Those of a `core.body.Body`."""
        index = body.index_431
        parents = tuple(int(parent) for parent in body.parents)
        return cls(body.v_template[index], body.skin_weights[index], parents)


class PartFrames(nn.Module):
    """Coarse vertices to rotations and middles of the 24 parts."""

    kernel: Tensor
    middles: Tensor
    parents: Tensor

    def __init__(self, parts: BodyParts) -> None:
        super().__init__()
        weights = _leaning(np.asarray(parts.weights, np.float64) ** 2, parts.parents)
        rest = np.asarray(parts.rest, np.float64)
        share = weights / weights.sum(0)
        kernel = np.empty((JOINTS, 3, len(rest)))
        for joint in range(JOINTS):
            apart = rest - share[:, joint] @ rest
            spread = (share[:, joint, None] * apart).T @ apart
            spread += RIDGE * np.trace(spread) / 3 * np.eye(3)
            kernel[joint] = np.linalg.solve(spread, (share[:, joint, None] * apart).T)
        self.register_buffer("kernel", torch.from_numpy(kernel.astype(np.float32)), persistent=False)
        self.register_buffer("middles", torch.from_numpy(share.T.astype(np.float32)), persistent=False)
        above = torch.tensor([max(0, parent) for parent in parts.parents])
        self.register_buffer("parents", above, persistent=False)

    def forward(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """Rotations (B, 24, 3, 3) of the parts, camera axes from rest axes, and middles (B, 24, 3), metres.

        Args:
            vertices: (B, 431, 3).
        """
        flat = self.kernel.flatten(0, 1) @ vertices  # (B, 72, 3): row j, rest axis c
        affine = torch.unflatten(flat, 1, (JOINTS, 3)).transpose(-1, -2)
        return nearest_rotations(affine), self.middles @ vertices

    def local(self, world: Tensor) -> Tensor:
        """Rotations (B, 24, 3, 3) of each part against its parent; the root's stays."""
        below = world.index_select(1, self.parents[1:]).transpose(-1, -2) @ world[:, 1:]
        return torch.cat([world[:, :1], below], 1)


def nearest_rotations(affine: Tensor) -> Tensor:
    """The orthogonal part of matrices (..., 3, 3); what is turned inside out gets a third axis of its own."""
    size = affine.flatten(-2).norm(dim=-1)[..., None, None].clamp_min(1e-6)
    x = affine * (3.0**0.5 / size)
    for _ in range(ITERATIONS):
        x = 1.5 * x - 0.5 * x @ (x.transpose(-1, -2) @ x)
    return matrices_of_six(six_of(x))


def _leaning(weights: NDArray[np.float64], parents: tuple[int, ...]) -> NDArray[np.float64]:
    """Weights (431, 24) with a little of the children's, then of the parent's."""
    weights = weights.copy()
    for joint in range(JOINTS - 1, 0, -1):
        weights[:, parents[joint]] += FROM_CHILD * weights[:, joint]
    for joint in range(1, JOINTS):
        weights[:, joint] += FROM_PARENT * weights[:, parents[joint]]
    return weights

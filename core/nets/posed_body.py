"""A body's skinning in torch: joints and chosen vertices of local rotations, for losses on what a pose looks like.

`core.body.Body.pose` is the same in numpy, over all vertices, and what this is tested against.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

JOINTS = 24


class PosedBody(nn.Module):
    """A `core.body.Body` with a part of its vertices; no weights that learn."""

    parents: tuple[int, ...]
    template: Tensor
    shapes: Tensor
    poses: Tensor
    weights: Tensor
    rest_joints: Tensor
    joint_shapes: Tensor

    def __init__(self, body: Any, vertices: NDArray[np.integer[Any]]) -> None:
        """Take what is needed of a body.

        Args:
            body: a `core.body.Body`.
            vertices: (V,) indices into its 6890.
        """
        super().__init__()
        self.parents = tuple(int(parent) for parent in body.parents)
        joint_shapes = np.einsum("jv,vck->jck", np.asarray(body.joint_regressor), body.shapedirs)
        arrays = {
            "template": body.v_template[vertices],
            "shapes": body.shapedirs[vertices],
            "poses": body.posedirs[vertices],
            "weights": body.skin_weights[vertices],
            "rest_joints": body.joint_regressor @ body.v_template,
            "joint_shapes": joint_shapes,
        }
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array, np.float32)), persistent=False)

    def forward(self, rotations: Tensor, betas: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The body in B poses.

        Args:
            rotations: (B, 24, 3, 3) local, the root's turns all.
            betas: (B, 10); None is the mean shape.

        Returns:
            (B, 24, 3) joints and (B, V, 3) vertices; metres, the body's axes, the pelvis where the rest pose has it.
        """
        rest, joints = self.template[None], self.rest_joints[None].expand(len(rotations), -1, -1)
        if betas is not None:
            rest = rest + torch.einsum("vck,bk->bvc", self.shapes, betas)
            joints = joints + torch.einsum("jck,bk->bjc", self.joint_shapes, betas)
        features = (rotations[:, 1:] - torch.eye(3, device=rotations.device)).flatten(1)
        rest = rest + torch.einsum("vck,bk->bvc", self.poses, features)
        world, posed = self._chain(rotations, joints)
        shift = posed - torch.einsum("bjac,bjc->bja", world, joints)
        turned = torch.einsum("vj,bjac,bvc->bva", self.weights, world, rest)
        return posed, turned + torch.einsum("vj,bja->bva", self.weights, shift)

    def _chain(self, rotations: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
        """World rotations (B, 24, 3, 3) and places (B, 24, 3) down the skeleton."""
        world, posed = [rotations[:, 0]], [joints[:, 0]]
        for joint in range(1, JOINTS):
            parent = self.parents[joint]
            world.append(world[parent] @ rotations[:, joint])
            bone = (joints[:, joint] - joints[:, parent])[..., None]
            posed.append(posed[parent] + (world[parent] @ bone)[..., 0])
        return torch.stack(world, 1), torch.stack(posed, 1)

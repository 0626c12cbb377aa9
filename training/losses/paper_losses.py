"""A mesh's losses as FastMETRO adds them up, with its weights or those of PostoMETRO's text (network.md, B1, C1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from core.body.model import Body
from core.nets import project
from core.nets.network import NetOutput
from core.types import Int
from training.losses import mesh_losses
from training.pictures import PictureBatch

LossName = Literal["fastmetro", "paper"]


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Factors on means in metres and crop units.

    Attributes:
        coarse: 431 vertices.
        intermediate: 1723 vertices.
        fine: 6890 vertices.
        joints: 3D joints, of the tokens and of the mesh.
        projection: 2D joints, of the tokens and of the mesh.
        edges: lengths of the 1723 mesh's edges against the true ones.
        edges_self: the lengths themselves.
        normals: edges against the true faces' normals.
    """

    coarse: float
    intermediate: float
    fine: float
    joints: float
    projection: float
    edges: float = 0.0
    edges_self: float = 0.0
    normals: float = 0.0


WEIGHTS: dict[LossName, LossWeights] = {
    "fastmetro": LossWeights(25, 50, 25, 1000, 100, 500, 0.01, 10),
    "paper": LossWeights(0, 0, 1000, 1000, 100),
}


def faces_1723(body: Body) -> Int:
    """(F, 3) triangles of the intermediate mesh: the body's own, each vertex moved onto the one of the 1723 that its
    sampler reads most; triangles that fall together vanish. METRO's files hold 3451 of theirs.
    """
    nearest = np.asarray(body.up_1723.argmax(axis=1)).reshape(-1)
    faces = nearest[body.faces]
    is_whole = (faces != np.roll(faces, 1, axis=1)).all(1)
    _, first = np.unique(np.sort(faces[is_whole], axis=1), axis=0, return_index=True)
    return np.asarray(faces[is_whole][np.sort(first)], np.int64)


def edges_of(faces: Int) -> Int:
    """(E, 2) edges of triangles, each once."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.asarray(np.unique(np.sort(pairs, axis=1), axis=0), np.int64)


class MeshLosses(nn.Module):
    """Loss terms of answers; terms of weight 0 are left out."""

    faces: Tensor
    edges: Tensor

    def __init__(self, body: Body, weights: LossWeights) -> None:
        super().__init__()
        self.weights = weights
        faces = faces_1723(body)
        self.register_buffer("faces", torch.from_numpy(faces), persistent=False)
        self.register_buffer("edges", torch.from_numpy(edges_of(faces)), persistent=False)

    def forward(
        self, out: NetOutput, fine: Tensor, regressed: Tensor, true: PictureBatch, vertices: Tensor
    ) -> dict[str, Tensor]:
        """Weighted terms.

        Args:
            out: the network's answer.
            fine: (B, 6890, 3) its mesh.
            regressed: (B, 14, 3) LSP joints of that mesh.
            true: labels.
            vertices: (B, 6890, 3) the true mesh.
        """
        weights, meshes = self.weights, true.has_mesh
        confidence, has_joints = true.lsp_3d_weight, (true.lsp_3d_weight > 0).any(1)
        pairs = ((out.joints, "token"), (regressed, "regressed"))
        terms = {
            "coarse": weights.coarse * mesh_losses.vertex_loss(out.coarse_vertices, true.coarse_vertices, meshes),
            "intermediate": weights.intermediate
            * mesh_losses.vertex_loss(out.intermediate_vertices, true.intermediate_vertices, meshes),
            "fine": weights.fine * mesh_losses.vertex_loss(fine, vertices, meshes),
        }
        for joints, name in pairs:
            off = mesh_losses.joint_loss_3d(joints, true.lsp_3d, confidence, has_joints)
            terms[f"{name}_joints"] = weights.joints * off
            flat = project(joints, out.weak_camera)
            terms[f"{name}_projection"] = weights.projection * mesh_losses.joint_loss_2d(
                flat, true.lsp_2d[..., :2], true.lsp_2d[..., 2].clamp(max=1)
            )
        if weights.edges:
            terms |= self._surface(out.intermediate_vertices[meshes], true.intermediate_vertices[meshes])
        return {name: term for name, term in terms.items() if getattr(weights, name, 1.0)}

    def _surface(self, predicted: Tensor, true: Tensor) -> dict[str, Tensor]:
        """Terms of edges and normals on meshes (N, 1723, 3)."""
        weights = self.weights
        if not len(predicted):
            return dict.fromkeys(("edges", "edges_self", "normals"), predicted.sum() * 0.0)
        return {
            "edges": weights.edges * mesh_losses.edge_length_loss(predicted, true, self.edges),
            "edges_self": weights.edges_self * mesh_losses.edge_self_loss(predicted, self.edges),
            "normals": weights.normals * mesh_losses.normal_loss(predicted, true, self.faces),
        }

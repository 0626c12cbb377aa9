"""The parts of the open body in order: population, decimation, shape space, joints, samplers, file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from core.body.decimate import Decimated, decimate
from core.body.mesh_samplers import adjacency_with_self, ridge_upsampler, symmetric_rows
from core.geometry.skinning import forward_kinematics, pose_features, rotation_matrices, skin
from core.types import Float, Int
from training.body.landmarks import landmark_regressors
from training.body.makehuman import Source
from training.body.poses import sample_poses
from training.body.regressors import joint_regressor
from training.body.tpose import JOINTS, PARENTS, TPosed

COMPONENTS = 10
SAMPLER_POSES = 300
# Neighbours and assumed noise (metres) of the two samplers. Mean error over the 6890 on held-out random poses
# with 0 / 4 / 8 mm of noise on the 431: these 1.7 / 4.1 / 7.4 mm, barycentric 4.6 / 6.7 / 10.3 mm.
FINE_SAMPLER = (8, 1.5e-3)
COARSE_SAMPLER = (16, 5e-3)
REGION_WEIGHT = {"foot": 0.25, "ankle": 0.5, "hand": 0.6, "wrist": 0.8, "head": 0.8}


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """What the correctives and samplers need: a mesh with joints and weights, before the file exists."""

    template: Float
    shapedirs: Float
    faces: Int
    weights: Float
    joint_regressor: Float
    mirror: Int

    def pose(self, rotations: Float, betas: Float, posedirs: Float) -> Float:
        """(T, V, 3) vertices of (T, 24, 3) rotation vectors, (T, 10) betas and (V, 3, 207) correctives."""
        vertices = self.template + np.tensordot(betas, self.shapedirs, (1, 2))
        joints = self.joint_regressor @ vertices
        matrices = rotation_matrices(rotations)
        world, posed = forward_kinematics(matrices, joints, PARENTS)
        vertices = vertices + (pose_features(matrices) @ posedirs.reshape(-1, 207).T).reshape(vertices.shape)
        return skin(vertices, joints, world, posed, csr_matrix(self.weights))


def decimated_levels(source: Source, population: TPosed) -> list[Decimated]:
    """The 6890, 1723 and 431 meshes, each on a subset of the one before, indices into the 13348."""
    rotations = rotation_matrices(sample_poses(6, seed=7))
    joints = population.joints[:1]
    world, posed = forward_kinematics(rotations, joints, PARENTS)
    poses = skin(population.vertices[:1], joints, world, posed, csr_matrix(population.weights))
    shapes = population.vertices[[0, *np.linspace(1, len(population.vertices) - 1, 5).astype(int)]]
    positions = np.concatenate([shapes, poses])
    return decimate(
        source.faces, positions, (6890, 1723, 431), source.mirror, weights=_importance(source, population)
    )


def _importance(source: Source, population: TPosed) -> Float:
    importance = np.ones(len(source.mirror))
    for name, weight in REGION_WEIGHT.items():
        columns = [j for j, joint in enumerate(JOINTS) if joint.endswith(name)]
        share = population.weights[:, columns].sum(1)
        importance += share * (weight - 1)
    importance[source.is_cavity] *= 0.05
    return importance


def shape_space(vertices: Float, regressor: Float) -> tuple[Float, Float, Float]:
    """Mean (V, 3), components (V, 3, 10) scaled to unit variance, and the share of variance each explains.

    Every shape is first moved so that its pelvis lies at the origin. Signs: a positive beta lifts the crown.
    """
    aligned = vertices - np.einsum("v,nvc->nc", regressor[0], vertices)[:, None]
    mean = aligned.mean(0)
    flat = (aligned - mean).reshape(len(aligned), -1)
    _, singular, rows = np.linalg.svd(flat, full_matrices=False)
    components = rows[:COMPONENTS] * singular[:COMPONENTS, None] / np.sqrt(len(flat) - 1)
    by_vertex = components.reshape(COMPONENTS, -1, 3)
    top = mean[:, 1].argmax()
    by_vertex = by_vertex * np.where(by_vertex[:, top, 1] < 0, -1.0, 1.0)[:, None, None]
    share = singular**2 / (singular**2).sum()
    return mean, np.moveaxis(by_vertex, 0, 2), share[:COMPONENTS]


def build_skeleton(source: Source, population: TPosed, fine: Decimated) -> tuple[Skeleton, Float]:
    """Shape space, weights and joints on the 6890, and the explained variance."""
    mirror = np.searchsorted(fine.kept, source.mirror[fine.kept])
    vertices, weights = population.vertices[:, fine.kept], population.weights[fine.kept]
    regressor = joint_regressor(vertices, population.joints, weights, mirror)
    mean, shapedirs, share = shape_space(vertices, regressor)
    flip = np.array([-1.0, 1.0, 1.0])
    mean = 0.5 * (mean + mean[mirror] * flip)
    shapedirs = 0.5 * (shapedirs + shapedirs[mirror] * flip[:, None])
    mean[mirror == np.arange(len(mirror)), 0] = 0
    return Skeleton(mean, shapedirs, fine.faces, weights, regressor, mirror), share


def relative_levels(levels: list[Decimated]) -> tuple[Decimated, Decimated]:
    """The 1723 mesh with indices into the 6890, the 431 mesh with indices into the 1723."""
    fine, middle, coarse = levels
    return (
        Decimated(np.searchsorted(fine.kept, middle.kept), middle.faces),
        Decimated(np.searchsorted(middle.kept, coarse.kept), coarse.faces),
    )


def samplers(
    skeleton: Skeleton, middle: Decimated, coarse: Decimated, posed: Float
) -> tuple[csr_matrix, csr_matrix]:
    """(6890, 1723) and (1723, 431) upsamplers, mirror-symmetric; posed (K, 6890, 3), the rest shape first."""
    mirror_middle = np.searchsorted(middle.kept, skeleton.mirror[middle.kept])
    mirror_coarse = np.searchsorted(coarse.kept, mirror_middle[coarse.kept])
    up_fine = ridge_upsampler(posed, middle, *FINE_SAMPLER)
    up_middle = ridge_upsampler(posed[:, middle.kept], coarse, *COARSE_SAMPLER)
    return (
        symmetric_rows(up_fine, skeleton.mirror, mirror_middle),
        symmetric_rows(up_middle, mirror_middle, mirror_coarse),
    )


def body_arrays(
    source: Source, population: TPosed, levels: list[Decimated], skeleton: Skeleton, posedirs: Float
) -> dict[str, Any]:
    """The file's arrays, SMPL's names first."""
    fine = levels[0]
    middle, coarse = relative_levels(levels)
    lsp, coco = landmark_regressors(
        source, population.vertices, fine.kept, skeleton.joint_regressor, skeleton.mirror
    )
    betas = np.random.default_rng(3).normal(size=(SAMPLER_POSES, COMPONENTS))
    poses = 0.8 * sample_poses(SAMPLER_POSES, seed=3)
    poses[0], betas[0] = 0, 0
    posed = skeleton.pose(poses, betas, posedirs)
    up_1723, up_431 = samplers(skeleton, middle, coarse, posed)
    kintree = np.stack([PARENTS, np.arange(24)]).astype(np.int64)
    pairs = np.argwhere(np.triu(adjacency_with_self(coarse.faces, 431), 1)).astype(np.int32)
    return {
        "v_template": skeleton.template.astype(np.float32),
        "f": skeleton.faces.astype(np.int32),
        "shapedirs": skeleton.shapedirs.astype(np.float32),
        "posedirs": posedirs.astype(np.float32),
        "weights": skeleton.weights.astype(np.float32),
        "J_regressor": skeleton.joint_regressor.astype(np.float32),
        "kintree_table": kintree,
        "lsp14_regressor": lsp.astype(np.float32),
        "coco17_regressor": coco.astype(np.float32),
        "index_1723": middle.kept.astype(np.int32),
        "index_431": middle.kept[coarse.kept].astype(np.int32),
        "faces_1723": middle.faces.astype(np.int32),
        "faces_431": coarse.faces.astype(np.int32),
        **_triplets("up_1723", up_1723),
        **_triplets("up_431", up_431),
        "adjacency_431": pairs,
        "mirror": skeleton.mirror.astype(np.int32),
        "part": skeleton.weights.argmax(1).astype(np.uint8),
    }


def _triplets(name: str, matrix: csr_matrix) -> dict[str, Any]:
    coo = matrix.tocoo()
    return {
        f"{name}_rows": coo.row.astype(np.int32),
        f"{name}_cols": coo.col.astype(np.int32),
        f"{name}_vals": coo.data.astype(np.float32),
    }

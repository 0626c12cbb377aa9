"""Pose correctives: what linear blend skinning lacks at a bent joint, linear in the local rotations.

The target is a delta mush (Mancewicz et al. 2014) of the skinned mesh: smooth the posed surface, give it
back its details in local frames. Its offsets, taken back to the rest pose, are fitted by ridge regression on
SMPL's 207 features; a vertex sees only the joints that move it, so nothing far away can leak in.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from core.geometry.skinning import forward_kinematics, pose_features, rotation_matrices, skin
from core.types import Float, Int
from training.body.assemble import Skeleton
from training.body.poses import sample_poses
from training.body.tpose import JOINT_MIRROR, PARENTS, uniform_laplacian_average

POSES = 700
SEED = 11
PASSES = 14
RIDGE = 0.3
MIN_SHARE = 0.03  # skin weight from which a joint may correct a vertex
INWARD_SHARE = 0.3  # of the mush's inward pull is kept: it fills creases well, but flattens knees and elbows
MIN_OFFSET = 1e-4  # metres; smaller entries are dropped


def pose_correctives(skeleton: Skeleton) -> tuple[Float, float]:
    """(V, 3, 207) correctives in metres and their mean residual on the poses they were fitted to."""
    rotations = rotation_matrices(sample_poses(POSES, SEED))
    offsets = delta_mush_offsets(skeleton, rotations)
    features = pose_features(rotations)
    fitted = _fit_local(features, offsets, skeleton.weights)
    fitted = _symmetric(fitted, skeleton.mirror)
    fitted[np.abs(fitted) < MIN_OFFSET] = 0
    residual = offsets - (features @ fitted.reshape(-1, 207).T).reshape(offsets.shape)
    return fitted, float(np.linalg.norm(residual, axis=-1).mean())


def delta_mush_offsets(skeleton: Skeleton, rotations: Float) -> Float:
    """(T, V, 3) offsets in the rest pose that turn the skinned mesh into its delta mush."""
    weights = csr_matrix(skeleton.weights)
    joints = (skeleton.joint_regressor @ skeleton.template)[None]
    rest = skeleton.template[None]
    world, posed_joints = forward_kinematics(rotations, joints, PARENTS)
    posed = skin(rest, joints, world, posed_joints, weights)
    average = uniform_laplacian_average(skeleton.faces, len(skeleton.template))
    next_vertex = _tangent_neighbour(average)
    rest_smooth = _smooth(average, rest)
    rest_frame = _frames(rest_smooth, skeleton.faces, next_vertex)
    detail = (np.swapaxes(rest_frame, -1, -2) @ (rest - rest_smooth)[..., None])[0]
    offsets = np.empty_like(posed)
    for start in range(0, len(posed), 50):
        part = slice(start, start + 50)
        smooth = _smooth(average, posed[part])
        target = smooth + (_frames(smooth, skeleton.faces, next_vertex) @ detail)[..., 0]
        blended = (weights @ world[part].transpose(1, 0, 2, 3).reshape(24, -1)).reshape(
            weights.shape[0], -1, 3, 3
        )
        offsets[part] = np.linalg.solve(blended.transpose(1, 0, 2, 3), (target - posed[part])[..., None])[
            ..., 0
        ]
    normal = _frames(rest, skeleton.faces, next_vertex)[..., 0]
    inward = np.minimum((offsets * normal).sum(-1, keepdims=True), 0)
    return np.asarray(offsets - (1 - INWARD_SHARE) * inward * normal)


def _smooth(average: csr_matrix, vertices: Float) -> Float:
    flat = vertices.transpose(1, 0, 2).reshape(vertices.shape[1], -1)
    for _ in range(PASSES):
        flat = 0.5 * flat + 0.5 * (average @ flat)
    return np.asarray(flat.reshape(vertices.shape[1], len(vertices), 3).transpose(1, 0, 2))


def _tangent_neighbour(average: csr_matrix) -> Int:
    return np.asarray(average.indices[average.indptr[:-1]])


def _frames(vertices: Float, faces: Int, neighbour: Int) -> Float:
    """(T, V, 3, 3) orthonormal frames: normal, tangent towards a fixed neighbour, their cross product."""
    corner = vertices[:, faces]
    face_normal = np.cross(corner[:, :, 1] - corner[:, :, 0], corner[:, :, 2] - corner[:, :, 0])
    count = vertices.shape[1]
    gather = csr_matrix(
        (np.ones(faces.size), (faces.ravel(), np.repeat(np.arange(len(faces)), 3))), (count, len(faces))
    )
    flat = gather @ face_normal.transpose(1, 0, 2).reshape(len(faces), -1)
    normal = _unit(flat.reshape(count, len(vertices), 3).transpose(1, 0, 2))
    tangent = vertices[:, neighbour] - vertices
    tangent = _unit(tangent - (tangent * normal).sum(-1, keepdims=True) * normal)
    return np.stack([normal, tangent, np.cross(normal, tangent)], -1)


def _unit(vectors: Float) -> Float:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def _fit_local(features: Float, offsets: Float, weights: Float) -> Float:
    """(V, 3, 207) ridge regression; each vertex uses the features of the joints that move it."""
    fitted = np.zeros((weights.shape[0], 3, features.shape[1]))
    allowed = weights[:, 1:] > MIN_SHARE
    patterns, group = np.unique(allowed, axis=0, return_inverse=True)
    for g, pattern in enumerate(patterns):
        if not pattern.any():
            continue
        columns = np.flatnonzero(np.repeat(pattern, 9))
        members = np.flatnonzero(group == g)
        x = features[:, columns]
        y = offsets[:, members].reshape(len(x), -1)
        solved = np.linalg.solve(x.T @ x + RIDGE * np.eye(len(columns)), x.T @ y)
        fitted[members[:, None], :, columns[None]] = solved.reshape(len(columns), len(members), 3).transpose(
            1, 0, 2
        )
    return fitted


def _symmetric(fitted: Float, mirror: Int) -> Float:
    """Average with the mirrored regression: a mirrored pose has the mirrored correction."""
    flip = np.array([-1.0, 1.0, 1.0])
    by_joint = fitted.reshape(len(fitted), 3, 23, 3, 3)
    mirrored = by_joint[mirror][:, :, JOINT_MIRROR[1:] - 1]
    mirrored = mirrored * flip[:, None, None, None] * flip[:, None] * flip
    return np.asarray((0.5 * (by_joint + mirrored)).reshape(fitted.shape))

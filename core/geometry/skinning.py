"""Linear blend skinning as SMPL does it, vectorised over frames."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from ..types import Float, Int

FRAMES_AT_ONCE = 32  # 330 kB of blended transforms a frame: stays in the cache


def rotation_matrices(rotvec: Float) -> Float:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3), radians (Rodrigues)."""
    rotvec = np.asarray(rotvec, np.float64)
    angle = np.linalg.norm(rotvec, axis=-1)[..., None, None]
    safe = np.maximum(angle, 1e-8)
    x, y, z = np.moveaxis(rotvec, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    outer = cross @ cross
    small = angle < 1e-4  # the series' next term is below float64's resolution of a rotation here
    sine = np.where(small, 1 - angle**2 / 6, np.sin(safe) / safe)
    cosine = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    return np.asarray(np.eye(3) + sine * cross + cosine * outer)


def forward_kinematics(rotations: Float, joints: Float, parents: Int) -> tuple[Float, Float]:
    """World rotations and positions of the joints.

    Args:
        rotations: (T, J, 3, 3) local rotations, the root's first.
        joints: (T or 1, J, 3) rest positions, metres.
        parents: (J,) parent of each joint, each before its children; the root's is ignored.

    Returns:
        (T, J, 3, 3) world rotations, (T, J, 3) posed joints.
    """
    frames, count = rotations.shape[:2]
    rest = np.broadcast_to(joints, (frames, count, 3))
    world = np.empty_like(rotations)
    posed = np.empty((frames, count, 3), rotations.dtype)
    world[:, 0], posed[:, 0] = rotations[:, 0], rest[:, 0]
    for j in range(1, count):
        parent = int(parents[j])
        world[:, j] = world[:, parent] @ rotations[:, j]
        offset = (rest[:, j] - rest[:, parent])[..., None]
        posed[:, j] = posed[:, parent] + (world[:, parent] @ offset)[..., 0]
    return world, posed


def skin(vertices: Float, joints: Float, world: Float, posed: Float, weights: csr_matrix) -> Float:
    """Vertices moved by their joints.

    Args:
        vertices: (T or 1, V, 3) unposed, metres.
        joints: (T or 1, J, 3) unposed.
        world: (T, J, 3, 3) world rotations of the joints.
        posed: (T, J, 3) posed joints.
        weights: (V, J) skin weights.

    Returns:
        (T, V, 3).
    """
    frames = len(world)
    offset = posed - (world @ joints[..., None])[..., 0]
    affine = np.concatenate([world, offset[..., None]], -1)
    rest = np.broadcast_to(vertices, (frames, *vertices.shape[1:]))
    out = np.empty(rest.shape, rest.dtype)
    for start in range(0, frames, FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        flat = affine[part].transpose(1, 0, 2, 3).reshape(weights.shape[1], -1)
        blended = (weights @ flat).reshape(weights.shape[0], -1, 3, 4).transpose(1, 0, 2, 3)
        out[part] = np.einsum("tvij,tvj->tvi", blended[..., :3], rest[part]) + blended[..., 3]
    return out


def pose_features(rotations: Float) -> Float:
    """(T, 9 (J - 1)) entries of the local rotations less the identity, without the root, as SMPL has them."""
    return np.asarray((rotations[:, 1:] - np.eye(3, dtype=rotations.dtype)).reshape(len(rotations), -1))

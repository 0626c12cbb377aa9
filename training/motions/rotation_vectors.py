"""Rotations as arrays: rotation vectors (radians) and matrices, and the mirror of a pose."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.floating[Any]]

# SMPL's 24 joints: parents, and the joint on the other side of the body.
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
MIRROR = np.array([0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22])
SMPL_NAMES = [
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar",
    "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
    "right_wrist", "left_hand", "right_hand",
]  # fmt: skip


def to_matrix(rotvec: Float) -> Float:
    """Rotation matrices (..., 3, 3) float32 of rotation vectors (..., 3), by Rodrigues' formula."""
    angle = np.sqrt((rotvec * rotvec).sum(-1, keepdims=True) + 1e-16)
    axis = rotvec / angle
    x, y, z = axis[..., 0], axis[..., 1], axis[..., 2]
    sin, cos = np.sin(angle[..., 0]), np.cos(angle[..., 0])
    rest = 1 - cos
    out = np.empty((*rotvec.shape[:-1], 9), np.float32)
    entries = (
        cos + x * x * rest, x * y * rest - z * sin, x * z * rest + y * sin,
        y * x * rest + z * sin, cos + y * y * rest, y * z * rest - x * sin,
        z * x * rest - y * sin, z * y * rest + x * sin, cos + z * z * rest,
    )  # fmt: skip
    for n, entry in enumerate(entries):
        out[..., n] = entry
    return out.reshape(*rotvec.shape[:-1], 3, 3)


def to_rotvec(matrix: Float) -> Float:
    """Rotation vectors (..., 3) of rotation matrices (..., 3, 3), angle in [0, pi].

    By way of the quaternion whose largest entry is found first (Shepperd 1978): exact near 0 and near pi.
    """
    m = np.asarray(matrix, np.float64).reshape(-1, 9)
    a, b, c = m[:, 0], m[:, 4], m[:, 8]
    # Four times the products of the quaternion's entries, w first.
    wx, wy, wz = m[:, 7] - m[:, 5], m[:, 2] - m[:, 6], m[:, 3] - m[:, 1]
    xy, xz, yz = m[:, 3] + m[:, 1], m[:, 2] + m[:, 6], m[:, 7] + m[:, 5]
    squares = np.stack([1 + a + b + c, 1 + a - b - c, 1 - a + b - c, 1 - a - b + c])
    rows = np.stack([squares[0], wx, wy, wz, wx, squares[1], xy, xz, wy, xy, squares[2], yz, wz, xz, yz, squares[3]])
    largest = squares.argmax(0)
    quaternion = rows.reshape(4, 4, -1)[largest, :, np.arange(len(m))]
    quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
    quaternion *= np.where(quaternion[:, :1] < 0, -1, 1)
    sine = np.linalg.norm(quaternion[:, 1:], axis=1)
    angle = 2 * np.arctan2(sine, quaternion[:, 0])
    scale = np.where(sine > 1e-9, angle / np.maximum(sine, 1e-9), 2.0)
    return np.asarray((quaternion[:, 1:] * scale[:, None]).reshape(*matrix.shape[:-2], 3), np.float32)


def mirror_pose(pose: Float) -> Float:
    """The mirror image of poses (..., 24, 3): joints change sides, x -> -x.

    A rotation vector is an axial vector: under a mirror of x its x component stays, y and z change sign.
    """
    return np.ascontiguousarray(pose[..., MIRROR, :] * np.array([1, -1, -1], np.float32), dtype=np.float32)


def global_rotations(local: Float) -> Float:
    """Global rotations (..., 24, 3, 3) along the chain from local ones (..., 24, 3, 3)."""
    out = np.empty_like(local)
    out[..., 0, :, :] = local[..., 0, :, :]
    for joint, parent in enumerate(PARENTS[1:], start=1):
        out[..., joint, :, :] = out[..., parent, :, :] @ local[..., joint, :, :]
    return out


def smallest_rotation(source: Float, target: Float) -> Float:
    """The smallest rotation (3, 3) that turns the direction `source` (3,) into `target` (3,)."""
    a = source / np.linalg.norm(source)
    b = target / np.linalg.norm(target)
    axis = np.cross(a, b)
    sine, cosine = float(np.linalg.norm(axis)), float(a @ b)
    if sine < 1e-8:
        if cosine > 0:
            return np.eye(3, dtype=np.float32)
        axis = np.cross(a, np.eye(3)[int(np.argmin(np.abs(a)))])
    return to_matrix((axis / np.linalg.norm(axis) * np.arctan2(sine, cosine)).astype(np.float32))

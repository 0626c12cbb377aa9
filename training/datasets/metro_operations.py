"""METRO's data operations, number for number: what published scores were measured through.

Nothing of the product uses these: its own crop is `core.geometry.crops`, without the truncation to whole pixels. They
are here to compare protocols, and to read METRO's files as METRO does (network.md C2).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.floating[Any]]
Int = npt.NDArray[np.int64]

# R and L change places in METRO's 24 "superset" joints and in SMPL's 24 rotations.
SUPERSET_MIRROR = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13, 14, 15, 16, 17, 18, 19, 21, 20, 23, 22]
SMPL_MIRROR = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
PERSON_PX = 200.0  # a scale of 1 is a square of this side


def frame_to_crop(center: Float, scale: float, size: int, rotation_deg: float = 0.0) -> Float:
    """Affine from frame pixels to crop pixels.

    Args:
        center: (2,) px in the frame.
        scale: side of the square / 200 px.
        size: crop pixels a side.
        rotation_deg: about the crop's centre.

    Returns:
        (3, 3).
    """
    side = PERSON_PX * scale
    scaled = np.eye(3)
    scaled[0, 0] = scaled[1, 1] = size / side
    scaled[:2, 2] = size * (-np.asarray(center, float) / side + 0.5)  # in this order: truncation follows
    if rotation_deg == 0:
        return scaled
    sine, cosine = np.sin(np.deg2rad(-rotation_deg)), np.cos(np.deg2rad(-rotation_deg))
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    to_origin = np.eye(3)
    to_origin[:2, 2] = -size / 2
    return np.asarray(np.linalg.inv(to_origin) @ turn @ to_origin @ scaled)


def transform_points(points: Float, matrix: Float) -> Int:
    """Points through an affine with METRO's one-based truncation to whole pixels.

    Args:
        points: (N, 2) px, one-based.
        matrix: (3, 3).

    Returns:
        (N, 2) one-based whole pixels.
    """
    zero_based = np.asarray(points, float) - 1
    return np.asarray((zero_based @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.int64) + 1)


def crop(image: npt.NDArray[Any], center: Float, scale: float, size: int, rotation_deg: float = 0.0) -> Float:
    """Square crop with whole-pixel corners, zero border, turned, then resized.

    Args:
        image: (H, W, 3).
        center: (2,) px.
        scale: side / 200 px.
        size: pixels a side of the result.
        rotation_deg: about the crop's centre.

    Returns:
        (size, size, 3) float64, the image's range.
    """
    back = np.linalg.inv(frame_to_crop(center, scale, size))
    low, high = transform_points(np.array([[1.0, 1.0], [size + 1.0, size + 1.0]]), back) - 1
    padding = int(np.linalg.norm(high - low) / 2 - (high[1] - low[1]) / 2) if rotation_deg else 0
    low, high = low - padding, high + padding
    patch = np.zeros((high[1] - low[1], high[0] - low[0], *image.shape[2:]))
    height, width = image.shape[:2]
    x0, x1 = max(0, low[0]), min(width, high[0])
    y0, y1 = max(0, low[1]), min(height, high[1])
    if x1 > x0 and y1 > y0:
        patch[y0 - low[1] : y1 - low[1], x0 - low[0] : x1 - low[0]] = image[y0:y1, x0:x1]
    if rotation_deg:
        rows, columns = patch.shape[:2]
        about = ((columns - 1) * 0.5, (rows - 1) * 0.5)
        turn = cv2.getRotationMatrix2D(about, rotation_deg, 1.0)
        patch = np.asarray(cv2.warpAffine(patch, turn, (columns, rows)), np.float64)
        patch = patch[padding : rows - padding, padding : columns - padding]
    return np.asarray(cv2.resize(patch, (size, size), interpolation=cv2.INTER_LINEAR))


def rotate_global_orient(axis_angle: Float, rotation_deg: float) -> Float:
    """A body's orientation after the picture was turned in its plane.

    Args:
        axis_angle: (3,) radians, camera frame.
        rotation_deg: as in `crop`.

    Returns:
        (3,) radians.
    """
    sine, cosine = np.sin(np.deg2rad(-rotation_deg)), np.cos(np.deg2rad(-rotation_deg))
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    return np.asarray(cv2.Rodrigues(turn @ cv2.Rodrigues(np.asarray(axis_angle, float))[0])[0][:, 0])


def flip_joints(joints: Float) -> Float:
    """Joints of the mirrored picture.

    Args:
        joints: (24, C) superset order; x first, zero at the picture's middle.

    Returns:
        (24, C).
    """
    flipped = np.array(joints[SUPERSET_MIRROR])
    flipped[:, 0] *= -1
    return flipped


def flip_pose(pose: Float) -> Float:
    """Pose of the mirrored body.

    Args:
        pose: (72,) axis-angle of SMPL's 24 joints.

    Returns:
        (72,).
    """
    mirrored = pose.reshape(24, 3)[SMPL_MIRROR] * np.array([1.0, -1.0, -1.0], pose.dtype)
    return np.asarray(mirrored.reshape(72))

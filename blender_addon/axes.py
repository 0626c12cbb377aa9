"""The only place where axes and units turn: the camera's and the body's on one side, Blender's on the other.

- camera (core): metres, x right, y down, z forward.
- body at rest (core): metres, x to the person's left, y up, z forward of the body.
- Blender world and armature: metres, z up; the camera looks along +y, a body at rest faces -y.

Both turns are proper rotations, so triangles keep their winding and quaternions their handedness.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Float: TypeAlias = npt.NDArray[np.floating[Any]]
Bool: TypeAlias = npt.NDArray[np.bool_]

CAMERA_TO_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""(x, y, z) of the camera is (x, z, -y) of the world."""
BODY_TO_ARMATURE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""(x, y, z) of the body at rest is (x, -z, y) of the armature."""
CAMERA_EULER = (math.pi / 2, 0.0, 0.0)
"""A Blender camera looks along its own -z with +y up: a quarter turn about x makes it look along +y."""
DOWN = np.array([0.0, 1.0, 0.0])
"""Of a level camera, in the camera's axes."""
SENSOR_WIDTH_MM = 36.0
FIRST_SCENE_FRAME = 1
"""Of a film that Blender shows nowhere yet, the scene frame of its first frame: Movie Clips start at 1."""

_VIEW = np.diag([1.0, -1.0, -1.0, 1.0])
"""Between core's camera, which looks along z with y down, and Blender's."""
_TURN = math.sqrt(0.5)
_CAMERA_TO_WORLD_WXYZ = np.array([_TURN, -_TURN, 0.0, 0.0])
_BODY_TO_ARMATURE_WXYZ = np.array([_TURN, _TURN, 0.0, 0.0])


def camera_to_world(points: Float) -> Float:
    """World coordinates (..., 3) of points (..., 3) in the camera's axes; metres."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def height(points: Float) -> Float:
    """World z (...) of points (..., 3) in the camera's axes; metres."""
    return np.asarray(-points[..., 1])


def in_place(transl: Float, down: Float = DOWN) -> Float:
    """A way (T, 3) in the camera's axes that goes nowhere: where it begins, it rises and falls; metres.

    Args:
        transl: the way.
        down: (3,) of length 1, at right angles to the floor.
    """
    rises = (transl - transl[:1]) @ down
    return np.asarray(transl[:1] + rises[:, None] * down)


def world_to_camera(points: Float) -> Float:
    """Camera coordinates (..., 3) of points (..., 3) in the world's axes; metres."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def cameras_to_core(matrices: Float) -> Float:
    """Blender's camera matrices (T, 4, 4), any scale taken off, as core has them: world and camera y down."""
    turned = np.array(matrices, np.float64)
    turned[:, :3, :3] /= np.linalg.norm(turned[:, :3, :3], axis=1, keepdims=True)
    return np.asarray(_square(CAMERA_TO_WORLD.T) @ turned @ _VIEW)


def cameras_to_blender(matrices: Float) -> Float:
    """Matrices (T, 4, 4) for Blender's cameras of core's camera-to-world."""
    return np.asarray(_square(CAMERA_TO_WORLD) @ matrices @ _VIEW)


def _square(turn: Float) -> Float:
    square = np.eye(4)
    square[:3, :3] = turn
    return square


def body_to_armature(points: Float) -> Float:
    """Armature coordinates (..., 3) of points (..., 3) of the body at rest; metres."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], axis=-1)


def quaternion_product(left: Float, right: Float) -> Float:
    """Hamilton product (..., 4) of quaternions wxyz: the turn `right`, then the turn `left`."""
    lw, lv, rw, rv = left[..., :1], left[..., 1:], right[..., :1], right[..., 1:]
    scalar = lw * rw - np.sum(lv * rv, axis=-1, keepdims=True)
    return np.asarray(np.concatenate([scalar, lw * rv + rw * lv + np.cross(lv, rv)], axis=-1))


def quaternion_inverse(unit: Float) -> Float:
    """Inverse (..., 4) of unit quaternions wxyz."""
    return np.asarray(unit * np.array([1.0, -1.0, -1.0, -1.0]))


def bone_rotations_to_armature(rotations: Float) -> Float:
    """Rotations of the bones about the armature's axes.

    Args:
        rotations: (T, 24, 4) wxyz; the first turns the body at rest into the camera's axes, the others
            turn each bone against its parent about the axes of the body at rest.

    Returns:
        (T, 24, 4) wxyz; the first turns the armature at rest into the world.
    """
    turned = quaternion_product(
        quaternion_product(_BODY_TO_ARMATURE_WXYZ, rotations), quaternion_inverse(_BODY_TO_ARMATURE_WXYZ)
    )
    turned[:, 0] = quaternion_product(
        quaternion_product(_CAMERA_TO_WORLD_WXYZ, rotations[:, 0]), quaternion_inverse(_BODY_TO_ARMATURE_WXYZ)
    )
    return turned


def lens_mm(focal_px: float, width_px: int) -> float:
    """Focal length in millimetres of a camera whose sensor, 36 mm wide, is fitted to the width."""
    if focal_px <= 0 or width_px <= 0:
        raise ValueError(f"expected a positive focal length and width, got {focal_px} px and {width_px} px")
    return focal_px * SENSOR_WIDTH_MM / width_px

"""Answers that know nothing of the picture; a score is worth what it has above these."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from core.body.model import Body
from core.geometry.boxes import BOX_MARGIN
from core.types import Float

ARM_JOINTS, ARM_DOWN_RAD = (16, 17), 0.9  # SMPL's shoulders, left and right
ROOT = [2, 3]  # LSP hips


def a_pose(body: Body) -> tuple[Float, Float]:
    """The mean body standing, arms half down, facing the camera.

    Returns:
        Joints (14, 3) LSP order and vertices (6890, 3): metres, camera axes, relative to mid-hip.
    """
    rotations = np.zeros((1, 24, 3), np.float32)
    rotations[0, ARM_JOINTS, 2] = (-ARM_DOWN_RAD, ARM_DOWN_RAD)
    vertices = body.pose(rotations, np.zeros((1, 10), np.float32)).vertices[0] * np.array([1, -1, -1], np.float32)
    joints = body.lsp_regressor @ vertices
    root = joints[ROOT].mean(0)
    return np.asarray(joints - root), np.asarray(vertices - root)


def in_boxes(points: Float, boxes: Float) -> Float:
    """A figure stretched to fill boxes, less their margin: 1 PCK point better than with its shape kept.

    Args:
        points: (J, 2) the figure.
        boxes: (N, 4) xywh, any unit.

    Returns:
        (N, J, 2) in the boxes' unit.
    """
    low, high = points.min(0), points.max(0)
    scale = boxes[:, 2:] / BOX_MARGIN / (high - low)
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    return np.asarray(middle[:, None] + (points - (low + high) / 2) * scale[:, None])


def anywhere_in_boxes(boxes: Float, joints: int, rng: np.random.Generator) -> Float:
    """Points (N, J, 2) that lie uniformly in boxes (N, 4)."""
    part: npt.NDArray[np.float64] = rng.random((len(boxes), joints, 2))
    return np.asarray(boxes[:, None, :2] + part * boxes[:, None, 2:])


def mean_of_set(true: Float) -> npt.NDArray[Any]:
    """The one answer (N, V, 3) for all that is nearest to this set's people, their mean."""
    return np.broadcast_to(true.mean(0), true.shape)

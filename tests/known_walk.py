"""A walk whose poses, way and standing feet are known, in axes whose y points down."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.geometry.skinning import forward_kinematics
from core.motion.feet import reach
from core.types import Float
from tests.known_takes import BETAS

FRAMES, STEP_FRAMES, STRIDE_M = 75, 15, 0.6
"""Each foot stands for one half of a stride and a bit, then swings to its next place."""
LIFT_M, HIPS_DOWN_M = 0.1, 0.06


@dataclass(frozen=True)
class KnownWalk:
    """One row a frame."""

    rotvec: Float  # (T, 24, 3)
    path: Float  # (T, 3) the mid-hip
    joints: Float  # (T, 14, 3) where they are
    stands: Float  # (T, 2)


def feet_of(walked: Float) -> tuple[Float, Float]:
    """(T, 2, 3) shifts of the feet along x and y from below the hips, and whether they stand."""
    phase = walked[:, None] / STRIDE_M + [0.0, 0.5]
    along = phase % 1.0
    stands = along < 0.6
    swing = np.clip((along - 0.6) / 0.4, 0, 1)
    shift = np.zeros((len(walked), 2, 3))
    # standing: back under the hips as they pass; swinging: forward again, on an arc
    shift[..., 0] = STRIDE_M * np.where(stands, 0.3 - along, -0.3 + 0.6 * (3 * swing**2 - 2 * swing**3))
    shift[..., 1] = HIPS_DOWN_M * -1 - LIFT_M * np.where(stands, 0, np.sin(np.pi * swing))
    return shift, stands


def known_walk(frames: int = FRAMES) -> KnownWalk:
    """To the right, 5 m away, as somebody who stands at the origin and looks along z sees it."""
    body = load_body()
    rest = body.shape(BETAS[None])[1][0].astype(np.float64)
    walked = np.arange(frames) * STRIDE_M / (2 * STEP_FRAMES)
    shift, stands = feet_of(walked)
    matrices = np.tile(np.eye(3), (frames, 24, 1, 1))
    matrices[:, 0] = (
        Rotation.from_euler("x", 180, degrees=True) * Rotation.from_euler("y", 90, degrees=True)
    ).as_matrix()
    _, upright = forward_kinematics(matrices, rest[None], body.parents)
    matrices = reach(matrices, rest, shift, body.parents)
    _, bones = forward_kinematics(matrices, rest[None], body.parents)
    assert np.abs(bones[:, [7, 8]] - upright[:, [7, 8]] - shift).max() < 1e-6, "the feet are where they should be"
    rotvec = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec().reshape(frames, 24, 3)
    vertices = body.pose(rotvec, BETAS[None]).vertices
    joints = np.einsum("jv,tvc->tjc", body.lsp_regressor, vertices)
    hips = joints[:, [2, 3]].mean(1)
    path = np.stack([walked - walked.mean(), np.full(frames, 0.1), np.full(frames, 5.0)], axis=1)
    path += (hips - hips.mean(0)) - (bones[:, 0] - bones[:, 0].mean(0))
    return KnownWalk(rotvec, path, joints - hips[:, None] + path[:, None], stands)

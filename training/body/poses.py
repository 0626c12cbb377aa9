"""Random poses within wide joint limits, for quadrics, samplers and correctives.

Not the picture renderer's sampler: here every joint should reach its limits often.
"""

from __future__ import annotations

import numpy as np

from core.types import Float
from training.body.tpose import JOINT_MIRROR, JOINTS

# Degrees about x, y, z of the T-pose: left limbs; right ones are mirrored (y and z change sign). SMPL's axes:
# +x bends the trunk forward, the left arm comes down with -z, swings forward with -y; the knee bends with +x.
LIMITS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "pelvis": ((0, 0), (0, 0), (0, 0)),
    "L_hip": ((-120, 25), (-40, 40), (-20, 50)),
    "L_knee": ((-5, 145), (-8, 8), (-4, 4)),
    "L_ankle": ((-30, 45), (-15, 15), (-15, 15)),
    "L_foot": ((-40, 10), (0, 0), (0, 0)),
    "spine1": ((-15, 35), (-15, 15), (-15, 15)),
    "spine2": ((-12, 25), (-15, 15), (-12, 12)),
    "spine3": ((-10, 15), (-12, 12), (-8, 8)),
    "neck": ((-30, 35), (-40, 40), (-20, 20)),
    "head": ((-20, 20), (-25, 25), (-12, 12)),
    "L_collar": ((-8, 8), (-20, 12), (-10, 25)),
    "L_shoulder": ((-60, 60), (-100, 25), (-85, 80)),
    "L_elbow": ((-50, 50), (-145, 5), (-5, 5)),
    "L_wrist": ((-20, 20), (-20, 20), (-70, 70)),
    "L_hand": ((0, 0), (0, 0), (0, 0)),
}


def sample_poses(count: int, seed: int) -> Float:
    """(count, 24, 3) rotation vectors, radians; uniform within the limits, half of them scaled down."""
    random = np.random.default_rng(seed)
    low, high = np.zeros((24, 3)), np.zeros((24, 3))
    for name, limits in LIMITS.items():
        j = JOINTS.index(name)
        low[j], high[j] = np.deg2rad(limits).T
        if name.startswith("L_"):
            right = JOINT_MIRROR[j]
            low[right], high[right] = (
                low[j] * [1, 0, 0] - high[j] * [0, 1, 1],
                high[j] * [1, 0, 0] - low[j] * [0, 1, 1],
            )
    poses = random.uniform(low, high, (count, 24, 3))
    poses[1::2] *= random.uniform(0.2, 0.8, (len(poses[1::2]), 1, 1))
    return poses

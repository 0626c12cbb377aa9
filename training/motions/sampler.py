"""Poses to render: captured, mirrored, recombined from several frames, drawn from joint limits, or made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.motions.library import MotionLibrary
from training.motions.limits import sample_limits
from training.motions.made import sample_made
from training.motions.rotation_vectors import PARENTS, Float, global_rotations, mirror_pose, to_matrix, to_rotvec

LIMITS_SHARE = 0.25
RECOMBINED_SHARE = 0.2
TURNED_SHARE = 0.06
MADE_SHARE = 0.35
"""Made poses among those to train on: enough of what is rare in captured motion, most stay captured."""
NOISE_RAD = 0.06

LEFT_ARM, RIGHT_ARM = [13, 16, 18, 20, 22], [14, 17, 19, 21, 23]
LEGS, TRUNK_AND_HEAD = [1, 2, 4, 5, 7, 8, 10, 11], [3, 6, 9, 12, 15]

# A mean adult's joints in the T-pose (metres, y up, x left), for the check that limbs do not run through the
# trunk. Only used to reject poses: a rough skeleton is enough.
_SKELETON = np.array(
    [
        [0, 0, 0], [0.1, -0.05, 0], [-0.1, -0.05, 0], [0, 0.1, 0], [0.1, -0.46, 0], [-0.1, -0.46, 0],
        [0, 0.22, 0], [0.1, -0.88, -0.03], [-0.1, -0.88, -0.03], [0, 0.3, 0], [0.1, -0.94, 0.1], [-0.1, -0.94, 0.1],
        [0, 0.5, 0], [0.08, 0.43, 0], [-0.08, 0.43, 0], [0, 0.58, 0.02], [0.18, 0.44, 0], [-0.18, 0.44, 0],
        [0.45, 0.44, 0], [-0.45, 0.44, 0], [0.7, 0.44, 0], [-0.7, 0.44, 0], [0.79, 0.44, 0], [-0.79, 0.44, 0],
    ],
    np.float32,
)  # fmt: skip


def skeleton_joints(pose: Float) -> Float:
    """Joints (24, 3) of the rough skeleton in a pose (24, 3), metres, pelvis at the origin."""
    rotations = global_rotations(to_matrix(pose))
    joints = np.zeros((24, 3), np.float32)
    for joint, parent in enumerate(PARENTS[1:], start=1):
        joints[joint] = joints[parent] + rotations[parent] @ (_SKELETON[joint] - _SKELETON[parent])
    return joints


def runs_through_itself(pose: Float) -> bool:
    """Whether a wrist, hand, elbow, ankle or knee lies inside the trunk or head, or the legs cross through."""
    joints = skeleton_joints(pose)
    limbs = joints[[18, 19, 20, 21, 22, 23, 7, 8, 4, 5]]
    radius = np.array([0.11, 0.11, 0.12, 0.12, 0.11, 0.11, 0.13, 0.13, 0.08, 0.08])
    axis = [(0, 3, 1.0), (3, 6, 1.0), (6, 9, 1.0), (9, 12, 1.0), (12, 15, 0.75)]
    for start, end, share in axis:
        for where in (0.0, 0.5, 1.0):
            centre = joints[start] * (1 - where) + joints[end] * where
            if (np.linalg.norm(limbs - centre, axis=1) < radius * share).any():
                return True
    head = joints[15] + 0.8 * (joints[15] - joints[12])
    return bool((np.linalg.norm(limbs - head, axis=1) < 0.13).any())


@dataclass(frozen=True, slots=True, eq=False)
class PoseSampler:
    """Draws poses; without a library every pose comes from the joint limits.

    Attributes:
        library: captured motion, of one split.
        limits_share: poses drawn from joint limits, of those that are not made.
        is_mixed: captured poses are also recombined, jittered and turned upside down; False leaves them as they are.
        made_share: made poses (made.py), of all.
    """

    library: MotionLibrary | None
    limits_share: float = LIMITS_SHARE
    is_mixed: bool = True
    made_share: float = 0.0

    def sample(self, rng: np.random.Generator) -> Float:
        """One pose (24, 3), the pelvis' orientation in a y-up world with any yaw left to the caller."""
        if self.made_share > 0 and rng.random() < self.made_share:
            return sample_made(rng, self.library).pose
        for _ in range(8):
            pose = self._candidate(rng)
            if not runs_through_itself(pose):
                break
        return pose

    def _candidate(self, rng: np.random.Generator) -> Float:
        if self.library is None or rng.random() < self.limits_share:
            return sample_limits(rng)
        pose = self._captured(rng)
        if not self.is_mixed:
            return pose
        if rng.random() < RECOMBINED_SHARE:
            for group in (LEFT_ARM, RIGHT_ARM, LEGS, TRUNK_AND_HEAD):
                if rng.random() < 0.5:
                    pose[group] = self._captured(rng)[group]
        pose[1:22] += rng.normal(0, NOISE_RAD, (21, 3)).astype(np.float32) * np.float32(rng.random())
        if rng.random() < TURNED_SHARE:
            axis = rng.normal(size=3)
            turn = to_matrix((axis / np.linalg.norm(axis) * rng.uniform(0, np.pi)).astype(np.float32))
            pose[0] = to_rotvec(turn @ to_matrix(pose[0]))
        return pose

    def _captured(self, rng: np.random.Generator) -> Float:
        assert self.library is not None
        pose = self.library.sample(rng)
        return mirror_pose(pose) if rng.random() < 0.5 else pose

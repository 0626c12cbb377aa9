"""How plausible each solved pose is: its distance to what a vocabulary of poses makes of it.

The vocabulary has learned poses of people, so a pose of a person goes through it and comes back nearly the same, and a
knee that bends sideways comes back as another knee.
"""

from __future__ import annotations

import numpy as np

from ..files.windows import window_slices
from ..geometry.rotations import matrices_of
from ..geometry.skinning import forward_kinematics
from ..types import Float
from .pose_vocabulary import BODY_JOINTS, PoseVocabulary
from .trajectory import LockedBody


def plausibility_mm(rotations: Float, shape: LockedBody, vocabulary: PoseVocabulary) -> Float:
    """(T,) mean distance, millimetres, of the posed joints to those of the re-encoded pose, the pelvis held.

    Args:
        rotations: (T, 24, 4) wxyz, local.
        shape: the body that takes the poses.
        vocabulary: of the weights that the take was made with.
    """
    found = np.zeros(len(rotations), np.float32)
    for rows in window_slices(len(rotations)):
        given = matrices_of(np.asarray(rotations[rows], np.float64))
        given[:, 0] = np.eye(3)
        again = given.copy()
        again[:, BODY_JOINTS] = vocabulary.reencoded(given[:, BODY_JOINTS])
        joints, said = (
            forward_kinematics(pose, shape.rest_joints[None], shape.body.parents)[1] for pose in (given, again)
        )
        found[rows] = 1e3 * np.linalg.norm(joints - said, axis=2).mean(1)
    return found

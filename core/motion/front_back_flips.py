"""Sightings that read a person the wrong way round for a moment, and what the frames around them say instead.

Front and back of a body have the same outline, so that where a face is small, blurred or hidden a network takes one for
the other, for a frame or for a few, in its mesh, its bones and its joints in the picture alike. Nobody turns half round
and back within a third of a second. Such a run of sightings gets the pose between its neighbours; its joints in the
picture change sides where that fits, and count for less, so that place and limbs still follow the picture.

What really turns is left: a turn has no jump, and leaves its neighbours apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..geometry.rotations import angle, at_times
from ..types import Bool, Float, PersonTake

HALF_TURN_RAD = np.radians(110)
"""From the pose between its neighbours, at which a frame is read the wrong way round. In the demo clip the six frames
that are have 129 to 180 degrees, the others at most 27."""
BESIDE_RAD = np.radians(60)
"""Frames next to such a one that are so far off belong to its run: the reading turns over in two steps."""
AGREE_RAD = np.radians(70)
"""Between the two neighbours, at most: 250 degrees a second over the longest run."""
LONGEST_S = 0.28
"""From the frame before to the frame after: so a run of under a quarter second, seven frames of 1/30 s, six of 1/25."""
JUMP_RAD, JUMP_RAD_S = np.radians(70), np.radians(1500)
"""At both ends of a run there is a step at least so wide and fast. Dancers turn with 700 degrees a second, ice skaters
with up to 2000, which is 67 a frame."""
BELIEVED = 0.25
"""Share of the confidence of the run's joints in the picture that is left."""


def without_flips(person: PersonTake, rotations: Float) -> tuple[PersonTake, Float]:
    """The sightings, with the pose between their neighbours and little confidence where they are the wrong way round.

    Args:
        person: the sightings.
        rotations: (T, 24, 4) wxyz of theirs, local, the first against the camera.

    Returns:
        the person, its `flips` told, and (T, 24, 4).
    """
    is_flipped = find_flips(rotations[:, 0], person.time_s)
    if not is_flipped.any():
        return person, rotations
    seen_s, kept_s = person.time_s, person.time_s[~is_flipped]
    confidence = np.array(person.estimates.joint_confidence)
    confidence[is_flipped] *= BELIEVED
    estimates = replace(person.estimates, joint_confidence=confidence)
    between = at_times(rotations[~is_flipped], kept_s, seen_s)
    return replace(person, estimates=estimates, flips=person.frame_index[is_flipped]), between


def find_flips(root: Float, time_s: Float) -> Bool:
    """(T,) which root rotations (T, 4) wxyz are read the wrong way round for a moment."""
    is_flipped = np.zeros(len(root), np.bool_)
    step_rad = angle(root[:-1], root[1:])
    is_jump = step_rad > np.maximum(JUMP_RAD, JUMP_RAD_S * np.diff(time_s))
    for before in np.flatnonzero(is_jump):
        if is_flipped[before]:
            continue
        latest = np.searchsorted(time_s, time_s[before] + LONGEST_S + 1e-6, side="right")
        ends = before + 1 + np.flatnonzero(is_jump[before + 1 : latest - 1])  # a run's last frame
        for last in ends[::-1]:
            if _is_flip(root, time_s, before, last + 1):
                is_flipped[before + 1 : last + 1] = True
                break
    return is_flipped


def _is_flip(root: Float, time_s: Float, before: int, after: int) -> bool:
    """Whether all frames between two are the wrong way round against both."""
    if angle(root[before], root[after]) > AGREE_RAD:
        return False
    ends, run = [before, after], slice(before + 1, after)
    off = angle(root[run], at_times(root[ends, None], time_s[ends], time_s[run])[:, 0])
    return bool(off.min() > BESIDE_RAD and off.max() > HALF_TURN_RAD)

"""Jumps and half turns that a solved motion holds: what no body does, whoever was misread or taken for another.

A jump is a step of the whole body: the middle one of its joints changes its speed by more than `JUMP_M_S` from one
moment to the next, as where the picture's person is another one for a while. A flip is a half turn from rest to rest
in a fifth of a second, as where front is taken for back.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..geometry.rotations import angle
from ..types import Bool, Float, PersonMotion
from .checks import Check
from .contacts import runs
from .gaps import stretches

JUMP_M_S, JUMP_S = 5.0, 0.1
"""Change of speed, and the time before and after over which both speeds are taken. Of 190 recorded motions the fastest,
a backflip, has 3.9 at 30 frames a second and 4.4 at 5."""
FLIP_RAD, REST_RAD, FLIP_S = np.radians(110), np.radians(60), 0.2
"""Turn over the time, and over the same before it and after it at most. No recorded motion has one, but for six whose
data hold half turns within a frame."""
NONE_GREEN = (0.0, 0.0)
"""One is one too many."""


def jump_check(person: PersonMotion) -> Check:
    """How often the whole body jumps."""
    return _check("jumps", person, _jumps)


def flip_check(person: PersonMotion) -> Check:
    """How often the body turns half round within a moment."""
    return _check("flips", person, _flips)


def _check(name: str, person: PersonMotion, find: Callable[[PersonMotion, slice], Bool]) -> Check:
    found: list[tuple[int, int]] = []
    longest = 0
    for rows in stretches(person):
        longest = max(longest, rows.stop - rows.start)
        found += [(rows.start + first, rows.start + last) for first, last in runs(find(person, rows))]
    frame = person.frame_index
    note = ", ".join(f"frames {frame[first]} to {frame[last]}" for first, last in found[:3])
    note += f" and {len(found) - 3} more" if len(found) > 3 else ""
    return Check(name, float(len(found)) if longest >= 3 else None, "times", *NONE_GREEN, note)


def _jumps(person: PersonMotion, rows: slice) -> Bool:
    joints = person.joints[rows].astype(np.float64) + person.transl[rows, None]
    time_s = person.time_s[rows]
    lag = _frames(time_s, JUMP_S)
    is_jump = np.zeros(len(joints), np.bool_)
    if lag and len(joints) > 2 * lag:
        step_s = (time_s[2 * lag :] - time_s[: -2 * lag])[:, None] / 2
        change = np.linalg.norm(joints[2 * lag :] - 2 * joints[lag:-lag] + joints[: -2 * lag], axis=2) / step_s
        is_jump[lag:-lag] = np.median(change, axis=1) > JUMP_M_S
    return is_jump


def _flips(person: PersonMotion, rows: slice) -> Bool:
    root, time_s = person.bone_rotations[rows, 0].astype(np.float64), person.time_s[rows]
    lag = _frames(time_s, FLIP_S)
    is_flip = np.zeros(len(root), np.bool_)
    if lag and len(root) > lag:
        turn = angle(root[:-lag], root[lag:])
        around = np.pad(turn, lag, constant_values=0.0)
        is_rest = (around[: len(turn)] < REST_RAD) & (around[2 * lag :] < REST_RAD)
        for first, last in runs((turn > FLIP_RAD) & is_rest):
            is_flip[first : last + 1 + lag] = True
    return is_flip


def _frames(time_s: Float, seconds: float) -> int:
    """So many frames are nearest to a time; one at least, none where there are no two frames."""
    return max(1, round(seconds / float(np.median(np.diff(time_s))))) if len(time_s) > 1 else 0

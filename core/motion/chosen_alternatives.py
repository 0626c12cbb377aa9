"""Readings of single frames that a person has chosen: a file of poses, held like keys that their neighbours follow.

    {"1": [{"frame": 47, "rotations": [[w, x, y, z], ... 21 of them]}]}

The rotations are local, of SMPL's joints 1 to 21: all but the pelvis, whose turn stays as it was solved, and the hands.
In its frame the pose is the chosen one. The turns that lead to it fade away over `BLEND_S` to both sides, or go over
into those of the next chosen frame where that is near.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ReadingsError
from ..files.untrusted import read_json, shortened, told
from ..geometry.rotations import inverse, product, slerp
from ..types import Float
from .pose_vocabulary import BODY_JOINTS
from .trajectory import Trajectory

FORM = 'expected {"1": [{"frame": 47, "rotations": [[w, x, y, z], ... 21 joints]}]}'
BLEND_S = 0.25
"""Seven or eight frames of usual footage: an animator's hand-made correction lives that long."""
UNIT = 0.01
"""How far the length of a quaternion may be from 1: somebody may have typed it."""


@dataclass(frozen=True, slots=True, eq=False)
class ChosenPose:
    """A pose for one frame: `rotations` (21, 4) wxyz, local, of SMPL's joints 1 to 21."""

    frame_index: int
    rotations: Float


def read_chosen(path: Path, people: Sequence[str]) -> dict[str, list[ChosenPose]]:
    """The poses of a file, by person, in the order of their frames.

    Args:
        path: the file.
        people: ids of the people in the take.

    Raises:
        ReadingsError: unreadable, of another form, or about somebody who is not in the take.
    """
    try:
        document = read_json(Path(path))
    except OSError as error:
        raise ReadingsError(f"{path}: can't be read ({error.strerror}); give a file of readings") from error
    except ValueError as error:
        raise ReadingsError(f"{path}: not JSON ({shortened(str(error))}); {FORM}") from error
    if not isinstance(document, dict):
        raise ReadingsError(f"{path}: {FORM}, got a {type(document).__name__}")
    chosen = {}
    for person_id, listed in document.items():
        if person_id not in people:
            raise ReadingsError(f"{path}: nobody is called {told(person_id)} in this take, but {', '.join(people)}")
        if not isinstance(listed, list):
            raise ReadingsError(f"{path}: person {person_id!r}: {FORM}")
        poses = [_pose(path, person_id, held) for held in listed]
        frames = [pose.frame_index for pose in poses]
        if len(set(frames)) < len(frames):
            raise ReadingsError(f"{path}: person {person_id!r}: two readings of one frame; leave one of them out")
        chosen[person_id] = sorted(poses, key=lambda pose: pose.frame_index)
    return chosen


def _pose(path: Path, person_id: str, held: Any) -> ChosenPose:
    where = f"{path}: person {person_id!r}"
    if not isinstance(held, dict) or set(held) != {"frame", "rotations"} or type(held["frame"]) is not int:
        raise ReadingsError(f"{where}: {FORM}, got {told(held)}")
    try:
        rotations = np.array(held["rotations"], np.float64)
    except (ValueError, TypeError, OverflowError):
        rotations = np.zeros(0)
    if rotations.shape != (21, 4) or not np.isfinite(rotations).all():
        raise ReadingsError(f"{where}, frame {held['frame']}: its rotations are no 21 quaternions w, x, y, z")
    length = np.linalg.norm(rotations, axis=1)
    if np.abs(length - 1).max() > UNIT:
        raise ReadingsError(f"{where}, frame {held['frame']}: a rotation has the length {length.max():.3g}, not 1")
    return ChosenPose(held["frame"], rotations / length[:, None])


def with_chosen(path: Trajectory, chosen: Sequence[ChosenPose], where: str) -> Trajectory:
    """The path with the chosen poses in their frames, and its neighbours turned along.

    Args:
        path: on the frames of the footage, smooth.
        chosen: in the order of their frames.
        where: the file and the person, for a message.

    Raises:
        ReadingsError: a frame is not in the path.
    """
    rows = [int(np.searchsorted(path.frame_index, pose.frame_index)) for pose in chosen]
    for row, pose in zip(rows, chosen, strict=True):
        if row == len(path.frame_index) or path.frame_index[row] != pose.frame_index:
            first, last = path.frame_index[0], path.frame_index[-1]
            raise ReadingsError(
                f"{where} has no frame {pose.frame_index} in this take, which has {first} to {last}; "
                "leave that reading out"
            )
    if not rows:
        return path
    body = path.rotations[:, BODY_JOINTS]
    turns = np.stack([product(pose.rotations, inverse(body[row])) for row, pose in zip(rows, chosen, strict=True)])
    rotations = path.rotations.copy()
    rotations[:, BODY_JOINTS] = product(_between(path.time_s[rows], turns, path.time_s), body)
    return replace(path, rotations=rotations)


def _between(key_s: Float, turns: Float, time_s: Float) -> Float:
    """(T, 21, 4) turns at all times of those (N, 21, 4) at the keys' times: eased in, from one to the next, and out."""
    none = np.zeros_like(turns[0])
    none[:, 0] = 1
    times, keys = [key_s[0] - BLEND_S], [none]
    for at, turn in zip(key_s, turns, strict=True):
        if len(times) > 1 and at - times[-1] > 2 * BLEND_S:
            times += [times[-1] + BLEND_S, at - BLEND_S]
            keys += [none, none]
        times.append(at)
        keys.append(turn)
    times.append(times[-1] + BLEND_S)
    keys.append(none)
    after = np.clip(np.searchsorted(times, time_s, side="right"), 1, len(times) - 1)
    known, stacked = np.array(times), np.stack(keys)
    span = np.maximum(known[after] - known[after - 1], 1e-9)
    share = np.clip((time_s - known[after - 1]) / span, 0, 1)
    eased = np.broadcast_to((share**2 * (3 - 2 * share))[:, None], (len(time_s), turns.shape[1]))
    return slerp(stacked[after - 1], stacked[after], eased)

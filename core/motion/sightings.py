"""Which rows of a take tell where somebody is. The others are frames in which nobody was seen.

A network answers for every crop, also where it has understood nothing: with a camera behind the person, a body of no
size, a pose that does not go with its own joints in the picture. Such a row has no depth, and one of them is enough to
spoil the whole path. `usable` looks at what stands in a row, `has_depth` at the place that comes of it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace

import numpy as np

from ..errors import TakeError
from ..take.header import TakeHeader
from ..types import Bool, Estimates, Float, Int, PersonTake

NEAREST_M, FARTHEST_M = 0.1, 1e4
"""Nobody who is seen is nearer to the camera, or further from it: at 10 km a person is a tenth of a pixel high."""
AGREE = 3.0
"""Ratio, either way, up to which the depth of a body on its joints and the depth of the network's own camera are about
one person. Over 22 people in 15 real clips the rows that could be solved have ratios of 0.4 to 2.6, those that could
not 0.12 and less, most of them negative."""
SCALES = (0.02, 50.0)
"""Of a weak camera: a body of 2 m is then between 1/50 and 50 times as high as its crop."""
LARGEST_PX, LEAST_PX = 1e6, 1.0
"""Of places and sides in the picture; a box has a side of `LEAST_PX` at least."""
AWAY_SIDES = 10.0
"""Sides of the crop by which a joint may be off its middle."""
LARGEST_M, LEAST_M = 10.0, 0.02
"""Distance of a vertex or a joint from the root; and their spread: a body is no point."""
SLACK = 1e-3
"""By which a confidence may be beyond 0 and 1."""
LEAST_STEP_S = 1e-6
"""Between two frames of a film."""
LATE_FRAMES, LATE_S, LATE_SHARE = 1000, 60.0, 10.0
"""Frames by which a row may lie behind the last that was looked at; seconds and multiples of the film's length at its
announced rate by which its time may: of a variable rate that is a guess."""


def usable(person: PersonTake, header: TakeHeader, frames: int) -> PersonTake:
    """The sightings that tell where the person is; the very same person where all of them do.

    Args:
        person: as the take has them.
        header: of the take.
        frames: of the footage that were looked at.

    Raises:
        TakeError: not one of them does.
    """
    is_usable = is_body(person.estimates) & _is_in_the_film(person, header, frames)
    return sightings_at(person, is_usable) if not is_usable.all() else person


def sightings_at(person: PersonTake, is_kept: Bool) -> PersonTake:
    """Some of the sightings; all others are frames in which nobody was seen.

    Raises:
        TakeError: none is left.
    """
    if not is_kept.any():
        raise TakeError(
            f"person {person.person_id!r}: not one of {len(is_kept)} sightings tells where they are; "
            "draw a box around them, or leave them out"
        )
    rows = np.flatnonzero(is_kept)
    frame_index = person.frame_index[rows]
    flips = person.flips[np.isin(person.flips, frame_index)]
    return replace(
        person, frame_index=frame_index, time_s=person.time_s[rows], estimates=person.estimates[rows], flips=flips
    )


def has_depth(root: Float, seen: Estimates, focal_px: float | Float) -> Bool:
    """(T,) whether roots (T, 3) of sightings lie in front of the camera, about where its own reading has them.

    Args:
        root: metres, in the frame's camera.
        seen: the sightings.
        focal_px: of the frame's camera, or (T, 1, 1) where it changes.
    """
    weak = np.asarray(seen.weak_camera[:, 0], np.float64)
    own = 2 * np.reshape(focal_px, -1) / (np.asarray(seen.crop_side_px, np.float64) * weak)
    depth = root[:, 2]
    is_near = (depth >= own / AGREE) & (depth <= own * AGREE)
    return np.asarray(is_near & (depth >= NEAREST_M) & (depth <= FARTHEST_M) & np.isfinite(root).all(1))


def is_body(seen: Estimates) -> Bool:
    """(T,) whether a row holds a body in a crop: numbers of a size that people, crops and pictures have."""
    box, side = np.asarray(seen.box_px, np.float64), np.asarray(seen.crop_side_px, np.float64)
    weak, joints_px = np.asarray(seen.weak_camera, np.float64), np.asarray(seen.joints_px, np.float64)
    off_px = np.abs(joints_px - (box[:, :2] + box[:, 2:] / 2)[:, None]).max((1, 2))
    sure = np.asarray(seen.joint_confidence)
    return np.asarray(
        (np.abs(box).max(1) <= LARGEST_PX)
        & (box[:, 2:].min(1) > 0)
        & (box[:, 2:].max(1) >= LEAST_PX)
        & (side >= LEAST_PX)
        & (side <= LARGEST_PX)
        & (weak[:, 0] >= SCALES[0])
        & (weak[:, 0] <= SCALES[1])
        & (np.abs(weak[:, 1:]).max(1) <= 2 * LARGEST_M)
        & (off_px <= AWAY_SIDES * side)
        & (sure.min(1) >= -SLACK)
        & (sure.max(1) <= 1 + SLACK)
        & _is_of_human_size(seen.coarse_vertices)
        & _is_of_human_size(seen.joints)
    )


def _is_of_human_size(points: Float) -> Bool:
    """(T,) whether points (T, N, 3), metres from the root, are neither one point nor all over the place."""
    largest = np.maximum(points.max((1, 2)), -points.min((1, 2)))
    spread = np.asarray(points.max(1), np.float64) - points.min(1)
    return np.asarray((largest <= LARGEST_M) & (spread.max(1) >= LEAST_M))


def _is_in_the_film(person: PersonTake, header: TakeHeader, frames: int) -> Bool:
    """(T,) whether frames and times are those of a film: on the take's grid, within its length, one after another."""
    frame_index, time_s = person.frame_index, person.time_s
    is_kept = frame_index <= frames + LATE_FRAMES
    phase = frame_index % int(header.settings.get("step", 1))
    phases, counts = np.unique(phase[is_kept], return_counts=True)
    is_kept &= phase == (phases[counts.argmax()] if len(phases) else 0)
    latest_s = LATE_SHARE * (frames + LATE_FRAMES) / header.footage.fps + LATE_S
    is_kept &= np.abs(time_s) <= latest_s
    rows = np.flatnonzero(is_kept)
    is_kept[rows[~_ascending(time_s[rows])]] = False
    return np.asarray(is_kept)


def _ascending(time_s: Float) -> Bool:
    """(T,) the most of the times (T,) that come one after another, at least `LEAST_STEP_S` apart."""
    if (np.diff(time_s) >= LEAST_STEP_S).all():
        return np.ones(len(time_s), np.bool_)
    ends: list[float] = []
    length = np.zeros(len(time_s), int)
    for row, time in enumerate(time_s.tolist()):  # longest rising subsequence, by patience
        length[row] = bisect_left(ends, time)
        ends[length[row] : length[row] + 1] = [time]
    return _picked(time_s, length)


def _picked(time_s: Float, length: Int) -> Bool:
    is_kept, wanted, before = np.zeros(len(time_s), np.bool_), int(length.max(initial=-1)), np.inf
    for row in range(len(time_s) - 1, -1, -1):
        if length[row] == wanted and time_s[row] < before:
            wanted -= 1
            if before - time_s[row] >= LEAST_STEP_S:
                is_kept[row], before = True, float(time_s[row])
    return is_kept

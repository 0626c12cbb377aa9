"""Whose a reading is, where several people could be meant: by place and by the colours of the trunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from .appearance import likeness, trunk_colours
from .reading import are_one_person, box_overlap, is_seen, overlap
from .settings import TrackSettings
from .tracklet import GREATEST_GROWTH, Tracklet
from .types import Estimates, Float, Image

ALIKE = 0.6
"""Likeness of the trunks' colours from which on a person found can be the missing one."""
IMPOSSIBLE = 1e6
STILL_THE_SAME = 0.3
"""Overlap of the box where a person should be with the one where they are; a jump is somebody else."""
NOT_ALIKE = 0.45
"""Likeness of the trunks' colours below which somebody else is in the crop; one person's own are 0.56 to 1 from
frame to frame on six clips, those of two people in other clothes 0.2 to 0.7."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the network sees of one person in a frame, and the colours of their trunk there.

    Attributes:
        seen: a batch of one.
        box_px: (4,) its box, as `reading.boxes_of`.
        colours: (128,) as `appearance.trunk_colours`.
    """

    seen: Estimates
    box_px: Float
    colours: Float


def reading_of(image: Image, seen: Estimates, box: Float) -> Reading:
    """A reading, a batch of one, and its box (4,) with its colours in the picture (H, W, 3) uint8 BGR."""
    return Reading(seen, box, trunk_colours(image, seen)[0])


def reading_of_same(
    track: Tracklet, seen: Estimates, box: Float, wanted: Float, image: Image, settings: TrackSettings
) -> Reading | None:
    """The reading of the person who is followed; None where it is of somebody else or of nobody.

    Args:
        track: the person.
        seen: a batch of one.
        box: (4,) xywh that it gives, as `reading.boxes_of`.
        wanted: (4,) xywh where the person should be.
        image: (H, W, 3) uint8 BGR.
        settings: the thresholds.
    """
    if not is_seen(seen, settings)[0]:
        return None
    growth = box[2:].max() / wanted[2:].max()
    centre = box[:2] + box[2:] / 2
    is_in = bool((centre > 0).all() and (centre < [image.shape[1], image.shape[0]]).all())
    is_near = float(overlap(box, wanted)) > STILL_THE_SAME
    if not (is_in and is_near and 1 / GREATEST_GROWTH < growth < GREATEST_GROWTH):
        return None
    reading = reading_of(image, seen, box)
    return None if likeness(track.colours, reading.colours) < NOT_ALIKE else reading


def matched(
    tracks: Sequence[Tracklet], boxes_px: Float, colours: Float, time_s: float, relink_s: float
) -> list[tuple[int, int]]:
    """Pairs of a track and a person found: all at once, so that two who come back together keep their names.

    A pair costs the more, the less the box is where the track should be by now and the less the trunk's colours
    are those of the track.

    Args:
        tracks: the missing ones.
        boxes_px: (N, 4) xywh of the people found.
        colours: (N, 128) as `appearance.trunk_colours`.
        time_s: of the frame.
        relink_s: how long somebody may have been away.

    Returns:
        Numbers of tracks and of people.
    """
    if not tracks or not len(boxes_px):
        return []
    costs = np.full((len(tracks), len(boxes_px)), IMPOSSIBLE)
    for row, track in enumerate(tracks):
        fits = box_overlap(boxes_px, track.predicted(time_s))
        for column, box in enumerate(boxes_px):
            alike = likeness(track.colours, colours[column])
            if alike > ALIKE and track.is_within_reach(box, time_s, relink_s):
                costs[row, column] = (1 - fits[column]) + track.distance(box, time_s) + (1 - alike)
    pairs = zip(*linear_sum_assignment(costs), strict=True)
    return [(int(row), int(column)) for row, column in pairs if costs[row, column] < IMPOSSIBLE]


def part_doubles(tracks: Sequence[Tracklet], found: list[Reading | None], time_s: float) -> None:
    """Where two tracks read the same joints, make the one whom they fit less unseen: None in `found`.

    Args:
        tracks: those that were looked for.
        found: for each its reading.
        time_s: of the frame.
    """
    for i in range(len(found)):
        for j in range(i):
            a, b = found[i], found[j]
            if a is not None and b is not None and are_one_person(a.seen, b.seen):
                fits = [_fit(tracks[row], reading, time_s) for row, reading in ((i, a), (j, b))]
                found[i if fits[0] < fits[1] else j] = None


def _fit(track: Tracklet, reading: Reading, time_s: float) -> tuple[bool, float]:
    """How well a reading fits a track, by place and colours; those who are believed come first."""
    place = float(overlap(reading.box_px, track.predicted(time_s)))
    return bool(track.person_id), place + likeness(track.colours, reading.colours)

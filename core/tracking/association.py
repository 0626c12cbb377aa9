"""Whose a reading is, where several people could be meant: by place and by the colours of the trunk."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..geometry.boxes import box_overlap, overlap
from ..settings import TrackSettings
from ..types import Bool, Estimates, Float, Image
from .appearance import likeness, trunk_colours
from .evidence import are_one_person, boxes_of, is_seen
from .tracklet import GREATEST_GROWTH, Tracklet

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


def readings_of(
    tracks: Sequence[Tracklet],
    seen: Estimates,
    wanted: Float,
    image: Image,
    settings: TrackSettings,
    drawn: Container[str] = (),
) -> list[Reading | None]:
    """For each person who is followed their reading; None where it is of somebody else or of nobody.

    Args:
        tracks: N people.
        seen: N readings.
        wanted: (N, 4) xywh where they should be.
        image: (H, W, 3) uint8 BGR.
        settings: the thresholds.
        drawn: names of those whom the user drew into this picture: there they are, whatever the network makes of it.
    """
    boxes = boxes_of(seen)
    is_drawn = [track.person_id in drawn for track in tracks]
    is_there = is_seen(seen, settings) & _is_in_place(boxes, wanted, image.shape[1], image.shape[0])
    readings: list[Reading | None] = []
    for row, (track, own) in enumerate(zip(tracks, seen.rows(), strict=True)):
        reading = None
        if is_drawn[row] or is_there[row]:
            reading = Reading(own, boxes[row], trunk_colours(image, own)[0])
        if reading is not None and not is_drawn[row] and likeness(track.colours, reading.colours) < NOT_ALIKE:
            reading = None
        readings.append(reading)
    return readings


def _is_in_place(boxes: Float, wanted: Float, width: int, height: int) -> Bool:
    """(N,) whether boxes (N, 4) xywh are about where they should be, no other size, their middles in the picture."""
    growth = boxes[:, 2:].max(1) / wanted[:, 2:].max(1)
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    is_in = ((middle > 0) & (middle < [width, height])).all(1)
    is_like = (growth > 1 / GREATEST_GROWTH) & (growth < GREATEST_GROWTH)
    return np.asarray(is_in & is_like & (overlap(boxes, wanted) > STILL_THE_SAME))


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

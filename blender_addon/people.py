"""Who is to be captured: people that a quick pass found, and boxes that the person drew or typed.

Both reach the engine as one boxes.json: a box for each stretch in which somebody was seen, so that a gap
doesn't lose them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import bridge

Anchor = tuple[int, list[float]]
"""A frame of the footage, from 0, and a box there: x, y, width, height in its pixels."""


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Somebody whom the quick pass found.

    Attributes:
        person_id: the number of the track.
        first: frame of the footage, from 0.
        last: included.
        share: of the frames between that were looked at and showed them.
        anchors: the surest box of each stretch.
    """

    person_id: str
    first: int
    last: int
    share: float
    anchors: tuple[Anchor, ...]


def found_in(take: Path, step: int) -> list[FoundPerson]:
    """The people of a take, those who are seen longest first.

    Args:
        take: the folder.
        step: of the frames that were looked at.

    Raises:
        MocapError: the take is missing or damaged.
    """
    found = [_found(person, step) for person in bridge.core_module("take").Take.open(take).persons()]
    return sorted(found, key=lambda person: -person.share * (person.last - person.first + 1))


def boxes_text(people: list[tuple[str, list[Anchor]]], start: int | None, end: int | None) -> str:
    """The text of boxes.json for these people, without boxes outside the frames that are asked for; empty for none."""
    document: dict[str, list[dict[str, Any]]] = {}
    for person_id, anchors in people:
        for frame, box in anchors:
            if frame >= (start or 0) and (end is None or frame <= end):
                document.setdefault(str(frame), []).append({"id": person_id, "box_xywh": box})
    return json.dumps(document, sort_keys=True) if document else ""


def box_from_corners(a: tuple[float, float], b: tuple[float, float], size: tuple[int, int]) -> list[int] | None:
    """A box between two corners of a drag.

    Args:
        a: x, y as the Movie Clip Editor's view has them: 0 to 1, from the lower left.
        b: as `a`.
        size: of the footage, pixels.

    Returns:
        x, y, width, height in the footage's pixels from its upper left, cut to the picture; None where nothing
        of it is in the picture.
    """
    left, right = (round(min(1.0, max(0.0, x)) * size[0]) for x in sorted((a[0], b[0])))
    low, high = (round(min(1.0, max(0.0, y)) * size[1]) for y in sorted((a[1], b[1])))
    if right <= left or high <= low:
        return None
    return [left, size[1] - high, right - left, high - low]


def box_corners(box: list[int], size: tuple[int, int]) -> list[tuple[float, float]]:
    """The four corners of a box in the Movie Clip Editor's view, 0 to 1 from the lower left, in turn."""
    x, y, width, height = box
    left, right = x / size[0], (x + width) / size[0]
    high, low = 1 - y / size[1], 1 - (y + height) / size[1]
    return [(left, low), (right, low), (right, high), (left, high)]


def _found(person: Any, step: int) -> FoundPerson:
    frames = person.frame_index
    sureness = person.estimates.person_score * person.estimates.joint_confidence.mean(axis=1)
    stretches = np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames) > 2 * step) + 1)
    best = [int(rows[sureness[rows].argmax()]) for rows in stretches]
    boxes = np.round(person.estimates.box_px.astype(np.float64), 1)
    looked_at = (int(frames[-1]) - int(frames[0])) // step + 1
    return FoundPerson(
        person_id=person.person_id,
        first=int(frames[0]),
        last=int(frames[-1]),
        share=min(1.0, len(frames) / looked_at),
        anchors=tuple((int(frames[row]), boxes[row].tolist()) for row in best),
    )

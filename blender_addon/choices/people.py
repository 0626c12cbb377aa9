"""Who is to be captured: people that a quick pass found, and boxes that the person drew or typed.

Both reach the engine as one boxes.json: a box for each stretch in which somebody was seen, so that a gap
doesn't lose them. A track that jumped to somebody else is split: each half's boxes hold for its own frames only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import bridge
from ..axes import Bool
from ..engine.request import portraits_of

Ranges = tuple[tuple[int, int], ...]
"""First and last frames of the footage, from 0, both included."""
FULL, SOME, NONE = "\u2588", "\u2592", "\u2591"
"""Cells of a track's bar: seen in half of its frames or more, in fewer, in none."""


class Anchor(NamedTuple):
    """A frame of the footage, from 0, and a box there: x, y, width, height in its pixels.

    `frames`, where given, are the first and the last in which the person is followed from it; None is no end.
    """

    frame: int
    box: list[float]
    frames: tuple[int | None, int | None] | None = None


@dataclass(frozen=True, slots=True)
class FoundPerson:
    """Somebody whom the quick pass found.

    Attributes:
        person_id: the number of the track.
        first: frame of the footage, from 0.
        last: included.
        share: of the frames between that were looked at and showed them.
        anchors: the surest box of each stretch.
        present: the stretches.
        track: the number of the track in the quick pass's take, also of a half.
        picture: name of the file with a small picture; empty for none.
    """

    person_id: str
    first: int
    last: int
    share: float
    anchors: tuple[Anchor, ...]
    present: Ranges
    track: str
    picture: str


def found_in(take: Path, step: int) -> list[FoundPerson]:
    """The people of a take, those who are seen longest first.

    Args:
        take: the folder.
        step: of the frames that were looked at.

    Raises:
        MocapError: the take is missing or damaged.
    """
    persons = bridge.Take.open(take).persons()
    found = [_found(person, step, _portraits(take, number)) for number, person in enumerate(persons)]
    return sorted(found, key=lambda person: -person.share * (person.last - person.first + 1))


def split_track(
    take: Path, track: str, first: int, last: int, at: int, step: int, bounds: tuple[int | None, int | None]
) -> tuple[FoundPerson, FoundPerson]:
    """A track's two halves, or those of a half.

    Args:
        take: of the quick pass.
        track: number of the track in it.
        first: first frame of what is split.
        last: its last frame.
        at: frame from which on it is somebody else; above `first`, up to `last`.
        step: of the frames that were looked at.
        bounds: in which the anchors of what is split hold; None for no end.

    Raises:
        MocapError: the take is missing or damaged.
    """
    opened = bridge.Take.open(take)
    person, pictures = opened.person(track), _portraits(take, opened.people.index(track))
    index = person.frame_index
    before = _found(_part(person, (index >= first) & (index < at)), step, pictures, (bounds[0], at - 1))
    rest = _part(person, (index >= at) & (index <= last))
    return before, _found(rest, step, pictures, (at, bounds[1]), is_first_anchored=True)


def presence_bar(present: Ranges, frame_count: int, cells: int) -> str:
    """A line of `cells` letters for the frames of a clip: when somebody is seen."""
    ends = np.linspace(0, frame_count, cells + 1)
    covered = np.zeros(cells)
    for first, last in present:
        covered += np.clip(np.minimum(ends[1:], last + 1) - np.maximum(ends[:-1], first), 0, None)
    shares = covered / (frame_count / cells)
    return "".join(FULL if share >= 1 / 2 else SOME if share > 0 else NONE for share in shares)


def ranges_of(item: Any) -> Ranges:
    """The stretches of a row of the list; of a row of an older file, all its frames."""
    held = json.loads(item.present) if item.present else [[item.first - 1, item.last - 1]]
    return tuple((first, last) for first, last in held)


def boxes_text(people: list[tuple[str, list[Anchor]]], start: int | None, end: int | None) -> str:
    """The text of boxes.json for these people, without boxes outside the frames that are asked for; empty for none."""
    document: dict[str, list[dict[str, Any]]] = {}
    for person_id, anchors in people:
        for frame, box, frames in anchors:
            if frame >= (start or 0) and (end is None or frame <= end):
                entry = {"id": person_id, "box_xywh": box} | ({"frames": list(frames)} if frames else {})
                document.setdefault(str(frame), []).append(entry)
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


def _portraits(take: Path, number: int) -> dict[int, Path]:
    return bridge.portraits_in(portraits_of(take), number)


def _part(person: bridge.PersonTake, is_in: Bool) -> bridge.PersonTake:
    rows = np.flatnonzero(is_in)
    return replace(
        person, frame_index=person.frame_index[rows], time_s=person.time_s[rows], estimates=person.estimates[rows]
    )


def _found(
    person: bridge.PersonTake,
    step: int,
    pictures: dict[int, Path],
    bounds: tuple[int | None, int | None] | None = None,
    is_first_anchored: bool = False,
) -> FoundPerson:
    frames = person.frame_index
    sureness = person.estimates.person_score * person.estimates.joint_confidence.mean(axis=1)
    stretches = np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames) > 2 * step) + 1)
    best = [int(rows[sureness[rows].argmax()]) for rows in stretches]
    anchored = sorted({*best, 0}) if is_first_anchored else best
    shown = [row for row in np.argsort(-sureness, kind="stable") if int(frames[row]) in pictures]
    boxes = np.round(person.estimates.box_px.astype(np.float64), 1)
    looked_at = (int(frames[-1]) - int(frames[0])) // step + 1
    return FoundPerson(
        person_id=person.person_id,
        first=int(frames[0]),
        last=int(frames[-1]),
        share=min(1.0, len(frames) / looked_at),
        anchors=tuple(Anchor(int(frames[row]), boxes[row].tolist(), bounds) for row in anchored),
        present=tuple((int(frames[rows[0]]), int(frames[rows[-1]])) for rows in stretches),
        track=person.person_id,
        picture=pictures[int(frames[shown[0]])].name if shown else "",
    )

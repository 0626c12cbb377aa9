"""Foot contacts as editable ranges of frames: JSON by person and foot, first and last frame, both included.

    {"1": {"left": [[12, 25], [40, 52]], "right": []}}

The report file of a solve has the same under "contacts", and is read as well. A foot that is named has these
contacts and no others; feet and people that are not named keep what was found.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import ContactsError
from ..files.untrusted import read_json, shortened, told
from ..types import Bool, Int, PersonMotion

FEET = ("left", "right")
"""In the order of the columns of contacts (T, 2)."""
FORM = 'expected {"1": {"left": [[first, last], ...], "right": [...]}}'

ContactRanges: TypeAlias = dict[str, list[tuple[int, int]]]
"""Of one person: first and last frames, by foot."""


def read_contacts(path: Path, people: Sequence[str], fps: float) -> dict[str, ContactRanges]:
    """The ranges of a file, by person.

    Args:
        path: the file.
        people: ids of the people in the take.
        fps: of the footage, whose frames the ranges count.

    Raises:
        ContactsError: unreadable, of another form or rate, or about somebody who is not in the take.
    """
    try:
        document = read_json(Path(path))
    except OSError as error:
        raise ContactsError(f"{path}: can't be read ({error.strerror}); give a file of contacts") from error
    except ValueError as error:
        raise ContactsError(f"{path}: not JSON ({shortened(str(error))}); {FORM}") from error
    if isinstance(document, dict) and "format_version" in document:  # a report
        if document.get("fps") != fps:
            raise ContactsError(
                f"{path}: counts frames at {told(document.get('fps'))} a second, the footage has {fps:g}; "
                "give the report of a solve without --fps"
            )
        document = document.get("contacts")
    if not isinstance(document, dict):
        raise ContactsError(f"{path}: {FORM}, got a {type(document).__name__}")
    for person_id in document:
        if person_id not in people:
            raise ContactsError(f"{path}: nobody is called {told(person_id)} in this take, but {', '.join(people)}")
    return {person_id: _ranges(path, person_id, feet) for person_id, feet in document.items()}


def _ranges(path: Path, person_id: str, feet: Any) -> ContactRanges:
    if not isinstance(feet, dict) or not set(feet) <= set(FEET):
        raise ContactsError(f"{path}: person {person_id!r}: {FORM}")
    ranges: ContactRanges = {}
    for foot, listed in feet.items():
        if not isinstance(listed, list):
            raise ContactsError(f"{path}: person {person_id!r}, {foot}: {FORM}")
        for pair in listed:
            is_pair = isinstance(pair, list) and [type(frame) for frame in pair] == [int, int]
            if not is_pair or pair[0] > pair[1]:
                raise ContactsError(
                    f"{path}: person {person_id!r}, {foot}: {shortened(json.dumps(pair))} is no range; "
                    "write [first frame, last frame], both included"
                )
        ranges[foot] = [(first, last) for first, last in listed]
    return ranges


def with_given(found: Bool, frame_index: Int, given: ContactRanges) -> Bool:
    """(T, 2) contacts: the given feet's ranges, the other feet as found.

    Args:
        found: (T, 2) left and right.
        frame_index: (T,).
        given: of this person; frames that the person does not have are passed over.
    """
    contacts = found.copy()
    for foot, ranges in given.items():
        inside = [(first <= frame_index) & (frame_index <= last) for first, last in ranges]
        contacts[:, FEET.index(foot)] = np.any(inside, axis=0) if inside else False
    return contacts


def ranges_of(person: PersonMotion) -> ContactRanges:
    """The contacts of a solved person as ranges of its frames, to edit and give to the next solve."""
    frame = person.frame_index
    return {
        foot: [(int(frame[first]), int(frame[last])) for first, last in runs(column)]
        for foot, column in zip(FEET, person.contacts.T, strict=True)
    }


def runs(is_on: Bool) -> list[tuple[int, int]]:
    """First and last rows of the stretches that are on."""
    edges = np.diff(np.concatenate([[0], is_on.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))

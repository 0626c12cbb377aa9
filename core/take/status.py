"""What a take holds by now, for a display that asks in every redraw while another process writes the take.

`take.py` reads a take to work with it, checks all of it and refuses what is damaged. Here nothing is refused: what
can't be read counts as not there, since the run itself says what is wrong. `take.json` is read when it has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ..files.untrusted import MALFORMED, read_json
from .header import TAKE_FILE, count_from_json, person_from_json

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class PersonStatus:
    """Chunks `0` to `chunks - 1` of the person with this number are on disk, each of them whole."""

    number: int
    chunks: int


@dataclass(frozen=True, slots=True)
class TakeStatus:
    """What `take.json` says by now.

    Attributes:
        frames_done: frames of the footage that an unfinished take has behind it; 0 for a finished one.
        footage: where the footage was; None where that is not known.
        reads_bones: whether the take's weights have a rotation head.
        step: every how manieth frame of the footage is looked at.
        people: name -> what there is of that person.
    """

    frames_done: int = 0
    footage: Path | None = None
    reads_bones: bool = False
    step: int = 1
    people: dict[str, PersonStatus] = field(default_factory=dict)


def is_take(folder: Path) -> bool:
    """Whether a folder holds a take, finished or not."""
    return (folder / TAKE_FILE).is_file()


def take_status(take: Path) -> TakeStatus:
    """What a take holds by now; what is missing, damaged or of another program is left at its default."""
    file = take / TAKE_FILE
    try:
        known = file.stat()
        return _status(file, known.st_mtime_ns, known.st_size)
    except OSError:
        return TakeStatus()


@lru_cache(maxsize=16)
def _status(file: Path, _changed_at: int, _size: int) -> TakeStatus:
    try:
        document = read_json(file)
    except ValueError:
        return TakeStatus()
    return TakeStatus(
        frames_done=_part_of(document, _frames_done, 0),
        footage=_part_of(document, _footage, None),
        reads_bones=_part_of(document, _reads_bones, False),
        step=_part_of(document, _step, 1),
        people=_part_of(document, _people, {}),
    )


def _part_of(document: Any, read: Callable[[Any], Part], otherwise: Part) -> Part:
    try:
        return read(document)
    except MALFORMED:
        return otherwise


def _frames_done(document: Any) -> int:
    return 0 if document["complete"] else count_from_json(document["next_frame"])


def _footage(document: Any) -> Path | None:
    return Path(document["footage"]["path"])


def _reads_bones(document: Any) -> bool:
    return bool(document["weights"]["rotation_tokens"])


def _step(document: Any) -> int:
    return max(1, count_from_json(document["settings"]["step"]))


def _people(document: Any) -> dict[str, PersonStatus]:
    people = [person_from_json(dict(person), row) for row, person in enumerate(document["people"])]
    return {person["id"]: PersonStatus(person["number"], person["chunks"]) for person in people}

"""The self-check for people and for files: a table for a terminal, JSON for the motion and for report.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files.written_whole import written_whole
from ..types import Motion, PersonMotion
from .checks import Check, PersonCheck
from .contacts import ranges_of, runs


def check_table(checks: Iterable[PersonCheck]) -> list[str]:
    """Lines for a terminal."""
    lines = []
    for person in checks:
        lines.append(f"person {person.person_id}")
        for check in person.checks:
            value = "-" if check.value is None else f"{check.value:.1f}"
            limits = f"green to {check.green:.3g}, amber to {check.amber:.3g}"
            note = f"; {check.note}" if check.note else ""
            lines.append(f"  {check.name:<13}{value:>7} {check.unit:<6}{check.grade:<6} {limits}{note}")
        lines += [f"  {check.note}" for check in person.limbs[1:] if check.grade == "red"]
        lines += [f"  {note}" for note in person.notes]
    return lines


def checks_to_json(checks: Iterable[PersonCheck]) -> list[dict[str, Any]]:
    """Plain JSON types: one object a person, one a check, its grade told."""
    return [
        {
            "person": person.person_id,
            "checks": [_check_to_json(check) for check in person.checks],
            "limbs": [_check_to_json(check) for check in person.limbs],
            "notes": list(person.notes),
        }
        for person in checks
    ]


def _check_to_json(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "value": None if check.value is None else round(check.value, 3),
        "unit": check.unit,
        "green": round(check.green, 3),
        "amber": round(check.amber, 3),
        "note": check.note,
        "grade": check.grade,
    }


def from_json(stored: Iterable[dict[str, Any]]) -> tuple[PersonCheck, ...]:
    """What `checks_to_json` made; files of the first versions have no limbs and no notes."""
    return tuple(
        PersonCheck(
            person["person"],
            tuple(_check_from_json(check) for check in person["checks"]),
            tuple(_check_from_json(check) for check in person.get("limbs", ())),
            tuple(str(note) for note in person.get("notes", ())),
        )
        for person in stored
    )


def _check_from_json(stored: dict[str, Any]) -> Check:
    value, ends = stored["value"], (stored["green"], stored["amber"])
    return Check(stored["name"], value, stored["unit"], *ends, str(stored.get("note", "")))


def frames_text(person: PersonMotion) -> str:
    """How many frames a person has, and how many of them nobody saw."""
    filled, empty = int(person.is_filled.sum()), int(person.gap_after.sum())
    told = [f"{len(person.frame_index)} frames"]
    told += [f"{filled} of them filled"] if filled else []
    told += [f"{empty} {'gap' if empty == 1 else 'gaps'} left empty"] if empty else []
    return ", ".join(told)


def gaps_of(person: PersonMotion) -> dict[str, list[tuple[int, int]]]:
    """Frames in which nobody saw the person, first and last of each gap: those that were filled, those left empty."""
    frame, ends = person.frame_index.tolist(), np.flatnonzero(person.gap_after).tolist()
    return {
        "filled": [(frame[first], frame[last]) for first, last in runs(person.is_filled)],
        "empty": [(frame[end] + 1, frame[end + 1] - 1) for end in ends],
    }


def _plausibility(person: PersonMotion) -> dict[str, list[float]]:
    """Seconds and millimetres, one each a frame."""
    return {
        "time_s": [round(float(time_s), 4) for time_s in person.time_s],
        "mm": [round(float(mm), 1) for mm in person.plausibility_mm],
    }


def write_report(motion: Motion, path: Path, faults: Mapping[str, str] | None = None) -> None:
    """The checks, contacts in the form that `contacts.read_contacts` reads back, gaps, flips, plausibility of frames.

    Args:
        motion: solved.
        path: of the JSON file.
        faults: by id, the sentence of each person who could not be solved.

    Raises:
        OutputError: the place can't be written to; the file is there whole or not at all.
    """
    document = {
        "format_version": 1,
        "footage": str(motion.footage),
        "fps": motion.fps,
        "people": checks_to_json(motion.self_check),
        "contacts": {person.person_id: ranges_of(person) for person in motion.persons},
        "gaps": {person.person_id: gaps_of(person) for person in motion.persons},
        "flips": {person.person_id: person.flips.tolist() for person in motion.persons if len(person.flips)},
        "plausibility": {p.person_id: _plausibility(p) for p in motion.persons if len(p.plausibility_mm)},
        "faults": dict(faults or {}),
    }
    with written_whole(Path(path)) as file:
        file.write((json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())

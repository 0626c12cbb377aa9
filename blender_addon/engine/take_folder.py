"""What lies on disk beside a take, for the panel: asked for in every redraw, read only when it has changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..scene.film_frames import sequence_of

END_BYTES = 2**20
"""Read of both ends of a clip: headers and the first and last pictures differ between any two."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One line of the self-check: `text` in words, `grade` green, amber, red or none."""

    person_id: str
    text: str
    grade: str


@dataclass(frozen=True, slots=True)
class Contact:
    """A foot that stands: frames of the footage, from 0, both included."""

    person_id: str
    foot: str
    first: int
    last: int


def report_of(motion: Path) -> Path:
    """The report beside a motion."""
    return motion.with_suffix(".report.json")


def fingerprint(footage: Path) -> str:
    """What tells a clip from others wherever it lies: its size and the ends of its bytes; of a folder, its pictures'.

    The path itself where nothing is there.
    """
    try:
        known = footage.stat()
        names = None if footage.is_dir() else sequence_of(footage)
        if names is not None and names.first_number is not None:
            return _of_pictures(list(names.files.values()))
        return _fingerprint(footage, known.st_size, known.st_mtime_ns)
    except OSError:
        return str(footage)


@lru_cache(maxsize=64)
def _fingerprint(footage: Path, size: int, _changed_at: int) -> str:
    digest = hashlib.sha256()
    if footage.is_dir():
        return _of_pictures(sorted(file for file in footage.iterdir() if file.is_file()))
    with footage.open("rb") as file:
        digest.update(f"{size}|".encode() + file.read(END_BYTES))
        file.seek(max(0, size - END_BYTES))
        digest.update(file.read(END_BYTES))
    return digest.hexdigest()


def _of_pictures(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for picture in files:
        digest.update(f"{picture.name}|{picture.stat().st_size}|".encode())
    return digest.hexdigest()


def self_check(motion: Path) -> list[CheckLine]:
    """The self-check of a motion; empty where there is none that can be read."""
    try:
        return [line for person in _read(report_of(motion))["people"] for line in _check_lines(person)]
    except (KeyError, TypeError, ValueError):
        return []


def contacts(motion: Path) -> list[Contact]:
    """The contacts of a motion, in order; empty where there is no report that can be read."""
    try:
        return [
            Contact(person_id, foot, int(first), int(last))
            for person_id, feet in _read(report_of(motion))["contacts"].items()
            for foot, ranges in feet.items()
            for first, last in ranges
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def gaps_text(motion: Path, person_id: str) -> str:
    """How many frames of a person nobody saw, and what became of them; empty where there are none, or no report."""
    try:
        told = _read(report_of(motion))["gaps"][person_id]
        filled, empty = (sum(last - first + 1 for first, last in told[kind]) for kind in ("filled", "empty"))
    except (KeyError, TypeError, ValueError):
        return ""
    parts = [f"{count} {what}" for count, what in ((filled, "filled"), (empty, "left empty")) if count]
    return f"Frames in which nobody saw the person: {', '.join(parts)}" if parts else ""


def plausibility(motion: Path) -> dict[str, list[tuple[float, float]]]:
    """Seconds and millimetres of each frame, by person; {} where there is no report that can be read, or none in it."""
    try:
        return {
            person_id: list(zip(map(float, told["time_s"]), map(float, told["mm"]), strict=True))
            for person_id, told in _read(report_of(motion))["plausibility"].items()
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _check_lines(person: dict[str, Any]) -> list[CheckLine]:
    """A person's checks, then the other limbs that are red, then the notes."""
    name = str(person["person"])
    lines = [CheckLine(name, _check_text(check), str(check["grade"])) for check in person["checks"]]
    limbs = [limb for limb in person.get("limbs", [])[1:] if limb["grade"] == "red"]
    lines += [CheckLine(name, str(limb["note"]), "red") for limb in limbs]
    return lines + [CheckLine(name, str(note), "none") for note in person.get("notes", [])]


def _check_text(check: dict[str, Any]) -> str:
    value, note = check["value"], check.get("note", "")
    if value is None:
        return f"{check['name']}: {note or 'nothing to measure'}"
    if note.endswith(" off"):  # the value is in it
        return f"{check['name']}: {note}"
    return f"{check['name']}: {value:.3g} {check['unit']}" + (f", {note}" if note else "")


def _read(file: Path) -> dict[str, Any]:
    try:
        return _read_version(file, file.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=16)
def _read_version(file: Path, _changed_at: int) -> dict[str, Any]:
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return held if isinstance(held, dict) else {}

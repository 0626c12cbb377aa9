"""Other readings of unsure frames, and those that were chosen: files beside the take, choices in the scene."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import bridge
from ..axes import Float
from ..scene.take_records import TakeRecord
from .properties import settings_of


def readings_file(take: Path) -> Path:
    """The other readings of a take, beside it."""
    return take.with_suffix(".readings.npz")


def found_readings(take: Path) -> dict[str, bridge.Readings]:
    """Other readings by person (`core.motion.alternatives.Readings`); {} where nobody has looked for them.

    Asked for in every redraw, read only when the file has changed.

    Raises:
        MocapError: the file is damaged.
    """
    file = readings_file(take)
    try:
        changed_at = file.stat().st_mtime_ns
    except OSError:
        return {}
    return _read(file, changed_at)


@lru_cache(maxsize=4)
def _read(file: Path, _changed_at: int) -> dict[str, bridge.Readings]:
    return bridge.read_readings(file)


def scene_frames(record: TakeRecord) -> list[tuple[int, str, int]]:
    """Scene frame, person and row of all other readings of a take, in order; of people who are in the scene.

    Raises:
        MocapError: the file is damaged.
    """
    assert record.take is not None
    people = {person.person_id for person in record.built.people}
    frames = [
        (round(float(frame)), name, row)
        for name, readings in found_readings(record.take).items()
        if name in people
        for row, frame in enumerate(record.built.film.frames_of(readings.time_s))
    ]
    return sorted(frames)


def next_frame(frames: list[int], now: int, direction: int) -> int | None:
    """The frame to go to: the nearest one, or the next after or before now; None where there is none."""
    if direction == 0:
        return min(frames, key=lambda frame: (abs(frame - now), frame), default=None)
    beyond = [frame for frame in frames if (frame - now) * direction > 0]
    return min(beyond, key=lambda frame: abs(frame - now), default=None)


def chosen_of(scene: bpy.types.Scene, record: TakeRecord) -> list[int]:
    """Places, in the scene's list, of the readings that were chosen for a take."""
    held = settings_of(scene).readings
    return [index for index, reading in enumerate(held) if reading.take == str(record.take)]


def keep_reading(scene: bpy.types.Scene, record: TakeRecord, person: str, frame: int, rotations: Float) -> None:
    """Choose a reading, in place of another one of the same frame.

    Args:
        scene: that holds the choices.
        record: of the take.
        person: its id.
        frame: of the footage, from 0.
        rotations: (21, 4) wxyz.
    """
    held = settings_of(scene).readings
    of_take = [held[index] for index in chosen_of(scene, record)]
    item = next((r for r in of_take if (r.person_id, r.frame) == (person, frame + 1)), None) or held.add()
    item.take, item.person_id, item.frame = str(record.take), person, frame + 1
    item.rotations = json.dumps(np.round(np.asarray(rotations, np.float64), 6).tolist())


def write_chosen(scene: bpy.types.Scene, record: TakeRecord) -> Path | None:
    """The file of the readings that were chosen for a take, beside its motion; None where none was.

    Raises:
        MocapError: the file can't be written.
    """
    people = {person.person_id for person in record.built.people}
    chosen: dict[str, list[dict[str, Any]]] = {}
    for index in chosen_of(scene, record):
        reading = settings_of(scene).readings[index]
        if reading.person_id in people:
            held = {"frame": reading.frame - 1, "rotations": json.loads(reading.rotations)}
            chosen.setdefault(reading.person_id, []).append(held)
    if not chosen:
        return None
    path = record.motion.with_suffix(".readings.json")
    with bridge.written_whole(path) as file:
        file.write(json.dumps(chosen).encode())
    return path

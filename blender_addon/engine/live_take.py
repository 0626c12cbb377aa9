"""What a run has done so far, read from the take while the engine writes it: little at a time.

The engine writes each chunk whole before `take.json` counts it. A step reads one new chunk at most, and of it only
which frames, how sure, and where the joints are in the picture.
"""

from __future__ import annotations

import json
import time
import zipfile
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from .. import bridge
from ..axes import Float
from .take_folder import TAKE_FILE

CHECK_S = 1.0
"""Between looks at `take.json`; the engine commits every five seconds or 32 sightings."""


class Filling:
    """The finished frames of a take that grows.

    Attributes:
        people: name -> frame of the footage -> (time_s, mean confidence, joints (14, 2) in the footage's pixels).
        step: of the take: each of its frames stands for so many.
        version: rises with every change.
    """

    def __init__(self, take: Path) -> None:
        self.people: dict[str, dict[int, tuple[float, float, Float]]] = {}
        self.step = 1
        self.version = 0
        self._take = take
        self._numbers: dict[str, int] = {}
        self._read: set[str] = set()
        self._waiting: deque[tuple[str, str]] = deque()
        self._looked_at = -CHECK_S
        self._changed_at = 0

    def advance(self) -> bool:
        """Read one new chunk, if there is one; whether anything has changed."""
        before, now = self.version, time.monotonic()
        if not self._waiting and now - self._looked_at >= CHECK_S:
            self._looked_at = now
            self._look()
        if self._waiting:
            self._take_in(*self._waiting.popleft())
        return self.version != before

    def _look(self) -> None:
        """Which chunks there are by now, and of whom."""
        file = self._take / TAKE_FILE
        try:
            changed_at = file.stat().st_mtime_ns
            if changed_at == self._changed_at:
                return
            held = json.loads(file.read_text(encoding="utf-8"))
            people = {str(person["id"]): person for person in held["people"]}
            self.step = int(held.get("settings", {}).get("step", 1))
            numbers = {name: int(person.get("number", row)) for row, (name, person) in enumerate(people.items())}
            counts = {name: int(person["chunks"]) for name, person in people.items()}
        except (OSError, ValueError, KeyError, TypeError):
            return  # not there yet, or another program's: the run itself says what is wrong
        self._changed_at = changed_at
        for name in [name for name in self.people if numbers.get(name) != self._numbers[name]]:
            del self.people[name]  # the end of a run keeps those who were asked for
            self.version += 1
        self._numbers = numbers
        chunk_name = bridge.core_module("take.chunks").chunk_name
        for name, number in numbers.items():
            chunks = [chunk_name(number, chunk) for chunk in range(counts[name])]
            self._waiting += [(name, chunk) for chunk in chunks if chunk not in self._read]

    def _take_in(self, name: str, chunk: str) -> None:
        self._read.add(chunk)
        try:
            with (self._take / chunk).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                rows = zip(
                    arrays["frame_index"].tolist(),
                    arrays["time_s"].tolist(),
                    arrays["joint_confidence"].mean(axis=1).tolist(),
                    arrays["joints_px"],
                    strict=True,
                )
                seen: dict[int, Any] = {frame: (time_s, sure, joints) for frame, time_s, sure, joints in rows}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return  # gone: the run has dropped this person
        self.people.setdefault(name, {}).update(seen)
        self.version += 1

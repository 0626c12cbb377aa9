"""What a run has done so far, read from the take while the engine writes it: little at a time.

A step reads one new chunk at most, and of it only which frames, how sure, and where the joints are in the picture.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from .. import bridge
from ..axes import Float

if TYPE_CHECKING:
    from ..bridge import PersonStatus

CHECK_S = 1.0
"""Between looks at the take's status; the engine commits every five seconds or 32 sightings."""


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
        self._written: dict[str, PersonStatus] = {}
        self._chunks_read: dict[str, int] = {}
        self._looked_at = -CHECK_S

    def advance(self) -> bool:
        """Read one new chunk, if there is one; whether anything has changed."""
        before, now = self.version, time.monotonic()
        if self._next_person() is None and now - self._looked_at >= CHECK_S:
            self._looked_at = now
            self._look()
        name = self._next_person()
        if name is not None:
            self._take_in(name)
        return self.version != before

    def _next_person(self) -> str | None:
        """Name of somebody of whom more is written than read."""
        return next((name for name, one in self._written.items() if self._chunks_read.get(name, 0) < one.chunks), None)

    def _look(self) -> None:
        """Look up what is written by now, and of whom."""
        status = bridge.take_status(self._take)
        if not status.people:
            return  # nobody is written yet, or it can't be read just now
        self.step = status.step
        for name, person in self._written.items():
            now = status.people.get(name)
            if now is None or now.number != person.number:  # the end of a run keeps those who were asked for
                self._chunks_read.pop(name, None)
                if self.people.pop(name, None) is not None:
                    self.version += 1
        self._written = status.people

    def _take_in(self, name: str) -> None:
        """Read the next chunk of somebody."""
        chunk = self._chunks_read.get(name, 0)
        self._chunks_read[name] = chunk + 1
        try:
            seen = bridge.seen_joints(self._take, self._written[name].number, chunk)
        except bridge.TakeError:
            return  # gone: the run has dropped this person
        sure = seen.joint_confidence.mean(axis=1).tolist()
        rows = zip(seen.frame_index.tolist(), seen.time_s.tolist(), sure, seen.joints_px, strict=True)
        self.people.setdefault(name, {}).update({frame: (time_s, sure, joints) for frame, time_s, sure, joints in rows})
        self.version += 1

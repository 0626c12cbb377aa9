"""The last frames of a clip, kept so that newcomers can be followed backwards, and who was where in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..types import Frame, Sighting
from .evidence import boxes_of

MEMORY_BYTES = 192 * 2**20
"""Of pictures that are kept."""


@dataclass(slots=True, eq=False)
class PastFrame:
    """A frame that is over, and boxes (xywh, frame pixels) of those who were seen in it, by name."""

    frame: Frame
    boxes: list[tuple[str, list[float]]]


class PastFrames:
    """The frames of the last seconds, as many of them as the memory allows."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._frames: deque[PastFrame] = deque()

    def add(self, frame: Frame, boxes: list[tuple[str, list[float]]]) -> None:
        """Keep a frame, forget the oldest."""
        self._frames.append(PastFrame(frame, boxes))
        while len(self._frames) > 1 and (
            frame.time_s - self._frames[0].frame.time_s > self._keep_s
            or len(self._frames) * frame.image.nbytes > MEMORY_BYTES
        ):
            self._frames.popleft()

    def note(self, sighting: Sighting) -> None:
        """Remember where somebody was."""
        for past in reversed(self._frames):
            if past.frame.frame_index == sighting.frame_index:
                past.boxes.append((sighting.person_id, boxes_of(sighting.estimates)[0].tolist()))
                return

    def before(self, frame_index: int, after: int) -> Iterator[PastFrame]:
        """The frames between two, the latest first."""
        return (past for past in reversed(self._frames) if after < past.frame.frame_index < frame_index)

    def clear(self) -> None:
        """Forget everything, as after a cut."""
        self._frames.clear()

    @property
    def last(self) -> Frame | None:
        """The latest frame."""
        return self._frames[-1].frame if self._frames else None

    def at(self, time_s: float) -> PastFrame | None:
        """The frame of a time; None where it is forgotten."""
        return next((past for past in reversed(self._frames) if past.frame.time_s == time_s), None)

    @property
    def reach_s(self) -> float:
        """Time between the oldest and the latest frame."""
        return self._frames[-1].frame.time_s - self._frames[0].frame.time_s if self._frames else 0.0

    def to_json(self) -> list[Any]:
        """Frame numbers and boxes, without the pictures."""
        return [[past.frame.frame_index, list(past.boxes)] for past in self._frames]

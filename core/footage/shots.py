"""Frames in order -> the same frames, those that begin another shot marked: a flash or a blinking light is no cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..types import Frame
from .glances import difference, glance_of, glanced_at, is_blank

FLASH_S = 0.3
"""A picture that looks as before within this time is of the same shot: flashes of cameras last one or two frames,
lamps that blink up to a quarter of a second. Shots in edited films are longer."""
HELD_BYTES = 96 * 2**20
"""Pictures that wait for the verdict: 15 of 1920 x 1080; where fewer fit, a cut is believed sooner."""


def with_cuts(frames: Iterable[Frame], threshold: float) -> Iterator[Frame]:
    """Mark the first frame of every shot but the first with `is_cut`.

    A frame whose look differs from that of the shot so far is held back until the next ones show whether the look
    returns. Black and white pictures tell nothing of their shot and never are a cut.

    Args:
        frames: of one clip, in the order of time.
        threshold: `glances.difference` of two looks from which on they are of two shots.
    """
    shots = _Shots(threshold)
    for frame in frames:
        shots.waiting.append(glanced_at(frame))
        yield from shots.decided(is_end=False)
    yield from shots.decided(is_end=True)


class _Shots:
    """The look of the shot so far, and the frames that wait for a verdict."""

    def __init__(self, threshold: float) -> None:
        self.waiting: deque[Frame] = deque()
        self._threshold = threshold
        self._last: Frame | None = None

    def decided(self, is_end: bool) -> Iterator[Frame]:
        """The frames whose verdict is known, oldest first."""
        while self.waiting:
            first = self.waiting[0]
            if self._is_as_before(first):
                self._last = first
                yield self.waiting.popleft()
            elif is_blank(glance_of(first).small):
                yield self.waiting.popleft()
            elif (back := self._returns_at()) is not None:
                for _ in range(back):
                    yield self.waiting.popleft()
            elif is_end or self._is_long_enough():
                self._last = first
                yield replace(self.waiting.popleft(), is_cut=True)
            else:
                return

    def _is_as_before(self, frame: Frame) -> bool:
        if self._last is None:
            return not is_blank(glance_of(frame).small)
        return difference(glance_of(self._last).look, glance_of(frame).look) <= self._threshold

    def _returns_at(self) -> int | None:
        """How many frames wait before the one that looks as the shot did before; None where none does."""
        began = self.waiting[0].time_s
        for number, frame in enumerate(self.waiting):
            if number > 1 and frame.time_s - began > FLASH_S:
                return None
            if number and self._is_as_before(frame):
                return number
        return None

    def _is_long_enough(self) -> bool:
        """Whether the waiting frames last longer than a flash, or fill the memory that they may have."""
        is_full = sum(frame.image.nbytes for frame in self.waiting) > HELD_BYTES
        return len(self.waiting) > 1 and (is_full or self.waiting[-1].time_s - self.waiting[0].time_s > FLASH_S)

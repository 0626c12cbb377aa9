"""Frames in order -> the same frames, marked: those that begin another shot, and flashes, in which nobody is seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..types import Frame
from .glances import difference, glance_of, glanced_at, is_blank

FLASH_S = 0.3
"""A picture that looks as before within this time is of the same shot: flashes of cameras last one or two frames,
lamps that blink up to a quarter of a second. Shots in edited films are longer."""
CLEARER = 1.25
"""So much more contrast than the shot so far has a picture in which the light is on again."""
HELD_BYTES = 96 * 2**20
"""Pictures that wait for the verdict: 15 of 1920 x 1080; where fewer fit, a cut is believed sooner."""


def with_cuts(frames: Iterable[Frame], threshold: float) -> Iterator[Frame]:
    """Mark the first frame of every shot but the first with `is_cut`, flashes and blank frames with `is_blind`.

    A frame whose look differs from that of the shot so far is held back until the next ones show whether the look
    returns: then it was a flash, a light that went out, or a few frames of another shot at the clip's end. Black and
    white pictures tell nothing of their shot and never are a cut.

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
        self._began_s = 0.0

    def decided(self, is_end: bool) -> Iterator[Frame]:
        """The frames whose verdict is known, oldest first."""
        while self.waiting:
            first = self.waiting[0]
            if self._is_as_before(first):
                if self._last is None:
                    self._began_s = first.time_s
                self._last = first
                yield self.waiting.popleft()
            elif is_blank(glance_of(first).small):
                yield replace(self.waiting.popleft(), is_blind=True)
            elif (back := self._returns_at()) is not None:
                yield from self._flash(back)
            elif self._is_long_enough():
                self._last, self._began_s = first, first.time_s
                yield replace(self.waiting.popleft(), is_cut=True)
            elif is_end:
                yield replace(self.waiting.popleft(), is_blind=True)
            else:
                return

    def _flash(self, count: int) -> Iterator[Frame]:
        """The first waiting frames, blind; seen where the shot has only begun and they show more: its light was out."""
        last = self._last
        is_clearer = (
            last is not None
            and last.time_s - self._began_s <= FLASH_S
            and _contrast(self.waiting[0]) > CLEARER * _contrast(last)
        )
        for _ in range(count):
            frame = self.waiting.popleft()
            if is_clearer:
                self._last = frame
            yield frame if is_clearer else replace(frame, is_blind=True)

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


def _contrast(frame: Frame) -> float:
    return float(glance_of(frame).small.std())

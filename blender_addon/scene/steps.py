"""Long work inside Blender as a generator, a slice of time at a tick, so that the interface never waits.

A generator yields the share that is done. Between two steps the person may undo or delete anything: it keeps
names, never references. Closing it early leaves nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any, Generic, TypeAlias, TypeVar

from .. import bridge

T = TypeVar("T")
Steps: TypeAlias = Generator[float, None, T]
MARK = "mocap_making"
SLICE_S = 0.02
"""A tick goes on until then; the step in work at that moment is ended first."""


class Stepped(Generic[T]):
    """Work that is done a slice at a time.

    Attributes:
        share: of the work that is done, 0 to 1.
        result: what the generator returned, once it is done.
    """

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self.share = 0.0
        self.result: T | None = None

    def step(self, slice_s: float = SLICE_S) -> bool:
        """Work for that long; whether all is done."""
        end = time.perf_counter() + slice_s
        while self.result is None:
            try:
                self.share = next(self._steps)
            except StopIteration as stop:
                self.share, self.result = 1.0, stop.value
                return True
            if time.perf_counter() >= end:
                return False
        return True

    def close(self) -> None:
        """Give up: what was begun is undone."""
        self._steps.close()


def finished(steps: Steps[T]) -> T:
    """All the steps at once, for scripts."""
    work = Stepped(steps)
    work.step(math.inf)
    assert work.result is not None
    return work.result


def found(holder: Any, name: str, mark: str = "") -> Any:
    """A datablock by its name.

    Args:
        holder: such as `bpy.data.objects`.
        name: of the datablock.
        mark: what it bears as `MARK`, so that one of the same name that an undo brought back is not taken for it.

    Raises:
        MocapError: it was deleted or undone meanwhile.
    """
    item = holder.get(name)
    if item is None or (mark and item.get(MARK) != mark):
        raise bridge.MocapError(f"{name} was deleted while it was being made: build it again")
    return item

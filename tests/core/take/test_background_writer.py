"""Commits behind the run's back: the same take, its errors at the next call, one commit at a time."""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
import pytest

from core.errors import OutputError
from core.take import background_writer
from core.take.background_writer import WriteBehind
from core.take.take import TakeWriter
from core.types import Sighting
from tests.fixtures.fake_people import _estimates

SOON_S = 20.0


class Writer:
    """Keeps what it is given; a commit waits for `go` and raises what it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.rows: list[int] = []
        self.commits: list[tuple[int, int]] = []
        self.error = error
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()

    def add(self, person_id: str, frame_index: int, time_s: float, estimates: Any) -> None:
        self.rows.append(frame_index)

    def commit(self, next_frame: int, tracker_state: dict[str, Any]) -> None:
        self.begun.set()
        assert self.go.wait(SOON_S)
        if self.error is not None:
            raise self.error
        self.commits.append((next_frame, len(self.rows)))


def sighting(frame_index: int) -> Sighting:
    boxes = np.array([[0.0, 0, 10, 20]])
    return Sighting("1", frame_index, frame_index / 25, _estimates(boxes, np.zeros((1, 14, 2)), np.ones(1)))


def written_by(writer: Writer) -> WriteBehind:
    return WriteBehind(cast(TakeWriter, writer))


def test_rows_of_a_commit_are_those_that_were_added_before_it() -> None:
    writer = Writer()
    writer.go.clear()
    with written_by(writer) as written:
        written.add(sighting(0))
        written.commit(1, {})
        assert writer.begun.wait(SOON_S)
        written.add(sighting(1))  # while the first commit is on its way
        writer.go.set()
        written.commit(2, {})
        written.settle()
    assert writer.commits == [(1, 1), (2, 2)]


def test_commit_is_due_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_writer, "COMMIT_ROWS", 3)
    with written_by(Writer()) as written:
        dues = []
        for frame in range(3):
            written.add(sighting(frame))
            dues.append(written.is_commit_due)
        written.commit(3, {})
        assert [*dues, written.is_commit_due] == [False, False, True, False]


def test_failed_commit_is_told_by_the_next_call_once() -> None:
    with written_by(Writer(OutputError("t.take: the disk is full"))) as written:
        written.commit(1, {})
        with pytest.raises(OutputError, match="the disk is full"):
            written.settle()
        written.settle()


def test_failed_last_commit_is_not_lost() -> None:
    with pytest.raises(OutputError, match="the disk is full"), written_by(Writer(OutputError("the disk is full"))) as w:
        w.commit(1, {})


def test_error_of_the_run_wins_over_that_of_the_commit_and_no_thread_is_left() -> None:
    with pytest.raises(KeyboardInterrupt), written_by(Writer(OutputError("the disk is full"))) as written:
        written.commit(1, {})
        raise KeyboardInterrupt
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("write")] == []

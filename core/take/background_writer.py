"""A take's commits, made in a thread of their own while the next frames are looked at: one at a time."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

from ..types import Sighting
from .take import COMMIT_EVERY_S, COMMIT_ROWS, TakeWriter


class WriteBehind:
    """Gathers sightings and commits them behind the run's back; use it as a context manager inside the writer's.

    A commit waits for the one before it, so that two chunks a person are in memory at most. What a commit raises is
    raised by the next call here.
    """

    def __init__(self, writer: TakeWriter) -> None:
        self._writer = writer
        self._gathered: list[Sighting] = []
        self._committed_at = time.monotonic()
        self._pool = ThreadPoolExecutor(1, "write")
        self._commit: Future[None] | None = None

    def __enter__(self) -> WriteBehind:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _t: TracebackType | None) -> None:
        self._pool.shutdown()
        if error is None:
            self.settle()

    def add(self, sighting: Sighting) -> None:
        """Keep one sighting for the next commit; frames may come late and in any order."""
        self._gathered.append(sighting)

    @property
    def is_commit_due(self) -> bool:
        """Whether enough rows or seconds have gathered since the last commit.

        Raises:
            OutputError: the last commit failed.
        """
        if self._commit is not None and self._commit.done():
            self.settle()
        return len(self._gathered) >= COMMIT_ROWS or time.monotonic() - self._committed_at > COMMIT_EVERY_S

    def commit(self, next_frame: int, tracker_state: dict[str, Any]) -> None:
        """Begin to bring all that was added to disk; as `TakeWriter.commit`."""
        self.settle()
        gathered, self._gathered = self._gathered, []
        self._commit = self._pool.submit(self._write, gathered, next_frame, tracker_state)
        self._committed_at = time.monotonic()

    def settle(self) -> None:
        """Wait until the commit is on disk.

        Raises:
            OutputError: it could not be written; the take is as the commit before left it.
        """
        commit, self._commit = self._commit, None
        if commit is not None:
            commit.result()

    def _write(self, sightings: list[Sighting], next_frame: int, tracker_state: dict[str, Any]) -> None:
        for seen in sightings:
            self._writer.add(seen.person_id, seen.frame_index, seen.time_s, seen.estimates)
        self._writer.commit(next_frame, tracker_state)

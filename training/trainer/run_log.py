"""The log of a run: JSON lines in RUN/log.jsonl, and one line a time on the terminal."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

logger = logging.getLogger("training")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class RunLog:
    """Appends events; silent in all processes but the first."""

    def __init__(self, run: Path, is_first: bool) -> None:
        self._path = run / "log.jsonl"
        self._is_first = is_first
        if is_first:
            run.mkdir(parents=True, exist_ok=True)

    def write(self, event: str, values: Mapping[str, Any]) -> None:
        """Adds one line.

        Args:
            event: "start", "step", "evaluate", "checkpoint", "end".
            values: plain JSON types.
        """
        if not self._is_first:
            return
        with self._path.open("a") as file:
            file.write(json.dumps({"event": event, **values}) + "\n")
        logger.info("%s %s", event, " ".join(f"{key} {_short(value)}" for key, value in values.items()))


def read_events(run: Path) -> list[dict[str, Any]]:
    """Everything that was logged, in order; a line cut off by a kill is left out.

    Raises:
        ValueError: the folder holds no log.
    """
    path = run / "log.jsonl"
    if not path.is_file():
        raise ValueError(f"{run} is no run: it lacks log.jsonl")
    events = []
    for line in path.read_text().splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return events


def first_line(run: Path) -> dict[str, Any]:
    """The "start" event of a run: stage and configuration, as last resumed.

    Raises:
        ValueError: the folder holds no log, or one without a start.
    """
    starts = [event for event in read_events(run) if event["event"] == "start"]
    if not starts:
        raise ValueError(f"{run / 'log.jsonl'} names no configuration")
    return starts[-1]

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

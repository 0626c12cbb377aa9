"""How far an unfinished take is, for the button that resumes it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

TAKE_FILE = "take.json"


def frames_done(take: Path) -> int:
    """Frames of the footage that an unfinished take has behind it; 0 for a finished one, or none.

    It is asked in every redraw, so the file is only read when it has changed.
    """
    file = take / TAKE_FILE
    try:
        return _read(file, file.stat().st_mtime_ns)
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _read(file: Path, _changed_at: int) -> int:
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return 0 if held["complete"] else int(held["next_frame"])
    except (ValueError, KeyError, TypeError):
        return 0

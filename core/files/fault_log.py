"""Any exception as one sentence; the traceback of one that nobody foresaw goes to a log file, for a bug report."""

from __future__ import annotations

import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np

from ..errors import MocapError, ProgramFault, first_line, sentence_of
from .untrusted import shortened


def sentence_with_log(error: BaseException, what: str, log: Path) -> str:
    """One sentence about an error, which names the log file that has its traceback; a `MocapError` needs none.

    Args:
        error: of any kind.
        what: that failed: a clip, a person, an export.
        log: to which the traceback is added; where that can't be, it goes to the folder for temporary files.
    """
    if isinstance(error, MocapError) and not isinstance(error, ProgramFault):
        return sentence_of(error)
    place = _written(error, what, log)
    for_whom = "no log could be written" if place is None else f"for a bug report, its log is {place}"
    if isinstance(error, ProgramFault):
        return f"{sentence_of(error)}; {for_whom}"
    if isinstance(error, OSError | MemoryError):
        return f"{what}: {sentence_of(error)}; {for_whom}"
    kind = f"{type(error).__name__}: {shortened(first_line(error), 120)}"
    return f"{what}: failed by a fault of the program ({kind}); {for_whom}"


def log_beside(output: Path) -> Path:
    """The log of what is written as `output`: `clip.log` beside `clip.take` and `clip.npz`."""
    return output.with_suffix(".log") if output.name else output / "footage-mocap.log"


def _written(error: BaseException, what: str, log: Path) -> Path | None:
    """Where the traceback was written; None for nowhere."""
    entry = f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {what}\n{_system()}\n{_traceback(error)}\n"
    for place in (log, Path(tempfile.gettempdir(), "footage-mocap", log.name)):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(entry)
        except (OSError, ValueError):  # full, read-only, a folder of that name, no name for a file
            continue
        return place
    return None


def _system() -> str:
    return f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.platform()}; {' '.join(sys.argv)}"


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))

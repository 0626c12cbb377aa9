"""Progress on stderr, as a bar on a terminal or as JSON lines, and the two ways to say stop."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from types import FrameType
from typing import TextIO

from ..types import Progress, ProgressFunction

BAR_WIDTH = 30
REDRAW_S = 0.1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """True once Ctrl-C or SIGTERM came; the run then ends at the next frame and leaves a take to resume.

    A second signal ends the process as if nobody had listened.
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self) -> bool:
        """Whether the person said stop."""
        return self._event.is_set()

    def listen(self) -> None:
        """Take the signals over."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._heard)

    @staticmethod
    def interrupt() -> None:
        """Let both signals end what runs at once, as Ctrl-C does: for commands that have nothing to keep."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.default_int_handler)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        self._event.set()
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)


def progress_printer(kind: str, stream: TextIO = sys.stderr) -> ProgressFunction | None:
    """What prints progress: "json" always, "auto" a bar where the stream is a terminal, "none" nothing."""
    if kind == "json":
        return JsonLines(stream)
    return Bar(stream) if kind == "auto" and stream.isatty() else None


class JsonLines:
    """One object a line: stage, done, total, message."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, progress: Progress) -> None:
        """Print one line."""
        said = {name: getattr(progress, name) for name in ("stage", "done", "total", "message")}
        print(json.dumps(said), file=self._stream, flush=True)


class Bar:
    """A line that is drawn again, ten times a second at most."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._stage = ""
        self._drawn_at = 0.0

    def __call__(self, progress: Progress) -> None:
        """Draw the line, where it is time for it."""
        is_last = progress.done == progress.total
        now = time.monotonic()
        if progress.stage == self._stage and not is_last and now - self._drawn_at < REDRAW_S:
            return
        if self._stage and progress.stage != self._stage:
            self.end()
        self._stage, self._drawn_at = progress.stage, now
        print(f"\r\x1b[K{bar_line(progress)}", end="", file=self._stream, flush=True)

    def end(self) -> None:
        """Leave the line, so that other text begins on its own."""
        if self._stage:
            print(file=self._stream, flush=True)
            self._stage = ""


def bar_line(progress: Progress) -> str:
    """The bar as text; without a total it counts only."""
    if not progress.total:
        return f"{progress.stage} {progress.done}  {progress.message}".rstrip()
    share = min(1.0, progress.done / progress.total)
    full = round(share * BAR_WIDTH)
    bar = "#" * full + "-" * (BAR_WIDTH - full)
    return f"{progress.stage} [{bar}] {progress.done}/{progress.total}  {progress.message}".rstrip()

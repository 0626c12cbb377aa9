"""The engine: `core`'s command line in a child process, so that Blender never waits for the network and
never goes down with it. No bpy in this file.

The child is a Python of its own: Blender's bundled one, with the same site-packages, or one that the user
chose. It prints one JSON object a line for its progress; its other lines are kept for the error message.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

NEEDED_MODULES = ("numpy", "cv2", "scipy", "onnxruntime")
LAST_LINES = 12
"""Of a child that failed, in the message; the report for a bug has more of them."""
KEPT_LINES = 60
WARNING = "WARNING: "
SILENCE_S = 60.0
"""A child that says nothing for so long may hang: the panel says so, and the person decides."""
KILL_AFTER_S = 1.0
"""A child that ignores `terminate` for so long is killed: a cancel takes effect within two seconds, busy or not."""

State = Literal["running", "done", "failed", "cancelled"]


@dataclass(slots=True)
class EngineProgress:
    """What the child said last; `total` is None where it doesn't know, `first` is where a resumed stage began."""

    stage: str = "starting"
    done: int = 0
    total: int | None = None
    message: str = ""
    since: float = field(default_factory=time.monotonic)
    first: int = 0

    @property
    def fraction(self) -> float:
        """Share of the stage that is done, 0 where the total is not known."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time left in this stage at its mean speed so far, or None while it can't be told."""
        if not self.total or self.done <= self.first:
            return None
        return (time.monotonic() - self.since) * (self.total - self.done) / (self.done - self.first)


class EngineJob:
    """Commands of `core` run one after the other in child processes.

    `poll` never waits: call it from a timer. After it, `state` says how things stand, `progress` how far,
    `error` what went wrong and `notices` what else the person should know, both in words for the person.
    """

    def __init__(self, python: Path, commands: list[list[str]], environment: dict[str, str]) -> None:
        self.state: State = "running"
        self.error = ""
        self.progress = EngineProgress()
        self.notices: list[str] = []
        self._heard_at = time.monotonic()
        self._python = python
        self._waiting = list(commands)
        self._environment = environment
        self._last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._child: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._cancelled_at: float | None = None
        if self._waiting:
            self._start_next()
        else:
            self.state = "done"

    @property
    def pid(self) -> int | None:
        """Process id of the child that runs now."""
        return self._child.pid if self._child else None

    @property
    def last_lines(self) -> list[str]:
        """What the children printed last, progress apart."""
        return list(self._last_lines)

    @property
    def silent_s(self) -> float:
        """Seconds since the child said anything."""
        return time.monotonic() - self._heard_at

    @property
    def is_cancelling(self) -> bool:
        """Whether the person said stop and the child has not ended yet."""
        return self.state == "running" and self._cancelled_at is not None

    def poll(self) -> State:
        """Take in what the child said since the last call, and what became of it."""
        self._read_lines()
        if self.state != "running" or self._child is None:
            return self.state
        exit_code = self._child.poll()
        if exit_code is None:
            if self._cancelled_at is not None and time.monotonic() - self._cancelled_at > KILL_AFTER_S:
                self._child.kill()
        elif not (self._reader and self._reader.is_alive()):
            self._read_lines()
            self._take_exit(exit_code)
        return self.state

    def cancel(self) -> None:
        """Ask the child to end; `poll` reports when it has."""
        if self.state == "running" and self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            if self._child and self._child.poll() is None:
                self._child.terminate()

    def close(self) -> None:
        """End the child now, whatever it does: Blender quits, or the add-on is switched off."""
        if self._child and self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        if self._reader:
            self._reader.join()
        if self.state == "running":
            self.state = "cancelled"

    def _start_next(self) -> None:
        command = [str(self._python), "-m", "core", *self._waiting.pop(0)]
        self.progress = EngineProgress()
        try:
            self._child = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            self._fail(f"the engine did not start: {self._python}: {error.strerror}; choose another Python "
                       "in the preferences, or none for Blender's own")  # fmt: skip
            return
        self._reader = threading.Thread(target=_read, args=(self._child.stdout, self._lines), daemon=True)
        self._reader.start()

    def _read_lines(self) -> None:
        while not self._lines.empty():
            line = self._lines.get().strip()
            self._heard_at = time.monotonic()
            if line and not self._take_progress(line):
                self._last_lines.append(line)
            if line.startswith(WARNING):
                self.notices.append(line.removeprefix(WARNING))

    def _take_progress(self, line: str) -> bool:
        """Whether the line was a progress object; remember it then."""
        if not line.startswith("{"):
            return False
        try:
            said: dict[str, Any] = json.loads(line)
            stage, done, total = str(said["stage"]), int(said["done"]), said["total"]
        except (ValueError, KeyError, TypeError):
            return False
        is_new = stage != self.progress.stage
        since, first = (time.monotonic(), done) if is_new else (self.progress.since, self.progress.first)
        total = None if total is None else int(total)
        self.progress = EngineProgress(stage, done, total, str(said.get("message", "")), since, first)
        return True

    def _take_exit(self, exit_code: int) -> None:
        if self._cancelled_at is not None:
            self.state = "cancelled"
        elif exit_code == 0 and self._waiting:
            self._start_next()
        elif exit_code == 0:
            self.state = "done"
        else:
            self._fail(exit_message(exit_code, self.last_lines[-LAST_LINES:]))

    def _fail(self, error: str) -> None:
        self.state = "failed"
        self.error = error


def exit_message(exit_code: int, last_lines: list[str]) -> str:
    """What a child's end means, in words for the person.

    Args:
        exit_code: of the child; negative is the signal that ended it.
        last_lines: what it printed last, progress apart.
    """
    if exit_code == 1 and last_lines and not any(line.startswith("Traceback") for line in last_lines):
        return last_lines[-1].removeprefix("error: ")
    if exit_code == -9:
        start = (
            "the engine was killed, which the system does when memory runs out; "
            "close other programs or use a shorter clip"
        )
    elif exit_code < 0:
        start = f"the engine crashed (signal {-exit_code}); the take keeps what was done, so try again"
    else:
        start = f"the engine ended with code {exit_code}"
    return ". Its last lines:\n".join([start, "\n".join(last_lines)]) if last_lines else start


def own_python() -> Path:
    """Blender's own Python: asked for, never guessed from Blender's path.

    Returns:
        Its path; a bare `python` where Blender embeds Python without an executable, so that the start
        fails with the sentence that says what to do.
    """
    candidates = [Path(sys.executable)] if sys.executable else []
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for prefix in (sys.prefix, sys.base_prefix):
        candidates += [
            Path(prefix, "bin", name),
            Path(prefix, "bin", "python.exe"),
            Path(prefix, "python.exe"),
        ]
    for candidate in candidates:
        if candidate.name.lower().startswith("python") and candidate.is_file():
            return candidate
    return Path(sys.prefix, "bin", name)


def missing_modules() -> list[str]:
    """Names of the packages that the engine needs and this Python lacks."""
    return [name for name in NEEDED_MODULES if importlib.util.find_spec(name) is None]


def child_environment(core_root: Path, is_own_python: bool) -> dict[str, str]:
    """Environment of the child.

    Args:
        core_root: the folder that holds `core`.
        is_own_python: whether it runs on this Python, and so needs this Python's site-packages; a Python
            that the user chose brings its own.
    """
    paths = [str(core_root)]
    if is_own_python:
        paths += [path for path in sys.path if path and _has_needed_module(Path(path))]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONSAFEPATH": "1",  # the current folder is not a place to import from
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _has_needed_module(folder: Path) -> bool:
    return any((folder / name / "__init__.py").is_file() for name in NEEDED_MODULES)


def _read(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    with stream:
        for line in stream:
            lines.put(line)

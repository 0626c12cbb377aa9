"""A stand-in for the engine's Python: takes `-m core COMMAND ...` and behaves as MODE in its environment says."""

import json
import os
import shutil
import signal
import stat
import sys
import time
from pathlib import Path


def install(folder: Path, monkeypatch, mode: str, motion: Path | None = None) -> Path:
    """An executable that runs this file; returns its path."""
    program = folder / "python_fake"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("FAKE_ENGINE_MODE", mode)
    monkeypatch.setenv("FAKE_ENGINE_MOTION", str(motion or ""))
    return program


def say(stage: str, done: int, total: int | None) -> None:
    """One progress line."""
    print(json.dumps({"stage": stage, "done": done, "total": total, "message": ""}), file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Behave."""
    mode = os.environ["FAKE_ENGINE_MODE"]
    command = arguments[2]
    say("estimate" if command == "reconstruct" else "solve", 3, 10)
    if mode == "refuse":
        print("error: clip.mp4: nobody in it; draw a box", file=sys.stderr)
        return 1
    if mode == "traceback":
        raise ZeroDivisionError("a bug")
    if mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "segfault":
        print("loading the network", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if mode == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode in {"hang", "deaf"}:
        say("estimate", 4, 10)
        time.sleep(60)
    if command == "solve":
        shutil.copy(os.environ["FAKE_ENGINE_MOTION"], arguments[arguments.index("-o") + 1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

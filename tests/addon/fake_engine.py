"""A stand-in for the engine's Python: takes `-m core COMMAND ...` and behaves as MODE in its environment says."""

import json
import os
import shutil
import signal
import stat
import sys
import time
from pathlib import Path

REPORT = {
    "people": [
        {
            "person": "1",
            "checks": [
                {"name": "foot slide", "value": 3.21, "unit": "cm/s", "grade": "green"},
                {"name": "jitter", "value": None, "unit": "mm/frame^2", "grade": "none"},
            ],
        }
    ],
    "contacts": {"1": {"left": [[40, 52]], "right": [[11, 24]]}},
}
"""As the engine writes it, in short."""


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


def fail() -> None:
    """A bug."""
    raise ZeroDivisionError("a bug")


def crash() -> None:
    """As native code does."""
    print("loading the network", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    """Say something once more, then nothing."""
    say("estimate", 4, 10)
    time.sleep(60)


def hang_deaf() -> None:
    """Hang, and listen to no signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang()


def chatter() -> None:
    """Work for ever."""
    while True:
        say("estimate", 4, 10)
        time.sleep(0.05)


def warn() -> None:
    """Go on with less."""
    print("WARNING: CUDA did not load; the network runs on the CPU", file=sys.stderr)


MODES = {
    "traceback": fail,
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": crash,
    "hang": hang,
    "deaf": hang_deaf,
    "chatty": chatter,
    "warn": warn,
}


def examine(mode: str) -> int:
    """What the doctor prints, in short."""
    print("ok      python            3.11.9 on Linux x86_64")
    if mode == "refuse":
        print("MISSING onnxruntime       not installed; install it: pip install onnxruntime")
        print("error: something that is needed is missing; the lines above say what to do", file=sys.stderr)
        return 1
    print("ok      network           onnx on CUDA, 2.1 ms a person")
    return 0


def main(arguments: list[str]) -> int:
    """Behave."""
    mode = os.environ["FAKE_ENGINE_MODE"]
    command = arguments[2]
    if command == "doctor":
        return examine(mode)
    say("estimate" if command == "reconstruct" else "solve", 3, 10)
    if mode == "refuse" or "bad" in arguments[3]:
        print("error: clip.mp4: nobody in it; draw a box", file=sys.stderr)
        return 1
    MODES.get(mode, int)()
    if command == "reconstruct" and "-o" in arguments:
        Path(arguments[arguments.index("-o") + 1]).mkdir(parents=True, exist_ok=True)
    if "--report" in arguments:
        Path(arguments[arguments.index("--report") + 1]).write_text(json.dumps(REPORT))
    if command == "readings":
        shutil.copy(os.environ["FAKE_ENGINE_READINGS"], arguments[arguments.index("-o") + 1])
    if command == "solve":
        shutil.copy(os.environ["FAKE_ENGINE_MOTION"], arguments[arguments.index("-o") + 1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

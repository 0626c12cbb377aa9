"""The command line as a person runs it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 300


def environment() -> dict[str, str]:
    """The tests' own, in UTF-8."""
    return {**os.environ, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}


def arguments(*parts: object) -> list[str]:
    """`python -m core PARTS`."""
    return [sys.executable, "-m", "core", *map(str, parts)]


def run_core(*parts: object, before: Callable[[], Any] | None = None) -> subprocess.CompletedProcess[str]:
    """Run to the end and keep what was said; `before` runs in the child before Python does."""
    return subprocess.run(
        arguments(*parts),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        preexec_fn=before,
        check=False,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit 1, one line on stderr that holds the words, and no traceback."""
    lines = done.stderr.splitlines()
    assert (done.returncode, len(lines)) == (1, 1), done.stderr
    assert lines[0].startswith("error: ")
    assert [word for word in words if word not in lines[0]] == [], lines[0]

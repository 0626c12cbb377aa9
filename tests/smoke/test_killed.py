"""Nothing is lost when a run dies: see `tests/killed.py`."""

import os
import subprocess
import sys

import pytest

from tests.fixtures.commands import ROOT, environment

KILLS = 50


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_run_killed_at_random_moments_resumes_to_the_undisturbed_take() -> None:
    command = [sys.executable, "-m", "tests.killed", "--kills", str(KILLS)]
    run = {"cwd": ROOT, "env": environment(), "capture_output": True, "text": True, "timeout": 900}
    done = subprocess.run(command, check=False, **run)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert f"| runs killed by SIGKILL | {KILLS} |" in done.stdout

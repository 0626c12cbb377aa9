"""A worker that dies under torchrun: all are started again, and `--resume` goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.fixtures.paper_sets import SMALL, mix
from training.trainer import checkpoint

PATIENCE_S = 300
STEPS, RESTARTS = 80, 2


def command(run: Path) -> list[str]:
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", str(RESTARTS)]
    stage = ["-m", "training.train", "paper-tokenizer", "--output", str(run), *SMALL, "--keypoints", mix("poses")]
    length = [
        "--samples",
        "640",
        "--epochs",
        "0",
        "--batch",
        "4",
        "--test-bank",
        "20",
        "--checkpoint-minutes",
        "0",
        "--resume",
    ]
    return [sys.executable, *torchrun, *stage, *length]


def worker_of(launcher: int) -> int:
    """One of the two processes that torchrun started."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return int(children[-1])


def averaged(run: Path) -> dict[str, torch.Tensor]:
    latest = checkpoint.latest(run)
    assert latest is not None and latest.name == f"{STEPS:09d}"
    return load_file(latest / "model.safetensors")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers in /proc, which only Linux has")
def test_killed_worker_is_started_again_and_the_run_ends_as_if_it_had_not_died(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    said = (tmp_path / "said").open("w+")
    launcher = subprocess.Popen(command(killed), env=environment, stderr=said, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE_S
        while checkpoint.latest(killed) is None and launcher.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(worker_of(launcher.pid), signal.SIGKILL)
        assert launcher.wait(PATIENCE_S) == 0, (tmp_path / "said").read_text()
    finally:
        launcher.kill()
        said.close()
    starts = [json.loads(line) for line in (killed / "log.jsonl").read_text().splitlines() if '"start"' in line]
    assert 2 <= len(starts) <= 1 + RESTARTS and 0 < starts[1]["step"] < STEPS
    assert subprocess.run(command(whole), env=environment, check=False, capture_output=True).returncode == 0
    expected, found = averaged(whole), averaged(killed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)

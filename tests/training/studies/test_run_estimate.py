"""Estimates by hand, from a log by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.studies.run_estimate import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    steps = [{"event": "step", "samples_per_s": rate, "gflop_per_sample": 200.0} for rate in (1.0, 100.0, 100.0, 90.0)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    return tmp_path


def test_hours_on_the_machine_of_the_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run), "--people", "36000", "--epochs", "10"]) == 0
    assert "estimate: hours = 360000 samples / 100.0 / 3600 = 1.0" in capsys.readouterr().out


def test_hours_and_cost_on_another(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--tflops", "400", "--mfu", "25", "--price", "3"]
    assert main([str(run), "--people", "360000", "--epochs", "10", *more]) == 0
    said = capsys.readouterr().out
    assert "400 TFLOP/s x 25 % / 200 GFLOP a sample (measured) = 500.0" in said
    assert "= 2.0\n" in said and said.endswith("= 6\n")


def test_run_without_steps_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.jsonl").write_text("")
    assert main([str(tmp_path), "--people", "1", "--epochs", "1"]) == 1
    assert "no samples_per_s yet" in capsys.readouterr().err

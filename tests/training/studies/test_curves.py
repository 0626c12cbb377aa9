"""Training curves: runs one after the other, and one sentence for a folder that is no run."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from training.studies import curves


def write_run(folder: Path, samples: int, score: float, init: list[str]) -> Path:
    folder.mkdir()
    events = [
        {"event": "start", "stage": "mesh", "step": 0, "samples": 0, "config": {"init": init}},
        {"event": "evaluate", "step": 1, "samples": samples, "elapsed_s": 1.0, "clean_pa_joints": score},
        {"event": "end", "step": 1, "samples": samples, "cancelled": False},
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def test_samples_add_up_over_the_runs(tmp_path: Path) -> None:
    first = write_run(tmp_path / "first", 2000, 140.0, [])
    second = write_run(tmp_path / "second", 3000, 120.0, [str(first)])
    points, ends = curves.gather([first, second])
    assert points["clean_pa_joints"] == ([2.0, 5.0], [140.0, 120.0])
    assert ends == [("first", 2.0), ("second", 5.0)]


def test_picture_is_written(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", 2000, 140.0, [])
    assert curves.main([str(run), "-o", str(tmp_path / "curves.png")]) == 0
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture is not None and picture.std() > 5


def test_folder_that_is_no_run_ends_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert curves.main([str(tmp_path), "-o", str(tmp_path / "curves.png")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("training.studies.curves: ") and "log.jsonl" in said and said.count("\n") == 1

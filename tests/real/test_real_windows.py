"""The add-on as a person meets it: installed from the zip with its wheels, clicked through in a real window.

Minutes of work for a Blender that is made for it, so it runs where MOCAP_REAL_BLENDER names the folder of one
(made by `python -m tests.real --folder FOLDER`, which runs the same story); `.ci/run` runs it by itself.
"""

import json
import os
import re
from pathlib import Path

import pytest

from tests.real import __main__ as real

FOLDER = os.environ.get("MOCAP_REAL_BLENDER", "")
INSIDE = real.ROOT / real.INSIDE


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason="no real Blender: MOCAP_REAL_BLENDER names no folder of one (tests/real)")
def test_whole_way_in_a_real_window(capfd: pytest.CaptureFixture[str]) -> None:
    assert real.main(["trixie", "--folder", FOLDER]) == 0, capfd.readouterr().out


def test_story_has_a_step_for_each_that_it_tells() -> None:
    told = (INSIDE / "flow.py").read_text(encoding="utf-8")
    steps = re.findall(r"^    (\w+)\.(\w+),$", told, flags=re.MULTILINE)
    of = {name: (INSIDE / f"{name}.py").read_text(encoding="utf-8") for name, _ in steps}
    assert len(steps) > 10 and [step for name, step in steps if f"def {step}(story)" not in of[name]] == []


def test_step_is_told_in_words() -> None:
    step = {"step": "feet_are_locked", "ok": False, "seconds": 3.5, "problem": "AssertionError: no button"}
    assert real.in_words(json.dumps(step)) == "feet are locked (3.5 s): failed: AssertionError: no button"
    assert real.in_words("shot after.png") == "shot after.png"


def test_without_the_script_it_says_what_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOCAP_SHARED", str(tmp_path))
    monkeypatch.setattr(real.os, "geteuid", lambda: 0)
    assert real.main([]) == real.SKIPPED
    assert capsys.readouterr().out.startswith("skipped: no real_blender.sh")


def test_blender_that_cannot_be_made_in_time_is_skipped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "real_blender.sh").write_text("exec sleep 60\n")
    monkeypatch.setenv("MOCAP_SHARED", str(tmp_path))
    monkeypatch.setattr(real, "why_not", str)
    assert real.main(["--limit", "1", "--folder", str(tmp_path / "kept")]) == real.SKIPPED
    assert "could not be made in the time" in capfd.readouterr().out


def test_story_that_outlasts_its_limit_is_skipped_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "real_blender.sh").write_text('echo \'{"step": "one", "ok": true, "seconds": 1}\'; exit 124\n')
    (tmp_path / "kept" / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "kept" / "usr" / "bin" / "blender").touch()
    monkeypatch.setenv("MOCAP_SHARED", str(tmp_path))
    monkeypatch.setattr(real, "why_not", str)
    told = ["--folder", str(tmp_path / "kept"), "--zip", str(tmp_path / "x.zip")]
    assert real.main([*told, "--limit", "5"]) == real.SKIPPED
    assert "one (1 s): ok" in (said := capfd.readouterr().out) and "after 1 steps" in said
    assert real.main(told) == 1

"""The manifest on the command line: two shards share the clips, a rerun does nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.take.take import Take
from tests.fixtures.commands import ROOT, environment, run_core
from tests.fixtures.graphs import walking_blob, write_clip

FRAMES = 24


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    for number in range(3):
        write_clip(tmp_path / f"clip{number}.mp4", FRAMES, walking_blob)
    lines = [{"footage": f"clip{number}.mp4", "output": f"takes/{number}.take"} for number in range(3)]
    lines.insert(1, {"footage": "missing.mp4"})
    path = tmp_path / "clips.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def run(manifest: Path, weights: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return run_core("reconstruct", "--manifest", manifest, "--weights", weights, "--detector", "search", *more)


def clips_of(report: Path) -> list[dict[str, object]]:
    return list(json.loads(report.read_text())["clips"])


def test_two_shards_do_every_clip_once_and_a_rerun_none(manifest: Path, blob_weights: Path) -> None:
    folder = manifest.parent
    done = [run(manifest, blob_weights, "--shard", f"{n}/2", "--report", folder / f"{n}.json") for n in range(2)]
    assert [one.returncode for one in done] == [0, 1]  # the second shard has the missing clip
    assert "shard 0/2: 2 clips: 2 done" in done[0].stdout
    assert "1 of 2 clips are not done" in done[1].stderr and "missing.mp4" in done[1].stderr
    assert "Traceback" not in done[1].stderr
    assert all(len(Take.open(folder / f"takes/{n}.take").persons()[0].frame_index) == FRAMES for n in range(3))
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*.take/*") if path.suffix != ".lock"}
    again = run(manifest, blob_weights, "--report", folder / "again.json")
    assert again.returncode == 1
    states = [clip["state"] for clip in clips_of(folder / "again.json")]
    assert states == ["was done", "failed", "was done", "was done"]
    assert written == {path: path.stat().st_mtime_ns for path in written}


def test_two_runs_of_one_shard_leave_each_other_alone(manifest: Path, blob_weights: Path) -> None:
    folder = manifest.parent
    command = [sys.executable, "-m", "core", "reconstruct", "--manifest", manifest, "--weights", blob_weights]
    runs = [
        subprocess.Popen(
            [*map(str, command), "--detector", "search", "--report", str(folder / f"run{n}.json")],
            cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for n in range(2)
    ]  # fmt: skip
    assert [one.wait(timeout=300) for one in runs] == [1, 1]
    states = zip(*(clips_of(folder / f"run{n}.json") for n in range(2)), strict=True)
    for number, (first, second) in enumerate(states):
        if number != 1:  # the missing clip
            assert {first["state"], second["state"]} <= {"done", "was done", "busy"}
            assert [first["state"], second["state"]].count("done") == 1
    assert all(Take.open(folder / f"takes/{n}.take").is_complete for n in range(3))


def test_slurm_array_tells_the_shard(manifest: Path, blob_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"ID": "11", "MIN": "10", "MAX": "13", "COUNT": "4"}
    for name, value in values.items():
        monkeypatch.setitem(os.environ, f"SLURM_ARRAY_TASK_{name}", value)
    told = run(manifest, blob_weights)
    assert "shard 1/4: 1 clips: 1 failed" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shard", "0/2"], "--manifest"),
        (["a.mp4", "--manifest", "clips.jsonl"], "not both"),
        (["--manifest", "clips.jsonl", "--shard", "2/2"], "from 0 to N - 1"),
        (["--manifest", "clips.jsonl", "--check"], "one clip"),
        (["a.mp4"], "-o NAME.take"),
        (["a.mp4", "-o", "a.take", "--executor", "ray"], "--manifest"),
        (["--manifest", "clips.jsonl", "--ray-address", "127.0.0.1:6379"], "--executor ray"),
    ],
)
def test_wrong_usage_is_told_and_ends_with_2(arguments: list[str], words: str) -> None:
    told = run_core("reconstruct", *arguments)
    assert told.returncode == 2 and words in told.stderr

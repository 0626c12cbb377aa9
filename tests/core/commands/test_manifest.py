"""Manifests and shards: every clip once, the line's own options on top, one sentence for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands.manifest import Clip, Shard, read_manifest, shard_of
from core.errors import ManifestError
from core.settings import ReconstructSettings

SETTINGS = ReconstructSettings(people="all", step=2)


def manifest(folder: Path, *lines: Any) -> Path:
    path = folder / "clips.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def slurm(task: int, first: int, last: int, count: int) -> dict[str, str]:
    values = {"ID": task, "MIN": first, "MAX": last, "COUNT": count}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


def test_line_says_what_differs_and_paths_are_the_manifests(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        {"footage": "a.mp4"},
        "",
        {"footage": "shots/Übung.mov", "output": "out/b.take", "people": 2, "start": 3, "boxes": "b.json"},
    )
    first, second = read_manifest(path, SETTINGS)
    assert first == Clip(tmp_path / "a.mp4", tmp_path / "a.take", SETTINGS, 1)
    assert (second.footage, second.take) == (tmp_path / "shots/Übung.mov", tmp_path / "out/b.take")
    assert (second.line, second.settings.people, second.settings.start, second.settings.step) == (3, "2", 3, 2)
    assert second.settings.boxes == tmp_path / "b.json"


def test_takes_without_a_name_go_to_the_folder_that_was_asked_for(tmp_path: Path) -> None:
    path = manifest(tmp_path, {"footage": "in/a.mp4"})
    assert read_manifest(path, SETTINGS, tmp_path / "takes")[0].take == tmp_path / "takes/a.take"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "names no footage"),
        ({"output": "a.take"}, "names no footage"),
        ({"footage": " "}, "names no footage"),
        ({"footage": "a.mp4", "output": 3}, '"output" is no path but 3'),
        ({"footage": "a.mp4", "person": 1}, 'no option "person"; there are people'),
        ({"footage": "a.mp4", "people": 0}, 'expected "people" to be "all", "main" or a number above 0, got 0'),
        ({"footage": "a.mp4", "people": "0"}, 'got "0"'),
        ({"footage": "a.mp4", "start": True}, "a frame from 0, got true"),
        ({"footage": "a.mp4", "end": -1}, "a frame from 0, got -1"),
        ({"footage": "a.mp4", "step": 0}, "a number above 0, got 0"),
        ({"footage": "a.mp4", "focal_px": 1e999}, "got Infinity"),
        ({"footage": "a.mp4", "start": 5, "end": 4}, "its end 4 comes before its start 5"),
    ],
)
def test_line_that_is_wrong_is_named(tmp_path: Path, line: Any, words: str) -> None:
    with pytest.raises(ManifestError) as told:
        read_manifest(manifest(tmp_path, {"footage": "good.mp4"}, line), SETTINGS)
    assert words in str(told.value) and "clips.jsonl, line 2" in str(told.value)


def test_two_lines_with_one_take_are_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path, {"footage": "one/a.mp4"}, {"footage": "two/a.mp4"})
    with pytest.raises(ManifestError, match=r"line 2: writes a.take, which line 1 writes already"):
        read_manifest(path, SETTINGS)


def test_manifest_without_clips_missing_or_in_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="has no clips"):
        read_manifest(manifest(tmp_path, ""), SETTINGS)
    with pytest.raises(ManifestError, match="No such file"):
        read_manifest(tmp_path / "none.jsonl", SETTINGS)
    (tmp_path / "latin.jsonl").write_bytes('{"footage": "Übung.mp4"}'.encode("latin-1"))
    with pytest.raises(ManifestError, match="UTF-8"):
        read_manifest(tmp_path / "latin.jsonl", SETTINGS)


@given(st.integers(0, 40), st.integers(1, 12))
def test_shards_share_the_clips_out_without_rest(count: int, shards: int) -> None:
    clips = [Clip(Path(f"{n}.mp4"), Path(f"{n}.take"), SETTINGS, n + 1) for n in range(count)]
    parts = [Shard(index, shards).of(clips) for index in range(shards)]
    assert sorted(clip.line for part in parts for clip in part) == [clip.line for clip in clips]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_shard_is_what_was_asked_for_then_slurms_then_everything() -> None:
    assert shard_of("1/4", slurm(7, 5, 8, 4)) == Shard(1, 4)
    assert shard_of(None, slurm(7, 5, 8, 4)) == Shard(2, 4)
    assert shard_of(None, {}) == Shard(0, 1)


@pytest.mark.parametrize("text", ["4/4", "1", "-1/4", "a/b", "1/0", "1/4/2", ""])
def test_shard_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected i/N"):
        shard_of(text, {})


@pytest.mark.parametrize("variables", [slurm(4, 0, 8, 5), slurm(9, 0, 8, 9), {"SLURM_ARRAY_TASK_ID": "3"}])
def test_slurm_array_with_gaps_or_without_its_variables_is_refused(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="give --shard i/N"):
        shard_of(None, variables)


def test_rate_of_the_film_when_a_line_tells_it_is_that_clips_alone(tmp_path: Path) -> None:
    file = tmp_path / "clips.jsonl"
    file.write_text('{"footage": "a.mp4", "fps": 240}\n{"footage": "b.mp4"}\n')
    assert [clip.settings.fps for clip in read_manifest(file, ReconstructSettings(fps=24.0), None)] == [240, 24]
    file.write_text('{"footage": "a.mp4", "fps": 0}\n')
    with pytest.raises(ManifestError, match=r"line 1: expected \"fps\" to be frames a second"):
        read_manifest(file, ReconstructSettings(), None)

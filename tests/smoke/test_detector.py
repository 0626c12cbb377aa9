"""Footage to take with a detector, and what the command line says of one."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.pipeline import reconstruct
from core.settings import ReconstructSettings
from core.take.take import Take
from tests.fixtures.commands import assert_one_sentence, run_core
from tests.fixtures.detector_graphs import folder_of, own_graph
from tests.fixtures.graphs import blob, walking_blob, write_clip

AT_FIRST = np.array([[60.0, 55, 120, 195]])
"""About the blob of the first frames, xyxy; the clip is 320 x 240, and the detector sees it as it is."""


def detector(folder: Path) -> Path:
    graph = own_graph(folder / "detector" / "d.onnx", AT_FIRST, np.array([0.8]))
    return folder_of(graph, adapter="own", longer_side=320, threshold=0.4)


def run(folder: Path, weights: Path, count: int = 30, **options: object) -> Take:
    clip = write_clip(folder / "clip.mp4", count, walking_blob)
    settings = ReconstructSettings(weights=str(weights), threads=1, **options)  # type: ignore[arg-type]
    return reconstruct(clip, folder / "clip.take", settings)


def test_person_whom_a_detector_finds_is_followed_in_every_frame(tmp_path: Path, blob_weights: Path) -> None:
    take = run(tmp_path, blob_weights, detector=detector(tmp_path))
    assert take.person("1").frame_index.tolist() == list(range(30))
    assert take.header.settings["detector"].startswith("made-up ")


def test_main_person_alone_is_kept_and_the_others_are_named(tmp_path: Path, blob_weights: Path) -> None:
    """One stays; the other, just as large, is there at first."""
    both = np.array([[60.0, 55, 120, 195], [220, 50, 280, 190]])
    graph = own_graph(tmp_path / "detector" / "d.onnx", both, np.array([0.9, 0.8]))
    where = folder_of(graph, adapter="own", longer_side=320, threshold=0.4)
    clip = write_clip(tmp_path / "clip.mp4", 40, lambda i: blob([(90, 125), (250, 120)][int(i >= 20) :]))
    settings = ReconstructSettings(weights=str(blob_weights), threads=1, detector=where)
    take = reconstruct(clip, tmp_path / "clip.take", settings)
    assert len(take.people) == 1
    assert take.person(take.people[0]).frame_index.tolist() == list(range(40))
    assert any("left out (2" in note and "--people all" in note for note in take.notes)


def test_frame_as_the_box_finds_who_fills_it(tmp_path: Path, blob_weights: Path) -> None:
    take = run(tmp_path, blob_weights, detector="frame")
    assert take.person("1").frame_index.tolist() == list(range(30))
    assert take.header.settings["detector"] == "frame"


@pytest.mark.parametrize(("name", "words"), [("gone.onnx", "no such detector"), ("clip.mp4", "is no ONNX file")])
def test_bad_detector_gets_one_sentence(tmp_path: Path, blob_weights: Path, name: str, words: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 5, walking_blob)
    out = tmp_path / "out.take"
    done = run_core("reconstruct", clip, "-o", out, "--weights", blob_weights, "--detector", tmp_path / name)
    assert_one_sentence(done, words, name)
    assert not out.exists()


def test_take_of_another_detector_is_not_resumed(tmp_path: Path, blob_weights: Path) -> None:
    run(tmp_path, blob_weights, count=8, detector="frame")
    clip, out = tmp_path / "clip.mp4", tmp_path / "clip.take"
    done = run_core("reconstruct", clip, "-o", out, "--weights", blob_weights, "--detector", "search", "--threads", 1)
    assert_one_sentence(done, "detector", "frame", "search")


def test_doctor_names_the_detector(tmp_path: Path, blob_weights: Path) -> None:
    done = run_core("doctor", "--weights", blob_weights, "--detector", detector(tmp_path))
    assert done.returncode == 0, done.stderr
    assert any("detector" in line and "made-up" in line for line in done.stdout.splitlines())
    broken = run_core("doctor", "--weights", blob_weights, "--detector", tmp_path / "gone")
    assert broken.returncode == 1
    assert any("MISSING" in line and "no such detector" in line for line in broken.stdout.splitlines())


def test_detector_is_told_in_the_take(tmp_path: Path, blob_weights: Path) -> None:
    run(tmp_path, blob_weights, count=8, detector="search")
    assert json.loads((tmp_path / "clip.take" / "take.json").read_text())["settings"]["detector"] == "search"

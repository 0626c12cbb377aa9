"""Footage to take to motion, with a network that finds bright figures."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import pipeline
from core.errors import BoxesError, Cancelled, FootageError, OutputError
from core.files.written_whole import write_arrays
from core.footage.reader import Footage
from core.geometry.camera import project
from core.motion.solver import solve
from core.pipeline import reconstruct
from core.settings import ReconstructSettings, SolveSettings
from core.take import background_writer
from core.take import take as take_module
from core.take.background_writer import WriteBehind
from core.take.take import Take
from tests.fixtures.graphs import blob, walking_blob, write_bundle, write_clip

FOLLOWED_PX = 12.0
"""The blob's centre of light against its true centre; the clip is MPEG-4 and the crop 64 px."""


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_bundle(tmp_path_factory.mktemp("weights") / "blob"))


def run(folder: Path, weights: str, picture: Callable[[int], np.ndarray], count: int = 40, **options: object) -> Take:
    clip = write_clip(folder / "clip.mp4", count, picture)
    return reconstruct(
        clip, folder / "clip.take", ReconstructSettings(weights=weights, detector="search", threads=1, **options)
    )  # type: ignore[arg-type]


def middles(take: Take, person: str = "1") -> np.ndarray:
    joints = take.person(person).estimates.joints_px
    return (joints.min(1) + joints.max(1)) / 2


def test_walking_figure_is_followed_in_every_frame(tmp_path: Path, weights: str) -> None:
    take = run(tmp_path, weights, walking_blob)
    assert take.people == ["1"]
    assert take.person("1").frame_index.tolist() == list(range(40))
    true = np.array([[90 + 1.5 * i, 125] for i in range(40)])
    assert np.abs(middles(take) - true).max() < FOLLOWED_PX


def test_solved_joints_land_on_the_pixels_that_the_network_saw(tmp_path: Path, weights: str) -> None:
    take = run(tmp_path, weights, walking_blob, count=12)
    motion = solve(take, SolveSettings(smooth=0.0, feet="off"))
    person = motion.persons[0]
    pixels = project(person.joints + person.transl[:, None], motion.focal_px, (motion.width, motion.height))
    assert np.abs(pixels - take.person("1").estimates.joints_px).max() < 1.5


def test_figure_that_leaves_is_not_seen_afterwards(tmp_path: Path, weights: str) -> None:
    take = run(tmp_path, weights, lambda i: walking_blob(i) if i < 25 else blob([]), count=60)
    assert take.person("1").frame_index.max() <= 25
    assert any("lost after frame 24" in note for note in take.notes)


def test_two_figures_are_two_people(tmp_path: Path, weights: str) -> None:
    take = run(tmp_path, weights, lambda i: blob([(70 + i, 125), (250, 120)]), people="all")
    moved = sorted(float(np.ptp(middles(take, name)[:, 0])) for name in take.people)
    assert len(moved) == 2
    assert moved[0] < 6 < 25 < moved[1]


def test_empty_frames_give_one_sentence_and_no_take(tmp_path: Path, weights: str) -> None:
    with pytest.raises(FootageError, match=r"clip\.mp4: nobody was found"):
        run(tmp_path, weights, lambda i: blob([]))
    assert not (tmp_path / "clip.take").exists()


def test_nobody_in_a_black_clip_names_the_black_frames(tmp_path: Path, weights: str) -> None:
    reason = r"nobody was found in it: \d+ of \d+ frames are black, white or flashes; draw"
    with pytest.raises(FootageError, match=reason):
        run(tmp_path, weights, lambda i: np.zeros_like(blob([])))


def test_cut_begins_a_new_person(tmp_path: Path, weights: str) -> None:
    def picture(index: int) -> np.ndarray:
        return blob([(90, 125)]) if index < 20 else np.maximum(blob([(100, 120)]), 80)

    take = run(tmp_path, weights, picture)
    shots = sorted(take.person(name).frame_index[[0, -1]].tolist() for name in take.people)
    assert shots == [[0, 19], [20, 39]]


@pytest.mark.parametrize("after", [1, 9, 30])
def test_cancelled_and_resumed_take_equals_an_undisturbed_one(tmp_path: Path, weights: str, after: int) -> None:
    whole = run(tmp_path, weights, walking_blob).person("1")
    asked: list[int] = []

    def is_cancelled() -> bool:
        asked.append(1)
        return len(asked) > after

    settings = ReconstructSettings(weights=weights, detector="search", threads=1)
    with pytest.raises(Cancelled):
        reconstruct(tmp_path / "clip.mp4", tmp_path / "b.take", settings, is_cancelled=is_cancelled)
    assert not Take.open(tmp_path / "b.take").is_complete
    resumed = reconstruct(tmp_path / "clip.mp4", tmp_path / "b.take", settings).person("1")
    assert resumed.frame_index.tolist() == whole.frame_index.tolist()
    np.testing.assert_array_equal(resumed.estimates.coarse_vertices, whole.estimates.coarse_vertices)
    np.testing.assert_array_equal(resumed.estimates.box_px, whole.estimates.box_px)


def test_box_on_a_late_frame_is_followed_both_ways(tmp_path: Path, weights: str) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"30": [{"id": "ann", "box_xywh": [95, 55, 80, 140]}]}))
    take = run(tmp_path, weights, walking_blob, boxes=boxes)
    assert take.people == ["ann"]
    assert take.person("ann").frame_index.tolist() == list(range(40))


def test_box_outside_the_chosen_frames_is_refused(tmp_path: Path, weights: str) -> None:
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps({"30": [{"id": "ann", "box_xywh": [95, 55, 80, 140]}]}))
    with pytest.raises(BoxesError, match="frame 30 is not among"):
        run(tmp_path, weights, walking_blob, boxes=boxes, end=20)


def test_start_end_and_step_choose_the_frames(tmp_path: Path, weights: str) -> None:
    take = run(tmp_path, weights, walking_blob, start=4, end=33, step=3)
    assert take.person("1").frame_index.tolist() == list(range(4, 34, 3))


def test_progress_counts_to_its_total(tmp_path: Path, weights: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 12)
    told: list[tuple[int, int | None]] = []
    settings = ReconstructSettings(weights=weights, detector="search", threads=1)
    reconstruct(clip, tmp_path / "c.take", settings, lambda p: told.append((p.done, p.total)))
    assert told == [(done, 12) for done in range(1, 13)]


def test_both_runs_of_a_finished_take_give_the_same(tmp_path: Path, weights: str) -> None:
    first = run(tmp_path, weights, walking_blob, count=8)
    settings = ReconstructSettings(weights=weights, detector="search", threads=1)
    again = reconstruct(tmp_path / "clip.mp4", tmp_path / "clip.take", settings)
    assert again.person("1").frame_index.tolist() == first.person("1").frame_index.tolist()


@pytest.mark.parametrize("step", [1, 3])
def test_cut_track_is_two_people_of_their_own_frames(tmp_path: Path, weights: str, step: int) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    take = run(tmp_path / "whole", weights, walking_blob, people="all", step=step)
    seen = take.person("1")
    boxes = {int(f): box.round(1).tolist() for f, box in zip(seen.frame_index, seen.estimates.box_px, strict=True)}
    early, late = (min(boxes, key=lambda frame, wanted=wanted: abs(frame - wanted)) for wanted in (12, 20))
    entries = {
        str(early): [{"id": "1", "box_xywh": boxes[early], "frames": [0, 19]}],
        str(late): [{"id": "1b", "box_xywh": boxes[late], "frames": [20, None]}],
    }
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps(entries))
    cut = run(tmp_path / "cut", weights, walking_blob, people="all", boxes=file, step=step)
    frames = {name: set(cut.person(name).frame_index.tolist()) for name in cut.people}
    assert max(frames["1"]) < 20 <= min(frames["1b"])
    assert frames["1"] | frames["1b"] == set(boxes)


def in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one thread do all stages in turn."""

    class AtOnce(WriteBehind):
        def commit(self, next_frame: int, tracker_state: dict[str, object]) -> None:
            super().commit(next_frame, tracker_state)
            self.settle()

    def frames(clip: Footage, *chosen: Any, prepared: Callable[[Any], Any]) -> Iterator[Any]:
        yield from map(prepared, clip.frames(*chosen))

    monkeypatch.setattr(pipeline, "frames_ahead", frames)
    monkeypatch.setattr(pipeline, "WriteBehind", AtOnce)


def test_overlapped_run_writes_the_bytes_of_one_in_turn(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_writer, "COMMIT_ROWS", 8)
    monkeypatch.setattr(background_writer, "COMMIT_EVERY_S", 1e9)
    clip = write_clip(tmp_path / "clip.mp4", 60, lambda i: blob([(70 + i, 125), (250, 120)] if i < 40 else []))
    settings = ReconstructSettings(weights=weights, detector="search", threads=1, people="all")
    reconstruct(clip, tmp_path / "overlapped.take", settings)
    in_turn(monkeypatch)
    reconstruct(clip, tmp_path / "in_turn.take", settings)
    files = [sorted(path.name for path in (tmp_path / f"{name}.take").iterdir()) for name in ("overlapped", "in_turn")]
    assert files[0] == files[1] and len(files[0]) > 10
    for name in files[0]:
        assert (tmp_path / "overlapped.take" / name).read_bytes() == (tmp_path / "in_turn.take" / name).read_bytes()


def test_disk_that_fills_up_ends_the_run_with_its_sentence_and_no_thread(
    tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_writer, "COMMIT_ROWS", 8)
    wrote: list[Path] = []

    def full(path: Path, arrays: object) -> None:
        wrote.append(path)
        if len(wrote) == 3:
            raise OutputError(f"{path}: the disk is full; free some space and run the same command again")
        write_arrays(path, arrays)  # type: ignore[arg-type]

    monkeypatch.setattr(take_module, "write_arrays", full)
    with pytest.raises(OutputError, match="the disk is full; free some space"):
        run(tmp_path, weights, walking_blob)
    assert {thread.name for thread in threading.enumerate()} & {"decode", "write_0"} == set()
    monkeypatch.undo()
    settings = ReconstructSettings(weights=weights, detector="search", threads=1)
    again = reconstruct(tmp_path / "clip.mp4", tmp_path / "clip.take", settings)
    assert again.person("1").frame_index.tolist() == list(range(40))


def test_run_that_is_stopped_as_soon_as_it_resumes_keeps_what_there_was(tmp_path: Path, weights: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 20)
    settings = ReconstructSettings(weights=weights, detector="search", threads=1)
    kept = []
    for frames in (9, 0, 0):  # looked at before the stop
        asked = iter(range(100))
        with pytest.raises(Cancelled):
            reconstruct(clip, tmp_path / "c.take", settings, is_cancelled=lambda n=frames, a=asked: next(a) >= n)
        kept.append(Take.open(tmp_path / "c.take").next_frame)
    assert kept == [9, 9, 9]

"""What is wrong with the input gets one sentence, exit 1, and leaves nothing behind."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fixtures import clips
from tests.fixtures.commands import assert_one_sentence, run_core
from tests.fixtures.graphs import blob, write_bundle, write_clip

BYTES_OF_A_FULL_DISK = 40_000  # less than a chunk of the take


def _text(path: Path) -> None:
    path.write_text("no video " * 50)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut_off(path: Path) -> None:
    clips.cut_off(write_clip(path, 20))


def _nobody(path: Path) -> None:
    write_clip(path, 30, lambda _: blob([]))


def _missing(_: Path) -> None:
    return


@pytest.mark.parametrize(
    "make, words",
    [
        (_missing, ["no such file", "check the path"]),
        (_text, ["not a video", "convert it"]),
        (_empty, ["empty", "again"]),
        (clips.sound_alone, ["sound only", "choose a file with video"]),
        (_cut_off, ["cut off", "again"]),
        (_nobody, ["nobody", "--boxes"]),
    ],
    ids=["missing", "text", "empty", "sound", "cut-off", "nobody"],
)
def test_bad_footage_gets_one_sentence(tmp_path: Path, blob_weights: Path, make: Any, words: list[str]) -> None:
    clip = tmp_path / "Clip é 1.mp4"
    make(clip)
    done = run_core("reconstruct", clip, "-o", tmp_path / "out.take", "--weights", blob_weights, "--detector", "search")
    assert_one_sentence(done, "Clip é 1.mp4", *words)
    assert not (tmp_path / "out.take").exists()


def test_folder_without_pictures_gets_one_sentence(tmp_path: Path, blob_weights: Path) -> None:
    done = run_core(
        "reconstruct", tmp_path, "-o", tmp_path / "out.take", "--weights", blob_weights, "--detector", "search"
    )
    assert_one_sentence(done, str(tmp_path), "no pictures")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "document, words",
    [
        ({"0": [{"id": "a", "box_xywh": [400, 0, 50, 50]}]}, ["'a'", "outside the frame", "320 x 240"]),
        ({"999": [{"id": "a", "box_xywh": [0, 0, 50, 50]}]}, ["no frame '999'"]),
        ({"0": "a"}, ["list of boxes"]),
    ],
    ids=["outside", "frame", "form"],
)
def test_bad_boxes_get_one_sentence(tmp_path: Path, blob_weights: Path, document: Any, words: list[str]) -> None:
    clip, boxes = write_clip(tmp_path / "a.mp4", 5), tmp_path / "boxes.json"
    boxes.write_text(json.dumps(document))
    take = tmp_path / "out.take"
    done = run_core(
        "reconstruct", clip, "-o", take, "--weights", blob_weights, "--detector", "search", "--boxes", boxes
    )
    assert_one_sentence(done, "boxes.json", *words)
    assert not take.exists()


def test_unknown_weights_get_one_sentence(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 5)
    done = run_core("reconstruct", clip, "-o", tmp_path / "out.take", "--weights", "no-such")
    assert_one_sentence(done, "no-such", "give a name, a folder")
    assert not (tmp_path / "out.take").exists()


def test_weights_for_another_body_get_one_sentence(tmp_path: Path) -> None:
    clip, weights = write_clip(tmp_path / "a.mp4", 5), write_bundle(tmp_path / "w", body_digest="0" * 64)
    done = run_core("reconstruct", clip, "-o", tmp_path / "out.take", "--weights", weights, "--detector", "search")
    assert_one_sentence(done, str(weights), "body", "choose weights")
    assert not (tmp_path / "out.take").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are set by `resource`, not on Windows")
def test_full_disk_gets_one_sentence_and_the_rerun_works(tmp_path: Path, blob_weights: Path) -> None:
    import resource

    clip, take = write_clip(tmp_path / "a.mp4", 20), tmp_path / "out.take"
    command = ("reconstruct", clip, "-o", take, "--weights", blob_weights, "--detector", "search")
    limit = (BYTES_OF_A_FULL_DISK, BYTES_OF_A_FULL_DISK)
    done = run_core(*command, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert_one_sentence(done, str(take), "full", "free some space")
    assert not take.exists()
    assert run_core(*command).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="folders are made read-only in another way on Windows")
def test_read_only_output_gets_one_sentence(tmp_path: Path, blob_weights: Path) -> None:
    clip, folder = write_clip(tmp_path / "a.mp4", 5), tmp_path / "locked"
    folder.mkdir(mode=0o555)
    if os.geteuid() == 0:
        folder = Path("/sys/kernel")  # root may write to any folder of a disk, but not there
    if not folder.is_dir():
        pytest.skip("run as root on a system without /sys")
    done = run_core("reconstruct", clip, "-o", folder / "out.take", "--weights", blob_weights, "--detector", "search")
    assert_one_sentence(done, "out.take", "read-only", "choose another place")


def test_first_frame_behind_the_end_gets_one_sentence(tmp_path: Path, blob_weights: Path) -> None:
    clip, take = write_clip(tmp_path / "a.mp4", 5), tmp_path / "out.take"
    done = run_core("reconstruct", clip, "-o", take, "--weights", blob_weights, "--detector", "search", "--start", 50)
    assert_one_sentence(done, "a.mp4", "5 frames")
    assert not take.exists()


def test_solving_what_is_no_take_gets_one_sentence(tmp_path: Path) -> None:
    done = run_core("solve", tmp_path / "none.take", "-o", tmp_path / "m.npz")
    assert_one_sentence(done, "none.take", "no take there", "reconstruct")
    assert list(tmp_path.iterdir()) == []


def test_stills_of_a_missing_picture_get_one_sentence(tmp_path: Path, blob_weights: Path) -> None:
    (tmp_path / "b.json").write_text('{"x.jpg": [{"id": "a", "box_xywh": [0, 0, 9, 9]}]}')
    out = tmp_path / "o.npz"
    done = run_core("stills", tmp_path, "--boxes", tmp_path / "b.json", "-o", out, "--weights", blob_weights)
    assert_one_sentence(done, "x.jpg", "correct the name")
    assert not out.exists()


@pytest.mark.parametrize("make", [clips.with_damage, clips.cut_off], ids=["damaged", "truncated"])
def test_damaged_clip_is_read_past_the_damage_and_says_so(tmp_path: Path, blob_weights: Path, make: Any) -> None:
    clip, take = write_clip(tmp_path / f"a{'.avi' if make is clips.cut_off else '.mp4'}", 60), tmp_path / "out.take"
    make(clip)
    done = run_core("reconstruct", clip, "-o", take, "--weights", blob_weights, "--detector", "search")
    assert done.returncode == 0, done.stderr
    report = json.loads((take / "take.json").read_text(encoding="utf-8"))["report"]
    lost = len(report["lost"]) + report["missing_at_end"]
    assert lost > 0
    assert f"{report['decoded']} frames decoded, {lost} lost" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["reconstruct"],
        ["reconstruct", "a.mp4", "-o", "a.take", "--people", "some"],
        ["reconstruct", "a.mp4", "-o", "a.take", "--device", "quantum"],
        ["reconstruct", "a.mp4", "-o", "a.take", "--start", "5", "--end", "2"],
        ["solve", "a.take", "-o", "m.npz", "--smooth", "7"],
    ],
    ids=["nothing", "no-footage", "people", "device", "range", "smooth"],
)
def test_wrong_usage_exits_2_without_a_traceback(arguments: list[str]) -> None:
    done = run_core(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr and "Traceback" not in done.stderr


def test_blob_clip_that_the_other_tests_break_is_fine_when_whole(tmp_path: Path, blob_weights: Path) -> None:
    clip, take = write_clip(tmp_path / "mit Leerzeichen 動画.mp4", 20), tmp_path / "out é.take"
    done = run_core("reconstruct", clip, "-o", take, "--weights", blob_weights, "--detector", "search")
    assert (done.returncode, done.stderr) == (0, "")
    with np.load(take / "person0_0000.npz") as chunk:
        assert chunk["frame_index"].tolist() == list(range(20))

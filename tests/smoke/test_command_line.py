"""The commands end to end, on a clip of a blob and a network that finds it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.motion.motion_file import read_motion
from core.take.take import Take
from tests.fixtures.commands import ROOT, arguments, assert_one_sentence, environment, run_core
from tests.fixtures.graphs import walking_blob, write_clip

FRAMES = 1200
STOP_AFTER = 200
SAME_M = 1e-5  # a resumed run repeats the same arithmetic


def _there_and_back(index: int) -> np.ndarray:
    phase = index % 160
    return walking_blob(min(phase, 160 - phase))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "Übung 1.mp4", FRAMES, _there_and_back)


@pytest.fixture(scope="module")
def take(clip: Path, blob_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("takes") / "Übung 1.take"
    done = run_core(
        "reconstruct", clip, "-o", path, "--weights", blob_weights, "--detector", "search", "--progress", "json"
    )
    assert done.returncode == 0, done.stderr
    return path


def test_reconstruct_follows_the_person_through_the_clip(take: Path) -> None:
    read = Take.open(take)
    person = read.person(read.people[0])
    assert read.is_complete and len(read.people) == 1
    assert person.frame_index.tolist() == list(range(FRAMES))
    centre = person.estimates.joints_px[:, :, 0].mean(axis=1)
    expected = [90 + 1.5 * min(i % 160, 160 - i % 160) for i in range(FRAMES)]
    np.testing.assert_allclose(centre, expected, atol=3)


def test_solve_writes_a_motion_that_moves_as_the_person_did(clip: Path, blob_weights: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.take"
    assert (
        run_core(
            "reconstruct", clip, "-o", short, "--weights", blob_weights, "--detector", "search", "--end", 159
        ).returncode
        == 0
    )
    report = tmp_path / "r é.json"
    done = run_core("solve", short, "-o", tmp_path / "m é.npz", "--report", report, "--progress", "json")
    assert done.returncode == 0, done.stderr
    names = ("foot slide", "jitter", "floor", "picture", "jumps", "flips", "surface")
    assert all(name in done.stdout for name in names)
    again = run_core("solve", short, "-o", tmp_path / "again.npz", "--feet", "lock", "--contacts", report)
    assert again.returncode == 0, "the report's contacts are an answer that solve takes back"
    motion = read_motion(tmp_path / "m é.npz")
    person = motion.persons[0]
    assert person.vertices.shape == (160, 6890, 3)
    x_px = motion.focal_px * person.transl[:, 0] / person.transl[:, 2] + motion.width / 2
    np.testing.assert_allclose(x_px[[40, 80, 120]], [150, 210, 150], atol=6)


def test_rerun_of_a_complete_take_returns_at_once(clip: Path, take: Path, blob_weights: Path) -> None:
    before = (take / "take.json").stat().st_mtime_ns
    assert run_core("reconstruct", clip, "-o", take, "--weights", blob_weights, "--detector", "search").returncode == 0
    assert (take / "take.json").stat().st_mtime_ns == before


def test_rerun_with_other_settings_is_refused_by_name(clip: Path, take: Path, blob_weights: Path) -> None:
    done = run_core("reconstruct", clip, "-o", take, "--weights", blob_weights, "--detector", "search", "--step", 2)
    assert done.returncode == 1
    assert "step (1, now 2)" in done.stderr


def test_progress_is_json_on_every_line_of_stderr(clip: Path, blob_weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.take"
    done = run_core(
        "reconstruct",
        clip,
        "-o",
        out,
        "--weights",
        blob_weights,
        "--detector",
        "search",
        "--end",
        19,
        "--progress",
        "json",
    )
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"stage", "done", "total", "message"} == set(said[0])
    assert (said[-1]["done"], said[-1]["total"]) == (20, 20)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent in another way on Windows")
@pytest.mark.parametrize(
    "number, exit_code",
    [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)],
    ids=["int", "term", "kill"],
)
def test_stopped_run_leaves_a_take_that_resumes_to_the_same(
    clip: Path, take: Path, blob_weights: Path, tmp_path: Path, number: int, exit_code: int
) -> None:
    out = tmp_path / "a.take"
    command = ("reconstruct", clip, "-o", out, "--weights", blob_weights, "--detector", "search", "--progress", "json")
    child = subprocess.Popen(arguments(*command), cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    with child.stderr:
        for line in child.stderr:
            if json.loads(line)["done"] >= STOP_AFTER:
                os.kill(child.pid, number)
                break
        rest = child.stderr.read()
    assert child.wait() == exit_code, rest
    assert "Traceback" not in rest
    stopped = Take.open(out)
    assert not stopped.is_complete
    assert 0 < stopped.next_frame < FRAMES
    assert run_core(*command).returncode == 0
    _assert_same(Take.open(out), Take.open(take))


def test_weights_deleted_while_running_are_not_missed(tmp_path: Path, clip: Path, blob_weights: Path) -> None:
    weights, out = Path(shutil.copytree(blob_weights, tmp_path / "weights")), tmp_path / "a.take"
    command = ("reconstruct", clip, "-o", out, "--weights", weights, "--detector", "search", "--progress", "json")
    child = subprocess.Popen(arguments(*command), cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    with child.stderr:
        child.stderr.readline()
        shutil.rmtree(weights)
        rest = child.stderr.read()
    assert child.wait() == 0, rest
    assert Take.open(out).is_complete
    assert_one_sentence(run_core(*command), "weights", "give a name, a folder")


def _assert_same(resumed: Take, whole: Take) -> None:
    assert resumed.is_complete and resumed.people == whole.people
    for got, wanted in zip(resumed.persons(), whole.persons(), strict=True):
        np.testing.assert_array_equal(got.frame_index, wanted.frame_index)
        for name, a in got.estimates.arrays().items():
            b = getattr(wanted.estimates, name)
            np.testing.assert_allclose(a, b, rtol=SAME_M, atol=SAME_M, err_msg=name)


def test_stills_write_the_arrays(blob_weights: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a b.png"), walking_blob(0))
    (tmp_path / "boxes.json").write_text('{"a b.png": [{"id": "a", "box_xywh": [0, 0, 320, 240]}]}')
    out = tmp_path / "out.npz"
    done = run_core("stills", tmp_path, "--boxes", tmp_path / "boxes.json", "-o", out, "--weights", blob_weights)
    assert (done.returncode, done.stderr) == (0, "")
    with np.load(out) as arrays:
        assert arrays["ids"].tolist() == ["a"]
        np.testing.assert_allclose(arrays["joints_px"][0].mean(axis=0)[0], 90, atol=3)


def test_doctor_is_content_with_good_weights(blob_weights: Path) -> None:
    done = run_core("doctor", "--weights", blob_weights)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ready")


def test_doctor_says_what_to_do_about_missing_weights() -> None:
    done = run_core("doctor", "--weights", "no-such")
    assert done.returncode == 1
    assert "MISSING" in done.stdout and "give a name, a folder" in done.stdout

"""Bones of the network's own through the commands, on a clip of a blob and a network that reads them."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.motion.motion_file import read_motion
from core.take.take import Take
from tests.fixtures.bone_graphs import SIZES
from tests.fixtures.commands import assert_one_sentence, run_core
from tests.fixtures.graphs import write_clip

FRAMES = 30


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "a.mp4", FRAMES)


def made(clip: Path, weights: Path, take: Path) -> Path:
    command = ("reconstruct", clip, "-o", take, "--weights", weights, "--detector", "search", "--threads", 1)
    done = run_core(*command)
    assert done.returncode == 0, done.stderr
    return take


@pytest.fixture(scope="module")
def take(clip: Path, bone_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(clip, bone_weights, tmp_path_factory.mktemp("takes") / "a.take")


@pytest.mark.parametrize("bones", ["fit", "tokens", "both"])
def test_bones_of_each_kind_are_solved_with_their_plausibility(take: Path, tmp_path: Path, bones: str) -> None:
    assert Take.open(take).header.rotation_tokens == SIZES
    report = tmp_path / "report.json"
    done = run_core("solve", take, "-o", tmp_path / "m.npz", "--bones", bones, "--report", report)
    assert (done.returncode, done.stderr) == (0, "")
    assert "plausibility" in done.stdout
    person = read_motion(tmp_path / "m.npz").persons[0]
    assert len(person.plausibility_mm) == len(person.time_s) == FRAMES
    upright = np.abs(person.bone_rotations[:, 0] @ [0, 1, 0, 0])
    assert upright.min() > 0.99, "the blob's body stands before the camera"
    told = json.loads(report.read_text())["plausibility"]["1"]["mm"]
    np.testing.assert_allclose(told, person.plausibility_mm, atol=0.051)


def test_other_readings_are_found_and_a_chosen_pose_is_held(take: Path, tmp_path: Path) -> None:
    done = run_core("readings", take, "-o", tmp_path / "r.npz", "--progress", "json")
    assert done.returncode == 0 and "other readings of 1: 0 frames" in done.stdout, "the blob is seen well"
    rotations = np.tile([1.0, 0, 0, 0], (21, 1))
    rotations[3] = [np.cos(0.5), np.sin(0.5), 0, 0]
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps({"1": [{"frame": 12, "rotations": rotations.tolist()}]}))
    assert run_core("solve", take, "-o", tmp_path / "m.npz", "--readings", chosen, "--feet", "off").returncode == 0
    knee = read_motion(tmp_path / "m.npz").persons[0].bone_rotations[:, 4]
    np.testing.assert_allclose(np.abs(knee[12]), rotations[3], atol=1e-3)
    assert abs(knee[14, 1]) > 0.1 > abs(knee[25, 1])


def test_bad_readings_are_one_sentence(take: Path, tmp_path: Path) -> None:
    (tmp_path / "chosen.json").write_text(json.dumps({"1": [{"frame": 99, "rotations": [[1, 0, 0, 0]] * 21}]}))
    done = run_core("solve", take, "-o", tmp_path / "m.npz", "--readings", tmp_path / "chosen.json")
    assert_one_sentence(done, "chosen.json", "has no frame 99 in this take, which has 0 to 29")
    assert not (tmp_path / "m.npz").exists()


def test_weights_without_bones_are_named(clip: Path, blob_weights: Path, tmp_path: Path) -> None:
    take = made(clip, blob_weights, tmp_path / "b.take")
    for command in (("solve", take, "-o", tmp_path / "m.npz", "--bones", "tokens"), ("readings", take, "-o", "r.npz")):
        assert_one_sentence(run_core(*command), "b.take", "read no bones", "reconstruct the clip with weights")

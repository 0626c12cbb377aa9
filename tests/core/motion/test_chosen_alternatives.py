"""Chosen readings: the file, and how the frames around follow."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.errors import ReadingsError
from core.geometry.rotations import matrices_of
from core.motion.chosen_alternatives import BLEND_S, ChosenPose, read_chosen, with_chosen
from core.motion.solver import solve
from core.motion.trajectory import Trajectory
from core.settings import SolveSettings
from tests.fixtures.known_takes import estimates, write_take

FPS = 30.0
KNEE = 4
REACH = round(BLEND_S * FPS)


def trajectory(frames: int = 60) -> Trajectory:
    """Somebody whose knee bends slowly; frames 10 to 10 + `frames`."""
    rotations = np.zeros((frames, 24, 4))
    rotations[..., 0] = 1
    bend = np.linspace(0, 0.5, frames)
    rotations[:, KNEE] = np.stack([np.cos(bend / 2), np.sin(bend / 2), 0 * bend, 0 * bend], 1)
    index = np.arange(10, 10 + frames)
    none = np.zeros((frames, 3))
    confidence, is_filled = np.ones((frames, 14)), np.zeros(frames, np.bool_)
    return Trajectory(index, index / FPS, rotations, none, confidence, is_filled, np.zeros((frames, 2), np.bool_))


def pose(frame: int, bend: float) -> ChosenPose:
    rotations = np.zeros((21, 4))
    rotations[:, 0] = 1
    rotations[KNEE - 1] = [np.cos(bend / 2), np.sin(bend / 2), 0, 0]
    return ChosenPose(frame, rotations)


def bends(path: Trajectory) -> np.ndarray:
    """(T,) of the knee, radians, by frame."""
    return Rotation.from_matrix(matrices_of(path.rotations[:, KNEE])).as_rotvec()[:, 0]


def test_chosen_pose_is_in_its_frame_and_fades_to_both_sides() -> None:
    before = trajectory()
    after = with_chosen(before, [pose(40, 1.5)], "f")
    row = 30
    assert bends(after)[row] == pytest.approx(1.5)
    added = bends(after) - bends(before)
    assert (np.diff(added[row - REACH : row + 1]) > 0).all() and (np.diff(added[row : row + REACH + 1]) < 0).all()
    assert np.abs(np.delete(added, range(row - REACH, row + REACH + 1))).max() < 1e-9
    np.testing.assert_array_equal(np.delete(after.rotations, KNEE, 1)[0], np.delete(before.rotations, KNEE, 1)[0])


def test_neighbours_keep_their_own_motion() -> None:
    """What is added is a turn, not a pose: a frame beside the key still differs from it as it did."""
    before = trajectory()
    before.rotations[31, KNEE] = [np.cos(0.3), np.sin(0.3), 0, 0]
    after = with_chosen(before, [pose(40, 1.5)], "f")
    assert bends(after)[31] > bends(before)[31] + 0.9 * (1.5 - bends(before)[30])


def test_two_near_choices_go_over_into_each_other() -> None:
    added = bends(with_chosen(trajectory(), [pose(40, 1.5), pose(48, 1.5)], "f")) - bends(trajectory())
    assert (added[30:39] > 0.9).all(), "no fading in between"
    far = bends(with_chosen(trajectory(), [pose(20, 1.5), pose(60, 1.5)], "f")) - bends(trajectory())
    assert np.abs(far[20:35]).max() < 1e-9, "nothing in the middle"


def test_choice_of_what_is_there_changes_nothing() -> None:
    before = trajectory()
    same = ChosenPose(25, before.rotations[15, 1:22])
    np.testing.assert_allclose(with_chosen(before, [same], "f").rotations, before.rotations, atol=1e-12)
    assert with_chosen(before, [], "f") is before


@pytest.mark.parametrize("frame", [9, 70, 1000])
def test_frame_that_is_not_in_the_take_is_named(frame: int) -> None:
    with pytest.raises(ReadingsError, match=f"^f has no frame {frame} in this take, which has 10 to 69"):
        with_chosen(trajectory(), [pose(frame, 1)], "f")


def written(folder: Path, document: object) -> Path:
    file = folder / "readings.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return file


def of_one(frame: object = 3, rotations: object = None) -> dict[str, object]:
    turns = [[1.0, 0, 0, 0]] * 21 if rotations is None else rotations
    return {"1": [{"frame": frame, "rotations": turns}]}


def test_file_is_read_in_the_order_of_frames(tmp_path: Path) -> None:
    both = {"1": [*of_one(9)["1"], *of_one(2, [[0.999, 0, 0, 0]] * 21)["1"]]}  # type: ignore[misc]
    poses = read_chosen(written(tmp_path, both), ["1", "2"])["1"]
    assert [chosen.frame_index for chosen in poses] == [2, 9]
    np.testing.assert_array_equal(poses[0].rotations, [[1, 0, 0, 0]] * 21)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "not JSON"),
        ([], "got a list"),
        ({"9": []}, "nobody is called '9' in this take, but 1, 2"),
        ({"1": {}}, 'expected {"1": '),
        ({"1": [3]}, "got 3"),
        ({"1": [{"frame": 3}]}, 'expected {"1": '),
        (of_one(frame=1.5), 'expected {"1": '),
        (of_one(frame=True), 'expected {"1": '),
        (of_one(rotations=[[1, 0, 0, 0]] * 20), "frame 3: its rotations are no 21 quaternions"),
        (of_one(rotations=[[1, 0, 0]] * 21), "no 21 quaternions"),
        (of_one(rotations="turn"), "no 21 quaternions"),
        (of_one(rotations=[[1, 0, 0, 0]] * 20 + [[1]]), "no 21 quaternions"),
        (of_one(rotations=[[float("nan"), 0, 0, 0]] * 21), "no 21 quaternions"),
        (of_one(rotations=[[2.0, 0, 0, 0]] * 21), "has the length 2, not 1"),
        ({"1": [*of_one()["1"], *of_one()["1"]]}, "two readings of one frame"),  # type: ignore[misc]
    ],
)
def test_bad_file_is_one_sentence(tmp_path: Path, document: object, said: str) -> None:
    with pytest.raises(ReadingsError, match=r"readings\.json: ") as caught:
        read_chosen(written(tmp_path, document), ["1", "2"])
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadingsError, match=r"gone\.json: can't be read"):
        read_chosen(tmp_path / "gone.json", ["1"])


def test_choice_survives_smoothing_and_the_picture(tmp_path: Path) -> None:
    rotvec = np.zeros((30, 24, 3))
    rotvec[:, 0, 0] = np.pi
    take = write_take(tmp_path, estimates(rotvec, np.tile([0.1, 0.1, 5.0], (30, 1))), list(range(30)))
    chosen = pose(15, 1.2)
    file = written(tmp_path, {"1": [{"frame": 15, "rotations": chosen.rotations.tolist()}]})
    person = solve(take, SolveSettings(smooth=1.0, feet="off", readings=file)).persons[0]
    turned = Rotation.from_matrix(matrices_of(person.bone_rotations[:, KNEE].astype(np.float64))).magnitude()
    assert turned[15] == pytest.approx(1.2, abs=1e-3)
    assert 0.3 < turned[12] < 1.2 and turned[2] < 0.2

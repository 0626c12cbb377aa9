"""Bodies read the wrong way round for a moment: found, given another pose and told of; true turns are left."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.geometry.rotations import quaternions_of
from core.motion.front_back_flips import BELIEVED, find_flips
from core.motion.motion_file import read_motion, write_motion
from core.motion.report import write_report
from core.motion.solver import solve
from core.settings import SolveSettings
from core.types import Float, Motion
from tests.fixtures.known_takes import estimates, write_take
from tests.fixtures.known_walk import known_walk

SMOOTH = SolveSettings(feet="off")
NEAR_MM = 40.0
"""Of the pose between a flip's neighbours: a walk moves on under it. The flips themselves are some 300 off."""
SIDES = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
"""LSP, left and right exchanged."""


def upright(yaw_deg: Float | list[int], seed: int = 0, noise_deg: float = 8.0) -> Float:
    """(T, 4) root rotations of somebody who stands in the picture and turns, read with some noise."""
    noise = np.random.default_rng(seed).normal(0, np.radians(noise_deg), (len(yaw_deg), 3))
    turned = Rotation.from_euler("y", np.asarray(yaw_deg, float)[:, None], degrees=True)
    standing = turned * Rotation.from_rotvec([np.pi, 0, 0])
    return quaternions_of((standing * Rotation.from_rotvec(noise)).as_matrix())


def flips(yaw_deg: Float | list[int], fps: float = 30.0) -> list[int]:
    found = find_flips(upright(yaw_deg), np.arange(len(yaw_deg)) / fps)
    return np.flatnonzero(found).tolist()


def turned_over(yaw_deg: Float, frames: range) -> Float:
    out = np.array(yaw_deg, float)
    out[frames] += 180
    return out


def motion_of(folder: Path, misread: list[int]) -> Motion:
    """The solve of the known walk, some frames of which a network reads from the other side, in the picture too."""
    walk = known_walk()
    seen = estimates(walk.rotvec, walk.path)
    rotvec = walk.rotvec[misread]
    over = Rotation.from_euler("y", 170, degrees=True) * Rotation.from_rotvec(rotvec[:, 0])
    rotvec[:, 0] = over.as_rotvec()
    joints_px = seen.joints_px
    if misread:
        seen.coarse_vertices[misread] = estimates(rotvec, walk.path[misread]).coarse_vertices
        joints_px[misread] = joints_px[misread][:, SIDES]
    folder.mkdir()
    return solve(write_take(folder, seen, list(range(len(walk.path)))), SMOOTH)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Motion:
    return motion_of(tmp_path_factory.mktemp("clean") / "takes", [])


def error_mm(motion: Motion) -> Float:
    walk = known_walk()
    true = walk.joints - walk.joints[:, [2, 3]].mean(1, keepdims=True)
    return np.asarray(1e3 * np.linalg.norm(motion.persons[0].joints - true, axis=2).mean(1))


@pytest.mark.parametrize("misread", [[20, 21, 30, 31, 32, 33, 34, 35], [62, 63, 64, 65]])
def test_flip_is_mended_where_a_network_turns_a_walker_over(tmp_path: Path, clean: Motion, misread: list[int]) -> None:
    mended = motion_of(tmp_path / "takes", misread)
    assert mended.persons[0].flips.tolist() == misread, "the second lies across two windows of the solve"
    assert error_mm(mended).max() < error_mm(clean).max() + NEAR_MM
    np.testing.assert_allclose(mended.persons[0].transl, clean.persons[0].transl, atol=0.03)


def test_flip_is_told_in_confidence_self_check_report_and_file(tmp_path: Path) -> None:
    motion = motion_of(tmp_path / "takes", [30, 31])
    person, told = motion.persons[0], motion.self_check[0]
    flips = next(check for check in told.checks if check.name == "flips")
    np.testing.assert_allclose(person.confidence[[30, 31]], 0.8 * BELIEVED)
    assert flips.value == 0, "the result holds none"
    assert "2 frames were read the wrong way round, and mended" in told.notes
    write_report(motion, tmp_path / "report.json")
    write_motion(motion, tmp_path / "motion.npz")
    assert json.loads((tmp_path / "report.json").read_text())["flips"] == {"1": [30, 31]}
    assert read_motion(tmp_path / "motion.npz").persons[0].flips.tolist() == [30, 31]


def test_walk_without_flips_tells_of_none(clean: Motion) -> None:
    assert not len(clean.persons[0].flips)
    assert next(check for check in clean.self_check[0].checks if check.name == "flips").grade == "green"


def test_turns_of_dancers_are_left() -> None:
    seconds = np.arange(60) / 30
    for turns_a_second in (0.5, 1, 2, 3):
        assert flips(360 * turns_a_second * seconds) == []


def test_somebody_who_turns_half_round_is_left() -> None:
    seconds = np.arange(60) / 30
    for lasts_s in (0.1, 0.2, 0.4):
        assert flips(180 * np.clip((seconds - 1) / lasts_s, 0, 1)) == [], "and stays so"
    assert flips(180 * np.clip(np.minimum((seconds - 0.5) / 0.15, (1.1 - seconds) / 0.15), 0, 1)) == [], "and back"


def test_flip_within_a_turn_is_found() -> None:
    turn = 360 * np.arange(60) / 30
    assert flips(turned_over(turn, range(20, 23))) == [20, 21, 22]
    assert flips(turned_over(turn, range(58, 60))) == [], "nothing comes after the last frames that could tell"


def test_quarter_second_is_the_longest() -> None:
    still = np.zeros(60)
    for fps, most in ((25.0, 6), (30.0, 7), (60.0, 14)):
        assert len(flips(turned_over(still, range(20, 20 + most)), fps)) == most
        assert flips(turned_over(still, range(20, 20 + most + 2)), fps) == []


def test_reading_that_turns_over_in_two_steps_belongs_to_its_flip() -> None:
    yaw = np.zeros(30)
    yaw[10:14] = 90, 170, 175, 100
    assert flips(yaw) == [10, 11, 12, 13]


def test_tumbling_body_and_camera_that_pans_change_nothing() -> None:
    turned = upright(turned_over(np.zeros(40), range(20, 22)))
    panned = Rotation.from_euler("y", 4 * np.arange(40)[:, None], degrees=True).as_matrix()  # 120 degrees a second
    lying = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    matrices = Rotation.from_quat(np.roll(turned, -1, axis=1)).as_matrix()
    for seen in (panned @ matrices, lying @ matrices):
        assert np.flatnonzero(find_flips(quaternions_of(seen), np.arange(40) / 30)).tolist() == [20, 21]


@pytest.mark.parametrize("noise_deg", [0, 20])
def test_recorded_motions_hold_no_flip(noise_deg: float) -> None:
    shared = Path(os.environ.get("MOCAP_SHARED", "../shared")) / "data" / "motions.npz"
    if not shared.is_file():
        pytest.skip("the shared motion file is not here (set MOCAP_SHARED)")
    with np.load(shared) as motions:
        roots, clips = motions["pose"][:, 0].astype(np.float64), motions["clip"]
    noise = np.random.default_rng(1).normal(0, np.radians(noise_deg), roots.shape)
    turned = Rotation.from_rotvec(roots) * Rotation.from_rotvec(noise / np.sqrt(3))
    quaternions = quaternions_of(turned.as_matrix())
    for clip in np.unique(clips):
        root = quaternions[clips == clip]
        assert not find_flips(root, np.arange(len(root)) / 30).any(), f"clip {clip}"


def test_few_sightings_hold_no_flip() -> None:
    assert [flips(180.0 * np.arange(count)) for count in range(1, 3)] == [[], []]
    assert flips([0, 180, 0]) == [1]

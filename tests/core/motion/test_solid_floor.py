"""One solid floor: people whose way and feet are known, put beside it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.geometry.rotations import quaternions_of
from core.motion.feet import foot_points
from core.motion.floor_plane import lowest_under
from core.motion.motion_file import read_motion, write_motion
from core.motion.solid_floor import FAR_M, _over, common_floor, on_floor
from core.motion.solver import solve
from core.motion.trajectory import LockedBody, Trajectory, posed
from core.settings import SolveSettings
from core.types import Float, Floor
from tests.fixtures.known_takes import BETAS, FPS, estimates, write_take
from tests.fixtures.known_walk import FRAMES, known_walk

LEVEL = np.array([0.0, 1.0, 0.0])
SOLE_M = 0.015
"""The walk's feet stand flat, as far as its legs and a foot's blur over time allow."""
SKIN_M = 1e-4
"""Float32 in the surface."""


@pytest.fixture(scope="module")
def walk() -> Trajectory:
    """Somebody who walks to the right on a level floor, 5 m away."""
    true, index = known_walk(), np.arange(FRAMES)
    matrices = Rotation.from_rotvec(true.rotvec.reshape(-1, 3)).as_matrix().reshape(FRAMES, 24, 3, 3)
    rotations = quaternions_of(matrices).astype(np.float64)
    sure, seen = np.ones((FRAMES, 14)), np.zeros(FRAMES, bool)
    return Trajectory(index, index / FPS, rotations, true.path, sure, seen, true.stands)


@pytest.fixture(scope="module")
def shape() -> LockedBody:
    body = load_body()
    return LockedBody(BETAS, body.shape(BETAS[None])[1][0].astype(np.float64), body)


def under(path: Trajectory, shape: LockedBody, floor: Floor) -> Float:
    return lowest_under(posed(path.rotations, shape).vertices, path.root, floor)


def shaken(path: Trajectory) -> Trajectory:
    """The same, and the depth of the root is misread, so that the feet go up and down by some centimetres."""
    waves = 0.04 * np.sin(np.arange(FRAMES) / 7)[:, None]
    return replace(path, root=path.root + waves * LEVEL)


def test_floor_of_a_walk_is_where_it_walks_and_level(walk: Trajectory, shape: LockedBody) -> None:
    floor = common_floor([walk], [shape])
    assert np.degrees(np.arccos(floor.down @ LEVEL)) < 1.0
    assert abs(np.median(under(walk, shape, floor))) < SOLE_M


@pytest.mark.parametrize("degrees", [-8.0, 8.0])
def test_floor_leans_as_the_camera_does(walk: Trajectory, shape: LockedBody, degrees: float) -> None:
    turn = Rotation.from_euler("z", degrees, degrees=True)
    rotations = np.array(walk.rotations)
    first = turn * Rotation.from_quat(np.roll(rotations[:, 0], -1, axis=1))
    rotations[:, 0] = np.roll(first.as_quat(), 1, axis=1)
    leaning = replace(walk, rotations=rotations, root=turn.apply(walk.root))
    floor = common_floor([leaning], [shape])
    assert np.degrees(np.arccos(floor.down @ turn.apply(LEVEL))) < 1.5


def test_feet_that_stand_are_set_on_the_floor_and_nothing_is_under_it(walk: Trajectory, shape: LockedBody) -> None:
    path = shaken(walk)
    floor = common_floor([path], [shape])
    before, after = under(path, shape, floor), under(on_floor(path, shape, floor, bends_legs=True), shape, floor)
    assert before.max() > 0.03 and before.min() < -0.03
    assert after.max() < SKIN_M
    assert after[walk.contacts.any(1)].min() > -SOLE_M, "somebody who stands doesn't float"


def test_feet_stay_where_they_stand_along_the_floor(walk: Trajectory, shape: LockedBody) -> None:
    path = shaken(walk)
    floor = common_floor([path], [shape])
    feet = [
        foot_points(posed(each.rotations, shape).bones) + each.root[:, None]
        for each in (path, on_floor(path, shape, floor, bends_legs=True))
    ]
    moved = (feet[1] - feet[0])[walk.contacts]
    along = moved - (moved @ floor.down)[:, None] * floor.down
    assert np.linalg.norm(along, axis=1).max() < 0.01


def test_two_people_stand_on_one_floor(walk: Trajectory, shape: LockedBody) -> None:
    """The second one was read smaller and nearer: 10 cm lower, and a metre to the front."""
    other = replace(walk, root=walk.root + np.array([0.2, 0.1, -1.0]))
    floor = common_floor([walk, other], [shape, shape])
    for path in (walk, other):
        lowest = under(on_floor(path, shape, floor, bends_legs=True), shape, floor)
        assert -SOLE_M < np.median(lowest) < SKIN_M


def test_legs_are_left_alone_where_feet_are_free(walk: Trajectory, shape: LockedBody) -> None:
    path = shaken(walk)
    floor = common_floor([path], [shape])
    free = on_floor(path, shape, floor, bends_legs=False)
    np.testing.assert_array_equal(free.rotations, path.rotations)
    assert under(free, shape, floor).max() < SKIN_M


def test_feet_on_a_step_stay_on_it(walk: Trajectory, shape: LockedBody) -> None:
    floor = common_floor([walk], [shape])
    high = replace(walk, root=walk.root - (FAR_M + 0.1) * floor.down)
    np.testing.assert_allclose(on_floor(high, shape, floor, bends_legs=True).root, high.root, atol=1e-9)


def test_nobody_who_stands_makes_no_floor(walk: Trajectory, shape: LockedBody) -> None:
    assert common_floor([replace(walk, contacts=np.zeros_like(walk.contacts))], [shape]) is None


def test_lift_is_never_less_than_needed_and_begins_smoothly() -> None:
    needed = np.zeros(60)
    needed[[20, 21, 40]] = 0.05, 0.02, 0.1
    lift = _over(needed, np.arange(60) / FPS)
    assert (lift >= needed - 1e-12).all() and lift[[5, 30, 55]].max() < 0.01
    assert np.abs(np.diff(lift)).max() < 0.04


def test_floor_of_the_settings_is_that_of_the_self_check(tmp_path: Path) -> None:
    true = known_walk()
    shaking = true.path + 0.04 * np.sin(np.arange(FRAMES) / 7)[:, None] * LEVEL
    take = write_take(tmp_path, estimates(true.rotvec, shaking), list(range(FRAMES)))
    motions = {kind: solve(take, SolveSettings(floor=kind)) for kind in ("off", "found", "solid")}  # type: ignore[arg-type]
    values = {
        kind: next(check.value for check in motion.self_check[0].checks if check.name == "floor")
        for kind, motion in motions.items()
    }
    assert values["off"] is values["solid"] is None, "nobody is under a floor that they were set on"
    assert values["found"] > 1.0
    assert motions["off"].floor is motions["found"].floor is None
    np.testing.assert_array_equal(motions["off"].persons[0].transl, motions["found"].persons[0].transl)
    write_motion(motions["solid"], tmp_path / "m.npz")
    read = read_motion(tmp_path / "m.npz").floor
    np.testing.assert_array_equal(read.down, motions["solid"].floor.down)
    assert read.depth_m == motions["solid"].floor.depth_m

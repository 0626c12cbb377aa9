"""Faults planted in takes and in solved motions: each turns the self-check red, and the walk without them does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.geometry.camera import project
from core.geometry.rotations import matrices_of
from core.motion.checks import Check
from core.motion.self_check import check_person
from core.motion.solver import solve
from core.motion.trajectory import LockedBody
from core.settings import SolveSettings
from core.types import Estimates, PersonMotion, PersonTake
from tests.fixtures.known_takes import FOCAL_PX, HEIGHT, WIDTH, estimates, write_take
from tests.fixtures.known_walk import FRAMES, known_walk

HALF_A_SECOND = slice(30, 43)
SIDES = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
"""LSP, left and right exchanged."""
L_ARM = 16


def seen_walk() -> Estimates:
    walk = known_walk()
    return estimates(walk.rotvec, walk.path)


def told(folder: Path, seen: Estimates, settings: SolveSettings | None = None) -> dict[str, Check]:
    motion = solve(write_take(folder, seen, list(range(FRAMES))), settings)
    return {check.name: check for check in motion.self_check[0].checks}


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[PersonMotion, PersonTake]:
    take = write_take(tmp_path_factory.mktemp("walk"), seen_walk(), list(range(FRAMES)))
    return solve(take).persons[0], take.persons()[0]


def checked(person: PersonMotion, seen: PersonTake) -> dict[str, Check]:
    """The checks of a motion that somebody has changed."""
    body, rotations = load_body(), matrices_of(person.bone_rotations)
    whole = body.pose(rotations, person.betas[None], person.bone_transl)
    joints = np.einsum("jv,tvc->tjc", body.lsp_regressor, whole.vertices)
    person = replace(person, vertices=whole.vertices, joints=joints)
    shape = LockedBody(person.betas, body.shape(person.betas[None])[1][0], body)
    bones = whole.joints + person.transl[:, None]
    found = check_person(person, bones, seen, shape, FOCAL_PX, (WIDTH, HEIGHT))
    return {check.name: check for check in found.checks}


def test_walk_without_faults_has_nothing_red(tmp_path: Path, solved: tuple[PersonMotion, PersonTake]) -> None:
    for found in (told(tmp_path, seen_walk()), checked(*solved)):
        assert not [check for check in found.values() if check.grade == "red"]


def test_frozen_limb_in_the_result_is_red_and_named(solved: tuple[PersonMotion, PersonTake]) -> None:
    person, seen = solved
    frozen = person.bone_rotations.copy()
    frozen[HALF_A_SECOND, L_ARM] = Rotation.from_euler("z", -80, degrees=True).as_quat()[[3, 0, 1, 2]]
    found = checked(replace(person, bone_rotations=frozen), seen)["picture"]
    assert found.grade == "red"
    assert found.note.startswith(("left forearm, frames", "left upper arm, frames"))


def test_frozen_limb_in_the_take_is_led_by_the_picture_and_what_is_left_is_told(tmp_path: Path) -> None:
    moving = known_walk().rotvec.copy()
    moving[25:50, L_ARM, 2] = -1.5
    shown = estimates(moving, known_walk().path)
    found = told(tmp_path, replace(seen_walk(), joints_px=shown.joints_px))["picture"]
    assert 5 < found.value < 25, "the picture's wrist is 80 px from the frozen one's"
    assert found.note.startswith(("left forearm, frame", "left upper arm, frame"))


def test_front_and_back_swapped_for_half_a_second_is_red(tmp_path: Path) -> None:
    walk, over = known_walk(), known_walk().rotvec.copy()
    half_turn = Rotation.from_euler("y", 175, degrees=True)
    over[HALF_A_SECOND, 0] = (half_turn * Rotation.from_rotvec(over[HALF_A_SECOND, 0])).as_rotvec()
    seen = seen_walk()
    seen.coarse_vertices[HALF_A_SECOND] = estimates(over, walk.path).coarse_vertices[HALF_A_SECOND]
    seen.joints_px[HALF_A_SECOND] = seen.joints_px[HALF_A_SECOND][:, SIDES]
    assert told(tmp_path, seen)["flips"].grade == "red"


def test_front_and_back_swapped_in_the_whole_result_is_red(tmp_path: Path) -> None:
    facing = known_walk().rotvec.copy()
    facing[:, 0] = Rotation.from_euler("x", 180, degrees=True).as_rotvec()
    seen = estimates(facing, known_walk().path)
    take = write_take(tmp_path, seen, list(range(FRAMES)))
    person = solve(take).persons[0]
    turned = person.bone_rotations.copy()
    root = Rotation.from_quat(np.roll(turned[:, 0], -1, axis=1))
    turned[:, 0] = np.roll((Rotation.from_euler("y", 180, degrees=True) * root).as_quat(), 1, axis=1)
    assert checked(replace(person, bone_rotations=turned), take.persons()[0])["picture"].grade == "red"


@pytest.mark.parametrize("aside_m", [0.8, 2.0])
def test_half_a_second_of_another_person_is_red(tmp_path: Path, aside_m: float) -> None:
    walk, seen = known_walk(), seen_walk()
    other_path = walk.path + np.array([aside_m, 0.0, 0.6])
    other = estimates(np.roll(walk.rotvec, 9, axis=0), other_path)
    for name, array in seen.arrays().items():
        array[HALF_A_SECOND] = other.arrays()[name][HALF_A_SECOND]
    found = told(tmp_path, seen)["jumps"]
    assert (found.grade, found.value) == ("red", 2.0)


@pytest.mark.parametrize("feet", ["off", "auto", "lock"])
def test_sliding_feet_are_red_however_the_feet_are_treated(tmp_path: Path, feet: str) -> None:
    walk = known_walk()
    glide = 0.9 * (np.arange(FRAMES) / 25)[:, None] * np.array([1.0, 0, 0])
    seen = estimates(walk.rotvec, walk.path + glide - glide.mean(0))
    found = told(tmp_path, seen, SolveSettings(feet=feet))  # type: ignore[arg-type]
    assert "red" in {found[name].grade for name in ("foot slide", "picture")}


def test_picture_of_the_planted_walk_is_the_camera_s(solved: tuple[PersonMotion, PersonTake]) -> None:
    person, seen = solved
    drawn = project(person.joints + person.transl[:, None], FOCAL_PX, (WIDTH, HEIGHT))
    assert np.linalg.norm(drawn - seen.estimates.joints_px, axis=2).mean() < 4.0

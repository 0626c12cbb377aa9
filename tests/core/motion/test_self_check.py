"""Self-check values worked out by hand, and their way through files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.body.model import load_body
from core.motion.motion_file import read_checks, read_motion, write_motion
from core.motion.report import table, write_report
from core.motion.self_check import check_person
from core.motion.trajectory import LockedBody
from core.types import Check, Motion, PersonCheck, PersonMotion, PersonTake
from tests.fixtures.known_takes import BETAS, FOCAL_PX, FPS, HEIGHT, WIDTH, estimates

FRAMES = 20
SIDE_PX = 300.0


def standing() -> tuple[PersonMotion, np.ndarray, PersonTake]:
    """Somebody who stands still, 5 m away, both feet in contact; the joints in the camera; what was seen."""
    rotvec = np.zeros((FRAMES, 24, 3))
    rotvec[:, 0, 0] = np.pi
    path = np.tile([0.0, 0.1, 5.0], (FRAMES, 1))
    body, index = load_body(), np.arange(FRAMES)
    posed = body.pose(rotvec, BETAS[None])
    joints = np.einsum("jv,tvc->tjc", body.lsp_regressor, posed.vertices)
    root = joints[:, [2, 3]].mean(1)
    person = PersonMotion(
        "1", index, index / FPS, posed.vertices - root[:, None], joints - root[:, None], path,
        np.zeros((FRAMES, 24, 4)), -root, BETAS, np.ones((FRAMES, 14)), np.zeros(FRAMES, bool),
        np.ones((FRAMES, 2), bool),
    )  # fmt: skip
    return person, posed.joints + (path - root)[:, None], PersonTake("1", index, index / FPS, estimates(rotvec, path))


def checks(person: PersonMotion, bones: np.ndarray, seen: PersonTake) -> dict[str, Check]:
    shape = LockedBody(BETAS, np.zeros((24, 3)), load_body(), surface_mm=14.0)
    found = check_person(person, bones, seen, shape, FOCAL_PX, (WIDTH, HEIGHT))
    return {check.name: check for check in found.checks}


def test_still_person_on_the_floor_is_green_throughout() -> None:
    found = checks(*standing())
    assert {name: check.grade for name, check in found.items()} == dict.fromkeys(found, "green")
    assert found["reprojection"].value == pytest.approx(0, abs=1e-3)


def test_foot_that_moves_a_centimetre_a_frame_slides_at_that_speed() -> None:
    person, bones, seen = standing()
    bones[:, 10, 0] += 0.01 * np.arange(FRAMES)
    assert checks(person, bones, seen)["foot slide"].value == pytest.approx(FPS / 2, rel=1e-3), "the other one stands"


def test_nothing_slides_without_contact() -> None:
    person, bones, seen = standing()
    found = checks(replace(person, contacts=np.zeros((FRAMES, 2), bool)), bones, seen)
    assert found["foot slide"].value is found["floor"].value is None
    assert found["foot slide"].grade == "none"


def test_jitter_is_told_in_frames_of_a_thirtieth() -> None:
    person, bones, seen = standing()
    tremor = np.where(np.arange(FRAMES) % 2, 0.001, -0.001)[:, None] * [1, 0, 0]
    at_25 = checks(replace(person, transl=person.transl + tremor), bones, seen)["jitter"].value
    assert at_25 == pytest.approx(4 * (FPS / 30) ** 2, rel=0.15), "2 mm to and fro is 4 mm of acceleration"


def test_steady_acceleration_is_no_jitter() -> None:
    person, bones, seen = standing()
    fall = 4.9 * person.time_s[:, None] ** 2 * [0, 1, 0]
    assert checks(replace(person, transl=person.transl + fall), bones, seen)["jitter"].value < 0.01


def test_body_that_sinks_is_under_the_floor_of_its_standing_feet() -> None:
    person, bones, seen = standing()
    lower = np.where(np.arange(FRAMES) >= 10, 0.08, 0.0)[:, None] * [0, 1, 0]
    contacts = np.repeat(np.arange(FRAMES)[:, None] < 10, 2, axis=1)
    found = checks(replace(person, transl=person.transl + lower, contacts=contacts), bones, seen)
    assert found["floor"].value == pytest.approx(8, abs=1)
    assert found["floor"].grade == "red"


def test_limb_that_stretches_is_told() -> None:
    person, bones, seen = standing()
    knee, ankle = bones[0, 4], bones[0, 7]
    bones[5, 7] = knee + 1.1 * (ankle - knee)
    assert checks(person, bones, seen)["limb length"].value == pytest.approx(10, rel=1e-3)


def test_joints_beside_the_picture_s_are_told_in_pixels() -> None:
    person, bones, seen = standing()
    seen.estimates.joints_px[...] += [3, 4]
    assert checks(person, bones, seen)["reprojection"].value == pytest.approx(5, rel=1e-3)


@pytest.fixture
def motion() -> Motion:
    person = standing()[0]
    check = PersonCheck("1", (Check("jitter", 6.0, "mm/frame^2", 5.0, 10.0), Check("floor", None, "cm", 3.0, 6.0)))
    return Motion([person], load_body().faces, FPS, FOCAL_PX, WIDTH, HEIGHT, Path("a.mp4"), (check,))


def test_checks_are_read_from_the_motion_s_file(motion: Motion, tmp_path: Path) -> None:
    write_motion(motion, tmp_path / "m.npz")
    assert read_checks(tmp_path / "m.npz") == read_motion(tmp_path / "m.npz").self_check == motion.self_check


def test_table_has_a_grade_a_line(motion: Motion) -> None:
    lines = table(motion.self_check)
    assert lines[0] == "person 1"
    assert "6.0 mm/frame^2 amber" in lines[1]
    assert "none" in lines[2]


def test_report_has_the_checks_and_the_contacts(motion: Motion, tmp_path: Path) -> None:
    write_report(motion, tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert [check["grade"] for check in report["people"][0]["checks"]] == ["amber", "none"]
    assert report["contacts"] == {"1": {"left": [[0, FRAMES - 1]], "right": [[0, FRAMES - 1]]}}

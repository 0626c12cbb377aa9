"""Self-check values worked out by hand, and their way through files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.body.model import load_body
from core.motion.checks import Check, PersonCheck
from core.motion.motion_file import read_checks, read_motion, write_motion
from core.motion.report import check_table, write_report
from core.motion.self_check import check_person
from core.motion.trajectory import LockedBody
from core.types import Floor, Motion, PersonMotion, PersonTake
from tests.fixtures.known_takes import BETAS, FOCAL_PX, FPS, HEIGHT, WIDTH, estimates

FRAMES = 20
L_WRIST = 11
PER_FRAME = (
    "vertices", "joints", "transl", "bone_rotations", "bone_transl", "confidence", "is_filled", "contacts",
)  # fmt: skip
LIMBS = (
    Check("left forearm", 41.0, "px", 12.0, 24.0, "left forearm, frames 4 to 15: 41 px off"),
    Check("left shin", 31.0, "px", 12.0, 24.0, "left shin, frames 3 to 9: 31 px off"),
)


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
        np.tile([0.0, 1.0, 0.0, 0.0], (FRAMES, 24, 1)), -root, BETAS, np.ones((FRAMES, 14)), np.zeros(FRAMES, bool),
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
    assert found["picture"].value == pytest.approx(0, abs=1e-3)


def test_what_is_good_by_construction_is_not_shown_as_green() -> None:
    person, bones, seen = standing()
    shape, floor = LockedBody(BETAS, np.zeros((24, 3)), load_body()), Floor(np.array([0.0, 1.0, 0.0]), 1.2)
    held = np.ones((FRAMES, 2), bool)
    told = check_person(person, bones, seen, shape, FOCAL_PX, (WIDTH, HEIGHT), floor=floor, is_held=held)
    found = {check.name: check for check in told.checks}
    assert {found[name].grade for name in ("foot slide", "floor")} == {"none"}
    assert found["foot slide"].note and found["floor"].note
    assert "limb length" not in found, "a body with one shape has bones of one length"


def test_foot_that_moves_a_centimetre_a_frame_slides_at_that_speed() -> None:
    person, bones, seen = standing()
    bones[:, 10, 0] += 0.01 * np.arange(FRAMES)
    slide = checks(person, bones, seen)["foot slide"]
    assert slide.value == pytest.approx(FPS / 2, rel=1e-3), "the other one stands"
    assert slide.note == f"furthest: left foot, frames 0 to {FRAMES - 1}, 19 cm"


def test_nothing_slides_without_contact() -> None:
    person, bones, seen = standing()
    found = checks(replace(person, contacts=np.zeros((FRAMES, 2), bool)), bones, seen)
    assert found["foot slide"].value is found["floor"].value is None
    assert found["foot slide"].grade == "none"


@pytest.mark.parametrize("fps", [12.0, 25.0, 30.0, 60.0, 120.0])
def test_tremor_is_judged_alike_at_every_rate(fps: float) -> None:
    person, bones, seen = standing()
    person = at_rate(person, fps, 2.0)
    tremor = np.random.default_rng(0).normal(0, 0.004, (len(person.time_s), 3))
    still = checks(person, bones, seen)["jitter"]
    shaking = checks(replace(person, transl=person.transl + tremor), bones, seen)["jitter"]
    assert still.value < 0.01
    assert shaking.value == pytest.approx(14.1, rel=0.25), "root of six times 4 mm in each axis, thirty times a second"


def test_tremor_is_not_green_where_the_rate_is_too_low_to_tell() -> None:
    person, bones, seen = standing()
    found = checks(at_rate(person, 5.0, 4.0), bones, seen)["jitter"]
    assert (found.value, found.grade) == (None, "none")
    assert "too few frames" in found.note


def at_rate(person: PersonMotion, fps: float, seconds: float) -> PersonMotion:
    """The still person so long at another rate, without contacts."""
    count = round(fps * seconds)
    first = {name: np.repeat(getattr(person, name)[:1], count, axis=0) for name in PER_FRAME}
    index = np.arange(count)
    first["contacts"] = np.zeros((count, 2), bool)
    return replace(person, frame_index=index, time_s=index / fps, **first)


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


def test_joints_beside_the_picture_s_are_told_in_pixels() -> None:
    person, bones, seen = standing()
    seen.estimates.joints_px[...] += [3, 4]
    assert checks(person, bones, seen)["picture"].value == pytest.approx(5, rel=1e-3)


def limbs(person: PersonMotion, bones: np.ndarray, seen: PersonTake) -> list[Check]:
    shape = LockedBody(BETAS, np.zeros((24, 3)), load_body())
    return list(check_person(person, bones, seen, shape, FOCAL_PX, (WIDTH, HEIGHT)).limbs)


def test_limb_that_is_off_is_named_with_its_frames_and_pixels() -> None:
    person, bones, seen = standing()
    seen.estimates.joints_px[4:16, L_WRIST] += [0, -41]
    worst = limbs(person, bones, seen)[0]
    assert worst.value == pytest.approx(41, rel=0.01)
    assert worst.grade == "red"
    limb, frames, off = worst.note.replace(":", ",").split(", ")
    first, last = (int(word) for word in frames.split() if word.isdecimal())
    assert (limb, off) == ("left forearm", "41 px off")
    assert abs(first - 4) <= 4 and abs(last - 15) <= 4


def test_joint_that_the_network_is_not_sure_of_says_nothing() -> None:
    person, bones, seen = standing()
    seen.estimates.joints_px[4:16, L_WRIST] += [0, -41]
    seen.estimates.joint_confidence[:, L_WRIST] = 0.1
    assert limbs(person, bones, seen)[0].grade == "green"


def test_single_misread_frame_is_no_stretch() -> None:
    person, bones, seen = standing()
    seen.estimates.joints_px[8, L_WRIST] += [0, -60]
    assert limbs(person, bones, seen)[0].grade != "red"


def test_person_who_jumps_aside_and_back_is_told_twice_with_frames() -> None:
    person, bones, seen = standing()
    person = at_rate(person, 30.0, 3.0)
    aside = np.where((person.frame_index >= 40) & (person.frame_index < 55), 1.2, 0.0)[:, None] * [1, 0, 0]
    found = checks(replace(person, transl=person.transl + aside), bones, seen)["jumps"]
    assert (found.value, found.grade) == (2.0, "red")
    assert "frames 3" in found.note and "frames 5" in found.note


@pytest.mark.parametrize("fps", [5.0, 30.0, 120.0])
def test_half_turn_from_rest_to_rest_is_a_flip_at_every_rate(fps: float) -> None:
    person, bones, seen = standing()
    person = at_rate(person, fps, 4.0)
    over = (person.time_s >= 1.5) & (person.time_s < 2.5)
    turned = person.bone_rotations.copy()
    turned[over, 0] = [0, 0, 0, 1]
    found = checks(replace(person, bone_rotations=turned), bones, seen)["flips"]
    assert (found.value, found.grade) == (2.0, "red")


def test_dancer_who_turns_twice_a_second_does_not_flip() -> None:
    person, bones, seen = standing()
    person = at_rate(person, 30.0, 4.0)
    half_rad, turned = 2 * np.pi * person.time_s, person.bone_rotations.copy()
    turned[:, 0] = np.stack([np.cos(half_rad), 0 * half_rad, np.sin(half_rad), 0 * half_rad], axis=1)
    assert checks(replace(person, bone_rotations=turned), bones, seen)["flips"].value == 0


@pytest.fixture
def motion() -> Motion:
    person = standing()[0]
    told = (Check("jitter", 6.0, "m/s^2", 5.0, 10.0), Check("floor", None, "cm", 3.0, 6.0, "nobody stands"))
    check = PersonCheck("1", told, LIMBS, ("1 frame was mended",))
    return Motion([person], load_body().faces, FPS, FOCAL_PX, WIDTH, HEIGHT, Path("a.mp4"), (check,))


def test_checks_are_read_from_the_motion_s_file(motion: Motion, tmp_path: Path) -> None:
    write_motion(motion, tmp_path / "m.npz")
    assert read_checks(tmp_path / "m.npz") == read_motion(tmp_path / "m.npz").self_check == motion.self_check


def test_table_has_a_grade_a_line(motion: Motion) -> None:
    lines = check_table(motion.self_check)
    assert lines[0] == "person 1"
    assert "6.0 m/s^2 amber" in lines[1]
    assert "none" in lines[2] and lines[2].endswith("nobody stands")
    assert lines[3:] == ["  left shin, frames 3 to 9: 31 px off", "  1 frame was mended"]


def test_report_has_the_checks_and_the_contacts(motion: Motion, tmp_path: Path) -> None:
    write_report(motion, tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert [check["grade"] for check in report["people"][0]["checks"]] == ["amber", "none"]
    assert [limb["note"] for limb in report["people"][0]["limbs"]] == [limb.note for limb in LIMBS]
    assert report["people"][0]["notes"] == ["1 frame was mended"]
    assert report["contacts"] == {"1": {"left": [[0, FRAMES - 1]], "right": [[0, FRAMES - 1]]}}

"""Takes made from a body whose pose, place and feet are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.errors import BodyError, TakeError
from core.files import windows
from core.geometry.camera import project
from core.geometry.rotations import matrices_of
from core.motion.solver import solve, solve_rows
from core.settings import SolveSettings
from core.take.take import Take
from tests.fixtures.known_takes import BETAS, FPS, HEIGHT, WIDTH, estimates, write_take

FRAMES = 24
RAW = SolveSettings(smooth=0.0, feet="off")
SURFACE_M = 0.012
"""What 431 vertices and one fit of the bones leave of a true surface."""
SAME_M = 2e-6
"""Sums in float32 of other lengths."""
DEPTH_SHARE = 0.02
"""Weak perspective against the pinhole that the take was made with, at 5 m."""


def truth(frames: int = FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3) of somebody upright in the camera who waves, and the path (T, 3) of the root."""
    rotvec = np.zeros((frames, 24, 3))
    rotvec[:, 0] = Rotation.from_euler("x", 180, degrees=True).as_rotvec()
    rotvec[:, 16, 2] = np.linspace(-0.5, 0.8, frames)
    rotvec[:, 18, 1] = np.linspace(-1.0, 0, frames)
    rotvec[:, 4, 0] = np.linspace(0, 0.6, frames)
    path = np.stack([np.linspace(-0.8, 0.6, frames), np.full(frames, 0.1), np.linspace(5, 5.5, frames)], axis=1)
    return rotvec, path


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Take:
    return write_take(tmp_path_factory.mktemp("clean"), estimates(*truth()), list(range(FRAMES)))


def test_place_of_the_root_is_the_true_path(clean: Take) -> None:
    person = solve(clean, RAW).persons[0]
    path = truth()[1]
    assert np.abs(person.transl - path).max() < DEPTH_SHARE * 5.5
    assert np.abs(person.transl[:, :2] - path[:, :2]).max() < 0.02


def test_surface_is_the_true_one(clean: Take) -> None:
    person = solve(clean, RAW).persons[0]
    body = load_body()
    true = body.pose(truth()[0], BETAS[None]).vertices
    joints = np.einsum("jv,tvc->tjc", body.lsp_regressor, true)
    true = true - joints[:, [2, 3]].mean(1, keepdims=True)
    assert np.linalg.norm(person.vertices - true, axis=2).mean() < SURFACE_M


def test_bones_land_on_the_mesh(clean: Take) -> None:
    person = solve(clean).persons[0]
    body = load_body()
    posed = body.pose(matrices_of(person.bone_rotations), person.betas[None], person.bone_transl)
    np.testing.assert_allclose(posed.vertices, person.vertices, atol=1e-4)


def test_self_check_tells_how_far_the_body_is_from_the_mesh(clean: Take) -> None:
    told = [check for check in solve(clean).self_check[0].checks if check.name == "surface"]
    assert [check.unit for check in told] == ["mm"]
    assert told[0].value is not None and told[0].value < 2


def test_joints_are_relative_to_the_hips_and_read_from_the_mesh(clean: Take) -> None:
    person = solve(clean).persons[0]
    np.testing.assert_allclose(person.joints[:, [2, 3]].mean(1), 0, atol=1e-6)
    read = np.einsum("jv,tvc->tjc", load_body().lsp_regressor, person.vertices)
    np.testing.assert_allclose(read, person.joints, atol=1e-5)


def test_person_s_left_is_at_the_right_of_the_picture_when_they_face_the_camera(clean: Take) -> None:
    motion = solve(clean, RAW)
    person = motion.persons[0]
    pixels = project(person.joints + person.transl[:, None], motion.focal_px, (WIDTH, HEIGHT))
    assert (pixels[:, 9, 0] > pixels[:, 8, 0]).all(), "L_Shoulder right of R_Shoulder"
    assert (pixels[:, 5, 1] > pixels[:, 13, 1]).all(), "L_Ankle below Head"


def test_size_that_the_network_lets_breathe_is_locked(tmp_path: Path) -> None:
    size = 1 + 0.15 * np.sin(np.arange(FRAMES))
    take = write_take(tmp_path, estimates(*truth(), size), list(range(FRAMES)))
    person = solve(take, RAW).persons[0]
    thigh = np.linalg.norm(person.joints[:, 2] - person.joints[:, 1], axis=1)
    assert np.ptp(thigh) < 0.02
    assert np.abs(person.transl[:, 2] - truth()[1][:, 2]).max() < 0.05 * 5.5, "the depth makes up for it"


def test_wrong_reading_of_the_picture_moves_nobody(tmp_path: Path) -> None:
    seen = estimates(*truth())
    seen.joints_px[:, 6] += [120, -80]  # a wrist on the wall
    person = solve(write_take(tmp_path, seen, list(range(FRAMES))), RAW).persons[0]
    assert np.abs(person.transl[:, :2] - truth()[1][:, :2]).max() < 0.03


def test_gap_is_filled_marked_and_between_its_ends(tmp_path: Path) -> None:
    kept = [index for index in range(FRAMES) if not 8 <= index < 14]
    take = write_take(tmp_path, estimates(*truth())[kept], kept)
    person = solve(take, RAW).persons[0]
    assert person.frame_index.tolist() == list(range(FRAMES))
    assert np.flatnonzero(person.is_filled).tolist() == list(range(8, 14))
    assert (person.confidence[8:14] == 0).all()
    assert np.abs(person.transl - truth()[1]).max() < 0.05 * 5.5
    assert np.abs(person.vertices[11] - person.vertices[7]).max() > 0.01, "the pose goes on through the gap"


def test_smoothing_a_still_person_changes_nothing(tmp_path: Path) -> None:
    rotvec, path = truth()
    still = estimates(rotvec[:1].repeat(FRAMES, 0), path[:1].repeat(FRAMES, 0))
    take = write_take(tmp_path, still, list(range(FRAMES)))
    raw, smooth = (solve(take, SolveSettings(smooth=s, feet="off")).persons[0] for s in (0.0, 1.0))
    np.testing.assert_allclose(smooth.vertices, raw.vertices, atol=1e-4)
    np.testing.assert_allclose(smooth.transl, raw.transl, atol=1e-4)


def test_smoothing_steadies_depth_more_than_the_image_s_axes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rotvec, path = truth(40)
    noisy = path[:1].repeat(40, 0) * (1 + 0.05 * rng.normal(size=(40, 1)))
    noisy[:, :2] = path[0, :2] * noisy[:, 2:] / path[0, 2]  # the same pixels, another depth
    take = write_take(tmp_path, estimates(rotvec[:1].repeat(40, 0), noisy), list(range(40)))
    raw, smooth = (solve(take, SolveSettings(smooth=s, feet="off")).persons[0] for s in (0.0, 0.5))
    assert smooth.transl[:, 2].std() < 0.4 * raw.transl[:, 2].std()
    rays = smooth.transl[:, :2] / smooth.transl[:, 2:]
    np.testing.assert_allclose(rays, raw.transl[:, :2] / raw.transl[:, 2:], atol=2e-3)


@pytest.mark.parametrize("feet", ["auto", "lock"])
def test_standing_feet_slide_less(tmp_path: Path, feet: str) -> None:
    rotvec, path = truth(30)
    rotvec = rotvec[:1].repeat(30, 0)
    slide = path[:1].repeat(30, 0) + np.linspace(0, 0.08, 30)[:, None] * [1, 0, 0]
    take = write_take(tmp_path, estimates(rotvec, slide), list(range(30)))

    def slid(person: object) -> float:
        ankles = person.joints[:, [0, 5]] + person.transl[:, None]  # type: ignore[attr-defined]
        return float(np.ptp(ankles[3:-3, :, 0], axis=0).max())

    off, on = (solve(take, SolveSettings(0.0, which)).persons[0] for which in ("off", feet))  # type: ignore[arg-type]
    assert slid(on) < 0.4 * slid(off)


def test_other_rate_keeps_the_seconds(clean: Take) -> None:
    motion = solve(clean, SolveSettings(fps=60.0))
    person = motion.persons[0]
    assert motion.fps == 60
    np.testing.assert_allclose(person.time_s, person.frame_index / 60)
    assert person.time_s[-1] == pytest.approx((FRAMES - 1) / FPS, abs=1 / 60)
    assert len(person.vertices) == len(person.frame_index) == len(person.confidence)


def test_single_sighting_is_a_motion_of_one_frame(tmp_path: Path) -> None:
    take = write_take(tmp_path, estimates(*truth())[[3]], [3])
    assert solve(take).persons[0].frame_index.tolist() == [3]


def test_another_body_is_refused_with_both_names(tmp_path: Path) -> None:
    take = write_take(tmp_path, estimates(*truth())[[0]], [0], body_digest="f" * 64)
    with pytest.raises(BodyError, match="made for the body 'open'"):
        solve(take)


def test_take_without_people_says_so(tmp_path: Path) -> None:
    take = write_take(tmp_path, estimates(*truth())[[0]], [])
    with pytest.raises(TakeError, match="nobody in it yet"):
        solve(take)


def test_contacts_that_are_given_replace_those_that_are_found(tmp_path: Path) -> None:
    rotvec, path = truth()
    still = write_take(
        tmp_path, estimates(rotvec[:1].repeat(FRAMES, 0), path[:1].repeat(FRAMES, 0)), list(range(FRAMES))
    )
    assert solve(still, RAW).persons[0].contacts.all(), "found, though the feet are left as they are"
    given = tmp_path / "contacts.json"
    given.write_text('{"1": {"left": [[3, 9]]}}')
    contacts = solve(still, replace(RAW, contacts=given)).persons[0].contacts
    assert np.flatnonzero(contacts[:, 0]).tolist() == list(range(3, 10))
    assert contacts[:, 1].all()


@pytest.mark.parametrize(("part", "bone"), [("body", 6), ("limbs", 18)])
def test_body_and_limbs_have_strengths_of_their_own(tmp_path: Path, part: str, bone: int) -> None:
    rotvec, path = truth(40)
    noisy = rotvec[:1] + np.random.default_rng(2).normal(0, 0.05, (40, 24, 3)) * (np.arange(24) > 0)[:, None]
    take = write_take(tmp_path, estimates(noisy, path[:1].repeat(40, 0)), list(range(40)))

    def unrest(settings: SolveSettings) -> float:
        rotations = solve(take, settings).persons[0].bone_rotations[:, bone]
        return float(np.linalg.norm(np.diff(rotations, axis=0), axis=1).mean())

    raw, own, other = (
        unrest(replace(RAW, **strengths))  # type: ignore[arg-type]
        for strengths in ({}, {f"smooth_{part}": 0.7}, {"smooth": 0.7, f"smooth_{part}": 0.0})
    )
    assert own < 0.4 * raw
    assert other > 0.6 * raw


def test_root_s_strength_leaves_the_pose_alone(clean: Take) -> None:
    raw, rooted = (solve(clean, replace(RAW, smooth_root=s)).persons[0] for s in (None, 1.0))
    np.testing.assert_allclose(rooted.bone_rotations, raw.bone_rotations, atol=1e-6)
    assert np.abs(rooted.transl - raw.transl).max() > 1e-4


def test_solve_in_windows_is_that_of_the_whole(clean: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SolveSettings(fps=40.0)
    motions = []
    for window in (7, 10**6):
        monkeypatch.setattr(windows, "WINDOW", window)
        motions.append(solve(clean, settings))
    (windowed,), (whole,) = (motion.persons for motion in motions)
    assert len(windowed.frame_index) > len(clean.person("1").frame_index)
    for name in ("vertices", "joints", "transl", "bone_rotations", "bone_transl"):
        np.testing.assert_allclose(getattr(windowed, name), getattr(whole, name), atol=SAME_M, err_msg=name)
    for one, other in zip(motions[0].self_check[0].checks, motions[1].self_check[0].checks, strict=True):
        assert (one.value is None) == (other.value is None)
        assert one.value is None or one.value == pytest.approx(other.value, rel=1e-3, abs=1e-3)


def test_vertices_posed_when_read_are_those_of_the_solve(clean: Take) -> None:
    (later,), (at_once,) = solve_rows(clean).persons, solve(clean).persons
    assert isinstance(later.vertices, windows.MadeRows)
    np.testing.assert_array_equal(later.vertices[3:9], at_once.vertices[3:9])

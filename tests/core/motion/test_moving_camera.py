"""Moving shots: a walk whose truth is known, before a camera whose way is known up to its scale."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.errors import CameraError
from core.files.windows import StoredRows
from core.geometry.camera import project
from core.geometry.rotations import matrices_of
from core.motion.feet import foot_points
from core.motion.floor_plane import lowest_under
from core.motion.motion_file import read_motion, write_motion
from core.motion.moving_camera import TurnedRows, in_world, read_camera, sampled, to_camera, to_world, turned_to_camera
from core.motion.solver import solve
from core.motion.world_scale import FeetSeen, camera_scale
from core.settings import SolveSettings
from core.take.take import Take
from core.types import CameraPath, Float, Motion, PersonMotion
from tests.fixtures.known_takes import FOCAL_PX, FPS, HEIGHT, WIDTH, estimates, write_take
from tests.fixtures.known_walk import KnownWalk, known_walk

FRAMES = 100
NOISE_RAD, NOISE_DEPTH, NOISE_SIDE_M = 0.04, 0.02, 0.01
UNIT_M = 7.3
"""What a unit of the camera's file stands for."""
SCALE_SHARE, DRIFT_SHARE, SLIDE_CM_S = 0.05, 0.03, 4.0
LEVEL_DEGREES = 3.0


def beside(walk: KnownWalk, rng: np.random.Generator) -> Float:
    """(T, 4, 4) somebody with a camera in the hand goes along, overtakes, and pans back: metres."""
    frames = len(walk.path)
    share = np.linspace(0, 1, frames)
    matrices = np.tile(np.eye(4), (frames, 1, 1))
    matrices[:, 0, 3] = 1.5 * walk.path[:, 0].mean() + 3.0 * (share - 0.5)
    matrices[:, 1, 3] = 0.05 * np.sin(2 * np.pi * 2 * share * frames / FPS)
    matrices[:, 2, 3] = 0.8 * share
    off = walk.path[:, 0] - matrices[:, 0, 3]
    turn = np.arctan2(off, walk.path[:, 2] - matrices[:, 2, 3]) * 0.8
    shake = rng.normal(0, 0.004, (frames, 3))
    matrices[:, :3, :3] = (Rotation.from_euler("y", turn[:, None]) * Rotation.from_rotvec(shake)).as_matrix()
    return matrices


@dataclass(frozen=True)
class Shot:
    take: Take
    walk: KnownWalk
    camera_to_world: Float
    file: Path


def write_camera(path: Path, matrices: Float, unit_m: float = UNIT_M, **changes: object) -> Path:
    small = matrices.copy()
    small[:, :3, 3] /= unit_m
    held = {"frame_index": np.arange(len(matrices)), "camera_to_world": small, "focal_px": FOCAL_PX, **changes}
    np.savez(path, **{name: np.asarray(value) for name, value in held.items() if value is not None})
    return path


def shot(folder: Path) -> Shot:
    walk, rng = known_walk(FRAMES), np.random.default_rng(6)
    matrices = beside(walk, rng)
    rotvec = walk.rotvec + rng.normal(0, NOISE_RAD, walk.rotvec.shape)
    rotvec[:, 0] = (Rotation.from_matrix(matrices[:, :3, :3]).inv() * Rotation.from_rotvec(rotvec[:, 0])).as_rotvec()
    path = to_camera(walk.path, matrices) + rng.normal(0, [NOISE_SIDE_M, NOISE_SIDE_M, 0], (FRAMES, 3))
    seen = estimates(rotvec, path * (1 + rng.normal(0, NOISE_DEPTH, (FRAMES, 1))))
    take = write_take(folder, seen, list(range(FRAMES)))
    return Shot(take, walk, matrices, write_camera(folder / "camera.npz", matrices))


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Shot:
    return shot(tmp_path_factory.mktemp("moving"))


@pytest.fixture(scope="module")
def solved(moving: Shot) -> dict[str, Motion]:
    given = SolveSettings(feet="lock", camera=moving.file)
    return {"given": solve(moving.take, given), "still": solve(moving.take, SolveSettings(feet="lock"))}


def drift(person: PersonMotion, walk: KnownWalk) -> float:
    """Share of the path by which the root is off it in the mean, a constant offset apart."""
    hips = walk.joints[:, [2, 3]].mean(1)
    path_m = np.linalg.norm(np.diff(hips, axis=0), axis=1).sum()
    off = person.transl - hips
    return float(np.linalg.norm(off - off.mean(0), axis=1).mean() / path_m)


def slide(person: PersonMotion) -> float:
    bones = load_body().pose(matrices_of(person.bone_rotations), person.betas[None], person.bone_transl).joints
    way = np.linalg.norm(np.diff(foot_points(bones + person.transl[:, None]), axis=0), axis=2)
    stands = person.contacts[1:] & person.contacts[:-1]
    assert stands.mean() > 0.2
    return float(100 * FPS * way[stands].mean())


def test_scale_of_the_camera_is_found(solved: dict[str, Motion]) -> None:
    assert solved["given"].camera.scale == pytest.approx(UNIT_M, rel=SCALE_SHARE)


def test_root_in_the_world_drifts_little(moving: Shot, solved: dict[str, Motion]) -> None:
    walked = in_world(solved["given"]).persons[0]
    assert drift(walked, moving.walk) <= DRIFT_SHARE
    assert drift(solved["still"].persons[0], moving.walk) > 2 * DRIFT_SHARE, "without the camera it is nowhere near"


def test_feet_stand_in_the_world(moving: Shot, solved: dict[str, Motion]) -> None:
    person = in_world(solved["given"]).persons[0]
    assert (person.contacts == moving.walk.stands).mean() > 0.75
    assert slide(person) <= SLIDE_CM_S
    told = next(check for check in solved["given"].self_check[0].checks if check.name == "foot slide")
    assert told.grade in ("none", "green"), "held feet are no merit, and none of the others slides"


def test_solid_floor_is_the_world_s(moving: Shot) -> None:
    motion = solve(moving.take, SolveSettings(feet="lock", camera=moving.file, floor="solid"))
    person = in_world(motion).persons[0]
    assert np.degrees(np.arccos(motion.floor.down[1])) < LEVEL_DEGREES
    under = lowest_under(person.vertices, person.transl, motion.floor)
    assert under.max() < 1e-3 and under[person.contacts.any(1)].min() > -0.02
    assert slide(person) <= SLIDE_CM_S


def test_people_still_lie_on_the_footage(moving: Shot, solved: dict[str, Motion]) -> None:
    person = solved["given"].persons[0]
    true = to_camera(moving.walk.joints, moving.camera_to_world)
    seen, there = (
        project(joints, FOCAL_PX, (WIDTH, HEIGHT)) for joints in (person.joints + person.transl[:, None], true)
    )
    raw = project(true + 0.04, FOCAL_PX, (WIDTH, HEIGHT))
    assert np.linalg.norm(seen - there, axis=2).mean() < np.linalg.norm(raw - there, axis=2).mean()
    told = {check.name: check.grade for check in solved["given"].self_check[0].checks}
    assert told["picture"] == "green"


def test_world_is_the_frames_turned_and_carried(solved: dict[str, Motion]) -> None:
    motion = solved["given"]
    person, walked = motion.persons[0], in_world(motion).persons[0]
    matrices = sampled(motion.camera, person.time_s).camera_to_world
    there = to_world(person.joints + person.transl[:, None], matrices)
    np.testing.assert_allclose(walked.joints + walked.transl[:, None], there, atol=1e-5)
    posed = load_body().pose(matrices_of(walked.bone_rotations), walked.betas[None], walked.bone_transl).vertices
    np.testing.assert_allclose(posed, walked.vertices, atol=1e-4)
    np.testing.assert_allclose(turned_to_camera(walked.bone_rotations, matrices), person.bone_rotations, atol=1e-5)


def test_motion_file_keeps_the_camera(tmp_path: Path, solved: dict[str, Motion]) -> None:
    write_motion(solved["given"], tmp_path / "motion.npz")
    again = read_motion(tmp_path / "motion.npz").camera
    for name in CameraPath.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(solved["given"].camera, name))
    write_motion(solved["still"], tmp_path / "motion.npz")
    assert read_motion(tmp_path / "motion.npz").camera is None


def test_other_rate_has_the_camera_at_its_frames(moving: Shot, solved: dict[str, Motion]) -> None:
    motion = solve(moving.take, SolveSettings(feet="lock", camera=moving.file, fps=60))
    person, camera = motion.persons[0], motion.camera
    assert np.isin(person.frame_index, camera.frame_index).all()
    walked = in_world(motion).persons[0]
    reference = in_world(solved["given"]).persons[0]
    there = np.stack([np.interp(person.time_s, reference.time_s, column) for column in reference.transl.T], axis=1)
    assert np.abs(walked.transl - there).max() < 0.01


def test_world_that_lies_on_its_side_is_put_upright(tmp_path: Path, moving: Shot) -> None:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xz", [80, 35], degrees=True).as_matrix()
    file = write_camera(tmp_path / "camera.npz", turn @ moving.camera_to_world)
    walked = in_world(solve(moving.take, SolveSettings(feet="lock", camera=file))).persons[0]
    up = -(walked.joints[:, 13] - walked.joints[:, [0, 5]].mean(1)).mean(0)
    assert up[1] / np.linalg.norm(up) > np.cos(np.radians(5))
    assert slide(walked) <= SLIDE_CM_S


def test_frames_without_a_solve_are_told_and_crossed(
    tmp_path: Path, moving: Shot, caplog: pytest.LogCaptureFixture
) -> None:
    known = np.array([n for n in range(FRAMES) if not 40 <= n < 46 and n < 96])
    small = moving.camera_to_world[known].copy()
    small[:, :3, 3] /= UNIT_M
    file = write_camera(tmp_path / "camera.npz", small, unit_m=1.0, frame_index=known)
    with caplog.at_level(logging.WARNING):
        motion = solve(moving.take, SolveSettings(feet="lock", camera=file))
    (told,) = [line for line in caplog.messages if "not solved" in line]
    assert "frames 40 to 45, 96 to 99: it goes straight there, and stands beyond its ends" in told
    assert motion.camera.scale == pytest.approx(UNIT_M, rel=2 * SCALE_SHARE)
    assert drift(in_world(motion).persons[0], moving.walk) <= 2 * DRIFT_SHARE
    np.testing.assert_array_equal(motion.camera.camera_to_world[95], motion.camera.camera_to_world[99])


def test_zoom_and_centre_of_the_file_are_used(tmp_path: Path) -> None:
    """A lens that zooms, its axis off the middle: the same pixels mean another place."""
    walk = known_walk(20)
    still = np.tile(np.eye(4), (20, 1, 1))
    seen, zoom = estimates(walk.rotvec, walk.path), np.linspace(1, 1.25, 20)
    centre = np.array([WIDTH / 2 + 30, HEIGHT / 2])
    focal = {"focal_px": FOCAL_PX * zoom, "centre_px": centre}
    person = solve(
        write_take(tmp_path, seen, list(range(20))),
        SolveSettings(0.0, "off", camera=write_camera(tmp_path / "camera.npz", still, **focal)),
    ).persons[0]
    np.testing.assert_allclose(person.transl[:, 2], walk.path[:, 2] * zoom, rtol=0.03)
    across = FOCAL_PX * walk.path[:, 0] / walk.path[:, 2] - 30
    np.testing.assert_allclose(person.transl[:, 0] / person.transl[:, 2] * FOCAL_PX * zoom, across, atol=3)


def ways_of_the_camera(walk: KnownWalk) -> dict[str, Float]:
    """(T, 3) places of cameras that look at the walker: around, along with, towards."""
    share = np.linspace(-0.5, 0.5, len(walk.path))[:, None]
    around = 5 * np.concatenate([np.sin(share), 0 * share, -np.cos(share)], axis=1)
    return {
        "around": walk.path.mean(0) + around,
        "along": walk.path * [1, 0, 0],
        "towards": np.concatenate([0 * share, 0 * share, 2.5 * share], axis=1),
    }


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("way", ["around", "along", "towards"])
def test_scale_is_told_by_standing_feet_alone(way: str, seed: int) -> None:
    walk, rng = known_walk(FRAMES), np.random.default_rng(seed)
    centre = ways_of_the_camera(walk)[way]
    view = walk.path - centre
    depth = np.linalg.norm(view, axis=1, keepdims=True)
    noise = 1 + NOISE_DEPTH * rng.normal(size=(FRAMES, 1))
    root = view * noise + rng.normal(0, NOISE_SIDE_M, (FRAMES, 3))
    feet = root[:, None] + walk.joints[:, [5, 0]] - walk.path[:, None]
    seen = FeetSeen(np.arange(FRAMES) / FPS, feet, centre / UNIT_M, view / depth)
    assert camera_scale([seen]).metres == pytest.approx(UNIT_M, rel=SCALE_SHARE)


def test_camera_that_only_turns_needs_no_scale(moving: Shot) -> None:
    time_s, ahead = np.arange(30) / FPS, np.tile([0.0, 0, 1], (30, 1))
    scale = camera_scale([FeetSeen(time_s, np.full((30, 2, 3), 2.0), np.zeros((30, 3)), ahead)])
    assert (scale.metres, scale.note) == (1.0, "")


def test_feet_that_never_stand_leave_the_scale_uncertain() -> None:
    rng = np.random.default_rng(0)
    time_s, ahead = np.arange(60) / FPS, np.tile([0.0, 0, 1], (60, 1))
    centre = np.stack([time_s, time_s * 0, time_s * 0], axis=1)
    flying = np.cumsum(rng.normal(0, 0.3, (60, 2, 3)), axis=0) + [0, 1, 5] + 3 * time_s[:, None, None]
    assert "uncertain" in camera_scale([FeetSeen(time_s, flying, centre, ahead)]).note


BAD = {
    "nan": ({"camera_to_world": np.full((FRAMES, 4, 4), np.nan)}, "not finite, first in frame 0"),
    "shape": ({"camera_to_world": np.zeros((FRAMES, 3, 4))}, r"must be \(100, 4, 4\), got \(100, 3, 4\)"),
    "frames": ({"frame_index": np.zeros(FRAMES, int)}, "whole numbers that rise"),
    "focal": ({"focal_px": -3.0}, "focal_px must be above 0, got -3"),
    "focals": ({"focal_px": np.ones(7)}, "must be one or 100 numbers"),
    "scaled": ({"camera_to_world": np.tile(2 * np.eye(4), (FRAMES, 1, 1))}, "is no rotation; take scale"),
    "lacks": ({"focal_px": None}, "it lacks focal_px"),
    "text": ({"focal_px": "50"}, "something else than numbers"),
    "elsewhere": ({"frame_index": np.arange(FRAMES) + 500}, "solved in frames 500 to 599, people are in 0 to 99"),
}


@pytest.mark.parametrize("fault", BAD)
def test_camera_file_that_is_none_is_one_sentence(tmp_path: Path, moving: Shot, fault: str) -> None:
    changes, said = BAD[fault]
    file = write_camera(tmp_path / "camera.npz", moving.camera_to_world, **changes)
    with pytest.raises(CameraError, match=said):
        solve(moving.take, SolveSettings(camera=file))


@pytest.mark.parametrize(("content", "said"), [(None, "no such file"), (b"PK and no more", "damaged or no camera")])
def test_missing_and_damaged_camera_files_are_one_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "camera.npz"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CameraError, match=said) as error:
        read_camera(file, (WIDTH, HEIGHT), FPS)
    assert "\n" not in str(error.value)


def test_still_camera_in_a_file_is_a_still_camera(tmp_path: Path) -> None:
    walk = known_walk(30)
    take = write_take(tmp_path, estimates(walk.rotvec, walk.path), list(range(30)))
    file = write_camera(tmp_path / "camera.npz", np.tile(np.eye(4), (30, 1, 1)))
    still, given = (solve(take, SolveSettings(feet="lock", camera=camera)) for camera in (None, file))
    assert np.abs(replace(given.persons[0]).transl - still.persons[0].transl).max() < 0.02
    assert in_world(still) is still


def test_stored_vertices_are_turned_when_they_are_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "m.npz"
    np.savez(path, p0_vertices=rng.normal(size=(5, 7, 3)).astype(np.float32))
    turns = np.tile(np.eye(4), (5, 1, 1))
    turns[:, :3, :3] = Rotation.random(5, random_state=0).as_matrix()
    rows = TurnedRows(StoredRows(path, "p0_vertices"), turns)
    whole = to_world(StoredRows(path, "p0_vertices")[:], turns)
    np.testing.assert_array_equal(rows[1:4], whole[1:4])
    np.testing.assert_array_equal(rows[4], whole[4])
    assert rows.shape == (5, 7, 3) and len(rows) == 5

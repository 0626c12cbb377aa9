"""Takes made from a body whose pose, place and feet are known."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body import load_body
from core.camera import project
from core.crop import BOX_FACTOR
from core.errors import BodyError, TakeError
from core.rotations import matrices_of
from core.settings import SolveSettings
from core.solve import solve
from core.take import Take, TakeWriter
from core.take_header import TakeHeader
from core.types import Estimates, FootageInfo, FootageReport

WIDTH, HEIGHT, FPS, FOCAL_PX = 640, 480, 25.0, 900.0
FRAMES = 24
RAW = SolveSettings(smooth=0.0, feet="off")
SURFACE_M = 0.012
"""What 431 vertices and one fit of the bones leave of a true surface."""
DEPTH_SHARE = 0.02
"""Weak perspective against the pinhole that the take was made with, at 5 m."""
BETAS = np.array([1.0, -0.5, 0, 0, 0, 0, 0, 0, 0, 0], np.float32)


def truth(frames: int = FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3) of somebody upright in the camera who waves, and the path (T, 3) of the root."""
    rotvec = np.zeros((frames, 24, 3))
    rotvec[:, 0] = Rotation.from_euler("x", 180, degrees=True).as_rotvec()
    rotvec[:, 16, 2] = np.linspace(-0.5, 0.8, frames)
    rotvec[:, 18, 1] = np.linspace(-1.0, 0, frames)
    rotvec[:, 4, 0] = np.linspace(0, 0.6, frames)
    path = np.stack([np.linspace(-0.8, 0.6, frames), np.full(frames, 0.1), np.linspace(5, 5.5, frames)], axis=1)
    return rotvec, path


def estimates(rotvec: np.ndarray, path: np.ndarray, size: np.ndarray | float = 1.0) -> Estimates:
    """What a network without faults answers; `size` (T,) is how large it draws the body in each frame."""
    body = load_body()
    frames = len(rotvec)
    vertices = body.pose(rotvec, BETAS[None]).vertices
    joints = np.einsum("jv,tvc->tjc", body.lsp_regressor, vertices)
    root = joints[:, [2, 3]].mean(1, keepdims=True)
    size = np.broadcast_to(np.asarray(size, np.float64), (frames,))[:, None, None]
    centre = path[:, :2] / path[:, 2:] * FOCAL_PX + [WIDTH / 2 + 3, HEIGHT / 2 - 5]
    box = np.concatenate([centre - [60, 150], np.tile([120.0, 300.0], (frames, 1))], axis=1)
    side = np.full(frames, BOX_FACTOR * 300)
    scale = 2 * FOCAL_PX / (side * path[:, 2])
    off_px = path[:, :2] / path[:, 2:] * FOCAL_PX + [WIDTH / 2, HEIGHT / 2] - centre
    shift = off_px / (side[:, None] / 2) / scale[:, None]
    weak = np.concatenate([scale[:, None] / size[:, 0], shift * size[:, 0]], axis=1)
    return Estimates(
        box_px=box,
        crop_side_px=side,
        coarse_vertices=((vertices - root)[:, body.index_431] * size).astype(np.float32),
        joints=(joints - root) * size,
        weak_camera=weak,
        keypoints_px=np.zeros((frames, 17, 2)),
        joints_px=project(joints - root + path[:, None], FOCAL_PX, (WIDTH, HEIGHT)),
        joint_confidence=np.full((frames, 14), 0.8),
        token_confidence=np.zeros((frames, 34)),
        pose_token_ids=np.zeros((frames, 34), np.int64),
        person_score=np.ones(frames),
    )


def write_take(folder: Path, seen: Estimates, frame_index: list[int], **changes: object) -> Take:
    body = load_body()
    info = FootageInfo(Path("clip.mp4"), "video", WIDTH, HEIGHT, FPS, 100)
    known = {"settings": {"step": 1}, "body_digest": body.digest, **changes}
    header = TakeHeader(info, 1, weights_name="w", weights_digest="d", body_name="open", focal_px=FOCAL_PX, **known)  # type: ignore[arg-type]
    with TakeWriter.open(folder / "clip.take", header) as writer:
        for row, index in enumerate(frame_index):
            writer.add("1", index, index / FPS, seen[[row]])
        return writer.finish(100, FootageReport(100, (), 0, ()))


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

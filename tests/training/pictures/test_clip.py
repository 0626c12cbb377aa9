"""A rendered clip and the truth beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.body.model import load_body
from training.motions.library import is_held_out
from training.pictures.clip import ClipSettings, render_clip, write_clip
from training.pictures.clips import RenderedClip

FRAMES = 3
PIXEL_TOLERANCE = 0.02
JOINT_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> ClipSettings:
    path = tmp_path_factory.mktemp("motion") / "m.npz"
    pose = np.random.default_rng(0).normal(0, 0.15, (1, 24, 3)).repeat(4, 0)
    pose[:, 0] = 0
    np.savez(
        path,
        pose=np.concatenate([pose, pose]).astype(np.float16),
        root=np.tile([0, 0.9, 0], (8, 1)).astype(np.float32),
        clip=np.repeat([0, 1], 4).astype(np.int16),
        names=np.array(["a/stand", "a/jump"]),
    )
    return ClipSettings(path, "a/stand", "a/jump", seconds=0.1, width=96, height=64, seed=2)


@pytest.fixture(scope="module")
def clip(settings: ClipSettings) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    return render_clip(settings)


def test_clip_has_the_frames_and_size_asked_for(clip: tuple[list[np.ndarray], dict[str, np.ndarray]]) -> None:
    assert [frame.shape for frame in clip[0]] == [(64, 96, 3)] * FRAMES


def test_truth_projects_to_its_pixels(clip: tuple[list[np.ndarray], dict[str, np.ndarray]]) -> None:
    truth = clip[1]
    for person in ("p0", "p1"):
        there = truth[f"{person}_lsp_3d"] + truth[f"{person}_transl"][:, None]
        pixel = there[..., :2] / there[..., 2:] * truth["focal_px"] + [48, 32]
        assert np.abs(pixel - truth[f"{person}_lsp_px"]).max() < PIXEL_TOLERANCE


def test_boxes_hold_all_joints(clip: tuple[list[np.ndarray], dict[str, np.ndarray]]) -> None:
    for person in ("p0", "p1"):
        points, box = clip[1][f"{person}_lsp_px"], clip[1][f"{person}_box_px"]
        assert (points >= box[:, None, :2]).all()
        assert (points <= box[:, None, :2] + box[:, None, 2:]).all()


def test_second_person_shows_in_the_picture(settings: ClipSettings) -> None:
    alone, _ = render_clip(replace(settings, second=None))
    both, truth = render_clip(settings)
    left, top, width, height = truth["p1_box_px"][0].astype(int)
    changed = np.abs(alone[0].astype(int) - both[0]).max(-1) > 25
    inside = np.zeros_like(changed)
    inside[max(0, top - 4) : top + height + 4, max(0, left - 4) : left + width + 4] = True
    assert changed.sum() > 60
    assert (changed & inside).sum() > 0.6 * changed.sum()


def test_second_person_stands_to_the_left_of_the_first(clip: tuple[list[np.ndarray], dict[str, np.ndarray]]) -> None:
    truth = clip[1]
    # The world's x points to the left of a camera that looks along +z.
    assert (truth["p1_transl"][:, 0] < truth["p0_transl"][:, 0] - 0.5).all()


def test_clip_follows_from_its_seed(
    settings: ClipSettings, clip: tuple[list[np.ndarray], dict[str, np.ndarray]]
) -> None:
    again, _ = render_clip(settings)
    assert all(np.array_equal(a, b) for a, b in zip(clip[0], again, strict=True))


def test_video_and_pictures_are_written_with_their_truth(settings: ClipSettings, tmp_path: Path) -> None:
    write_clip(settings, tmp_path / "clip.mp4")
    write_clip(settings, tmp_path / "frames")
    video = cv2.VideoCapture(str(tmp_path / "clip.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == FRAMES
    video.release()
    assert len(list((tmp_path / "frames").glob("*.png"))) == FRAMES
    assert np.load(tmp_path / "clip.truth.npz")["frame_index"].tolist() == [0, 1, 2]


def test_vertices_of_the_truth_bear_its_joints(clip: tuple[list[np.ndarray], dict[str, np.ndarray]]) -> None:
    body = load_body()
    vertices = RenderedClip(Path(), clip[1]).vertices(body)
    assert np.abs(body.lsp_regressor @ vertices - clip[1]["p0_lsp_3d"]).max() < JOINT_TOLERANCE


def test_motion_starts_at_the_frame_asked_for(settings: ClipSettings) -> None:
    frames, _ = render_clip(replace(settings, start=2, second=None))
    assert len(frames) == 2  # of the four that there are


def test_clip_of_another_split_is_refused(settings: ClipSettings) -> None:
    other = "test" if not is_held_out("a/stand") else "train"
    with pytest.raises(ValueError, match="no clip"):
        render_clip(replace(settings, split=other))


def test_unknown_clip_is_refused(settings: ClipSettings) -> None:
    with pytest.raises(ValueError, match="no clip 'a/sleep'"):
        render_clip(replace(settings, clip="a/sleep"))

"""Somebody who leaves the picture keeps their size: the depth of the frames in which they are whole is held."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from core.geometry.crops import BOX_FACTOR
from core.motion.edge_of_picture import is_cut
from core.motion.solver import solve
from core.settings import SolveSettings
from core.types import Estimates
from tests.fixtures.known_takes import FOCAL_PX, HEIGHT, WIDTH, estimates, write_take

FRAMES, DEPTH_M = 40, 5.0
RAW = SolveSettings(smooth=0.0, feet="off")
NEAR_SHARE = 0.06
"""Of the depth: a hold, weak perspective, and what the fit of the bones makes of it."""


def leaving() -> tuple[Estimates, np.ndarray]:
    """Upright to the right and out: the network draws all of the body into the part that it sees."""
    rotvec = np.zeros((FRAMES, 24, 3))
    rotvec[:, 0, 0] = np.pi
    path = np.stack([np.linspace(0.0, 1.9, FRAMES), np.full(FRAMES, 0.1), np.full(FRAMES, DEPTH_M)], axis=1)
    seen = estimates(rotvec, path)
    is_out = (seen.joints_px[..., 0] > WIDTH) | (seen.joints_px[..., 0] < 0)
    cut = is_out.sum(1) >= 2
    assert 4 < cut.sum() < FRAMES // 2
    box, left = seen.box_px.copy(), seen.joints_px[..., 0].min(1)
    box[cut, 0] = left[cut]
    box[cut, 2] = WIDTH - left[cut]
    weak = seen.weak_camera.copy()
    weak[cut, 0] *= 0.6
    weak[cut, 1] = 0
    confidence = np.where(is_out, 0.05, 0.8)
    joints_px = np.clip(seen.joints_px, 0, [WIDTH - 1, HEIGHT])
    seen = replace(seen, box_px=box, weak_camera=weak, joint_confidence=confidence, joints_px=joints_px)
    return replace(seen, crop_side_px=np.full(FRAMES, BOX_FACTOR * 300)), cut


def test_person_cut_by_the_edge_is_told_from_one_who_is_whole() -> None:
    seen, cut = leaving()
    np.testing.assert_array_equal(is_cut(seen, (WIDTH, HEIGHT)), cut)


def test_body_keeps_its_size_at_the_edge_of_the_picture(tmp_path: Path) -> None:
    seen, cut = leaving()
    motion = solve(write_take(tmp_path, seen, list(range(FRAMES))), RAW)
    person = motion.persons[0]
    off = np.abs(person.transl[:, 2] / DEPTH_M - 1)
    assert off[~cut].max() < NEAR_SHARE
    assert off[cut].max() < NEAR_SHARE, "it goes on as far away as it was"
    drawn_px = FOCAL_PX * (person.joints[..., 0] + person.transl[:, None, 0]) / person.transl[:, None, 2] + WIDTH / 2
    shown = seen.joint_confidence > 0.5
    assert np.abs(drawn_px - seen.joints_px[..., 0])[shown].mean() < 8


def test_person_who_is_cut_throughout_is_left_where_they_were(tmp_path: Path) -> None:
    seen, cut = leaving()
    rows = np.flatnonzero(cut)
    motion = solve(write_take(tmp_path, seen[rows], rows.tolist()), RAW)
    assert np.isfinite(motion.persons[0].transl).all()

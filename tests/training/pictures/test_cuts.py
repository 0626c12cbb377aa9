"""Crops cut as real boxes are cut: what fills them, what their labels say, and that they change nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.geometry.boxes import BOX_MARGIN
from core.geometry.crops import BOX_FACTOR
from tests.fixtures.picture_store import small_store
from training.pictures import Composer, PictureBatch, cuts
from training.pictures.cuts import Cut, Kind, place_cut
from training.pictures.labels import visibility

SIZE = 192
PIXEL_TOLERANCE = 1e-3  # crop units; float32 over a chain of four products, points several crops away
CELLS = 3  # of 48 a side: part maps have half the canvas' pixels, and the naked body lies under the clothes


def _batch(cut: float = 1.0, difficulty: float = 0.0, seed: int = 4) -> PictureBatch:
    return Composer(small_store(), SIZE, seed, difficulty=difficulty, cut=cut).batch(32, 0)


@pytest.fixture(scope="module")
def batch() -> PictureBatch:
    return _batch()


def _only(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    shares = tuple(float(kind == one) for one in cuts.KINDS)
    monkeypatch.setattr(cuts, "KIND_SHARES", shares)
    monkeypatch.setattr(cuts, "KIND_SHARES_LYING", shares)


def _cut(row: int, hard: float = 0.0) -> Cut:
    shard, local = small_store().at(row)
    alpha, part = np.asarray(shard.foreground[local][..., 3]), np.asarray(shard.part[local])
    canvas = Composer(small_store(), SIZE, 0).canvas_points(row)
    return place_cut(alpha, part, canvas, SIZE, np.random.default_rng(row), hard)


def test_box_of_a_cut_person_is_that_of_the_visible_part(batch: PictureBatch) -> None:
    cells, spans, middles = SIZE // 4, [], []
    for n in np.flatnonzero(batch.has_person.numpy()):
        row, column = np.nonzero(batch.parts[n].numpy())
        spans.append(max(np.ptp(row), np.ptp(column)) + 1)
        middles.append([row.min() + row.max() + 1, column.min() + column.max() + 1])
    off = np.abs(np.array(middles) / 2 - cells / 2).max(1)
    assert np.abs(np.median(spans) - cells / BOX_FACTOR) < CELLS
    assert (np.abs(np.array(spans) - cells / BOX_FACTOR) < CELLS).mean() > 0.8
    assert (off < CELLS).mean() > 0.8


def test_labels_move_with_the_crop_when_a_person_is_cut(batch: PictureBatch) -> None:
    people = batch.has_person
    points = batch.lsp_3d[people] + batch.transl[people, None]
    projected = points[..., :2] / points[..., 2:] * batch.focal[people, None, None] + batch.principal[people, None]
    assert (projected - batch.lsp_2d[people][..., :2]).abs().max() < PIXEL_TOLERANCE


def test_joints_outside_keep_their_place_and_no_visibility_when_a_person_is_cut(batch: PictureBatch) -> None:
    points = batch.lsp_2d[batch.has_person]
    outside = (points[..., :2].abs() > 1).any(-1)
    assert outside.float().mean() > 0.15
    assert not points[outside][:, 2].any()
    assert ((points[..., 2] > 0).sum(1) >= 1).all()


def test_size_of_a_cut_person_is_bounded_so_that_the_camera_stays_learnable() -> None:
    batch = _batch(difficulty=1.0)
    points = torch.cat([batch.coco_2d, batch.lsp_2d], 1)[batch.has_person][..., :2]
    most = 2 / (BOX_MARGIN * cuts.SMALLEST_BOX * BOX_FACTOR * 0.88)
    assert float((points.amax(1) - points.amin(1)).max()) < most * (1 + PIXEL_TOLERANCE)


def test_same_seed_gives_the_same_cuts() -> None:
    first, again, other = _batch(difficulty=1.0), _batch(difficulty=1.0), _batch(difficulty=1.0, seed=5)
    for name in PictureBatch.__slots__:
        assert torch.equal(getattr(first, name), getattr(again, name)), name
    assert not torch.equal(first.image, other.image)


def test_share_of_zero_changes_no_picture() -> None:
    plain = Composer(small_store(), SIZE, 4, difficulty=1.0, tumbled=0.3).batch(8, 0)
    none = Composer(small_store(), SIZE, 4, difficulty=1.0, tumbled=0.3, cut=0.0).batch(8, 0)
    for name in PictureBatch.__slots__:
        assert torch.equal(getattr(plain, name), getattr(none, name)), name


def test_larger_share_cuts_more_people() -> None:
    inside = [float((_batch(cut).lsp_2d[..., 2] > 0).float().mean()) for cut in (0.0, 0.5, 1.0)]
    assert inside[0] > inside[1] > inside[2]


def test_picture_is_black_beyond_its_edges_and_hides_what_is_there() -> None:
    image, hidden = np.full((3, 8, 8), 9, np.uint8), np.zeros((8, 8), np.uint8)
    window = np.array([[-np.inf, 2.0], [5.0, np.inf]])
    Cut(_cut(0).placed, window, None, np.zeros((2, 2), np.uint8)).blacken(image, hidden)
    assert (image[:, 2:, :5] == 9).all() and not hidden[2:, :5].any()
    assert not image[:, :2].any() and not image[:, :, 5:].any()
    assert (hidden[:2] == 255).all() and (hidden[:, 5:] == 255).all()


def test_joint_in_the_crop_but_beyond_the_picture_is_outside() -> None:
    points = np.array([[0.0, -0.9], [0.0, 0.0], [0.9, 0.0]], np.float32)
    window = np.array([[-np.inf, 2.0], [7.0, np.inf]])
    hidden = np.zeros((8, 8), np.uint8)
    assert visibility(points, np.ones(3, np.uint8), hidden, window).tolist() == [0, 1, 0]
    assert visibility(points, np.ones(3, np.uint8), hidden).tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", ["close-up", "table"])
def test_upright_people_lose_what_is_low_when_cut(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, kind)
    batch = _batch()
    points = batch.lsp_2d.numpy()[batch.has_person.numpy()]
    hips, shoulders = points[:, 2:4, 1].mean(1), points[:, 8:10, 1].mean(1)
    upright = points[hips - shoulders > 0.5]
    assert len(upright) > 4
    ankles, neck = upright[:, [0, 5]], upright[:, 12]
    trunk = upright[:, 2:4, 1].mean(1) - upright[:, 8:10, 1].mean(1)
    low = ankles[..., 1] > upright[:, 2:4, 1].max(1, keepdims=True) + trunk[:, None] / 2  # no leg that is raised
    assert (ankles[low][:, 2] < 1).mean() > 0.9
    assert (neck[:, 2] > 0).all()


def test_table_goes_across_the_whole_crop_and_hides_all_but_arms(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, "table")
    bank = np.asarray(small_store().backgrounds)
    for row in range(6):
        cut = _cut(row)
        assert cut.table_row is not None
        picture, hidden = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
        cut.lay_table(picture, hidden, bank, np.random.default_rng(0), is_alone=True)
        slope = int(0.1 * SIZE)
        assert (hidden[int(cut.table_row) + slope :] == 255).all()
        assert not hidden[: max(0, int(cut.table_row) - slope)].any()
        with_arms = np.zeros_like(hidden)
        cut.lay_table(picture, with_arms, bank, np.random.default_rng(0), is_alone=False)
        assert ((with_arms < hidden).sum() > 0) <= cut.on_table.any()


def test_edge_leaves_a_side_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    _only(monkeypatch, "edge")
    for row in range(12):
        cut = _cut(row)
        assert cut.table_row is None
        assert np.isfinite(cut.window).any()
        low, high = cut.window
        assert (low < SIZE / 2).all() and (high > SIZE / 2).all()

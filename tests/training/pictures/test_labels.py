"""Labels of composed pictures against the camera, the part map, and each other."""

from __future__ import annotations

import numpy as np
import pytest

from core.body.model import load_body
from tests.fixtures.picture_store import small_store
from training.motions.rotation_vectors import to_matrix, to_rotvec
from training.pictures import Composer, PictureBatch
from training.pictures.compose import COCO_MIRROR, LSP_MIRROR, PART_MIRROR, Cover
from training.pictures.crops import Placement, place_crop
from training.pictures.labels import parts_of

PIXEL_TOLERANCE = 2e-4  # crop units; float32 over a chain of four products
MIRRORED_SHAPE = 2e-3  # metres; the store rounds to 0.1 mm, and a mirrored shape is not quite its own mirror
ALL_STEPS = 3


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["clean", "hard"])
def batch(request: pytest.FixtureRequest) -> PictureBatch:
    return Composer(small_store(), 96, seed=3, difficulty=request.param).batch(64, 1)


def _people(batch: PictureBatch) -> np.ndarray:
    return np.flatnonzero(batch.has_person.numpy())


def test_projection_of_3d_joints_gives_2d_joints(batch: PictureBatch) -> None:
    people = _people(batch)
    points = batch.lsp_3d.numpy()[people] + batch.transl.numpy()[people, None]
    focal, principal = batch.focal.numpy()[people, None, None], batch.principal.numpy()[people, None]
    projected = points[..., :2] / points[..., 2:] * focal + principal
    assert np.abs(projected - batch.lsp_2d.numpy()[people, :, :2]).max() < PIXEL_TOLERANCE


def test_root_is_the_middle_of_the_hips(batch: PictureBatch) -> None:
    assert np.abs(batch.lsp_3d.numpy()[:, 2:4].mean(1)).max() < 1e-5


def test_coarse_vertices_are_some_of_the_body_under_the_joints(batch: PictureBatch) -> None:
    body = load_body()
    where = np.searchsorted(body.index_1723, body.index_431)
    coarse, fine = batch.coarse_vertices.numpy(), batch.intermediate_vertices.numpy()[:, where]
    assert np.abs(coarse - fine).max() < 1e-6


def test_vertices_agree_with_joints_in_every_axis(batch: PictureBatch) -> None:
    # The hand's and foot's vertices lie about wrists and ankles: a mirrored or unturned mesh would not.
    body, people = load_body(), _people(batch)
    part = body.part[body.index_1723]
    for joint, smpl in ((11, 20), (6, 21), (5, 7), (0, 8)):
        about = batch.intermediate_vertices.numpy()[people][:, part == smpl].mean(1)
        assert np.abs(about - batch.lsp_3d.numpy()[people, joint]).max() < 0.14


def test_rotations_and_betas_pose_the_labelled_vertices(batch: PictureBatch) -> None:
    body, people = load_body(), _people(batch)
    posed = body.pose(batch.rotations.numpy()[people], batch.betas.numpy()[people]).vertices
    about = posed - (body.lsp_regressor[[2, 3]] @ posed).mean(1, keepdims=True)
    apart = np.linalg.norm(about[:, body.index_431] - batch.coarse_vertices.numpy()[people], axis=-1)
    assert batch.has_pose.numpy()[people].all()
    assert not batch.has_pose[~batch.has_person].any()
    assert apart.max() < MIRRORED_SHAPE


def test_left_is_the_persons_left_in_front_views(batch: PictureBatch) -> None:
    facing = batch.facing.numpy()
    upright = batch.lsp_3d.numpy()[:, 12, 1] < -0.3
    front = _people(batch)[(np.abs(facing) < 0.6)[_people(batch)] & upright[_people(batch)]]
    assert len(front) > 2
    left_minus_right = batch.lsp_3d.numpy()[front, 3, 0] - batch.lsp_3d.numpy()[front, 2, 0]
    assert (left_minus_right > 0).all()


def test_part_map_has_left_limbs_on_the_left_of_the_rest_pose(batch: PictureBatch) -> None:
    left = [smpl + 1 for smpl in (1, 4, 7, 16, 18, 20)]
    right = [smpl + 1 for smpl in (2, 5, 8, 17, 19, 21)]
    parts, x = batch.parts.numpy(), batch.rest_coordinates.numpy()[:, 0]
    assert (x[np.isin(parts, left)] > -0.02).mean() > 0.99
    assert (x[np.isin(parts, right)] < 0.02).mean() > 0.99


def test_seen_joints_lie_on_their_own_parts(batch: PictureBatch) -> None:
    cells, hits = batch.parts.shape[-1], []
    for n in _people(batch):
        for joint, name, side in ((9, "wrist", 0), (10, "wrist", 1), (13, "knee", 0), (14, "knee", 1), (7, "elbow", 0)):
            x, y, seen = batch.coco_2d[n, joint].numpy()
            if seen == 1:
                column, row = int((x + 1) / 2 * cells), int((y + 1) / 2 * cells)
                around = batch.parts[n, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].numpy()
                hits.append(bool(np.isin(around, list(parts_of((name, side)))).any()))
    assert len(hits) > 50
    assert np.mean(hits) > 0.93  # thin limbs miss a quarter-size cell now and then


def test_joints_outside_the_crop_have_no_visibility(batch: PictureBatch) -> None:
    points = batch.lsp_2d.numpy()[_people(batch)]
    outside = (np.abs(points[..., :2]) > 1).any(-1)
    assert (points[outside, 2] == 0).all()
    assert (points[~outside, 2] > 0).all()


def test_nobody_means_no_labels(batch: PictureBatch) -> None:
    nobody = ~batch.has_person.numpy()
    assert nobody.any()
    assert not batch.coco_2d.numpy()[nobody].any()
    assert not batch.parts.numpy()[nobody].any()


def test_clean_crop_is_the_persons_box_with_its_margins() -> None:
    batch = Composer(small_store(), 96, seed=3, difficulty=0.0).batch(24, 0)
    for n in _people(batch):
        points = np.concatenate([batch.coco_2d[n, :, :2].numpy(), batch.lsp_2d[n, :, :2].numpy()])
        longer = (points.max(0) - points.min(0)).max()
        assert longer == pytest.approx(2 / (1.1 * 1.2), rel=1e-4)


def test_weak_camera_fits_far_people_better_than_near_ones() -> None:
    composer = Composer(small_store(), 96, seed=3, difficulty=0.0)
    distance, residual = [], []
    for step in range(ALL_STEPS):
        batch = composer.batch(24, step)
        for n in _people(batch):
            xy, uv = batch.lsp_3d[n, :, :2].numpy(), batch.lsp_2d[n, :, :2].numpy()
            flat, target = xy - xy.mean(0), uv - uv.mean(0)
            scale = (flat * target).sum() / (flat**2).sum()
            assert scale > 0
            distance.append(float(batch.transl[n, 2]))
            residual.append(float(np.abs(flat * scale - target).max()))
    far = np.array(distance) > np.median(distance)
    assert np.mean(np.array(residual)[far]) < np.mean(np.array(residual)[~far])
    assert np.median(np.array(residual)[far]) < 0.12


def test_hard_pictures_hide_more_joints_than_clean_ones() -> None:
    def hidden(difficulty: float) -> float:
        batch = Composer(small_store(), 96, seed=4, difficulty=difficulty).batch(64, 0)
        return float((batch.lsp_2d[batch.has_person][..., 2] < 1).float().mean())

    assert hidden(1.0) > hidden(0.0) + 0.05


@pytest.mark.parametrize("cover", ["person", "thing"])
def test_covered_people_lose_a_part_of_themselves_and_no_more(cover: Cover) -> None:
    clear = Composer(small_store(), 96, seed=4, difficulty=0.0).batch(32, 0)
    covered = Composer(small_store(), 96, seed=4, difficulty=0.0, covered_by=cover).batch(32, 0)
    people = clear.has_person & covered.has_person
    before, after = ((b.parts > 0).float().mean((1, 2))[people] for b in (clear, covered))
    lost = 1 - after / before
    assert (lost > 0.1).float().mean() > 0.9 and lost.max() < 0.75


def test_tumbled_people_keep_their_labels_on_them_and_their_depth() -> None:
    upright = Composer(small_store(), 96, seed=4, difficulty=0.0).batch(32, 0)
    tumbled = Composer(small_store(), 96, seed=4, difficulty=0.0, tumbled=1.0).batch(32, 0)
    people = (upright.has_person & tumbled.has_person).numpy()
    assert (upright.person_index == tumbled.person_index).all()
    heads = [b.lsp_3d.numpy()[people, 13] for b in (upright, tumbled)]
    assert np.allclose(heads[0][:, 2], heads[1][:, 2], atol=1e-5)  # turned in the picture's plane, or mirrored
    assert np.allclose(*(np.linalg.norm(h, axis=1) for h in heads), atol=1e-4)
    assert (np.abs(heads[0] - heads[1]).max(1) > 0.3).mean() > 0.5
    test_projection_of_3d_joints_gives_2d_joints(tumbled)


@pytest.mark.parametrize("mirror", [COCO_MIRROR, LSP_MIRROR, PART_MIRROR.astype(int)], ids=["coco", "lsp", "part"])
def test_flip_twice_is_identity(mirror: np.ndarray) -> None:
    assert (mirror[mirror] == np.arange(len(mirror))).all()
    assert (mirror != np.arange(len(mirror))).sum() >= 12


def test_flip_of_a_placement_twice_is_identity() -> None:
    flip = Placement(np.diag([-1.0, 1.0]).astype(np.float32), 1.0, np.array([96.0, 0.0], np.float32), True)
    points = np.random.default_rng(0).random((5, 2)).astype(np.float32) * 96
    assert np.abs(flip.points(flip.points(points)) - points).max() < 1e-4


def test_crop_of_a_mirrored_person_is_the_mirror_of_the_crop() -> None:
    points = np.random.default_rng(1).random((14, 2)).astype(np.float32) * 96
    mirrored = points * [-1, 1] + [96, 0]
    here = place_crop(points, 96, np.random.default_rng(2), 0.0)
    there = place_crop(mirrored.astype(np.float32), 96, np.random.default_rng(2), 0.0)
    assert here.is_flipped == there.is_flipped
    assert np.abs(here.points(points) - (there.points(mirrored) * [-1, 1] + [96, 0])).max() < 1e-3


def test_image_and_part_map_lie_on_each_other() -> None:
    # Without shadow, photometry and background the person is what differs: compare coverage with parts.
    store, composer = small_store(), Composer(small_store(), 96, seed=3, difficulty=0.0)
    agreement = []
    for row in range(12):
        shard, local = store.at(row)
        canvas = np.concatenate(composer.canvas_points(row))
        placed = place_crop(canvas, 96, np.random.default_rng(row), 1.0)
        cover = composer._warp(shard.foreground[local], placed, 1.0)[2::4, 2::4, 3] > 127
        out = {"parts": np.zeros((1, 24, 24), np.int64), "rest_coordinates": np.zeros((1, 3, 24, 24), np.float32)}
        composer._dense(out, 0, shard.part[local], shard.rest[local], placed, np.zeros((96, 96), np.uint8))
        shown = out["parts"][0] > 0
        agreement.append((cover & shown).sum() / max(1, (cover | shown).sum()))
    assert np.mean(agreement) > 0.85


def test_facing_is_zero_towards_the_camera_and_positive_to_the_right() -> None:
    towards = np.diag([1.0, -1.0, -1.0]).astype(np.float32)  # y up to y down, z forward to the camera
    forward = towards @ np.array([0, 0, 1], np.float32)
    assert np.arctan2(forward[0], -forward[2]) == pytest.approx(0)
    turn = to_matrix(to_rotvec(to_matrix(np.array([0, 0.5, 0], np.float32))))
    turned = towards @ turn @ np.array([0, 0, 1], np.float32)  # the person turns to its left: picture's right
    assert np.arctan2(turned[0], -turned[2]) == pytest.approx(0.5, abs=1e-4)

"""Rasteriser, shading, store: exact, repeatable, resumable."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fixtures.picture_store import SETTINGS, small_store
from training.motions.bases import sample_base
from training.motions.figure import Figure
from training.motions.rotation_vectors import to_matrix
from training.pictures import Composer, PictureStore, noise, palette, raster
from training.pictures.__main__ import main
from training.pictures.environments import HELD_OUT, load_environments, quadratic_light
from training.pictures.render import Studio, render
from training.pictures.scene import along_the_sight, sample_camera
from training.pictures.settings import RenderSettings
from training.pictures.store import FIELDS


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio.build(SETTINGS)


def test_triangle_covers_the_samples_whose_centres_it_holds() -> None:
    screen = np.array([[0, 0, 1], [4, 0, 1], [0, 4, 1]], np.float32)
    nearness, triangle = raster.rasterise(screen, np.array([[0, 1, 2]], np.int32), 4, 4)
    expected = np.add.outer(np.arange(4) + 0.5, np.arange(4) + 0.5) <= 4
    assert ((triangle == 0) == expected).all()
    assert (nearness[~expected] == raster.FAR).all()


def test_nearer_triangle_wins_whatever_the_order() -> None:
    screen = np.array([[0, 0, 1], [8, 0, 1], [0, 8, 1], [0, 0, 2], [8, 0, 2], [0, 8, 2]], np.float32)
    for faces, near in (([[0, 1, 2], [3, 4, 5]], 1), ([[3, 4, 5], [0, 1, 2]], 0)):
        _, triangle = raster.rasterise(screen, np.array(faces, np.int32), 4, 4)
        assert (triangle == near).all()


def test_barycentric_interpolation_is_exact_in_perspective() -> None:
    rng = np.random.default_rng(0)
    points = (rng.random((3, 3)) + np.array([-0.5, -0.5, 2])).astype(np.float32)
    screen = np.concatenate([points[:, :2] / points[:, 2:] * 60 + 32, 1 / points[:, 2:]], 1).astype(np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    _, triangle = raster.rasterise(screen, faces, 64, 64)
    samples = np.flatnonzero(triangle.ravel() >= 0).astype(np.int32)
    weights = raster.barycentric(screen, faces, triangle, samples)
    there = raster.interpolate(points, faces, triangle, samples, weights)
    back = there[:, :2] / there[:, 2:] * 60 + 32
    assert len(samples) > 20
    assert np.abs(back[:, 0] - (samples % 64 + 0.5)).max() < 1e-2
    assert np.abs(back[:, 1] - (samples // 64 + 0.5)).max() < 1e-2


def test_normals_of_a_tetrahedron_point_outwards() -> None:
    vertices = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    normals = raster.vertex_normals(vertices, faces)
    assert np.abs((normals * vertices).sum(1)) == pytest.approx(np.sqrt(3), abs=1e-5)


def test_light_from_above_lights_what_faces_up() -> None:
    form = quadratic_light(np.array([[0, 1, 0]], np.float32), np.ones((1, 3), np.float32))[0]
    up, down = np.array([0, 1, 0, 1]), np.array([0, -1, 0, 1])
    assert up @ form @ up > 3 * abs(down @ form @ down)


def test_noise_is_the_same_on_the_cpu_path_and_in_torch() -> None:
    points = torch.from_numpy(np.random.default_rng(0).uniform(-100, 100, (500, 3)).astype(np.float32))
    for first, last in ((noise.COARSE, noise.FINE), (noise.COARSE, noise.FINE + 1), (noise.BUMP_X, noise.BUMP_Z + 1)):
        assert torch.allclose(noise.sample(points, first, last), noise.sample_torch(points, first, last), atol=1e-4)


def test_shading_of_a_batch_equals_shading_one_by_one(studio: Studio) -> None:
    scenes = [studio.sample(number) for number in range(3)]
    buffers = [studio.draw(scene) for scene in scenes]
    together = studio.colour(scenes, buffers).to(torch.int16)
    apart = torch.cat([studio.colour([s], [b]) for s, b in zip(scenes, buffers, strict=True)]).to(torch.int16)
    # Skin blotches and wrinkles are shifted by the picture's place in the batch: colours stay close.
    assert (together[..., 3] == apart[..., 3]).all()
    assert (together - apart).abs().float().mean() < 3


def test_a_picture_follows_from_its_number(studio: Studio) -> None:
    first, again = (next(iter(studio.pictures(7, 1))) for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in FIELDS)


def test_pictures_of_different_numbers_differ(studio: Studio) -> None:
    one, other = (next(iter(studio.pictures(number, 1))) for number in (7, 8))
    assert not np.array_equal(one["foreground"], other["foreground"])


def test_body_fills_the_canvas_and_stays_inside() -> None:
    for row in range(10):
        shard, local = small_store().at(row)
        cover = np.asarray(shard.foreground[local])[..., 3]
        rows, columns = np.flatnonzero(cover.any(1)), np.flatnonzero(cover.any(0))
        assert max(np.ptp(rows), np.ptp(columns)) >= 86
        assert not cover[[0, -1]].any()
        assert not cover[:, [0, -1]].any()


def test_colour_never_exceeds_coverage() -> None:
    foreground = np.asarray(small_store().shards[0].foreground).astype(int)
    assert (foreground[..., :3] <= foreground[..., 3:]).all()


def test_interrupted_render_resumes_to_the_same_store(tmp_path: Path) -> None:
    settings = replace(SETTINGS, count=6)
    render(settings, tmp_path / "a", workers=1)
    first = np.load(tmp_path / "a/shard_00000/foreground.npy")
    shutil.move(tmp_path / "a/shard_00000", tmp_path / "a/shard_00000.part")
    render(settings, tmp_path / "a", workers=1)
    assert np.array_equal(first, np.load(tmp_path / "a/shard_00000/foreground.npy"))


def test_store_of_other_settings_is_refused() -> None:
    with pytest.raises(ValueError, match="other settings"):
        render(replace(SETTINGS, seed=6), small_store().folder, workers=1)


def test_folder_without_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no picture store"):
        PictureStore.open(tmp_path)


def test_composed_batch_follows_from_seed_rank_and_step() -> None:
    first = Composer(small_store(), 64, seed=1, rank=1, world=2).batch(8, 5)
    again = Composer(small_store(), 64, seed=1, rank=1, world=2).batch(8, 5)
    for name in first.__dataclass_fields__:
        assert torch.equal(getattr(first, name), getattr(again, name))


@pytest.mark.parametrize("other", [{"seed": 2}, {"rank": 0}])
def test_composed_batch_differs_by_seed_and_rank(other: dict[str, int]) -> None:
    first = Composer(small_store(), 64, **{"seed": 1, "rank": 1, "world": 2}).batch(4, 5)
    second = Composer(small_store(), 64, **{"seed": 1, "rank": 1, "world": 2, **other}).batch(4, 5)
    assert not torch.equal(first.image, second.image)


def test_every_person_comes_once_a_round() -> None:
    composers = [Composer(small_store(), 64, seed=1, rank=rank, world=2) for rank in (0, 1)]
    rows = [int(i) for step in range(2) for c in composers for i in c.batch(10, step).person_index]
    assert sorted(rows) == list(range(40))


def test_difficulty_may_follow_the_step() -> None:
    composer = Composer(small_store(), 64, seed=1, difficulty=lambda step: 1.0 if step else 0.0)
    fixed = Composer(small_store(), 64, seed=1, difficulty=0.0)
    assert torch.equal(composer.batch(4, 0).image, fixed.batch(4, 0).image)
    assert not torch.equal(composer.batch(4, 1).image, fixed.batch(4, 1).image)


def test_outfits_of_the_splits_never_meet() -> None:
    rng = np.random.default_rng(0)
    assert all(palette.outfit_number(rng, "test") % palette.TEST_EVERY == 0 for _ in range(50))
    assert all(palette.outfit_number(rng, "train") % palette.TEST_EVERY for _ in range(50))


def test_panoramas_of_the_splits_never_meet() -> None:
    train, test = ({e.name for e in load_environments(split)} for split in ("train", "test"))
    if not train:
        pytest.skip("bpy's panoramas are not installed")
    assert test == set(HELD_OUT)
    assert not train & test


def test_wrong_settings_end_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--count", "4", "--size", "90", "-o", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_sheet_is_written(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    shape = ["--rows", "2", "--columns", "3", "--size", "64"]
    assert main(["sheet", str(small_store().folder), *shape, "-o", str(out)]) == 0
    assert out.stat().st_size > 5000


def test_render_without_pictures_is_refused() -> None:
    with pytest.raises(ValueError, match="size divisible"):
        Studio.build(RenderSettings(1, "nowhere", 0))


def test_made_poses_are_in_stores_to_train_on_and_in_others_when_asked() -> None:
    assert RenderSettings(1, "train", 0).made_share > 0
    assert RenderSettings(1, "test", 0).made_share == 0
    assert RenderSettings(1, "test", 0, made=0.5).made_share == 0.5
    assert RenderSettings(1, "train", 0, motions="m.npz", poses="captured").made_share == 0


def test_share_of_made_poses_beyond_one_is_refused() -> None:
    with pytest.raises(ValueError, match="share of made poses"):
        Studio.build(RenderSettings(1, "train", 0, made=1.5))


def test_some_long_strides_run_along_the_sight_and_other_poses_keep_their_yaw() -> None:
    rng = np.random.default_rng(0)
    stride = sample_base(np.random.default_rng(1), "stride")
    along = []
    for _ in range(60):
        camera_to_world, _ = sample_camera(rng)
        before = rng.uniform(-np.pi, np.pi)
        yaw = along_the_sight(stride, camera_to_world, before, rng)
        assert along_the_sight(np.zeros((24, 3), np.float32), camera_to_world, before, rng) == before
        turn = to_matrix(np.array([0, yaw, 0], np.float32)) @ to_matrix(stride[0])
        ankles = Figure.of(stride).joints[[7, 8]] @ turn.T
        way, sight = (ankles[0] - ankles[1])[[0, 2]], camera_to_world[[0, 2], 2]
        along.append(abs(way @ sight) / np.linalg.norm(way) / np.linalg.norm(sight))
    assert 0.4 < np.mean(np.array(along) > 0.85) < 0.8  # by chance alone a third would


def test_naked_body_of_a_picture_is_the_body_model_posed(studio: Studio) -> None:
    person = studio.sample(3).person
    posed = studio.body.pose(person.pose[None], person.betas[None]).vertices[0]
    root = (studio.body.lsp_regressor[2:4] @ posed).mean(0)
    assert np.abs(person.vertices - (posed - root)).max() < 1e-4  # metres; float32 against float64

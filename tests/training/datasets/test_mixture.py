"""Crops in both ways, and several sets in one batch: shares, order, sharding, masks, broken pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from core.geometry.crops import BOX_FACTOR, crop_matrix, cut
from tests.fixtures.people import made_up_people
from training.datasets import DatasetError, Sample, metro_operations, open_set, writers
from training.datasets.bodies import Bodies
from training.datasets.crops import Augmentation, crop_person, draw_augmentation, points_in_crop
from training.datasets.decoding import decode
from training.datasets.mixture import BLOCK, MixedDataset, MixSettings, StepDataset, to_batch
from training.datasets.sample import Reader
from training.joint_orders import LSP_FROM_SUPERSET, SUPERSET_FROM_LSP

PEOPLE = list(made_up_people(5))
SIZE = 64


def picture_of(number: int) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(PEOPLE[number].jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize("augmentation", [
    Augmentation(), Augmentation(is_flipped=True), Augmentation(rotation_deg=35.0), Augmentation(True, -50.0, 1.2),
])  # fmt: skip
def test_joints_lie_on_their_dots_whatever_was_done(augmentation: Augmentation, quirks: bool) -> None:
    for number, person in enumerate(PEOPLE):
        cropped = crop_person(person.sample, picture_of(number), 256, augmentation, quirks)
        level = cropped.image.mean(0)
        inside = (cropped.joints_2d[:, 2] > 0) & (np.abs(cropped.joints_2d[:, :2]) < 0.98).all(1)
        column, row = ((cropped.joints_2d[inside, :2] + 1) * 128).astype(int).T
        assert inside.sum() > 15 and np.median(level[row, column]) > 5 * np.median(level[level > 0])


def test_our_crop_is_the_products() -> None:
    sample, image = PEOPLE[0].sample, picture_of(0)
    box = sample.box_px
    expected = cut(image, crop_matrix(box, SIZE, BOX_FACTOR), SIZE)
    found = crop_person(sample, image, SIZE).image.transpose(1, 2, 0)[..., ::-1]
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_metros_quirks_are_metros_operations() -> None:
    sample, image = PEOPLE[1].sample, picture_of(1)
    augmentation = Augmentation(rotation_deg=20.0, zoom=0.9)
    found = crop_person(sample, image, 224, augmentation, quirks=True)
    expected = metro_operations.crop(image, sample.center_px, 0.9 * sample.scale, 224, 20.0)
    assert np.array_equal(found.image.transpose(1, 2, 0), expected[..., ::-1].astype(np.uint8))
    matrix = metro_operations.frame_to_crop(sample.center_px, 0.9 * sample.scale, 224, 20.0)
    points = 2 * metro_operations.transform_points(sample.joints_2d[:, :2] + 1, matrix) / 224 - 1
    assert np.array_equal(found.joints_2d[:, :2], points)


def test_points_differ_by_less_than_two_pixels_between_both_ways() -> None:
    ours, theirs = (points_in_crop(PEOPLE[2].sample, 256, Augmentation(), quirks) for quirks in (False, True))
    both = ours[:, 2] > 0
    assert 0 < np.abs(ours - theirs)[both, :2].max() * 128 < 2


def test_3d_turns_and_mirrors_with_the_picture() -> None:
    """Far away the picture of a joint is its x, y: the crop's points and the 3D joints stay each other's images."""
    person = PEOPLE[0]
    far = person.sample.joints_2d.copy()
    far[:, :2] = 60 * person.sample.joints_3d[:, :2] + [160, 120]
    sample = replace(person.sample, joints_2d=far, center_px=np.array([160.0, 120.0]), scale=1.0)
    bodies = Bodies.read(None)
    for augmentation in (Augmentation(rotation_deg=40.0), Augmentation(is_flipped=True), Augmentation(True, 25.0)):
        cropped = crop_person(sample, picture_of(0), 256, augmentation)
        batch = to_batch([sample], [cropped], bodies)
        seen = batch.lsp_2d[0, :, 2] > 0
        np.testing.assert_allclose(batch.lsp_3d[0, seen, :2] * 60 / 100, batch.lsp_2d[0, seen, :2], atol=1e-3)
        posed = (
            bodies.neutral.lsp_regressor
            @ bodies.vertices(np.asarray(cropped.pose)[None], np.asarray(sample.betas)[None], ["neutral"])[0]
        )
        assert np.abs(posed - batch.lsp_3d[0].numpy()).max() < 0.02  # the open body is symmetric to a few millimetres
        assert bool(batch.has_mesh[0]) and not bool(batch.has_dense[0])


def test_augmentation_has_metros_numbers() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_augmentation(rng) for _ in range(4000)]
    turns, zooms = np.array([a.rotation_deg for a in drawn]), np.array([a.zoom for a in drawn])
    gains = np.array([a.gain for a in drawn])
    assert np.mean([a.is_flipped for a in drawn]) == pytest.approx(0.5, abs=0.03)
    assert (turns == 0).mean() == pytest.approx(0.6, abs=0.03) and np.abs(turns).max() == 60
    assert zooms.min() == 0.75 and zooms.max() == 1.25 and gains.min() > 0.6 and gains.max() < 1.4


class Listed(Reader):
    """Samples from memory."""

    def __init__(self, name: str, samples: list[Sample]) -> None:
        self.name, self.samples = name, samples

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, index: int) -> Sample:
        return self.samples[index]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, Reader]:
    folder = tmp_path_factory.mktemp("sets")
    writers.write_cliff(folder, "coco2014part_cliffGT.npz", PEOPLE)
    writers.write_coco(folder, "train2017", PEOPLE[:3])
    return open_set("coco-cliff", folder), open_set("coco-keypoints-train2017", folder)


def mixture(sets: tuple[Reader, Reader], **settings: object) -> MixedDataset:
    place = MixSettings(**({"size": SIZE} | settings))  # type: ignore[arg-type]
    return MixedDataset([(sets[0], 3.0), (sets[1], 1.0)], Bodies.read(None), place)


def test_shares_are_kept_and_everybody_comes_once_a_round(sets: tuple[Reader, Reader]) -> None:
    mixed = mixture(sets)
    picks = [mixed.pick(number) for number in range(2 * BLOCK)]
    for which, share in ((0, 3 / 4), (1, 1 / 4)):
        counts = [count for place, count in picks if place == which]
        assert counts == list(range(len(counts))) and len(counts) == 2 * BLOCK * share
    rows = [mixed._row(0, number) for number in range(15)]
    assert [sorted(rows[n : n + 5]) for n in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3 and rows[:5] != rows[5:10]


def test_two_processes_draw_what_one_with_twice_the_batch_draws(sets: tuple[Reader, Reader]) -> None:
    one = mixture(sets).batch(4, step=3)
    two = [mixture(sets, rank=rank, world=2).batch(2, step=3) for rank in (0, 1)]
    for name in type(one).__slots__:
        halves = torch.cat([getattr(each, name) for each in two])
        torch.testing.assert_close(halves, getattr(one, name), rtol=0, atol=1e-6)
    other = mixture(sets, seed=2).batch(4, step=3)
    assert not torch.equal(other.image, one.image)


def test_workers_of_a_loader_change_nothing(sets: tuple[Reader, Reader]) -> None:
    steps = StepDataset(mixture(sets), 2)
    loader = torch.utils.data.DataLoader(steps, batch_size=None, sampler=range(4, 7), num_workers=2)
    for step, batch in zip(range(4, 7), loader, strict=True):
        assert torch.equal(batch.image, mixture(sets).batch(2, step).image)


def test_masks_say_what_each_set_lacks(sets: tuple[Reader, Reader]) -> None:
    fitted, flat = sets[0][0], sets[1][0]
    images = [decode(sample.picture) for sample in (fitted, flat)]
    cropped = [crop_person(s, i, SIZE) for s, i in zip((fitted, flat), images, strict=True) if i is not None]
    batch = to_batch([fitted, flat], cropped, Bodies.read(None))
    assert batch.has_mesh.tolist() == [True, False] and batch.has_person.all() and not batch.has_dense.any()
    assert batch.lsp_3d_weight.tolist() == [[1.0] * 14, [0.0] * 14]
    assert not batch.coarse_vertices[1].any() and batch.coarse_vertices[0].any()
    assert (batch.coco_2d[..., 2] > 0).all() and (batch.lsp_2d[1, 12:, 2] == 0).all()  # COCO has no neck and no head


def test_own_joints_come_before_the_meshs_and_own_mesh_before_the_poses() -> None:
    bodies, person = Bodies.read(None), PEOPLE[3]
    cropped = crop_person(person.sample, picture_of(3), SIZE)
    own = person.sample.joints_3d.copy()
    own[0, 0] += 0.5
    moved = replace(cropped, joints_3d=own)
    assert float(
        to_batch([person.sample], [moved], bodies).lsp_3d[0, 0, 0]
        - to_batch([person.sample], [cropped], bodies).lsp_3d[0, 0, 0]
    ) == pytest.approx(0.5, abs=1e-5)
    few = own * np.isin(np.arange(24), [2, 3, *range(6, 12)])[:, None]
    without = replace(person.sample, pose=None, betas=None)
    batch = to_batch(
        [without, person.sample], [replace(cropped, joints_3d=few, pose=None), replace(cropped, joints_3d=few)], bodies
    )
    assert batch.lsp_3d_weight[0].tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0]
    assert batch.lsp_3d_weight[1].all() and batch.has_mesh.tolist() == [False, True]
    vertices = bodies.vertices(
        np.asarray(person.sample.pose)[None], np.asarray(person.sample.betas)[None], ["neutral"]
    )[0]
    given = replace(person.sample, vertices=2 * vertices.astype(np.float64))
    found = [
        to_batch([each], [crop_person(each, picture_of(3), SIZE, Augmentation(is_flipped=True))], bodies)
        for each in (person.sample, given)
    ]
    np.testing.assert_allclose(found[1].coarse_vertices, 2 * found[0].coarse_vertices, atol=0.01)


def test_broken_pictures_are_replaced_by_the_next_and_too_many_stop(sets: tuple[Reader, Reader]) -> None:
    good = sets[0][0]
    from training.datasets.sample import FilePicture

    broken = replace(good, picture=FilePicture(Path("nowhere.jpg")))
    mixed = MixedDataset([(Listed("some", [good, broken, good]), 1.0)], Bodies.read(None), MixSettings(size=SIZE))
    assert all(mixed.draw(number)[0] is good for number in range(9))
    assert mixed.broken.names == ["nowhere.jpg"]
    mixed = MixedDataset(
        [(Listed("some", [good, broken]), 1.0)], Bodies.read(None), MixSettings(size=SIZE, most_broken=0)
    )
    with pytest.raises(DatasetError, match=r"nowhere.jpg; get them again"):
        mixed.batch(4, 0)
    assert isinstance(StepDataset(mixed, 4)[0], DatasetError)
    mixed = MixedDataset([(Listed("none", [broken]), 1.0)], Bodies.read(None), MixSettings(size=SIZE))
    with pytest.raises(DatasetError, match="no picture of none decodes"):
        mixed.draw(0)


def test_mixture_needs_people_and_shares(sets: tuple[Reader, Reader]) -> None:
    for wrong in ([], [(sets[0], 0.0)], [(Listed("nobody", []), 1.0)]):
        with pytest.raises(DatasetError):
            MixedDataset(wrong, Bodies.read(None), MixSettings())


def test_head_of_lsp_is_no_head_of_the_network() -> None:
    assert 13 in SUPERSET_FROM_LSP and 13 not in LSP_FROM_SUPERSET

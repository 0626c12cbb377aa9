"""2D labels of published sets as the tokenizer's poses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fixtures.people import made_up_people
from training.datasets import DatasetError, open_set, writers
from training.datasets.keypoint_bank import KeypointBank
from training.export import network
from training.joint_orders import COCO_FROM_SUPERSET
from training.train import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keypoints")
    writers.write_coco(folder / "coco", "train2017", made_up_people(5))
    writers.write_mpii(folder / "mpii", "train", made_up_people(5))
    sets = "[{name: coco-keypoints-train2017, folder: coco}, {name: mpii-keypoints-train, folder: mpii}]"
    (folder / "poses.yaml").write_text(f"sets: {sets}\n")
    return folder


def test_points_are_the_labels_in_units_of_the_crop(folder: Path) -> None:
    bank = KeypointBank.read([open_set("coco-keypoints-train2017", folder / "coco")], 1)
    sample = made_up_people(5)[2].sample
    expected = (sample.joints_2d[COCO_FROM_SUPERSET, :2] - sample.center_px) / (100 * sample.scale)
    np.testing.assert_allclose(bank.points[2, :, :2], expected, atol=1e-5)


def test_unlabelled_joints_stay_unseen_and_those_outside_become_so(folder: Path) -> None:
    bank = KeypointBank.read([open_set("mpii-keypoints-train", folder / "mpii")], 1)
    drawn = bank.draw(200, 0)
    assert not drawn[:, :5].any()  # MPII has no face
    seen = drawn[..., 2] > 0
    assert drawn[seen][:, :2].abs().max() < 1 and 0 < seen[:, 5:].float().mean() < 1
    assert torch.equal(drawn, bank.draw(200, 0)) and not torch.equal(drawn, bank.draw(200, 1))


def test_mirrored_people_keep_the_names_of_their_own_sides(folder: Path) -> None:
    """One person, drawn often: from the left shoulder to the right goes the same way round, mirrored or not."""
    bank = KeypointBank.read([open_set("coco-keypoints-train2017", folder / "coco")], 1)
    drawn = KeypointBank(bank.points[:1], 1).draw(400, 3)
    whole = drawn[(drawn[..., 2] > 0).all(1)][..., :2]
    across, down = whole[:, 5] - whole[:, 6], whole[:, [11, 12]].mean(1) - whole[:, [5, 6]].mean(1)
    way_round = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    sideways = whole[:, 0, 0] - whole[:, [5, 6], 0].mean(1)  # the nose from the shoulders: mirroring turns it about
    assert len(whole) > 100 and 0.2 < (sideways > 0).float().mean() < 0.8
    assert (way_round > 0).all() or (way_round < 0).all()


def test_nobody_with_enough_labels_is_an_error(folder: Path) -> None:
    path = writers.write_coco(folder / "few", "train2017", made_up_people(1))
    content = json.loads(path.read_text())
    content["annotations"][0]["keypoints"][15:] = [0] * 36
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="nobody of coco-keypoints-train2017"):
        KeypointBank.read([open_set("coco-keypoints-train2017", folder / "few")], 1)


def test_tokenizer_learns_from_them_and_says_research_only(folder: Path, tmp_path: Path) -> None:
    arguments = ["--samples", "8", "--batch", "4", "--log-steps", "1", "--bank", "8", "--test-bank", "8"]
    assert (
        main(["tokenizer", "--output", str(tmp_path / "run"), *arguments, "--keypoints", str(folder / "poses.yaml")])
        == 0
    )
    assert network.learned_photographs(tmp_path / "run")
    assert main(["tokenizer", "--output", str(tmp_path / "open"), *arguments]) == 0
    assert not network.learned_photographs(tmp_path / "open")

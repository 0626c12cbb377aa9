"""2D poses for the tokenizer: posed as the body poses, seen as a camera sees."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from core.body.model import Body, load_body
from training.datasets.pose_bank import COCO_MIRROR, PoseBank, _look_at, posed_points, sample_poses
from training.motions import PoseSampler

L_SHOULDER, R_SHOULDER, NOSE, L_ANKLE = 5, 6, 0, 15


@lru_cache(maxsize=1)
def body() -> Body:
    return load_body()


@lru_cache(maxsize=1)
def bank() -> PoseBank:
    return PoseBank(sample_poses(body(), PoseSampler(None), 40, 3), 7)


def rest() -> Tensor:
    points = body().coco_regressor @ body().v_template
    return torch.from_numpy(np.asarray(points - points[[11, 12]].mean(0), np.float32))[None]


def test_posed_points_equal_those_of_the_whole_posed_mesh() -> None:
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.3, (3, 24, 3)).astype(np.float32)
    betas = rng.normal(size=(3, 10)).astype(np.float32)
    whole = [body().pose(pose[i : i + 1], betas[i : i + 1], None).vertices[0] for i in range(3)]
    expected = np.stack([body().coco_regressor @ vertices for vertices in whole])
    found = posed_points(body(), np.asarray(body().coco_regressor), pose, betas)
    assert np.abs(found - expected).max() < 1e-4  # metres, float32


def test_draws_repeat_and_differ_between_steps() -> None:
    assert torch.equal(bank().draw(8, 3), bank().draw(8, 3))
    assert not torch.equal(bank().draw(8, 3), bank().draw(8, 4))


def test_visible_joints_are_those_inside_the_crop() -> None:
    joints = bank().draw(64, 0)
    inside = (joints[..., :2].abs() <= 1).all(-1)
    assert torch.equal(joints[..., 2] > 0, inside)
    assert 0.7 < inside.float().mean() < 0.99


def test_yaw_zero_shows_the_front_the_right_way_up() -> None:
    seen = _look_at(rest(), torch.zeros(1), torch.zeros(1), torch.zeros(1))[0]
    assert seen[L_SHOULDER, 0] > 0.1 > -0.1 > seen[R_SHOULDER, 0]  # their left is on our right
    assert seen[NOSE, 1] < 0 < seen[L_ANKLE, 1]  # y points down
    assert seen[NOSE, 2] < seen[[L_SHOULDER, R_SHOULDER], 2].mean()  # the face is nearer than the shoulders


def test_half_a_turn_shows_the_back() -> None:
    seen = _look_at(rest(), torch.full((1,), torch.pi), torch.zeros(1), torch.zeros(1))[0]
    assert seen[L_SHOULDER, 0] < seen[R_SHOULDER, 0]


def test_mirror_of_coco_undoes_itself() -> None:
    assert [COCO_MIRROR[i] for i in COCO_MIRROR] == list(range(17))

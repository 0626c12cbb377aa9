"""Skinning in torch against the body's own in numpy."""

from __future__ import annotations

import numpy as np
import torch

from core.body.model import load_body
from core.nets.posed_body import PosedBody
from training.motions.rotation_vectors import to_matrix

FLOAT32_NOISE_M = 2e-6


def test_joints_and_vertices_are_those_of_the_body() -> None:
    body = load_body()
    rng = np.random.default_rng(0)
    pose = rng.normal(0, 0.5, (3, 24, 3)).astype(np.float32)
    betas = rng.normal(0, 1, (3, 10)).astype(np.float32)
    joints, vertices = PosedBody(body, body.index_431)(torch.from_numpy(to_matrix(pose)), torch.from_numpy(betas))
    posed = body.pose(pose, betas)
    np.testing.assert_allclose(joints, posed.joints, atol=FLOAT32_NOISE_M)
    np.testing.assert_allclose(vertices, posed.vertices[:, body.index_431], atol=FLOAT32_NOISE_M)


def test_mean_shape_is_no_betas() -> None:
    body = load_body()
    posed = PosedBody(body, body.index_431[:5])
    still = torch.eye(3).repeat(2, 24, 1, 1)
    joints, vertices = posed(still)
    zero_joints, zero_vertices = posed(still, torch.zeros(2, 10))
    assert torch.equal(joints, zero_joints) and torch.equal(vertices, zero_vertices)
    np.testing.assert_allclose(vertices[0], body.v_template[body.index_431[:5]], atol=FLOAT32_NOISE_M)


def test_gradient_is_that_of_differences() -> None:
    body = load_body()
    posed = PosedBody(body, body.index_431[:3]).double()
    turns = torch.from_numpy(to_matrix(np.random.default_rng(1).normal(0, 0.3, (1, 24, 3)))).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda r: posed(r)[0][:, [4, 20]], turns, atol=1e-6)

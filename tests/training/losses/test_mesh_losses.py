"""Losses: zero at the truth, blind to what they should be blind to, and a case by hand each."""

from __future__ import annotations

import math

import pytest
import torch

from core.nets import project
from training.losses import mesh_losses

torch.manual_seed(0)
JOINTS = torch.randn(3, 14, 3)
MESH = torch.randn(2, 8, 3)
EDGES = torch.tensor([[0, 1], [1, 2], [4, 7]])
FACES = torch.tensor([[0, 1, 2], [3, 4, 5]])
ALL = torch.ones(3, dtype=torch.bool)


def test_joint_loss_at_the_truth_is_zero() -> None:
    assert mesh_losses.joint_loss_3d(JOINTS, JOINTS, torch.ones(3, 14), ALL) == 0


def test_joint_loss_of_a_shifted_body_is_zero() -> None:
    shifted = JOINTS + torch.tensor([1.0, -2.0, 3.0])
    assert mesh_losses.joint_loss_3d(shifted, JOINTS, torch.ones(3, 14), ALL) < 1e-6


def test_joint_loss_counts_uncertain_joints_in_the_mean() -> None:
    predicted = JOINTS.clone()
    predicted[:, 0] += 0.42  # one ankle of 14 joints, all three axes
    confidence = torch.ones(3, 14)
    confidence[:, 1] = 0
    loss = mesh_losses.joint_loss_3d(predicted, JOINTS, confidence, ALL)
    assert loss.item() == pytest.approx(0.42 / 14, rel=1e-5)


@pytest.mark.parametrize("loss", ["joints", "vertices"])
def test_loss_without_labelled_rows_is_a_zero_that_can_be_differentiated(loss: str) -> None:
    predicted = JOINTS.clone().requires_grad_()
    nobody = torch.zeros(3, dtype=torch.bool)
    if loss == "joints":
        value = mesh_losses.joint_loss_3d(predicted, JOINTS + 1, torch.ones(3, 14), nobody)
    else:
        value = mesh_losses.vertex_loss(predicted, JOINTS + 1, nobody)
    value.backward()
    assert value.item() == 0
    assert predicted.grad is not None and not predicted.grad.any()


def test_vertex_loss_leaves_out_rows_without_a_mesh() -> None:
    predicted = JOINTS.clone()
    predicted[0] += 0.3
    predicted[1] += 100
    has_mesh = torch.tensor([True, False, True])
    assert mesh_losses.vertex_loss(predicted, JOINTS, has_mesh).item() == pytest.approx(0.15, rel=1e-4)


def test_joint_loss_2d_keeps_invisible_joints_in_the_denominator() -> None:
    visibility = torch.tensor([[1.0, 0.0]])
    loss = mesh_losses.joint_loss_2d(torch.full((1, 2, 2), 0.5), torch.zeros(1, 2, 2), visibility)
    assert loss.item() == pytest.approx(0.25)


def test_projection_scales_after_the_shift() -> None:
    points = torch.tensor([[[0.2, -0.4, 9.0]]])
    flat = project(points, torch.tensor([[2.0, 0.1, 0.3]]))
    assert torch.allclose(flat, torch.tensor([[[0.6, -0.2]]]))


def test_edge_and_normal_losses_at_the_truth_are_zero() -> None:
    assert mesh_losses.edge_length_loss(MESH, MESH, EDGES) == 0
    assert mesh_losses.normal_loss(MESH, MESH, FACES) < 1e-5


def test_edge_loss_is_blind_to_turning_the_mesh() -> None:
    turn = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert mesh_losses.edge_length_loss(MESH @ turn.T, MESH, EDGES) < 1e-6


def test_edge_self_loss_is_the_mean_length() -> None:
    mesh = torch.tensor([[[0.0, 0, 0], [3, 4, 0], [3, 4, 2]]])
    assert mesh_losses.edge_self_loss(mesh, torch.tensor([[0, 1], [1, 2]])).item() == pytest.approx(3.5, rel=1e-5)


def test_normal_loss_of_edges_along_the_true_normal_is_their_share() -> None:
    true = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    predicted = torch.tensor([[[0.0, 0, 0], [0, 0, 1], [0, 1, 0]]])  # one edge along z, one at 45 degrees, one flat
    expected = (1 + 0 + math.sqrt(0.5)) / 3
    loss = mesh_losses.normal_loss(predicted, true, torch.tensor([[0, 1, 2]]))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_heatmap_target_lies_in_the_cell_of_the_point() -> None:
    target = mesh_losses.heatmap_targets(torch.tensor([[[0.8, -0.6]]]), 8, sigma=0.5)
    assert divmod(int(target.argmax()), 8) == (1, 7)  # y is the row, x the column


def test_heatmap_target_sums_to_one() -> None:
    points = torch.rand(2, 5, 2) * 2 - 1
    assert torch.allclose(mesh_losses.heatmap_targets(points, 16, 0.7).sum(-1), torch.ones(2, 5), atol=1e-5)


def test_heatmap_loss_of_the_target_itself_is_zero() -> None:
    points = torch.rand(2, 5, 2) * 1.6 - 0.8
    logits = mesh_losses.heatmap_targets(points, 16, 0.7).clamp_min(1e-30).log().view(2, 5, 16, 16)
    assert mesh_losses.heatmap_cross_entropy(logits, points, torch.ones(2, 5)).item() == pytest.approx(0, abs=1e-5)


def test_heatmap_loss_ignores_joints_of_weight_zero() -> None:
    points, logits = torch.zeros(1, 2, 2), torch.zeros(1, 2, 8, 8)
    logits[0, 1, 0, 0] = 50  # far off, but not counted
    weighed = mesh_losses.heatmap_cross_entropy(logits, points, torch.tensor([[1.0, 0.0]]))
    alone = mesh_losses.heatmap_cross_entropy(logits[:, :1], points[:, :1], torch.ones(1, 1))
    assert weighed.item() == pytest.approx(alone.item())


def test_masked_l1_is_the_mean_over_counted_points() -> None:
    predicted, true = torch.tensor([[[1.0, 3.0], [9.0, 9.0]]]), torch.zeros(1, 2, 2)
    assert mesh_losses.masked_l1(predicted, true, torch.tensor([[1.0, 0.0]])).item() == pytest.approx(2.0)


def test_facing_bins_are_centred_and_wrap() -> None:
    angles = torch.tensor([0.0, 0.1, -0.1, math.pi, -math.pi, math.pi / 8])
    assert mesh_losses.facing_bins(angles, 16).tolist() == [0, 0, 0, 8, 8, 1]


def test_smooth_l1_is_a_parabola_below_beta() -> None:
    loss = mesh_losses.smooth_l1_2d(torch.full((1, 1, 2), 0.02), torch.zeros(1, 1, 2), torch.ones(1, 1), beta=0.05)
    assert loss.item() == pytest.approx(0.5 * 0.02**2 / 0.05)

"""Gradients in one buffer, and the schedules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.trainer.parallel import FlatGradients
from training.trainer.schedule import learning_rate_factor, ramp

CPU = torch.device("cpu")


def convolution() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2)).to(memory_format=torch.channels_last)


def test_flat_gradients_are_those_of_autograd() -> None:
    image = torch.randn(2, 3, 4, 4)
    plain, flat = convolution(), convolution()
    gradients = FlatGradients(flat.parameters(), 4, CPU)
    for module in (plain, flat):
        module(image).square().sum().backward()
    for a, b in zip(plain.parameters(), flat.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None
        assert torch.equal(a.grad, b.grad)
    norm = torch.nn.utils.get_total_norm([p.grad for p in plain.parameters() if p.grad is not None])
    assert gradients.gradients.norm().item() == pytest.approx(norm.item(), rel=1e-5)


def test_flat_gradients_leave_frozen_parameters_alone() -> None:
    module = convolution()
    module[0].requires_grad_(False)
    FlatGradients(module.parameters(), 4, CPU)
    assert module[0].weight.grad is None


@pytest.mark.parametrize(("limit", "expected"), [(1.0, 1.0), (100.0, 5.0), (0.0, 5.0)])
def test_clip_limits_the_norm_and_tells_the_old_one(limit: float, expected: float) -> None:
    parameter = nn.Parameter(torch.zeros(2))
    gradients = FlatGradients([parameter], 4, CPU)
    gradients.gradients.copy_(torch.tensor([3.0, 4.0]))
    assert gradients.clip(limit).item() == pytest.approx(5)
    assert gradients.gradients.norm().item() == pytest.approx(expected, rel=1e-4)


def test_norm_of_many_gradients_is_not_short() -> None:
    torch.manual_seed(0)
    parameter = nn.Parameter(torch.zeros(20_000_000))
    gradients = FlatGradients([parameter], 0, CPU)
    gradients.gradients.copy_(torch.randn(20_000_000) * torch.randn(20_000_000).exp())
    exact = gradients.gradients.double().norm().item()
    assert gradients.clip(0.0).item() == pytest.approx(exact, rel=1e-5)


def test_learning_rate_warms_up_and_falls() -> None:
    assert learning_rate_factor(0, 0, "cosine", 10) == pytest.approx(0.1)
    assert learning_rate_factor(99, 0.5, "cosine", 10) == pytest.approx(0.505)
    assert learning_rate_factor(99, 1.0, "cosine", 10) == pytest.approx(0.01)
    assert learning_rate_factor(99, 1.0, "constant", 10) == 1


def test_ramp_is_linear_then_stays() -> None:
    assert [ramp(p, 0.1, 1.0, 0.6) for p in (0.0, 0.3, 0.6, 1.0)] == pytest.approx([0.1, 0.55, 1.0, 1.0])
    assert ramp(0.0, 0.1, 1.0, 0.0) == 1

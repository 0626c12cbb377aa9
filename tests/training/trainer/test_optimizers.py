"""Muon: what it does to a matrix, that it is the library's on one process, and that processes share it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.trainer.optimizers import Muon, is_inside, optimizers_for, orthogonalised
from training.trainer.parallel import World

ALONE = World(0, 1, torch.device("cpu"))


def test_singular_values_come_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((48, 200), (200, 48)):
        values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
        assert values.min() > 0.5 and values.max() < 1.4


def test_kernels_are_updated_as_the_library_updates_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    # the library has nothing else
    monkeypatch.setattr("training.trainer.optimizers.has_fast_bf16", lambda _device: True)
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.randn(64, 32, 3, 3).contiguous(memory_format=torch.channels_last))
    matrix = nn.Parameter(kernel.detach().reshape(64, -1).clone())
    ours = Muon([kernel], 2e-3, 0.02, ALONE)
    theirs = torch.optim.Muon([matrix], lr=2e-3, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        kernel.grad = torch.randn(kernel.shape)
        matrix.grad = kernel.grad.reshape(64, -1).clone()
        ours.step()
        theirs.step()
    assert torch.allclose(kernel.reshape(64, -1), matrix, atol=1e-6)


def test_inner_matrices_are_muons_and_the_rest_adamws() -> None:
    module = nn.ModuleDict(
        {
            "inner": nn.Linear(64, 64),
            "first": nn.Conv2d(3, 64, 3),
            "last": nn.Linear(64, 3),
            "logits": nn.Linear(64, 99),
        }
    )
    assert [name for name, p in module.named_parameters() if is_inside(name, p)] == ["inner.weight"]
    muon, adamw = optimizers_for(module, "muon", 1e-3, 0.1, ALONE)
    assert muon.param_groups[0]["params"] == [module["inner"].weight]
    assert [(len(g["params"]), g["weight_decay"]) for g in adamw.param_groups] == [(3, 0.1), (4, 0.0)]
    assert len(optimizers_for(module, "adamw", 1e-3, 0.1, ALONE)) == 1


def test_processes_share_the_work_evenly() -> None:
    matrices = [nn.Parameter(torch.zeros(64, 64)) for _ in range(4)]
    owners = Muon(matrices, 1e-3, 0.0, World(0, 2, torch.device("cpu"))).owner
    assert sorted(owners.values()) == [0, 0, 1, 1]

"""Checkpoints: whole or not there, and what a later stage takes from them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from training.trainer import checkpoint
from training.trainer.checkpoint import RunState
from training.trainer.ema import Ema


def trained() -> tuple[nn.Module, Ema, list[torch.optim.Optimizer]]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    ema, optimizer = Ema(module, 0.9), torch.optim.AdamW(module.parameters(), fused=True)
    for _ in range(3):
        module(torch.randn(2, 3, 8, 8)).square().mean().backward()
        optimizer.step()
        ema.update()
    return module, ema, [optimizer]


def fresh() -> tuple[nn.Module, Ema, list[torch.optim.Optimizer]]:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    return module, Ema(module, 0.9), [torch.optim.AdamW(module.parameters(), fused=True)]


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    kept, back = trained(), fresh()
    checkpoint.save(tmp_path, *kept, RunState(3, 6, 1.5, 3))
    folder = checkpoint.latest(tmp_path)
    assert folder is not None
    assert checkpoint.load(folder, *back) == RunState(3, 6, 1.5, 3)
    for a, b in zip(kept[0].state_dict().values(), back[0].state_dict().values(), strict=True):
        assert torch.equal(a, b)
    for a, b in zip(kept[1].average, back[1].average, strict=True):
        assert torch.equal(a, b)
    moments = [[s["exp_avg"] for s in optimizer.state.values()] for optimizer in (*kept[2], *back[2])]
    assert all(torch.equal(a, b) for a, b in zip(*moments, strict=True))


def test_moments_keep_the_memory_order_of_their_parameter(tmp_path: Path) -> None:
    kept, back = trained(), fresh()
    checkpoint.load(checkpoint.save(tmp_path, *kept, RunState(3, 6, 1.5, 3)), *back)
    parameter = next(iter(back[0].parameters()))
    assert back[2][0].state[parameter]["exp_avg"].stride() == parameter.stride()


def test_unfinished_checkpoint_is_never_the_latest(tmp_path: Path) -> None:
    kept = trained()
    finished = checkpoint.save(tmp_path, *kept, RunState(3, 6, 1.5, 3))
    (tmp_path / "checkpoints" / "000000009.unfinished").mkdir()
    assert checkpoint.latest(tmp_path) == finished


def test_old_checkpoints_are_removed(tmp_path: Path) -> None:
    kept = trained()
    for step in (1, 2, 3, 4):
        checkpoint.save(tmp_path, *kept, RunState(step, step, 0.0, step), keep=2)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir() if p.is_dir()) == ["000000003", "000000004"]


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path) is None


def test_averaged_weights_replace_parameters_and_keep_buffers(tmp_path: Path) -> None:
    module, ema, optimizers = trained()
    checkpoint.save(tmp_path, module, ema, optimizers, RunState(3, 6, 1.5, 3))
    tensors = checkpoint.averaged_weights(tmp_path)
    assert torch.equal(tensors["0.weight"], ema.state()["0.weight"])
    assert torch.equal(tensors["1.running_mean"], module.state_dict()["1.running_mean"])


def test_averaged_weights_of_nothing_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a run with a checkpoint"):
        checkpoint.averaged_weights(tmp_path)


def test_initialise_takes_what_fits_and_names_the_rest() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    tensors = {"0.weight": torch.ones(3, 2), "0.bias": torch.ones(9), "gone": torch.ones(1)}
    assert checkpoint.initialise(module, tensors) == ["0.bias", "1.weight", "1.bias"]
    assert torch.equal(module[0].weight, torch.ones(3, 2))


def test_average_starts_fast() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    ema = Ema(module, 0.999)
    nn.init.ones_(module.weight)
    for _ in range(10):
        ema.update()
    assert ema.average[0].item() > 0.99  # a decay of .999 from the first step would stand at .01


def test_average_is_applied_for_the_block_alone() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    ema = Ema(module, 0.5)
    nn.init.ones_(module.weight)
    with ema.applied():
        assert module.weight.item() == 0
    assert module.weight.item() == 1

"""The stage that learns the vocabulary of 3D poses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.errors import MocapError
from training.stages.rotations import RotationsConfig, RotationsModule, RotationsStage, rotations_of
from training.train import train
from training.trainer.parallel import World

ALONE = World(0, 1, torch.device("cpu"))


def config(folder: Path, **changes: object) -> RotationsConfig:
    settings: dict[str, object] = {"bank": 64, "test_bank": 16, "batch": 16, "samples": 320, "precision": "fp32"}
    return RotationsConfig(output=folder, **{**settings, **changes})  # type: ignore[arg-type]


def test_losses_fall_from_random_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    stage = RotationsStage(config(tmp_path), ALONE)
    module = RotationsModule(stage.config)
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3)
    totals = []
    for step in range(25):
        terms = module(stage.batch(step, 0.0))
        total = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        totals.append(float(total.detach()))
    assert sum(totals[-5:]) < 0.8 * sum(totals[:5])


def test_stage_begins_nearer_than_random_weights(tmp_path: Path) -> None:
    stage = RotationsStage(config(tmp_path), ALONE)
    poses = stage.batch(0, 0.0)
    with torch.no_grad():
        begun, random = (
            sum(float(value) for name, value in module(poses).items() if name != "commitment")
            for module in (stage.module, RotationsModule(stage.config))
        )
    assert begun < 0.6 * random


def test_perfect_answers_cost_nothing_but_commitment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = RotationsModule(config(tmp_path)).eval()
    true = rotations_of(None, "train", 4, 0)
    monkeypatch.setattr(module.tokenizer, "decode", lambda _tokens: true)
    terms = module(true)
    assert all(float(terms[name].detach()) == 0 for name in ("rotations", "joints", "vertices"))


def test_two_processes_share_what_one_draws(tmp_path: Path) -> None:
    whole = RotationsStage(config(tmp_path, batch=8), ALONE).batch(3, 0.0)
    halves = [
        RotationsStage(config(tmp_path, batch=4), World(rank, 2, torch.device("cpu"))).batch(3, 0.0) for rank in (0, 1)
    ]
    assert torch.equal(whole, torch.cat(halves))


def test_scores_of_the_test_are_told(tmp_path: Path) -> None:
    stage = RotationsStage(config(tmp_path), ALONE)
    stage.module.eval()
    with torch.no_grad():
        scores = stage.evaluate()
    assert scores["joint_error_mm"] > 10 and 0 < scores["codes_used_percent"] <= 100
    assert 1 <= scores["perplexity"] <= 512


def test_unknown_preset_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MocapError, match="preset among tiny, paper"):
        train(config(tmp_path, preset="huge"), ALONE)

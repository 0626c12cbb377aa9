"""A stage that needs no network: a linear map learned from noise; what the loop is tested with."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import MocapError
from training.trainer.loop import LoopConfig, Trainer
from training.trainer.parallel import World


class ToyModule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 32), nn.Linear(32, 2))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        error = self.net(rows[:, :6]) - rows[:, 6:]
        return {"square": error.square().mean(), "absolute": 0.1 * error.abs().mean()}


class ToyStage:
    """Draws the same rows however many processes share them."""

    def __init__(self, config: LoopConfig, world: World, dropout: float = 0.1) -> None:
        torch.manual_seed(config.seed)
        self.config, self.world, self.module = config, world, ToyModule()
        self.module.net[2].p = dropout
        self.truth = torch.randn(6, 2)
        self.stop_at: int | None = None

    def batch(self, step: int, progress: float) -> Tensor:
        if step == self.stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        size = self.config.batch
        x = torch.randn(size * self.world.size, 6, generator=torch.Generator().manual_seed(step))
        rows = torch.cat([x, x @ self.truth], 1)
        return rows[self.world.rank * size :][:size]

    def evaluate(self) -> Mapping[str, float]:
        return {"answer": 42.0}


def toy_config(output: Path, **changes: object) -> LoopConfig:
    settings: dict[str, object] = {"samples": 160, "batch": 8, "precision": "fp32", "log_steps": 5, "warmup_steps": 3}
    return LoopConfig(output=output, **{**settings, **changes})  # type: ignore[arg-type]


def train_toy(config: LoopConfig, world: World) -> int:
    """Importable by name, since processes are spawned; without dropout, which is each process's own."""
    return Trainer(ToyStage(config, world, dropout=0.0), config, world).run()


def stop_second(config: LoopConfig, world: World) -> int:
    """The second process gets SIGTERM at step 7."""
    stage = ToyStage(config, world)
    stage.stop_at = 7 if world.rank == 1 else None
    return Trainer(stage, config, world).run()


def fail_in_second(config: LoopConfig, world: World) -> int:
    if world.rank == 1:
        raise RuntimeError("the second process fails")
    return 0


def refuse(config: LoopConfig, world: World) -> int:
    """Every process finds the settings wrong."""
    raise MocapError("the settings are refused")

"""FSDP2: two processes that share the weights learn what two with all of them do, and leave the same files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from core.nets.config import TransformerConfig
from core.nets.transformer import EncoderLayer
from tests.fixtures.toy_stage import ToyModule, ToyStage, toy_config
from tests.training.trainer.test_loop import SUM_ORDER, events, files
from training.trainer.loop import LoopConfig, Trainer
from training.trainer.parallel import CANCELLED, World, launch

pytestmark = pytest.mark.slow
LAYER = TransformerConfig(8, 16, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0)


class BlockModule(ToyModule):
    """With a block that comes together by itself, and a part that does not learn."""

    def __init__(self) -> None:
        super().__init__()
        self.block = EncoderLayer(LAYER)
        self.frozen = nn.Linear(6, 6).requires_grad_(False)
        self.answers = nn.Linear(8, 2)

    def forward(self, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        tokens = torch.nn.functional.pad(self.frozen(rows[:, None, :6]), (0, 2))
        error = self.answer(tokens) - rows[:, 6:]
        return {**super().forward(rows), "block": error.square().mean()}

    def answer(self, tokens: torch.Tensor) -> torch.Tensor:
        """What evaluation calls by itself, past `forward`."""
        return self.answers(self.block(tokens, None))[:, 0]


class BlockStage(ToyStage):
    def __init__(self, config: LoopConfig, world: World) -> None:
        super().__init__(config, world, dropout=0.0)
        torch.manual_seed(3)
        self.module: BlockModule = BlockModule()

    def evaluate(self) -> Mapping[str, float]:
        assert not any(isinstance(p, DTensor) for p in self.module.parameters())
        return {"answer": float(self.module.answer(torch.ones(2, 3, 8)).sum())}


def train_blocks(config: LoopConfig, world: World) -> int:
    """Importable by name, since processes are spawned."""
    return Trainer(BlockStage(config, world), config, world).run()


def stop_blocks(config: LoopConfig, world: World) -> int:
    """The second process gets SIGTERM at step 7."""
    stage = BlockStage(config, world)
    stage.stop_at = 7 if world.rank == 1 else None
    return Trainer(stage, config, world).run()


def count_parts(config: LoopConfig, world: World) -> int:
    """0 where after two steps this process holds about half of everything that has a size."""
    stage = BlockStage(config, world)
    whole = sum(p.numel() for p in stage.module.parameters() if p.requires_grad)
    trainer = Trainer(stage, config, world)
    trainer.run()
    learned = [p for p in stage.module.parameters() if p.requires_grad]
    kept = [p for p in learned if isinstance(p, DTensor)]
    states = [s["exp_avg"] for optimizer in trainer.optimizers for s in optimizer.state.values()]
    all_kept = kept, [p.grad for p in kept], states, trainer.ema.average
    parts = [sum(tensor.to_local().numel() for tensor in some) for some in all_kept]
    is_block = isinstance(stage.module.block, FSDPModule) and isinstance(stage.module, FSDPModule)
    return 0 if is_block and len(kept) == len(learned) and all(0.4 < part / whole < 0.6 for part in parts) else 1


def config(output: Path, **changes: object) -> LoopConfig:
    return toy_config(output, **{"batch": 4, "processes": 2, "sharded": True, **changes})


def near(one: Path, other: Path, tolerance: float) -> bool:
    expected, found = files(one), files(other)
    assert expected.keys() == found.keys()
    return all(torch.allclose(expected[name], found[name], atol=tolerance) for name in expected)


def test_sharded_processes_learn_what_whole_ones_learn(tmp_path: Path) -> None:
    for name, is_sharded in (("whole", False), ("parts", True)):
        assert launch(train_blocks, config(tmp_path / name, sharded=is_sharded), 2, "cpu") == 0
    assert near(tmp_path / "whole", tmp_path / "parts", SUM_ORDER)
    for kind, value in (("step", "total"), ("step", "gradient_norm"), ("evaluate", "answer")):
        told = [[line[value] for line in events(tmp_path / name, kind)] for name in ("whole", "parts")]
        assert told[0] and told[0] == pytest.approx(told[1], abs=1e-4)


def test_each_process_keeps_its_part_of_weights_gradients_moments_and_average(tmp_path: Path) -> None:
    assert launch(count_parts, config(tmp_path, samples=16), 2, "cpu") == 0


def test_sharded_run_stopped_and_resumed_equals_one_that_never_stopped(tmp_path: Path) -> None:
    assert launch(train_blocks, config(tmp_path / "whole"), 2, "cpu") == 0
    assert launch(stop_blocks, config(tmp_path / "stopped"), 2, "cpu") == CANCELLED
    assert launch(train_blocks, config(tmp_path / "stopped", resume=True), 2, "cpu") == 0
    assert near(tmp_path / "whole", tmp_path / "stopped", 0.0)


def test_sharded_run_resumes_on_one_process_and_back(tmp_path: Path) -> None:
    assert launch(train_blocks, config(tmp_path / "whole"), 2, "cpu") == 0
    moved = tmp_path / "moved"
    assert launch(stop_blocks, config(moved), 2, "cpu") == CANCELLED
    alone = config(moved, resume=True, batch=8, processes=1, samples=120)
    assert launch(train_blocks, alone, 1, "cpu") == 0
    assert launch(train_blocks, config(moved, resume=True), 2, "cpu") == 0
    assert events(moved, "end")[-1]["samples"] == 160


def test_muon_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--sharded goes with --optimizer adamw, got muon"):
        settings = config(tmp_path, optimizer="muon")
        Trainer(BlockStage(settings, World(0, 2, torch.device("cpu"))), settings, World(0, 2, torch.device("cpu")))

"""The loop: resumes bit for bit, stops when told, and two processes learn what one learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.errors import MocapError
from tests.fixtures.toy_stage import ToyStage, fail_in_second, stop_second, toy_config, train_toy
from training.trainer import checkpoint
from training.trainer.loop import LoopConfig, Trainer
from training.trainer.parallel import CANCELLED, World, launch

ALONE = World(0, 1, torch.device("cpu"))
SUM_ORDER = 1e-5  # float32 sums in another order
BFLOAT16_ORDER = 2e-3  # the same, seen through Muon's iteration in bfloat16


def run(config: LoopConfig) -> tuple[Trainer, int]:
    trainer = Trainer(ToyStage(config, ALONE), config, ALONE)
    return trainer, trainer.run()


def events(folder: Path, kind: str) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]


def files(folder: Path) -> dict[str, torch.Tensor]:
    latest = checkpoint.latest(folder)
    assert latest is not None
    names = ("model", "ema", "optimizer")
    return {f"{n}/{k}": v for n in names for k, v in load_file(latest / f"{n}.safetensors").items()}


def test_loss_falls(tmp_path: Path) -> None:
    run(toy_config(tmp_path, samples=1600, lr=0.03))
    totals = [line["total"] for line in events(tmp_path, "step")]
    assert totals[-1] < 0.5 * totals[0]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_run_resumed_after_sigterm_equals_one_that_never_stopped(tmp_path: Path, optimizer: str) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    run(toy_config(whole, optimizer=optimizer))
    config = toy_config(stopped, optimizer=optimizer)
    stage = ToyStage(config, ALONE)
    stage.stop_at = 7
    assert Trainer(stage, config, ALONE).run() == CANCELLED
    resumed, code = run(toy_config(stopped, optimizer=optimizer, resume=True))
    assert (code, resumed.step) == (0, 20)
    expected, found = files(whole), files(stopped)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize(("optimizer", "near"), [("adamw", SUM_ORDER), ("muon", BFLOAT16_ORDER)])
def test_two_processes_learn_what_one_learns(tmp_path: Path, optimizer: str, near: float) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert launch(train_toy, toy_config(one, batch=8, optimizer=optimizer), 1, "cpu") == 0
    assert launch(train_toy, toy_config(two, batch=4, processes=2, optimizer=optimizer), 2, "cpu") == 0
    expected, found = files(one), files(two)
    assert all(torch.allclose(expected[name], found[name], atol=near) for name in expected)
    losses = [[line["total"] for line in events(folder, "step")] for folder in (one, two)]
    assert losses[0] == pytest.approx(losses[1], abs=near)


def test_batches_one_after_the_other_learn_what_one_twice_as_large_learns(tmp_path: Path) -> None:
    class Halves(ToyStage):
        def batch(self, step: int, progress: float) -> torch.Tensor:
            return super().batch(step // 2, progress)[4 * (step % 2) :][:4]

    whole, halves = toy_config(tmp_path / "one"), toy_config(tmp_path / "two", batch=4, accumulate=2)
    Trainer(ToyStage(whole, ALONE, dropout=0.0), whole, ALONE).run()
    stage = Halves(halves, ALONE, dropout=0.0)
    stage.config = whole  # it draws whole batches and hands them out in halves
    trainer = Trainer(stage, halves, ALONE)
    trainer.run()
    assert (trainer.step, trainer.samples) == (20, 160)
    expected, found = files(tmp_path / "one"), files(tmp_path / "two")
    assert all(torch.allclose(expected[name], found[name], atol=SUM_ORDER) for name in expected)
    losses = [[line["total"] for line in events(tmp_path / name, "step")] for name in ("one", "two")]
    assert losses[0] == pytest.approx(losses[1], abs=SUM_ORDER)


def test_log_tells_operations_memory_and_the_share_of_the_machines_peak(tmp_path: Path) -> None:
    run(toy_config(tmp_path))
    line = events(tmp_path, "step")[0]
    assert "gflop_per_sample" in line
    assert 0 <= line["mfu_percent"] < 100
    assert line["peak_memory_mb"] > 50


def test_sigterm_to_one_process_stops_all_at_the_same_step(tmp_path: Path) -> None:
    assert launch(stop_second, toy_config(tmp_path, batch=4, processes=2), 2, "cpu") == CANCELLED
    assert events(tmp_path, "end")[0] == {"event": "end", "step": 8, "samples": 64, "cancelled": True}
    assert checkpoint.latest(tmp_path) is not None


def test_failure_in_one_process_ends_the_others_and_is_raised() -> None:
    with pytest.raises(Exception, match="the second process fails"):
        launch(fail_in_second, toy_config(Path("unused")), 2, "cpu")


@pytest.mark.parametrize("due", ["log", "save"])
def test_run_that_diverges_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path, due: str) -> None:
    run(toy_config(tmp_path, samples=80))
    good = files(tmp_path)
    config = toy_config(tmp_path, resume=True, log_steps=3 if due == "log" else 1000)
    stage = ToyStage(config, ALONE)
    stage.truth[0, 0] = float("nan")
    with pytest.raises(MocapError, match=r"no number by step \d+; take a lower --lr"):
        Trainer(stage, config, ALONE).run()
    assert all(torch.equal(good[name], value) for name, value in files(tmp_path).items())


def test_signal_handlers_are_given_back(tmp_path: Path) -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run(toy_config(tmp_path))
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_log_tells_start_steps_evaluation_and_end(tmp_path: Path) -> None:
    run(toy_config(tmp_path))
    kinds = [json.loads(line)["event"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert kinds == ["start", "step", "step", "step", "step", "evaluate", "end"]
    assert {"square", "absolute", "total", "samples_per_s", "lr", "gradient_norm"} <= events(tmp_path, "step")[0].keys()
    assert events(tmp_path, "evaluate")[0]["answer"] == 42


def test_run_without_an_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--samples or --minutes"):
        run(toy_config(tmp_path, samples=0))


def test_run_of_minutes_ends_by_the_clock(tmp_path: Path) -> None:
    trainer, code = run(toy_config(tmp_path, samples=0, minutes=0.002))
    assert code == 0 and trainer.clock.elapsed_s < 5


def test_due_checkpoints_and_evaluations_happen(tmp_path: Path) -> None:
    run(toy_config(tmp_path, checkpoint_minutes=0, evaluate_minutes=0))
    assert len(events(tmp_path, "evaluate")) == 21  # after each of 20 steps, and at the end

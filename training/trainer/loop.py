"""The training loop, the same for every stage: draw, forward, backward, reduce, clip, step, average.

A stage (`training.stages`) says what is trained, on what and against what; this module knows nothing of people.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from core.errors import MocapError
from training.trainer import checkpoint, sharding
from training.trainer.ema import Ema
from training.trainer.optimizers import OptimizerName, optimizers_for
from training.trainer.parallel import CANCELLED, FlatGradients, StopRequest, World, average_buffers, mean_over_processes
from training.trainer.run_log import RunLog
from training.trainer.schedule import Schedule, learning_rate_factor
from training.trainer.throughput import Meter, PrecisionChoice, precision_on

STOP, CLOCK, SAVE, EVALUATE = range(4)  # the numbers that travel at the end of the gradients


@dataclass(frozen=True)
class LoopConfig:
    """How long and how fast; what every stage shares."""

    output: Path
    """Folder of the run: checkpoints/, log.jsonl."""
    samples: int = 0
    """End after this many samples in all; 0 leaves it to --minutes."""
    minutes: float = 0.0
    """End after this much wall-clock time, resumed time included; 0 leaves it to --samples."""
    epochs: float = 0.0
    """End after so many rounds, each of as many samples as the published sets hold people; 0 leaves it to the others.
    Only stages on published sets know how many that is."""
    processes: int = 1
    """Single-thread processes to start, one a core (or a GPU each); torchrun's numbers win."""
    batch: int = 16
    """Samples a process and step. Small batches learn more a sample on a CPU."""
    accumulate: int = 1
    """Batches a process and step, one after the other, whose gradients are averaged: for a step's batch that memory
    cannot hold at once."""
    lr: float = 2e-3
    """Peak learning rate; Muon's updates are scaled to the size of AdamW's."""
    optimizer: OptimizerName = "adamw"
    """"muon" updates inner matrices and kernels with Muon, the rest with AdamW."""
    weight_decay: float = 0.02
    """On matrices and kernels; norms and biases have none."""
    warmup_steps: int = 100
    """Steps of linear warm-up."""
    schedule: Schedule = "cosine"
    """"cosine" ends at 1 % of the peak; "constant" can be continued for ever."""
    clip: float = 2.0
    """Largest norm of the gradient; 0 does not clip."""
    ema_decay: float = 0.998
    """Decay a step of the averaged weights; it starts faster."""
    precision: PrecisionChoice = "auto"
    """bf16 autocast is three to four times as fast where the processor has it, and slower by more where it has not;
    "auto" asks the processor."""
    device: str = "cpu"
    """"cpu" or "cuda"."""
    sharded: bool = False
    """FSDP2: of weights, gradients, moments and averages each process keeps its part. For networks that one GPU cannot
    hold; AdamW alone."""
    seed: int = 1
    """Of the first weights and of everything drawn."""
    log_steps: int = 100
    """Steps between lines of the log."""
    checkpoint_minutes: float = 3.0
    """Minutes between checkpoints."""
    evaluate_minutes: float = 5.0
    """Minutes between evaluations."""
    resume: bool = False
    """Continue from the run's latest checkpoint where there is one."""


Config = TypeVar("Config", bound=LoopConfig)


def in_samples(config: Config, people: int) -> Config:
    """The configuration with its epochs as samples, or fewer where --samples says so.

    Args:
        config: of a stage on published sets.
        people: in its sets.
    """
    if config.epochs <= 0:
        return config
    samples = max(1, round(config.epochs * people))
    return replace(config, samples=min(samples, config.samples) if config.samples > 0 else samples)


class Stage(Protocol):
    """What is trained. `module(batch)` returns weighted loss terms; their sum is minimised."""

    module: nn.Module
    """Holds every parameter and buffer; parameters without requires_grad stay as they are."""

    def batch(self, step: int, progress: float) -> Any:
        """Samples of one step of this process, on its device: a function of (seed, rank, step, progress)."""

    def evaluate(self) -> Mapping[str, float]:
        """Scores on the fixed test, with the averaged weights in place."""


@dataclass
class _Clock:
    """Wall-clock time of the run, resumed time included, and when the next timed things are due."""

    config: LoopConfig
    before_s: float
    started: float = field(default_factory=time.monotonic)
    saved_s: float = 0.0
    evaluated_s: float = 0.0

    def __post_init__(self) -> None:
        self.saved_s = self.evaluated_s = self.before_s

    @property
    def elapsed_s(self) -> float:
        return self.before_s + time.monotonic() - self.started

    def is_save_due(self) -> bool:
        return self.elapsed_s - self.saved_s > 60 * self.config.checkpoint_minutes

    def is_evaluation_due(self) -> bool:
        return self.elapsed_s - self.evaluated_s > 60 * self.config.evaluate_minutes


def _step_seed(seed: int, rank: int, step: int) -> int:
    """A seed of its own for every (seed, rank, step), so that no generator's state need be stored."""
    return (seed * 1_000_003 + rank) * 1_000_000_007 + step & 0x7FFF_FFFF_FFFF_FFFF


def _plain(value: Any) -> Any:
    """A setting as JSON can hold it."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


class Trainer:
    """One run in one process."""

    def __init__(self, stage: Stage, config: LoopConfig, world: World) -> None:
        if config.samples <= 0 and config.minutes <= 0:
            lacks = " (this stage knows no --epochs)" if config.epochs else ""
            raise ValueError(f"expected --samples or --minutes, got neither{lacks}")
        config = replace(config, precision=precision_on(world.device, config.precision))
        self.stage, self.config, self.world = stage, config, world
        self.is_sharded = config.sharded and world.size > 1
        if self.is_sharded and config.optimizer != "adamw":
            raise ValueError(
                f"--sharded goes with --optimizer adamw, got {config.optimizer}: it updates whole matrices"
            )
        self.log = RunLog(config.output, world.is_first)
        self.stop = StopRequest()
        if self.is_sharded:
            sharding.shard(stage.module, world)
        self.optimizers = optimizers_for(stage.module, config.optimizer, config.lr, config.weight_decay, world)
        self.ema = Ema(stage.module, config.ema_decay)
        self.step = self.samples = 0
        before_s = self._resume() if config.resume else 0.0
        self.gradients: FlatGradients | sharding.ShardedGradients
        if self.is_sharded:
            self.gradients = sharding.ShardedGradients(stage.module, 4, world.device)
        else:
            self.gradients = FlatGradients(stage.module.parameters(), 4, world.device)
        self.meter = Meter(world.device, precision_on(world.device, config.precision))
        self.clock = _Clock(config, before_s)
        self.agreed_s = before_s  # the first process's clock, as all know it
        self.sums: dict[str, Tensor] = {}
        self.norm = torch.zeros(())  # of the last step's gradients
        self.logged = (0, before_s)  # steps summed, time of the last line

    def _resume(self) -> float:
        folder = checkpoint.latest(self.config.output)
        if folder is None:
            return 0.0
        state = checkpoint.load(folder, self.stage.module, self.ema, self.optimizers)
        self.step, self.samples = state.step, state.samples
        return state.elapsed_s

    @property
    def progress(self) -> float:
        """Part of the run that is done, in [0, 1]; the same in every process."""
        parts = [0.0]
        if self.config.samples:
            parts.append(self.samples / self.config.samples)
        if self.config.minutes:
            parts.append(self.agreed_s / (60 * self.config.minutes))
        return min(1.0, max(parts))

    def run(self) -> int:
        """Trains to the end, or to SIGTERM or Ctrl-C; returns 0 or 130, with a checkpoint written."""
        with self.stop.listening():
            return self._run()

    def _run(self) -> int:
        plain = {key: _plain(value) for key, value in asdict(self.config).items()}
        stage = type(self.stage).__name__.removesuffix("Stage").lower()
        self.log.write("start", {"stage": stage, "step": self.step, "samples": self.samples, "config": plain})
        is_cancelled = False
        while self.progress < 1.0 and not is_cancelled:
            agreed = self._train_step()
            is_cancelled = bool(agreed[STOP])
            if not is_cancelled and agreed[EVALUATE]:
                self.evaluate()
            if not is_cancelled and agreed[SAVE]:
                self.save()
        if not is_cancelled:
            self.evaluate()
        self.save()
        self.log.write("end", {"step": self.step, "samples": self.samples, "cancelled": is_cancelled})
        return CANCELLED if is_cancelled else 0

    def _train_step(self) -> list[float]:
        """One step; returns what the processes agreed on."""
        config = self.config
        factor = learning_rate_factor(self.step, self.progress, config.schedule, config.warmup_steps)
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = config.lr * factor
        self.gradients.zero()
        terms: dict[str, Tensor] = {}
        for part in range(config.accumulate):
            for name, value in self._gradients_of(self.step * config.accumulate + part).items():
                terms[name] = value + terms.get(name, 0.0)
        agreed = self._exchange()
        self.norm = self.gradients.clip(config.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.ema.update()
        self.step += 1
        self.samples += self.samples_per_step
        self._add_to_log({**terms, "gradient_norm": self.norm}, config.lr * factor)
        return agreed

    @property
    def samples_per_step(self) -> int:
        """Of all processes together."""
        return self.config.batch * self.config.accumulate * self.world.size

    def _gradients_of(self, number: int) -> dict[str, Tensor]:
        """Adds a batch's part of the step's gradients; returns its part of the step's loss terms and their sum."""
        config, world = self.config, self.world
        torch.manual_seed(_step_seed(config.seed, world.rank, number))
        batch = self.stage.batch(number, self.progress)
        with self.meter.counting(config.batch):
            with torch.autocast(world.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                terms: dict[str, Tensor] = self.stage.module(batch)
            total = torch.stack(list(terms.values())).sum() / config.accumulate
            total.backward()  # type: ignore[no-untyped-call]
        return {name: value.detach() / config.accumulate for name, value in terms.items()} | {"total": total.detach()}

    def _exchange(self) -> list[float]:
        """Averages gradients; the stop flag, the first process's clock and what is due travel with them."""
        extra = self.gradients.extra
        extra[STOP] = float(self.stop.is_set)
        if self.world.is_first:
            extra[CLOCK] = self.clock.elapsed_s
            extra[SAVE] = float(self.clock.is_save_due())
            extra[EVALUATE] = float(self.clock.is_evaluation_due())
        self.gradients.reduce(self.world)
        agreed = [float(number) for number in extra.tolist()]
        self.agreed_s = agreed[CLOCK]
        return agreed

    def _add_to_log(self, values: dict[str, Tensor], lr: float) -> None:
        for name, value in values.items():
            self.sums[name] = value.detach().float() + self.sums.get(name, 0.0)  # on its device: no waiting
        steps, since_s = self.logged
        steps += 1
        self.logged = steps, since_s
        if self.step % self.config.log_steps:
            return
        self._check_finite()
        means = mean_over_processes(torch.stack(list(self.sums.values())) / steps, self.world)
        now_s = self.clock.elapsed_s
        rate = steps * self.samples_per_step / max(1e-9, now_s - since_s)
        line = {"step": self.step, "samples": self.samples, "elapsed_s": round(now_s, 1), "lr": lr}
        losses = {name: round(float(v), 6) for name, v in zip(self.sums, means, strict=True)}
        used = self.meter.told(rate / self.world.size)
        self.log.write("step", {**line, "samples_per_s": round(rate, 1), **losses, **used})
        self.sums, self.logged = {}, (0, now_s)

    def _check_finite(self) -> None:
        """Stops a run that has diverged, before a checkpoint of it replaces a good one; all processes find the same."""
        if not bool(torch.isfinite(self.norm)):
            raise MocapError(
                f"{self.config.output}: the gradient is no number by step {self.step}; take a lower --lr or --clip, "
                "and go on from the last checkpoint with --resume"
            )

    def evaluate(self) -> None:
        """Scores the averaged weights in the first process; the others wait at the next step."""
        average_buffers(self.stage.module, self.world)
        self.clock.evaluated_s = self.clock.elapsed_s
        if not self.world.is_first and not self.is_sharded:
            return
        self.stage.module.eval()
        with self.ema.applied(), self._whole(), torch.no_grad():
            scores = self.stage.evaluate() if self.world.is_first else {}
        self.stage.module.train()
        if not self.world.is_first:
            return
        elapsed = {"step": self.step, "samples": self.samples, "elapsed_s": round(self.clock.elapsed_s, 1)}
        self.log.write("evaluate", {**elapsed, **{name: round(float(v), 5) for name, v in scores.items()}})

    def _whole(self) -> AbstractContextManager[None]:
        """The whole weights at hand, for what is no training step."""
        return sharding.gathered(self.stage.module) if self.is_sharded else nullcontext()

    def save(self) -> None:
        """Writes a checkpoint from the first process.

        Raises:
            MocapError: the run has diverged.
        """
        self._check_finite()
        average_buffers(self.stage.module, self.world)
        self.clock.saved_s = self.clock.elapsed_s
        if not self.world.is_first and not self.is_sharded:
            return
        tensors = checkpoint.tensors_of(self.stage.module, self.ema, self.optimizers)
        if self.world.is_first:
            state = checkpoint.RunState(self.step, self.samples, self.clock.elapsed_s, self.ema.steps)
            checkpoint.write(self.config.output, tensors, state)

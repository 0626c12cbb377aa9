"""What the paper's stages share: published sets in, whole meshes as truth, the best kept on a validation split."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import Dataset

from core.errors import MocapError
from training.datasets.decoding import MOST_BROKEN
from training.datasets.mixture import MixedDataset, MixSettings, meshes_of, to_batch
from training.datasets.mixture_file import Mix, open_mix, read_mix
from training.datasets.read_ahead import ReadAhead
from training.datasets.sample import DatasetError
from training.pictures import PictureBatch
from training.stages.picture_stage import start_from, to_device
from training.trainer import checkpoint
from training.trainer.loop import LoopConfig, in_samples
from training.trainer.parallel import World
from training.trainer.schedule import Schedule

RECORD, BEST = "paper.json", "best"
TEST_SETS = frozenset({
    "3dpw-test", "3dpw-occ", "3dpw-pc", "3dpw-non-occ", "3dpw-all", "metro-3dpw-test", "3doh-test",
})  # fmt: skip
"""What tables are made of; no epoch may be chosen on one, and none is learned from."""
logger = logging.getLogger("training")


@dataclass(frozen=True)
class PaperConfig(LoopConfig):
    """What the paper's stages share."""

    preset: str = "resnet50"
    """"resnet50", "hrnet_w48", or "resnet50-debug", the same parts at a size that two CPU cores train."""
    mix: Path = Path("mix.yaml")
    """Mix file: which sets, where they lie, how much of each (training/README.md shows one)."""
    validation: Path | None = None
    """Mix file of a validation split: it is scored regularly, and RUN/best keeps the weights that did best. Test sets
    are refused."""
    validation_people: int = 1000
    """So many people of the validation split are scored, spread over it."""
    init: tuple[Path, ...] = ()
    """Runs, folders of training.import_checkpoint or .safetensors files to start from; later ones win."""
    total_batch: int = 128
    """Samples a step of all processes together, which share them out (--accumulate too); 0 takes --batch."""
    loaders: int = 0
    """Processes a rank that read and decode ahead; 0 reads between the steps."""
    most_broken: int = MOST_BROKEN
    """Pictures that may be skipped because they are missing or do not decode, in each reading process."""
    epochs: float = 30.0
    """Rounds, each of as many samples as the sets hold people."""
    ema_decay: float = 0.0
    """Decay a step of averaged weights; 0 for none, as published."""
    schedule: Schedule = "constant"
    """"constant" as FastMETRO's 60 epochs with a drop after 100; "cosine" ends at 1 %."""
    evaluate_minutes: float = 30.0
    """Minutes between scores of the validation split."""


Config = TypeVar("Config", bound=PaperConfig)


@dataclass(frozen=True, slots=True, eq=False)
class PaperBatch:
    """A batch with the whole mesh.

    Attributes:
        pictures: crops and labels.
        vertices: (B, 6890, 3) metres, camera axes, about mid-hip; zeros where `pictures.has_mesh` is not.
    """

    pictures: PictureBatch
    vertices: Tensor


class PaperSteps(Dataset["PaperBatch | DatasetError"]):
    """A mixture by step; what is wrong with a set comes as a value."""

    def __init__(self, mixed: MixedDataset, count: int) -> None:
        self.mixed, self.count = mixed, count

    def __getitem__(self, step: int) -> PaperBatch | DatasetError:
        """The people of a step, or the reason why there are none."""
        try:
            samples, cropped = self.mixed.drawn(self.count, step)
            meshes = meshes_of(samples, cropped, self.mixed.bodies)
            vertices = np.zeros((self.count, 6890, 3), np.float32)
            for row, mesh in meshes.items():
                vertices[row] = mesh
            return PaperBatch(to_batch(samples, cropped, self.mixed.bodies, meshes), torch.from_numpy(vertices))
        except DatasetError as error:
            return error


def shared_out(config: Config, world: World) -> Config:
    """The configuration with the batch of one process.

    Raises:
        ValueError: the total can't be shared out evenly.
    """
    if not config.total_batch:
        return config
    parts = world.size * config.accumulate
    if config.total_batch % parts or config.total_batch < parts:
        raise ValueError(
            f"--total-batch {config.total_batch} can't be shared out to {world.size} processes with --accumulate "
            f"{config.accumulate}; take a multiple of {parts}"
        )
    return replace(config, batch=config.total_batch // parts)


def without_tests(mix: Mix, path: Path) -> Mix:
    """The mix, which holds no test set.

    Raises:
        ValueError: it does.
    """
    tests = sorted({each.name for each in mix.sets} & TEST_SETS)
    if tests:
        raise ValueError(f"{path} names {', '.join(tests)}, which tables are made of: learn and choose on other splits")
    return mix


class PaperStage:
    """Sets, starting weights, and the best weights so far."""

    module: nn.Module

    def __init__(self, config: PaperConfig, world: World) -> None:
        torch.manual_seed(config.seed)
        self.mix = without_tests(read_mix(config.mix), config.mix)
        config = shared_out(config, world)
        settings = MixSettings(
            self.size_of(config), config.seed, world.rank, world.size, quirks=self.mix.quirks,
            most_broken=config.most_broken,
        )  # fmt: skip
        mixed = open_mix(self.mix, settings)
        self.people = mixed.people
        self.config, self.world = in_samples(config, self.people), world
        self.ahead = ReadAhead(PaperSteps(mixed, self.config.batch), self.config.loaders)
        self.module = self.make_module().to(world.device)
        self.started: set[str] = set()
        for source in config.init:
            file = source / "model.safetensors"
            self.started |= start_from(self.module, file if file.is_file() else source)
        self.held_out: Any = self.validation() if world.is_first and config.validation else None
        if world.is_first:
            self._write_record()

    def size_of(self, config: PaperConfig) -> int:
        """Pixels a side of the crops."""
        raise TypeError("a stage knows its own size")

    def make_module(self) -> nn.Module:
        """What this stage trains."""
        raise TypeError("a stage makes its own module")

    def validation(self) -> Any:
        """The validation split, ready to be scored."""
        raise TypeError("a stage has its own validation")

    def scores(self) -> dict[str, float]:
        """Of the validation split; the first one decides which weights are best, less is better."""
        raise TypeError("a stage has its own scores")

    def record(self) -> dict[str, Any]:
        """What `training.evaluate_paper` must know to read the weights."""
        return {}

    def validation_mix(self) -> Mix:
        """The mix of --validation.

        Raises:
            ValueError: it names a test set.
        """
        assert self.config.validation is not None
        return without_tests(read_mix(self.config.validation), self.config.validation)

    def batch(self, step: int, progress: float) -> PaperBatch:
        """People of one step."""
        del progress
        found = self.ahead.batch(step)
        device = self.world.device
        return PaperBatch(to_device(found.pictures, device), found.vertices.to(device, non_blocking=True))

    def evaluate(self) -> Mapping[str, float]:
        """Scores on the validation split; the best weights are kept."""
        if self.held_out is None:
            return {}
        scores = self.scores()
        self._keep_best(scores)
        return scores

    def _write_record(self) -> None:
        learned = {each.name for each in self.mix.sets}
        for source in self.config.init:
            learned |= set(read_record(source).get("learned_from", ()))
        content = {"preset": self.config.preset, "learned_from": sorted(learned), "people": self.people}
        self.config.output.mkdir(parents=True, exist_ok=True)
        (self.config.output / RECORD).write_text(json.dumps({**content, **self.record()}, indent=1) + "\n")

    def _keep_best(self, scores: Mapping[str, float]) -> None:
        name, value = next(iter(scores.items()))
        folder = self.config.output / BEST
        file = folder / "scores.json"
        if not np.isfinite(value) or (file.is_file() and json.loads(file.read_text())[name] <= value):
            return
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {key: kept.detach().cpu().contiguous() for key, kept in self.module.state_dict().items()}
        save_file(tensors, folder / "unfinished.safetensors")
        (folder / "unfinished.safetensors").rename(folder / "model.safetensors")
        file.write_text(json.dumps(dict(scores)))


def read_record(run: Path) -> dict[str, Any]:
    """What a paper stage wrote about its run; empty for anything else.

    Raises:
        MocapError: the file is damaged.
    """
    file = run / RECORD
    if not file.is_file():
        return {}
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise MocapError(f"{file} is damaged ({error}); start the run again with --resume") from error


def chosen_weights(run: Path, which: str = "best") -> tuple[dict[str, Tensor], bool]:
    """A run's weights, and whether they are those that its validation split liked best.

    Args:
        run: of a stage of the paper's.
        which: "best", or "latest" also where there are best ones.

    Raises:
        ValueError: it has no checkpoint.
    """
    best = run / BEST / "model.safetensors"
    is_best = which == "best" and best.is_file()
    return (load_file(best) if is_best else checkpoint.averaged_weights(run)), is_best

"""What the frozen network says of composed pictures.

    python -m training.stages.bones_cache --output CACHE --store stores/train --test-store stores/test

The rotation head reads the mesh regressor's final states and changes nothing of them, so that they are computed once
and read in any number of epochs: a step of the head takes a tenth of the time of the network before it. Ctrl-C stops
between batches; the same command goes on. About 125 kB a picture.
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import tyro
from torch import Tensor

from core.errors import MocapError
from core.nets import fold
from core.nets.rotation_head import BoneEvidence
from core.weights.find import find_weights
from training.evaluate.rendered import composer_of
from training.evaluate.run_network import BATCH
from training.pictures import PictureBatch, PictureStore
from training.stages.picture_stage import PicturedConfig, PicturedModule, PicturedStage
from training.trainer.cached_arrays import Arrays, CachedArrays, fill_share, make_room
from training.trainer.parallel import CANCELLED, StopRequest, World, launch

FORMAT = 1
TRAIN = "train"
SETS = ("rendered-clear", "rendered-object-occluded", "rendered-person-occluded")
"""Test sets of `training.evaluate.rendered`."""
HALVES = ("queries", "memory")
TRUTH = ("rotations", "betas", "lsp_2d")
LABELS = (*TRUTH, "has_person")


@dataclass(frozen=True)
class CacheConfig:
    """What the pictures are, and the network that reads them."""

    output: Path
    """Folder of the cache."""
    weights: Path = Path("assets/weights/open-tiny")
    """Bundle whose network stays as it is."""
    store: Path = Path("stores/train")
    """Store of rendered people to learn from."""
    test_store: Path = Path("stores/test")
    """Store of rendered people to score."""
    crops: int = 49_152
    """Training pictures."""
    people: int = 384
    """Crops in each test."""
    difficulty: float = 0.75
    """Of the training pictures, 0 clean to 1 hard."""
    covered: float = 0.5
    """Share of the training batches whose people are all hidden in part, half behind things and half behind people."""
    cut: float = 0.2
    """Share of the people of all other training batches who are cut as real boxes are, as in `training.train`."""
    tumbled: float = 0.15
    """Share of training people turned in the picture by any angle."""
    processes: int = 1
    """Single-thread processes."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """bf16 autocast is three to four times as fast where the processor has it."""
    device: str = "cpu"
    """"cpu" or "cuda"."""
    seed: int = 1
    """Of the pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class BoneRows:
    """B people as the network saw them, and the truth.

    Attributes:
        evidence: what the head reads.
        rotations: (B, 24, 3, 3) local, the root's in the camera's axes.
        betas: (B, 10).
        lsp_2d: (B, 14, 3) crop units, visibility.
    """

    evidence: BoneEvidence
    rotations: Tensor
    betas: Tensor
    lsp_2d: Tensor

    def to(self, device: torch.device) -> BoneRows:
        """The same on a device."""
        parts = (part if part is None else part.to(device) for part in self.evidence)
        moved = {name: getattr(self, name).to(device) for name in TRUTH}
        return BoneRows(BoneEvidence(*parts), **moved)  # type: ignore[arg-type]

    @classmethod
    def joined(cls, parts: Sequence[BoneRows]) -> BoneRows:
        """Rows one after the other as one."""
        evidence = (
            None if each[0] is None else torch.cat(each)
            for each in zip(*(part.evidence for part in parts), strict=True)
        )
        truth = {name: torch.cat([getattr(part, name) for part in parts]) for name in TRUTH}
        return cls(BoneEvidence(*evidence), **truth)  # type: ignore[arg-type]


class BoneCache(CachedArrays):
    """A set's folder, opened for reading `BoneRows`."""

    def rows(self, index: npt.NDArray[np.int64]) -> BoneRows:
        """Rows (B,) in float32."""
        taken = {name: torch.from_numpy(np.asarray(array[index])) for name, array in self.arrays.items()}
        evidence: dict[str, Any] = {name: taken[name].float() for name in BoneEvidence._fields if name in taken}
        labels = {name: taken[name] for name in TRUTH}
        return BoneRows(BoneEvidence(**{"confidence": None, **evidence}), **labels)


class FrozenStage(PicturedStage):
    """The network of a bundle, and the pictures that a training would see."""

    def __init__(self, config: CacheConfig) -> None:
        """The same pictures whatever the number of processes."""
        self.bundle = find_weights(config.weights)
        pictured = PicturedConfig(
            output=config.output, store=config.store, size=self.bundle.input_size, batch=BATCH, seed=config.seed,
            difficulty_start=config.difficulty, difficulty_end=config.difficulty, covered=config.covered,
            cut=config.cut, tumbled=config.tumbled, preset=self.bundle.preset, init=(self.bundle.torch_file,),
        )  # fmt: skip
        super().__init__(pictured, World(0, 1, torch.device(config.device)))
        self.is_half = config.precision == "bf16"
        self.digest = self._digest()
        net = self.module.net
        net.config = replace(net.config, input_size=self.bundle.input_size)
        fold(net.eval())

    def make_module(self) -> PicturedModule:
        """The whole network."""
        return PicturedModule(self.config)

    def _digest(self) -> str:
        """Of the network's weights."""
        found = hashlib.sha256()
        for name, value in sorted(self.module.net.state_dict().items()):
            found.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    @torch.no_grad()
    def fields(self, batch: PictureBatch) -> Arrays:
        """What is stored of a batch, by name (see `BoneRows`)."""
        image = batch.image.to(self.world.device)
        with torch.autocast(image.device.type, torch.bfloat16, enabled=self.is_half):
            evidence = self.module.net.evidence(self.module.reading(image))
        found = {name: value for name, value in evidence._asdict().items() if value is not None}
        found = {name: value.half() if name in HALVES else value.float() for name, value in found.items()}
        found |= {name: getattr(batch, name) for name in LABELS}
        return {name: value.cpu().numpy() for name, value in found.items()}


def prepare(config: CacheConfig) -> None:
    """Makes room for every set that is not there yet.

    Raises:
        ValueError: stores or weights cannot be used, or the folder holds a cache of other settings.
    """
    frozen = FrozenStage(config)
    example = frozen.fields(frozen.batch(0, 1.0))
    for name in (TRAIN, *SETS):
        store = PictureStore.open(config.store if name == TRAIN else config.test_store)
        steps = -(-(config.crops if name == TRAIN else config.people) // BATCH)
        identity = {
            "format": FORMAT, "set": name, "batches": steps, "precision": config.precision, "network": frozen.digest,
            "people": len(store), "store": store.meta,
        }  # fmt: skip
        if name == TRAIN:
            identity |= {key: getattr(config, key) for key in ("seed", "difficulty", "covered", "cut", "tumbled")}
        make_room(config.output / name, steps, example, identity)


def fill(config: CacheConfig, world: World) -> int:
    """Computes this process's share of the missing batches, tests first; returns 0 or 130."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    frozen, stop = FrozenStage(replace(config, device=str(world.device))), StopRequest()
    with stop.listening():
        for name in (*SETS, TRAIN):
            if not _fill_set(config, name, frozen, world, lambda: stop.is_set):
                return CANCELLED
    return 0


def _fill_set(
    config: CacheConfig, name: str, frozen: FrozenStage, world: World, is_stopped: Callable[[], bool]
) -> bool:
    """False when it was stopped."""
    composer = None
    if name != TRAIN:
        composer = composer_of(PictureStore.open(config.test_store), frozen.config.size, name)

    def made(step: int) -> Arrays:
        return frozen.fields(frozen.batch(step, 1.0) if composer is None else composer.batch(BATCH, step))

    return fill_share(CachedArrays(config.output / name), made, world, is_stopped, name)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    config = tyro.cli(CacheConfig, args=arguments, description=__doc__)
    try:
        prepare(config)
        return launch(fill, config, config.processes, config.device)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.stages.bones_cache: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())

"""Who is learned by heart: all people of a set at hand, in which order they come, and what is computed of them once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.datasets.mixture import MixSettings
from training.datasets.mixture_file import open_mix, read_mix
from training.pictures import PictureBatch
from training.stages.paper_stage import PaperBatch, PaperSteps

AT_ONCE = 16


def everybody(mix: Path, size: int) -> PaperBatch:
    """All people of a mix of one set, each once, in unturned crops.

    Args:
        mix: its file.
        size: pixels a side.

    Raises:
        DatasetError: the set's files are missing or damaged.
    """
    mixed = open_mix(read_mix(mix), MixSettings(size, augment=False))
    found = PaperSteps(mixed, mixed.people)[0]
    if not isinstance(found, PaperBatch):
        raise found
    return found


def rows_of(batch: PaperBatch, rows: Tensor) -> PaperBatch:
    """Some people of a batch, by their numbers (N,)."""
    names = PictureBatch.__slots__
    return PaperBatch(
        PictureBatch(**{name: getattr(batch.pictures, name)[rows] for name in names}), batch.vertices[rows]
    )


def in_parts(function: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """A function of rows, a few rows at a time, without gradients."""
    with torch.no_grad():
        return torch.cat([function(part) for part in torch.split(values, AT_ONCE)])


def kept_features(file: Path | None, compute: Callable[[], Tensor]) -> Tensor:
    """Features that a run has computed before, or computes now and keeps: SwinV2 takes minutes for 512 people.

    Args:
        file: of the run, safetensors; None keeps nothing.
        compute: makes them.
    """
    if file is not None and file.is_file():
        return load_file(file)["features"]
    features = compute().contiguous()
    if file is not None:
        unfinished = file.with_suffix(".unfinished")
        save_file({"features": features}, unfinished)
        unfinished.replace(file)
    return features


class Rounds:
    """Which people a step has: everybody once a round, each round in its own order; a function of (seed, step)."""

    def __init__(self, people: int, batch: int, seed: int) -> None:
        self.people, self.batch, self.seed = people, min(batch, people), seed

    def rows(self, step: int) -> Tensor:
        """(B,) numbers."""
        first = step * self.batch
        numbers = np.arange(first, first + self.batch)
        orders = {
            turn: np.random.default_rng([self.seed, 71, turn]).permutation(self.people)
            for turn in sorted({int(number) // self.people for number in numbers})
        }
        return torch.tensor([orders[int(number) // self.people][number % self.people] for number in numbers])

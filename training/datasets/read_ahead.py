"""Steps read ahead by processes of their own, in order, without end; the same as reading each when it is due."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from training.datasets.sample import DatasetError

Batch = TypeVar("Batch")


class ReadAhead(Generic[Batch]):
    """Batches by step."""

    def __init__(self, steps: Dataset[Batch | DatasetError], loaders: int, left_out: int = 0) -> None:
        """Nothing is read yet.

        Args:
            steps: a batch for any step, or what is wrong with a set.
            loaders: processes that read; 0 reads when asked.
            left_out: every so-manyth step is never asked for; 0 for none.
        """
        self.steps, self.loaders, self.left_out = steps, loaders, left_out
        self.ahead: tuple[int, Iterator[Batch | DatasetError]] | None = None

    def batch(self, step: int) -> Batch:
        """A step's batch.

        Raises:
            DatasetError: damaged labels, or too many broken pictures.
        """
        found = self._read(step)
        if isinstance(found, DatasetError):
            raise found
        return found

    def _read(self, step: int) -> Batch | DatasetError:
        if self.loaders == 0:
            return self.steps[step]
        if self.ahead is None or self.ahead[0] != step:
            self.ahead = (step, self._from(step))
        iterator = self.ahead[1]
        is_next_left_out = self.left_out and (step + 1) % self.left_out == 0
        self.ahead = (step + (2 if is_next_left_out else 1), iterator)
        return next(iterator)

    def _from(self, step: int) -> Iterator[Batch | DatasetError]:
        """Steps without end, from one on."""
        sampler = _Steps(step, self.left_out)
        return iter(DataLoader(self.steps, batch_size=None, sampler=sampler, num_workers=self.loaders))


class _Steps(torch.utils.data.Sampler[int]):
    def __init__(self, first: int, left_out: int) -> None:
        self.first, self.left_out = first, left_out

    def __iter__(self) -> Iterator[int]:
        step = self.first
        while True:
            if not self.left_out or step % self.left_out:
                yield step
            step += 1

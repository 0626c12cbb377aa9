"""Exponential moving average of a module's parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from training.trainer.sharding import fill, own_parts


class Ema:
    """Averages parameters; buffers (BatchNorm's statistics, the codebook) are taken as they are.

    A decay of .995 from the first step shows chance values for hundreds of steps, so it grows as
    (1 + n) / (10 + n) up to its value.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.names = [name for name, p in module.named_parameters() if p.requires_grad]
        self.source: list[Tensor] = [p for p in module.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.source]

    @torch.no_grad()
    def update(self) -> None:
        """Moves the average towards the parameters by one step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(own_parts(self.average), own_parts(self.source), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The module with averaged parameters for the length of a with block."""
        kept = [p.detach().clone() for p in self.source]
        self._assign(self.average)
        try:
            yield
        finally:
            self._assign(kept)

    @torch.no_grad()
    def _assign(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(own_parts(self.source), own_parts(values))

    def state(self) -> dict[str, Tensor]:
        """The average by parameter name."""
        return dict(zip(self.names, self.average, strict=True))

    @torch.no_grad()
    def load(self, state: dict[str, Tensor], steps: int) -> None:
        """Takes up an average that `state` gave."""
        self.steps = steps
        for name, value in zip(self.names, self.average, strict=True):
            fill(value, state[name])

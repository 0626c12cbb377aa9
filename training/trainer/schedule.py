"""What changes over a run: the learning rate, and how hard the pictures are."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "constant"]


def learning_rate_factor(step: int, progress: float, schedule: Schedule, warmup_steps: int) -> float:
    """Factor on the learning rate.

    Args:
        step: steps done.
        progress: part of the run that is done, in [0, 1].
        schedule: "cosine" falls to 1 % at the end; "constant" stays.
        warmup_steps: linear from 0.

    Returns:
        In (0, 1].
    """
    warmup = min(1.0, (step + 1) / max(1, warmup_steps))
    if schedule == "constant":
        return warmup
    return warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def ramp(progress: float, start: float, end: float, until: float) -> float:
    """Linear from start to end over the first part `until` of the run, then constant."""
    part = 1.0 if until <= 0 else min(1.0, progress / until)
    return start + (end - start) * part

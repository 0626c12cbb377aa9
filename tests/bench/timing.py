"""CPU time of calls, in rounds that take turns, so that a busy machine and a warm one treat all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch

ROUNDS = 3


def one_thread() -> None:
    """Torch computes on one thread from here on."""
    torch.set_num_threads(1)


def cpu_seconds(
    works: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, *, is_warm: bool = False
) -> dict[str, float]:
    """Median seconds of CPU time of one call of each work, over all threads of the process.

    Args:
        works: by name.
        rounds: in each of which every work is called once.
        is_warm: the first calls count; otherwise each is called once before anything counts.
    """
    if not is_warm:
        for work in works.values():
            work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(spent) for name, spent in times.items()}


def gflops_per_second(size: int = 1536) -> float:
    """What one core reaches in a matrix product of float32: the limit of every network here."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    return 2e-9 * size**3 / cpu_seconds({"product": lambda: left @ right})["product"]

"""Clips an hour on a Ray cluster of one worker and of two, a core each: what a second worker brings.

Each cluster does the same clips, new takes each time. CPU seconds of a clip say whether the workers hinder each other:
a second worker doubles the clips an hour where its core is free and a clip costs what it did. Wall clock counts from
the first clip done to the last, so that the start of the workers does not.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from core.commands.manifest import Clip, Shard
from core.commands.ray import connected, run_on_ray
from core.settings import ReconstructSettings

from . import Row
from .long_clips import DEMO

CLIPS, FRAMES = 8, 30


def measure() -> Iterable[Row]:
    """Rows of the table.

    Raises:
        SystemExit: no Ray in this Python, or a clip failed.
    """
    if importlib.util.find_spec("ray") is None:
        raise SystemExit("bench farm: this Python has no ray; pip install -e '.[ray]', or name other measurements")
    with tempfile.TemporaryDirectory() as folder:
        (one, two) = (_measured(workers, Path(folder) / str(workers)) for workers in (1, 2))
    for workers, (rate, cpu_s) in ((1, one), (2, two)):
        yield Row(f"{workers} worker{'s' * (workers > 1)}: clips an hour, wall clock", rate, "1/h")
        yield Row(f"{workers} worker{'s' * (workers > 1)}: CPU of a clip", cpu_s, "s")
    yield Row("two workers / one: clips an hour, wall clock", two[0] / one[0], "x")
    yield Row("two workers / one: clips an hour, by CPU seconds, cores free", 2 * one[1] / two[1], "x", ">= 1.8")


def _measured(workers: int, folder: Path) -> tuple[float, float]:
    """Clips an hour, and CPU seconds of a clip."""
    from ray.cluster_utils import Cluster

    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  its workers give way to everything else by default
    folder.mkdir()
    settings = ReconstructSettings(threads=1, end=FRAMES - 1)
    clips = [Clip(DEMO, folder / f"{number}.take", settings, number) for number in range(CLIPS)]
    ends: list[tuple[float, float]] = []
    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        for _ in range(workers - 1):
            cluster.add_node(num_cpus=1)
        with connected(cluster.address) as ray:
            tell = lambda _said: ends.append((time.perf_counter(), _cpu_s()))  # noqa: E731
            results = run_on_ray(ray, clips, Shard(), None, tell)
    finally:
        cluster.shutdown()
    failed = [result.sentence for result in results if result.state != "done"]
    if failed:
        raise SystemExit(f"bench farm: {failed[0]}")
    (first, cpu_first), (last, cpu_last) = ends[workers - 1], ends[-1]  # from when each worker has one behind it
    counted = CLIPS - workers
    return 3600 * counted / (last - first), (cpu_last - cpu_first) / counted


def _cpu_s() -> float:
    """CPU seconds of the workers so far; they live as long as their cluster."""
    spent = 0.0
    for child in psutil.Process().children(recursive=True):
        try:
            if child.name().startswith("ray::"):
                times = child.cpu_times()
                spent += times.user + times.system
        except psutil.NoSuchProcess:  # ended between the two calls
            continue
    return spent

"""The clips of a manifest on a Ray cluster that is there already: one task a clip, each through `farm.run_clip`.

Ray starts a task again elsewhere when its worker dies. That is safe, since a take is locked by the run that writes it,
the lock of a dead process is free, and the next run goes on at the last commit. Every node must see the same files and
have this package in its Python. Ray is an extra: it is imported here alone.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Cancelled, MocapError, ProgramFault
from ..take.status import is_take
from ..types import CancelFunction, Progress, ProgressFunction
from .manifest import Clip, Shard
from .shard import ClipResult, failed, run_clip, waiting, write_report

RETRIES = 3
"""How often a clip is taken over whose worker died: one that kills its worker each time ends too."""
BUSY_S, BUSY_PAUSE_S = 30.0, 1.0
"""How long a task waits for a take that another run writes: a worker of a lost node lives on for some seconds."""
POLL_S = 0.2
ANSWER_S = 10.0
"""For a cluster to answer."""
LAST_S = 30.0
"""For workers to leave the frame at hand when the run is stopped."""


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Ray, as a driver of a cluster.

    Args:
        address: "HOST:PORT"; None is `RAY_ADDRESS`, or the cluster that runs on this machine.

    Raises:
        MocapError: ray is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise MocapError(
            "ray is not installed in this Python; install the package's extra [ray], or leave out --executor ray"
        ) from error
    try:
        _look_for(address or os.environ.get("RAY_ADDRESS"))
        ray.init(address=address or "auto", log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, ValueError, RuntimeError) as error:
        raise MocapError(
            f"no Ray cluster answers at {address or 'RAY_ADDRESS or on this machine'}; start one with ray start, "
            "or give --ray-address HOST:PORT"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _look_for(address: str | None) -> None:
    """Raises OSError or ValueError where nobody listens, since Ray itself goes on asking for minutes."""
    if address is None or address == "auto":
        return
    host, _, port = address.rpartition("://")[2].rpartition(":")
    socket.create_connection((host, int(port)), ANSWER_S).close()


def run_on_ray(
    ray: Any,
    clips: Sequence[Clip],
    shard: Shard,
    report: Path | None,
    progress: ProgressFunction | None = None,
    is_cancelled: CancelFunction | None = None,
) -> list[ClipResult]:
    """Does the clips on the cluster; the report is written anew after each.

    Args:
        ray: of `connected`.
        clips: of the shard.
        shard: for the report.
        report: a JSON file; None writes none.
        progress: told after every clip.
        is_cancelled: asked several times a second.

    Raises:
        Cancelled: the clips at hand can be resumed; the report says which clips wait.
        OutputError: the report can't be written.
    """
    results = [waiting(clip) for clip in clips]
    write_report(report, shard, results)
    rows: dict[Any, int] = {}
    for row, clip in enumerate(clips):
        try:
            rows[_submitted(ray, clip)] = row
        except Exception as error:  # of this clip alone
            results[row] = failed(clip, error, time.monotonic())
    write_report(report, shard, results)
    left = list(rows)
    while left:
        ended, left = ray.wait(left, num_returns=1, timeout=POLL_S)
        for task in ended:
            row = rows[task]
            results[row] = _result(ray, task, clips[row])
            write_report(report, shard, results)
            if progress is not None:
                name = clips[row].footage.name
                progress(Progress("clips", len(clips) - len(left), len(clips), f"{name}: {results[row].state}"))
        if left and is_cancelled is not None and is_cancelled():
            _stop(ray, left)
            for row in (rows[task] for task in left):
                results[row] = _stopped(results[row], clips[row])
            write_report(report, shard, results)
            raise Cancelled(f"stopped with {len(left)} of {len(clips)} clips left; the same command goes on")
    return results


def _submitted(ray: Any, clip: Clip) -> Any:
    """The clip's task, on as many cores as its network has threads, and on a GPU where one was asked for."""
    settings = clip.settings
    threads = settings.threads or 1
    gpus = 1 if settings.device.partition(":")[0] == "cuda" else 0
    task = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=RETRIES)(_do)
    settings = replace(
        settings,
        threads=threads,
        weights=_anywhere(settings.weights),
        detector=_anywhere(settings.detector),
        boxes=None if settings.boxes is None else settings.boxes.absolute(),
    )
    return task.remote(replace(clip, footage=clip.footage.absolute(), take=clip.take.absolute(), settings=settings))


def _anywhere(name: str | Path | None) -> str | None:
    """A file or folder by its whole path, since workers run in folders of their own; a name as it is."""
    if name is None:
        return None
    return str(Path(name).absolute()) if Path(name).exists() else str(name)


def _do(clip: Clip) -> ClipResult:
    """On a worker: the clip; one that is busy is asked for again for a while."""
    start = time.monotonic()
    while True:
        result = run_clip(clip)
        if result.state != "busy" or time.monotonic() - start > BUSY_S:
            return result
        time.sleep(BUSY_PAUSE_S)


def _result(ray: Any, task: Any, clip: Clip) -> ClipResult:
    """What a task said, with the paths as the manifest has them; a task that failed as a whole fails its clip."""
    try:
        result: ClipResult = ray.get(task)
    except ray.exceptions.RayError as error:
        why = type(error).__name__
        sentence = f"{clip.footage}: its worker was lost {RETRIES + 1} times or failed ({why}); look at Ray's logs"
        lost = ProgramFault(sentence)
        lost.__cause__ = error
        return failed(clip, lost, time.monotonic())
    except Exception as error:  # such as an answer that can't be read: it must not cost the other clips
        return failed(clip, error, time.monotonic())
    return replace(result, footage=str(clip.footage), take=str(clip.take))


def _stop(ray: Any, tasks: list[Any]) -> None:
    """End tasks; those that run keep their last commit."""
    for task in tasks:
        ray.cancel(task)
    ray.wait(tasks, num_returns=len(tasks), timeout=LAST_S)


def _stopped(result: ClipResult, clip: Clip) -> ClipResult:
    """A clip that has been begun is cancelled; another waits as before."""
    if not is_take(clip.take):
        return result
    return replace(result, state="cancelled", sentence=f"{clip.take}: stopped; the same command goes on")

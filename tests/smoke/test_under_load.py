"""Slower, never wrong: the same take, bit by bit, however little a run is given.

Chunks also end by time, so that a slow run may have more of them: the numbers are compared, bit by bit, not the files.
"""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.take.take import Take
from core.types import PersonTake
from tests.fixtures.commands import run_core
from tests.fixtures.graphs import write_clip

FRAMES = 30
ADDRESS_BYTES = 2 * 2**30


def _nice() -> None:
    os.nice(19)


def _one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _little_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))


def _all() -> None:
    _nice()
    _one_core()
    _little_memory()


def _nothing() -> None:
    return


def arrays_of(person: PersonTake) -> dict[str, bytes]:
    """The bytes of all that a take holds of a person, whatever chunks it came in."""
    arrays = person.estimates.arrays()
    arrays |= {"frame_index": person.frame_index, "time_s": person.time_s}
    return {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "a.mp4", FRAMES)


def _run(clip: Path, take: Path, weights: Path, threads: int, before: Callable[[], None]) -> list[dict[str, bytes]]:
    command = ("reconstruct", clip, "-o", take, "--weights", weights, "--detector", "search", "--threads", threads)
    done = run_core(*command, before=before)
    assert (done.returncode, done.stderr) == (0, "")
    return [arrays_of(person) for person in Take.open(take).persons()]


@pytest.fixture(scope="module")
def undisturbed(clip: Path, blob_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    return _run(clip, tmp_path_factory.mktemp("takes") / "a.take", blob_weights, 1, _nothing)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process are set in another way elsewhere")
@pytest.mark.parametrize(
    "before, threads", [(_nothing, 1), (_nothing, 2), (_all, 1)], ids=["again", "2-threads", "nice-one-core-2-gb"]
)
def test_take_is_the_same_bit_by_bit(
    clip: Path,
    blob_weights: Path,
    undisturbed: list[dict[str, bytes]],
    tmp_path: Path,
    before: Callable[[], None],
    threads: int,
) -> None:
    assert _run(clip, tmp_path / "b.take", blob_weights, threads, before) == undisturbed


def test_two_runs_at_once_each_make_the_same_take(
    clip: Path, blob_weights: Path, undisturbed: list[dict[str, bytes]], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(_run, clip, tmp_path / name, blob_weights, 1, _nothing) for name in ("a.take", "b.take")]
    assert [run.result() for run in runs] == [undisturbed, undisturbed]

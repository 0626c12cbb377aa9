"""Finished training pictures a second, in CPU time of one core times two, so that a busy machine does not count.

Measured in a process started as the renderer starts its own, since these keep their memory
(`training.trainer.child_processes`).

"Fresh" renders each picture from scratch and composes it once. "Composed" starts from a store that is already
rendered, which is what a training does: render once, composite often.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from training.pictures import Composer, PictureStore
from training.pictures.render import Studio, render
from training.pictures.scene import warm_up
from training.pictures.settings import RenderSettings
from training.trainer.child_processes import prepare_children

from . import Row

CORES, RENDERED = 2, 64
COMPOSED = {64: 640, 128: 480, 192: 320}
FRESH_GOAL, COMPOSED_GOAL = 60.0, 1600.0


def _per_second(work: Callable[[int], object], count: int) -> float:
    """Rounds a second of CPU time on all cores; the first round, which compiles, does not count."""
    work(0)
    start = time.process_time()
    for number in range(1, count + 1):
        work(number)
    return CORES * count / (time.process_time() - start)


def measure() -> Iterable[Row]:
    """Rows of the table."""
    prepare_children()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure).result()


def _measure() -> list[Row]:
    return list(_rows())


def _rows() -> Iterable[Row]:
    warm_up()
    with tempfile.TemporaryDirectory() as folder:
        render(RenderSettings(RENDERED, "train", 0), Path(folder) / "store", 1)
        store = PictureStore.open(Path(folder) / "store")
        composer = Composer(store, 192, seed=0)
        studio = Studio.build(RenderSettings(10**6, "train", seed=1))

        def fresh(number: int) -> None:
            next(studio.pictures(number, 1))
            composer.batch(1, number)

        yield Row("fresh 192-pixel pictures, two cores", _per_second(fresh, RENDERED), "1/s", f">= {FRESH_GOAL:.0f}")
        for size, count in COMPOSED.items():
            at = Composer(store, size, seed=0)
            rate = 16 * _per_second(lambda step, at=at: at.batch(16, step), count // 16)  # type: ignore[misc]
            goal = f">= {COMPOSED_GOAL:.0f}" if size == 128 else ""
            yield Row(f"composed {size}-pixel pictures, two cores", rate, "1/s", goal)

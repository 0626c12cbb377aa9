"""Arrays on disk, filled batch by batch: what a frozen part of the network said of pictures, computed once.

DIR/cache.json     what it was made from
DIR/FIELD.npy      one file a field, read by memory map
DIR/written.npy    which batches are there, so that an interrupted run goes on
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.trainer.parallel import World

Arrays = dict[str, npt.NDArray[Any]]
LOG_STEPS = 50
logger = logging.getLogger("training")


class CachedArrays:
    """A folder of fields, opened."""

    def __init__(self, folder: Path) -> None:
        """Open what `make_room` made."""
        arrays = {path.stem: np.load(path, mmap_mode="r+") for path in folder.glob("*.npy")}
        self.written: npt.NDArray[np.bool_] = arrays.pop("written")
        self.arrays: Arrays = arrays

    @property
    def people(self) -> npt.NDArray[np.int64]:
        """Rows with a person."""
        return np.flatnonzero(self.arrays["has_person"])

    def put(self, step: int, rows: Mapping[str, npt.NDArray[Any]]) -> None:
        """Stores a batch; all batches have as many rows."""
        for name, values in rows.items():
            self.arrays[name][step * len(values) : (step + 1) * len(values)] = values
        self.written[step] = True


def fill_share(
    cache: CachedArrays, make: Callable[[int], Arrays], world: World, is_stopped: Callable[[], bool], name: str
) -> bool:
    """Computes this process's share of a cache's missing batches.

    Args:
        cache: filled in place.
        make: a batch by its number.
        world: the processes that share the work.
        is_stopped: asked before every batch.
        name: of the set, for the log.

    Returns:
        False when it was stopped.
    """
    done = pictures = 0
    started = time.monotonic()
    for step in range(world.rank, len(cache.written), world.size):
        if is_stopped():
            return False
        if cache.written[step]:
            continue
        rows = make(step)
        cache.put(step, rows)
        done, pictures = done + 1, pictures + len(next(iter(rows.values())))
        if done % LOG_STEPS == 0 and world.is_first:
            each_ms = 1000 * (time.monotonic() - started) / pictures
            logger.info("cache %s batch %d of %d, %.1f ms a picture", name, step + 1, len(cache.written), each_ms)
    return True


def make_room(folder: Path, steps: int, example: Arrays, identity: Mapping[str, Any]) -> None:
    """Makes an empty cache unless it is there.

    Args:
        folder: of the cache.
        steps: batches in it.
        example: one batch.
        identity: what it is made from, as JSON holds it.

    Raises:
        ValueError: the folder holds a cache made from something else.
    """
    told = folder / "cache.json"
    if not told.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, values in example.items():
            shape = (steps * len(values), *values.shape[1:])
            np.lib.format.open_memmap(folder / f"{name}.npy", "w+", values.dtype, shape)  # type: ignore[no-untyped-call]
        np.save(folder / "written.npy", np.zeros(steps, np.bool_))
        told.write_text(json.dumps(identity, indent=1) + "\n")
    elif json.loads(told.read_text()) != identity:
        raise ValueError(f"{folder} was made with other settings: choose another --output or remove that folder")

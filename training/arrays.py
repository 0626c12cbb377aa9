"""Arrays on disk, filled batch by batch: what a frozen part of the network said of pictures, computed once.

DIR/cache.json     what it was made from
DIR/FIELD.npy      one file a field, read by memory map
DIR/written.npy    which batches are there, so that an interrupted run goes on
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]


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

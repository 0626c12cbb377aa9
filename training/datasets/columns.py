"""Tables of labels in one file: .npz without pickles, .json."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.datasets.sample import DatasetError, existing
from training.datasets.tsv import AGAIN

Columns = dict[str, npt.NDArray[Any]]


def read_npz(
    path: Path, source: str, shapes: Mapping[str, Sequence[tuple[int, ...]]], optional: Sequence[str]
) -> Columns:
    """Columns of one length.

    Args:
        path: the .npz.
        source: name of the set.
        shapes: wanted columns, with the shapes that a row of each may have.
        optional: those of them that may be missing.

    Raises:
        DatasetError: missing, damaged, a pickle inside, a column missing, of another shape or length.
    """
    found: Columns = {}
    try:
        with existing(path, source).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            missing = [name for name in shapes if name not in file.files and name not in optional]
            if missing:
                raise DatasetError(f"{path} lacks {', '.join(missing)}; {AGAIN}")
            found = {name: file[name] for name in shapes if name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} cannot be read as .npz ({error}); {AGAIN}") from error
    count = len(next(iter(found.values())))
    for name, values in found.items():
        if values.shape[1:] not in shapes[name] or len(values) != count:
            wanted = " or ".join(str((count, *shape)) for shape in shapes[name])
            raise DatasetError(f"{path}: {name} is {values.shape}, expected {wanted}; {AGAIN}")
    return found


def read_json(path: Path, source: str) -> Any:
    """A JSON file's content.

    Raises:
        DatasetError: missing or damaged.
    """
    try:
        return json.loads(existing(path, source).read_bytes())
    except ValueError as error:
        raise DatasetError(f"{path} is truncated or no JSON ({error}); {AGAIN}") from error

"""Tab-separated files with random access, as METRO publishes them.

NAME.tsv       a row: key, tab, content (base64 of a JPEG, or JSON)
NAME.lineidx   a line a row: where it starts, in bytes; in the place of the file's last suffix
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.datasets.sample import DatasetError, existing

AGAIN = "get the file again"
LAST_BYTES = 1 << 16


class Tsv:
    """A file's rows by number. No handle stays open, so that it can cross into another process."""

    def __init__(self, path: Path, source: str) -> None:
        """Reads the line index, or scans the file where there is none.

        Args:
            path: the .tsv.
            source: name of the set, for messages.

        Raises:
            DatasetError: a file is missing or truncated, or its index belongs to another one.
        """
        self.path, self.source = existing(path, source), source
        self.bytes = path.stat().st_size
        index = path.with_suffix(".lineidx")
        self.starts = self._read_index(index) if index.is_file() else self._scan()
        self._check_end()

    def __len__(self) -> int:
        return len(self.starts)

    def row(self, number: int) -> list[str]:
        """Columns of a row.

        Raises:
            DatasetError: there is no such row, or nothing of two columns starts where the index says.
        """
        if not 0 <= number < len(self.starts):
            raise DatasetError(
                f"{self.path} has {len(self.starts)} rows, and row {number} is asked for; "
                "its line list belongs to another file, get both again"
            )
        start = int(self.starts[number])
        with self.path.open("rb") as file:
            file.seek(max(start - 1, 0))
            is_start = start == 0 or file.read(1) == b"\n"
            line = file.readline()
        columns = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
        if not is_start or len(columns) < 2:
            raise DatasetError(f"{self.path}: row {number} does not start where its .lineidx says; {AGAIN}")
        if not line.endswith(b"\n"):
            raise DatasetError(f"{self.path} ends within row {number}; {AGAIN}")
        return [column.strip() for column in columns]

    def _read_index(self, path: Path) -> npt.NDArray[np.int64]:
        try:
            starts = np.array(path.read_bytes().split(), np.int64)
        except ValueError as error:
            raise DatasetError(f"{path} holds something else than numbers; {AGAIN}") from error
        if len(starts) and (starts[0] != 0 or (np.diff(starts) <= 0).any()):
            raise DatasetError(f"{path} does not rise from 0; {AGAIN}")
        if len(starts) and starts[-1] >= self.bytes:
            raise DatasetError(
                f"{self.path} is truncated: {self.bytes} bytes, and its last row should start at {starts[-1]}; {AGAIN}"
            )
        return starts

    def _scan(self) -> npt.NDArray[np.int64]:
        starts, at = [], 0
        with self.path.open("rb") as file:
            for line in file:
                starts.append(at)
                at += len(line)
        return np.array(starts, np.int64)

    def _check_end(self) -> None:
        if not len(self.starts):
            raise DatasetError(f"{self.path} is empty; {AGAIN}")
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                raise DatasetError(f"{self.path} is truncated: its last row has no end; {AGAIN}")


def read_line_list(path: Path, source: str, columns: int) -> npt.NDArray[np.int64]:
    """Rows of a .linelist.tsv.

    Args:
        path: the file.
        source: name of the set.
        columns: 1 for row numbers, 2 for composites' "source, row".

    Returns:
        (N, columns).

    Raises:
        DatasetError: missing, empty, or not whole numbers in so many columns.
    """
    words = existing(path, source).read_bytes().split()
    try:
        numbers = np.array(words, np.int64)
    except ValueError as error:
        raise DatasetError(f"{path} holds something else than row numbers; {AGAIN}") from error
    if not len(numbers) or len(numbers) % columns:
        raise DatasetError(f"{path} should hold {columns} number{'s' * (columns > 1)} a line; {AGAIN}")
    return numbers.reshape(-1, columns)

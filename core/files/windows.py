"""Long arrays a window at a time, never all at once: those that stay in their .npz file, and those made when read."""

from __future__ import annotations

import math
import struct
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..errors import MocapError
from ..types import Float

WINDOW = 64
"""Frames of a window: 5 MB of vertices."""
_LOCAL_HEADER = struct.Struct("<26xHH")
"""Of a zip member: the lengths of its name and of its extra field, which the array follows."""


class StoredRows:
    """An array (T, ...) that lies uncompressed in an .npz file; `rows[5]` and `rows[10:20]` read just that.

    Attributes:
        shape: of the whole array.
        dtype: of it.
    """

    __slots__ = ("_offset", "_path", "_written", "dtype", "shape")

    def __init__(self, path: Path, name: str) -> None:
        """The array `name` of the file.

        Raises:
            KeyError: no such array.
            ValueError: it is compressed, or not in C order.
        """
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            member = archive.getinfo(f"{name}.npy")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} is compressed")
            file.seek(member.header_offset)
            begin = file.seek(sum(_LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))), 1)
            form: Any = np.lib.format
            version = form.read_magic(file)
            read = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
            self.shape, is_fortran, self.dtype = read(file)
            if is_fortran or self.dtype.hasobject:
                raise ValueError(f"{name} is not in C order")
            self._offset = file.tell()
            if self._offset - begin + math.prod(self.shape) * self.dtype.itemsize != member.file_size:
                raise ValueError(f"{name} is cut short")
        self._path, self._written = path, path.stat().st_mtime_ns

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: int | slice) -> Any:
        """One row, or those of a slice of step 1.

        Raises:
            MocapError: the file is gone, or another one by now.
        """
        if isinstance(rows, slice):
            first, last, step = rows.indices(len(self))
            if step != 1:
                raise ValueError(f"expected a slice of step 1, got {step}")
            return self._read(first, max(0, last - first))
        row = rows + len(self) if rows < 0 else rows
        if not 0 <= row < len(self):
            raise IndexError(f"expected a row below {len(self)}, got {rows}")
        return self._read(row, 1)[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self[:] if dtype is None else self[:].astype(dtype)

    def _read(self, first: int, count: int) -> Any:
        size = math.prod(self.shape[1:])
        start = self._offset + first * size * self.dtype.itemsize
        try:
            if self._path.stat().st_mtime_ns != self._written:
                raise MocapError(f"{self._path}: was changed while it was read; try again")
            flat = np.fromfile(self._path, self.dtype, count * size, offset=start)
        except OSError as error:
            raise MocapError(f"{self._path}: can't be read now ({error.strerror}); solve the take again") from error
        return flat.reshape(count, *self.shape[1:])


class MadeRows(ABC):
    """An array (T, ...) of which rows are made when they are read, in whole windows, so that all readers get the same.

    Attributes:
        shape: of the whole array.
        dtype: of it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any] = np.dtype(np.float32)

    @abstractmethod
    def made(self, rows: slice) -> Float:
        """The rows of a window."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: int | slice) -> Any:
        """One row, or those of a slice of step 1."""
        if not isinstance(rows, slice):
            row = rows + len(self) if rows < 0 else rows
            if not 0 <= row < len(self):
                raise IndexError(f"expected a row below {len(self)}, got {rows}")
            return self[row : row + 1][0]
        first, last, step = rows.indices(len(self))
        if step != 1:
            raise ValueError(f"expected a slice of step 1, got {step}")
        out = np.empty((max(0, last - first), *self.shape[1:]), self.dtype)
        for start in range(first - first % WINDOW, last, WINDOW):
            begin, end = max(start, first), min(start + WINDOW, last)
            window = self.made(slice(start, min(start + WINDOW, len(self))))
            out[begin - first : end - first] = window[begin - start : end - start]
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self[:] if dtype is None else self[:].astype(dtype)


Rows: TypeAlias = Float | StoredRows | MadeRows


def window_slices(count: int) -> Iterator[slice]:
    """Slices over `count` rows, `WINDOW` at a time."""
    return (slice(first, min(first + WINDOW, count)) for first in range(0, count, WINDOW))


def windows(rows: Rows) -> Iterator[Float]:
    """An array's rows, `WINDOW` at a time."""
    return (rows[part] for part in window_slices(len(rows)))

"""Arrays that stay in their .npz file: a long motion's vertices are read a window at a time, never all at once."""

from __future__ import annotations

import math
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from .errors import MocapError
from .types import Float

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


Rows: TypeAlias = Float | StoredRows


def windows(rows: Rows) -> Iterator[Float]:
    """An array's rows, `WINDOW` at a time."""
    for first in range(0, len(rows), WINDOW):
        yield rows[first : first + WINDOW]

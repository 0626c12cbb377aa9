"""Files that are there whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import OutputError
from .windows import MadeRows, windows

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
GONE = {errno.ENOENT, errno.ESTALE}


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write to, which becomes `path` when the block ends without an error.

    Raises:
        OutputError: the disk is full, or the place can't be written to; `path` is as it was before.
    """
    temporary = path.with_name(temporary_of(path.name, str(os.getpid())))
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        remove_if_possible(temporary)


def temporary_of(name: str, process: str) -> str:
    """The name under which a process writes a file until it is whole; with "*" the pattern of such names."""
    return f".{name}.{process}.tmp"


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """An .npz file, whole or not at all; the same arrays give the same bytes.

    Not by `np.savez`, which leaves its archive half open when the disk is full, and Python then complains
    about it in a traceback of its own.

    Raises:
        OutputError: as `written_whole`.
    """
    with written_whole(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, value in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                _save(member, value)


def _save(member: IO[bytes], value: Any) -> None:
    """As `np.save`; rows that are made when read are written a window at a time."""
    if not isinstance(value, MadeRows):
        np.save(member, np.asanyarray(value), allow_pickle=False)
        return
    form: Any = np.lib.format
    described = {"descr": form.dtype_to_descr(value.dtype), "fortran_order": False, "shape": value.shape}
    form.write_array_header_1_0(member, described)
    for window in windows(value):
        member.write(window.tobytes())


def remove_if_possible(file: Path) -> None:
    """Remove a file that nobody needs, if it is there and the file system lets us."""
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        OutputError: a file stands in the way, or the place can't be written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def output_error(path: Path, error: OSError) -> OutputError:
    """What went wrong with writing, and what to do, in one sentence."""
    if error.errno in FULL:
        return OutputError(f"{path}: the disk is full; free some space and run the same command again")
    if error.errno in FORBIDDEN:
        return OutputError(f"{path}: the folder is read-only for you; choose another place for the output")
    if error.errno in GONE:
        return OutputError(f"{path}: its folder is not there (any more); make it, or choose another place")
    reason = error.strerror or str(error)
    return OutputError(f"{path}: can't be written ({reason}); choose another place for the output")

"""Files that others wrote, read within bounds: JSON, and the arrays of an .npz.

What a file claims is held against what it has before it gets memory: a header may speak of a million times the bytes
that follow it, a zip may unpack to a thousand times its size. No member is ever unpacked to disk, and nothing that an
array may hide (pickled objects) is opened.
"""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..errors import first_line

npy: Any = np.lib.format
"""Without types of its own in some versions."""
MOST_JSON_BYTES = 16 * 2**20
"""As Python's objects these can be twenty times as much; a take.json of a long clip has a tenth of it."""
UNPACKED_BYTES = 256 * 2**20
"""To which compressed arrays may unpack; those that are not compressed are bounded by their file."""
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
"""What reading fields out of JSON or arrays of another form raises."""


def read_json(file: Path, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """The content of a JSON file in UTF-8.

    Raises:
        OSError: it can't be read.
        ValueError: too large, not in UTF-8, no JSON, or nested too deep.
    """
    with file.open("rb") as opened:
        content = opened.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"larger than {most_bytes >> 20} MB")
    return parsed_json(content.decode("utf-8"))


def parsed_json(text: str) -> Any:
    """The content of JSON text. Raises a ValueError where it is none, nested too deep, or has half a letter."""
    try:
        content = json.loads(text)
        if "\\ud" in text.lower():  # half of a pair, which no file could be written with again
            json.dumps(content, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return content


def is_plain_name(name: str) -> bool:
    """Whether a name is that of a file in the same folder, on every system."""
    return name not in ("", ".", "..") and not any(sign in name for sign in '\\/:*?"<>|\0')


def told(value: Any) -> str:
    """A value for a sentence: its beginning, where it is long."""
    return shortened(repr(value))


def shortened(text: str, longest: int = 80) -> str:
    """A text for a sentence: in one line, and its beginning where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[:longest]}..."


def read_arrays(
    path: Path,
    names: Collection[str] | None = None,
    are_objects_left_out: bool = False,
    left_out: Collection[str] = (),
) -> dict[str, Any]:
    """The arrays of an .npz file, by name.

    Args:
        path: the file.
        names: of those that are wanted; None for all.
        left_out: of those that are not.
        are_objects_left_out: whether arrays of Python objects are passed over; they are refused otherwise.

    Raises:
        OSError: it can't be read.
        ValueError: damaged, of another form, or it claims more than it has.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            _check_members(members, path.stat().st_size)
            wanted = [one for one in members if names is None or one.filename[:-4] in names]
            wanted = [one for one in wanted if one.filename[:-4] not in left_out]
            found = {one.filename[:-4]: _array(archive, one, are_objects_left_out) for one in wanted}
            return {name: array for name, array in found.items() if array is not None}
    except OSError:
        raise
    except MemoryError as error:
        raise ValueError("needs more memory than there is") from error
    except Exception as error:  # zipfile, zlib, lzma, tokenize and numpy each have their own, without a common base
        raise ValueError(first_line(error)) from error


def uncompressed(path: Path) -> set[str]:
    """Names of the arrays that lie in an .npz as they are. Raises as `read_arrays`."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            stored = [one.filename for one in archive.infolist() if one.compress_type == zipfile.ZIP_STORED]
            return {name[:-4] for name in stored if name.endswith(".npy")}
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(str(error)) from error


def _check_members(members: list[zipfile.ZipInfo], file_bytes: int) -> None:
    for member in members:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(f"a member lies outside the archive ({told(member.filename)})")
    unpacked, most = sum(member.file_size for member in members), max(file_bytes, UNPACKED_BYTES)
    if unpacked > most:
        raise ValueError(f"unpacks to {unpacked / 2**20:.0f} MB, more than {most / 2**20:.0f}")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo, are_objects_left_out: bool) -> Any:
    """One array, after a look at its header; None for objects that are left out."""
    with archive.open(member) as stream:
        version = npy.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member.filename} has the unknown version {version}")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, kind = read_header(stream)
        left = member.file_size - stream.tell()
    if kind.hasobject:
        if are_objects_left_out:
            return None
        raise ValueError(f"{member.filename} holds objects, not numbers")
    claimed = math.prod(shape) * kind.itemsize
    if min(shape, default=0) < 0 or claimed != left:
        raise ValueError(f"{member.filename} claims {claimed} bytes and has {left}")
    with archive.open(member) as stream:
        return np.asarray(npy.read_array(stream, allow_pickle=False))

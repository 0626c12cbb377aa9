"""What the tables of an MP4 or QuickTime file say of its first video: when each frame is shown, and how it is turned.

OpenCV tells neither: its frame count is what the file stores, while a trimmed clip stores frames before its first
shown one and an edit list that hides them; its rate is an average, while a film editor, Blender too, plays at the
rate that all time stamps fit. Only numbers are read, never a picture, and nothing of it is believed beyond its size.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..types import Float, Int

LARGEST_TABLES_BYTES = 2**26
"""Of the index; that of three hours at 60 frames a second has 10 MB."""
STORED_SIZE_AT = 40
"""In a `stsd`, of its first entry."""
MOST_FRAMES = 10**7
EVEN = 0.1
"""Share of the shortest frame by which the others' lengths may be off a multiple of it: time bases are rough."""


@dataclass(frozen=True, slots=True, eq=False)
class Mp4Track:
    """The first video of a file.

    Attributes:
        stamps_s: (N,) when each shown frame begins, ascending, the first at 0; those an edit list hides are left out.
        end_s: when the last one ends.
        base_fps: the rate whose steps all stamps lie on; None where no plain rate does.
        stored_px: width and height of the picture as it is stored, before any turn.
        turn_deg: clockwise turn that sets the coded picture upright: 0, 90, 180 or 270.
    """

    stamps_s: Float
    end_s: float
    base_fps: float | None
    stored_px: tuple[int, int]
    turn_deg: int

    @property
    def is_constant(self) -> bool:
        """Whether frame N is always shown at N / rate."""
        steps = np.diff(self.stamps_s)
        return len(steps) == 0 or bool(np.ptp(steps) <= EVEN * steps.min())


def mp4_track(path: Path) -> Mp4Track | None:
    """The first video's tables; None where the file has none that can be read, as in all other containers."""
    try:
        known = path.stat()
        return _track(path, known.st_size, known.st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=16)
def _track(path: Path, _size: int, _changed_at: int) -> Mp4Track | None:
    try:
        index = _index_of(path)
        film_scale = _scale(_found(index, b"mvhd"))
        for name, track in _atoms(index):
            if name == b"trak" and _found(track, b"mdia", b"hdlr")[8:12] == b"vide":
                return _read(track, film_scale)
    except (struct.error, ValueError, KeyError, IndexError, OverflowError, ZeroDivisionError):
        return None
    return None


def _index_of(path: Path) -> bytes:
    """The content of the `moov` atom."""
    left = path.stat().st_size
    with path.open("rb") as file:
        while left >= 8:
            size, name = struct.unpack(">I4s", file.read(8))
            head = 8
            if size == 1:
                size, head = struct.unpack(">Q", file.read(8))[0], 16
            if size == 0:
                size = left
            if size < head or not name.isascii():
                break
            if name == b"moov" and size <= min(left, LARGEST_TABLES_BYTES):
                return file.read(size - head)
            file.seek(size - head, 1)
            left -= size
    raise KeyError("moov")


def _atoms(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        if size < 8 or at + size > len(content):
            return
        yield name, content[at + 8 : at + size]
        at += size


def _found(content: bytes, *names: bytes) -> bytes:
    """The content of an atom inside of others; KeyError where there is none."""
    for name in names:
        content = dict(reversed(list(_atoms(content))))[name]
    return content


def _scale(header: bytes) -> int:
    """Ticks a second of a `mvhd` or `mdhd`."""
    scale = int(struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)[0])
    if scale < 1:
        raise ValueError("no time base")
    return scale


def _read(track: bytes, film_scale: int) -> Mp4Track | None:
    tables, scale = _found(track, b"mdia", b"minf", b"stbl"), _scale(_found(track, b"mdia", b"mdhd"))
    lengths = _runs(_found(tables, b"stts"), ">u4")
    if not len(lengths):
        return None  # a fragmented file has its tables elsewhere
    decoded = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    inside = dict(_atoms(tables))
    shift = _runs(inside[b"ctts"], ">i4") if b"ctts" in inside else np.zeros(0, np.int64)
    shown = decoded + np.pad(shift, (0, max(0, len(decoded) - len(shift))))[: len(decoded)]
    order = np.argsort(shown, kind="stable")
    begins = shown[order]
    ends = np.append(begins[1:], begins[-1] + lengths[-1])
    begins, ends = _edited(begins, ends, _edits(track, film_scale, scale))
    if not len(begins):
        return None
    return Mp4Track(
        stamps_s=(begins - begins[0]) / scale,
        end_s=float(ends[-1] - begins[0]) / scale,
        base_fps=_base_fps(begins, scale),
        stored_px=struct.unpack_from(">2H", inside[b"stsd"], STORED_SIZE_AT),
        turn_deg=_turn(_found(track, b"tkhd")),
    )


def _runs(table: bytes, kind: str) -> Int:
    """The values of a table of (count, value)."""
    entries = struct.unpack_from(">I", table, 4)[0]
    counts, values = (
        np.frombuffer(table, np.dtype([("count", ">u4"), ("value", kind)]), entries, 8)[name].astype(np.int64)
        for name in ("count", "value")
    )
    if counts.sum() > MOST_FRAMES:
        raise ValueError("too many frames")
    return np.repeat(values, counts)


def _edits(track: bytes, film_scale: int, scale: int) -> list[tuple[float, float]]:
    """First and last tick of each stretch that is shown; [] where no list says so. Pauses before them are left out."""
    try:
        table = _found(track, b"edts", b"elst")
    except KeyError:
        return []
    form = ">Qq" if table[0] == 1 else ">Ii"
    size = struct.calcsize(form) + 4
    rows = [struct.unpack_from(form, table, 8 + n * size) for n in range(struct.unpack_from(">I", table, 4)[0])]
    return [
        (begin, begin + length * scale / film_scale if length else math.inf) for length, begin in rows if begin >= 0
    ]


def _edited(begins: Int, ends: Int, edits: list[tuple[float, float]]) -> tuple[Float, Float]:
    """When the shown frames begin and end, in ticks, one stretch behind the other."""
    if not edits:
        return begins.astype(np.float64), ends.astype(np.float64)
    parts, at = [], 0.0
    for first, last in edits:
        inside = (begins >= first) & (begins < last)
        parts.append(np.stack([begins[inside], np.minimum(ends[inside], last)]) - first + at)
        at += min(last, float(ends[-1])) - first
    joined = np.concatenate(parts, axis=1)
    return joined[0], joined[1]


def _base_fps(begins: Float, scale: int) -> float | None:
    steps = np.diff(begins)
    if not len(steps) or steps.min() <= 0:
        return None
    shortest = float(np.median(steps[steps <= steps.min() * (1 + EVEN)]))
    whole = np.round(steps / shortest)
    if np.abs(steps - whole * shortest).max() > EVEN * shortest:
        return None
    return float(scale * whole.sum() / steps.sum())


def _turn(header: bytes) -> int:
    a, b = struct.unpack_from(">2i", header, 52 if header[0] == 1 else 40)
    return round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360

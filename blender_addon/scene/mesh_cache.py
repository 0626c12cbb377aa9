r"""A body's motion in a file beside the take instead of in the .blend: PC2, read by a Mesh Cache modifier.

    32 bytes   "POINTCACHE2\0", version 1, vertices, first frame, frames a sample, samples
    the rest   samples x vertices x 3 float32; all little-endian

A sample is a frame of the motion, in the mesh's own space. `eval_frame` of the modifier is the sample, and a curve on
it says on which scene frame each is shown, as `eval_time` does for absolute shape keys: uneven frames are exact.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import bridge
from ..axes import Bool, Float
from .curves import existing_curves, keys_of, own_curves, write_curve

MODIFIER = "Mesh cache"
SUFFIX = ".pc2"
_HEADER = struct.Struct("<12siiffi")
_MAGIC, _VERSION = b"POINTCACHE2\0", 1
_POINT_BYTES = 12
_PATH = f'modifiers["{MODIFIER}"].eval_frame'


class CacheFile:
    """A cache that is being written; it becomes the file when it is kept, and is nothing before."""

    def __init__(self, path: Path, frame_count: int, vertex_count: int) -> None:
        """Begin the file.

        Raises:
            OutputError: the disk is full, or the place can't be written to; so do the other methods.
        """
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._append("wb", _HEADER.pack(_MAGIC, _VERSION, vertex_count, 0.0, 1.0, frame_count))

    def write(self, vertices: Float) -> None:
        """The next frames (T, V, 3), in Blender's axes."""
        self._append("ab", np.ascontiguousarray(vertices, "<f4").data)

    def keep(self) -> None:
        """Give it its name. Not forced to the disk first: that takes long, and a cache can be made again."""
        try:
            self._temporary.replace(self.path)
        except OSError as error:
            raise bridge.output_error(self.path, error) from error

    def discard(self) -> None:
        """Remove what was written and not kept."""
        try:
            self._temporary.unlink(missing_ok=True)
        except OSError:
            return

    def _append(self, mode: str, content: Any) -> None:
        try:
            with self._temporary.open(mode) as file:
                file.write(content)
        except OSError as error:
            self.discard()
            raise bridge.output_error(self.path, error) from error


def cache_path(motion: Path, index: int) -> Path:
    """The cache of a motion's person, beside the motion."""
    return motion.with_name(f"{motion.stem}_person{index}{SUFFIX}")


def play_cache(body: bpy.types.Object, path: Path, frames: Float, holds: Bool | None = None) -> None:
    """Let a body be what its cache says.

    Args:
        body: at rest, with the cache's vertices.
        path: of the cache.
        frames: (T,) scene frames of its samples.
        holds: (T,) samples that stand until the next one; None for none.
    """
    modifier: Any = body.modifiers.new(MODIFIER, "MESH_CACHE")
    modifier.cache_format = "PC2"
    modifier.time_mode, modifier.play_mode, modifier.interpolation = "FRAME", "CUSTOM", "LINEAR"
    modifier.filepath = stored_path(path)
    samples = np.arange(len(frames), dtype=np.float64)
    write_curve(own_curves(body, f"{body.name} motion"), _PATH, frames, samples, holds=holds)


def stored_path(path: Path) -> str:
    """How the .blend says where a file is: from its own folder on, so that both can be moved together.

    A .blend that was not saved yet has no folder: Blender makes the path relative when it is saved first.
    """
    if not bpy.data.filepath:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:  # another drive
        return str(path)


def cache_of(body: Any) -> Any:
    """The modifier through which a body reads its cache; None for a body with shape keys."""
    modifier = body.modifiers.get(MODIFIER)
    return modifier if modifier is not None and modifier.type == "MESH_CACHE" else None


def file_of(body: Any) -> Path:
    """Where a body's cache should be."""
    return Path(bpy.path.abspath(cache_of(body).filepath))


def frames_of(body: Any) -> Float:
    """(T,) scene frames of the samples of a body's cache."""
    return keys_of(curve_of(body))[0]


def curve_of(body: Any) -> Any:
    """The curve that says which sample of its cache a body shows."""
    return next(curve for curve in existing_curves(body) if curve.data_path == _PATH)


def is_whole(path: Path, vertex_count: int, frame_count: int) -> bool:
    """Whether a file has the size of such a cache."""
    try:
        return path.stat().st_size == bytes_of(vertex_count, frame_count)
    except OSError:
        return False


def bytes_of(vertex_count: int, frame_count: int) -> int:
    """Size of a cache."""
    return _HEADER.size + frame_count * vertex_count * _POINT_BYTES


def read_cache(body: Any, first: int, last: int) -> Float:
    """(last - first, V, 3) samples of a body's cache.

    Raises:
        MocapError: the file is not there, or not whole.
    """
    path, vertex_count = file_of(body), len(body.data.vertices)
    if not is_whole(path, vertex_count, len(frames_of(body))):
        raise bridge.MocapError(f"{path}: the mesh cache is missing or damaged; find or rebuild it in the panel")
    start, count = _HEADER.size + first * vertex_count * _POINT_BYTES, (last - first) * vertex_count * 3
    return np.fromfile(path, "<f4", count, offset=start).reshape(-1, vertex_count, 3)

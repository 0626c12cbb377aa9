"""The chunks of a take: sightings of one person, some rows an .npz file, arrays as in `Estimates`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from .bounded import read_arrays, shortened
from .errors import TakeError
from .types import Estimates, Int

ESTIMATE_FIELDS = tuple(known.name for known in fields(Estimates))
ROW_SHAPES: dict[str, tuple[int, ...]] = {
    "frame_index": (),
    "time_s": (),
    "box_px": (4,),
    "crop_side_px": (),
    "coarse_vertices": (431, 3),
    "joints": (14, 3),
    "weak_camera": (3,),
    "keypoints_px": (17, 2),
    "joints_px": (14, 2),
    "joint_confidence": (14,),
    "token_confidence": (34,),
    "pose_token_ids": (34,),
    "person_score": (),
}
"""Of one sighting."""
WHOLE_NUMBERS = {"frame_index", "pose_token_ids"}
CHUNK_PATTERN = "person*_*.npz"


def chunk_name(person: int, chunk: int) -> str:
    """The file of a person's chunk, both by number."""
    return f"person{person}_{chunk:04d}.npz"


def chunk_of(rows: Sequence[tuple[int, float, Estimates]]) -> dict[str, Any]:
    """The arrays of a chunk: frame numbers, time stamps, a batch of one each."""
    arrays: dict[str, Any] = {
        "frame_index": np.array([row[0] for row in rows], np.int64),
        "time_s": np.array([row[1] for row in rows], np.float64),
    }
    for name in ESTIMATE_FIELDS:
        joined = np.concatenate([getattr(row[2], name) for row in rows])
        arrays[name] = joined.astype(np.int32 if name == "pose_token_ids" else np.float32)
    return arrays


def read_chunk(path: Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Some arrays of a chunk, or all.

    Raises:
        TakeError: missing, damaged, or of another form.
    """
    wanted = list(ROW_SHAPES) if names is None else list(names)
    chunk = stored_arrays(path, {"frame_index", *wanted})
    try:
        count = len(chunk["frame_index"])
        for name in wanted:
            array, kinds = chunk[name], "iu" if name in WHOLE_NUMBERS else "f"
            is_right = array.shape == (count, *ROW_SHAPES[name]) and array.dtype.kind in kinds
            if not is_right or not np.isfinite(array).all():
                raise ValueError(f"{name} is {array.dtype} {array.shape}, or not finite")
        if not count or chunk["frame_index"].min() < 0:
            raise ValueError("it is empty, or has a frame before the first")
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error
    return {name: chunk[name] for name in wanted}


def stored_arrays(path: Path, names: Collection[str] | None = None) -> dict[str, Any]:
    """Any arrays that a take keeps. Raises a TakeError where they are missing or damaged."""
    try:
        return read_arrays(path, names)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def read_columns(paths: Sequence[Path], names: Sequence[str]) -> dict[str, Any]:
    """Arrays over all chunks of a person, by frame; of rows of the same frame the one that was written last.

    Only the asked arrays are read, and each is in memory once.

    Raises:
        TakeError: a chunk is missing or damaged.
    """
    frames = [read_chunk(path, ["frame_index"])["frame_index"] for path in paths]
    place_of = _places(np.concatenate(frames))
    starts = np.cumsum([0, *map(len, frames)])
    columns: dict[str, Any] = {}
    for path, start, end in zip(paths, starts[:-1], starts[1:], strict=True):
        chunk, places = read_chunk(path, names), place_of[start:end]
        for name, rows in chunk.items():
            if len(rows) != len(places):
                raise TakeError(f"{path}: missing or damaged; delete the take and reconstruct the clip again")
            if name not in columns:
                columns[name] = np.empty((place_of.max() + 1, *rows.shape[1:]), rows.dtype)
            columns[name][places[places >= 0]] = rows[places >= 0]
    return columns


def _places(frame_index: Int) -> Int:
    """For each row its place in the order of the frames; -1 where a later row is of the same frame."""
    _, from_the_end = np.unique(frame_index[::-1], return_index=True)
    place_of = np.full(len(frame_index), -1)
    place_of[len(frame_index) - 1 - from_the_end] = np.arange(len(from_the_end))
    return place_of


def _damaged(path: Path, error: Exception) -> TakeError:
    reason = "" if isinstance(error, OSError) else f" ({shortened(str(error), 120)})"
    return TakeError(f"{path}: missing or damaged{reason}; delete the take and reconstruct the clip again")

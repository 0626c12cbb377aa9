"""The chunks of a take: sightings of one person, some rows an .npz file, arrays as in `Estimates`."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from .errors import TakeError
from .types import Estimates, Int

ESTIMATE_FIELDS = tuple(known.name for known in fields(Estimates))


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
        TakeError: missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as chunk:
            return {key: chunk[key] for key in (chunk.files if names is None else names)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TakeError(f"{path}: missing or damaged; delete the take and reconstruct the clip again") from error


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

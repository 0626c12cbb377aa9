"""The chunks of a take: sightings of one person, some rows an .npz file, arrays as in `Estimates`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import TakeError
from ..files.untrusted import read_arrays, shortened
from ..geometry.rotations import quaternions_of
from ..types import Estimates, Float, Int
from ..weights.rotation_tokens import RotationTokens, take_shapes

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
"""Of one sighting; of weights with a rotation head also `take_shapes`."""
WHOLE_NUMBERS = {"frame_index", "pose_token_ids", "bone_token_ids"}
KINDS: dict[str, Any] = {
    "pose_token_ids": np.int32,
    "bone_token_ids": np.uint16,
    "bone_token_probability": np.float16,
}
"""All other arrays of `Estimates` are float32."""
MATRICES = 4
"""Axes of rotations (T, 24, 3, 3): all of a chunk become quaternions at once, for a tenth of what one by one costs."""
UNIT = 1e-3
"""How far a quaternion's length may be from 1."""
CHUNK_PATTERN = "person*_*.npz"


@dataclass(frozen=True, slots=True, eq=False)
class SeenJoints:
    """Where one person's joints are in the picture, T sightings in the order in which they were written.

    Attributes:
        frame_index: (T,) frames of the footage, from 0.
        time_s: (T,) container time stamps.
        joints_px: (T, 14, 2) pixels of the footage.
        joint_confidence: (T, 14) from 0 to 1.
    """

    frame_index: Int
    time_s: Float
    joints_px: Float
    joint_confidence: Float


def chunk_name(person: int, chunk: int) -> str:
    """The file of a person's chunk, both by number."""
    return f"person{person}_{chunk:04d}.npz"


def chunk_of(rows: Sequence[tuple[int, float, Estimates]]) -> dict[str, Any]:
    """The arrays of a chunk: frame numbers, time stamps, a batch of one each; matrices become quaternions."""
    arrays: dict[str, Any] = {
        "frame_index": np.array([row[0] for row in rows], np.int64),
        "time_s": np.array([row[1] for row in rows], np.float64),
    }
    for name in rows[0][2].arrays():
        joined = np.concatenate([getattr(row[2], name) for row in rows])
        if name == "bone_rotations" and joined.ndim == MATRICES:
            joined = quaternions_of(joined)
        arrays[name] = joined.astype(KINDS.get(name, np.float32))
    return arrays


def estimate_fields(sizes: RotationTokens | None) -> list[str]:
    """Names of the arrays of `Estimates` that a take holds, with the rotation tokens of its weights or without."""
    return [name for name in (*ROW_SHAPES, *take_shapes(sizes)) if name not in ("frame_index", "time_s")]


def read_chunk(path: Path, names: Sequence[str] | None = None, sizes: RotationTokens | None = None) -> dict[str, Any]:
    """Some arrays of a chunk, or all.

    Args:
        path: of the chunk.
        names: of the arrays; None for all.
        sizes: of the rotation tokens of the take's weights.

    Raises:
        TakeError: missing, damaged, or of another form.
    """
    shapes = {**ROW_SHAPES, **take_shapes(sizes)}
    wanted = list(shapes) if names is None else list(names)
    chunk = stored_arrays(path, {"frame_index", *wanted})
    try:
        count = len(chunk["frame_index"])
        for name in wanted:
            array, kinds = chunk[name], "iu" if name in WHOLE_NUMBERS else "f"
            is_right = array.shape == (count, *shapes[name]) and array.dtype.kind in kinds
            if not is_right or not np.isfinite(array).all():
                raise ValueError(f"{name} is {array.dtype} {array.shape}, or not finite")
        _check_bones({name: chunk[name] for name in wanted}, sizes)
        if not count or chunk["frame_index"].min() < 0:
            raise ValueError("it is empty, or has a frame before the first")
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error
    return {name: chunk[name] for name in wanted}


def _check_bones(chunk: dict[str, Any], sizes: RotationTokens | None) -> None:
    """Raises a ValueError where rotations are no unit quaternions, or tokens name codes that don't exist."""
    turns, ids = chunk.get("bone_rotations"), chunk.get("bone_token_ids")
    if turns is not None and np.abs(np.linalg.norm(turns.astype(np.float64), axis=-1) - 1).max(initial=0) > UNIT:
        raise ValueError("bone_rotations are no rotations")
    if ids is not None and sizes is not None and (ids.min(initial=0) < 0 or ids.max(initial=0) >= sizes.codes):
        raise ValueError(f"bone_token_ids beyond {sizes.codes}")


def seen_joints(take: Path, number: int, chunk: int) -> SeenJoints:
    """The joints in one chunk of a person.

    Args:
        take: the folder.
        number: of the person, as in `PersonStatus`.
        chunk: below `PersonStatus.chunks`.

    Raises:
        TakeError: the chunk is damaged, or gone with a person whom the run has dropped.
    """
    names = ("frame_index", "time_s", "joints_px", "joint_confidence")
    return SeenJoints(**read_chunk(take / chunk_name(number, chunk), names))


def stored_arrays(path: Path, names: Collection[str] | None = None) -> dict[str, Any]:
    """Any arrays that a take keeps. Raises a TakeError where they are missing or damaged."""
    try:
        return read_arrays(path, names)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def read_columns(paths: Sequence[Path], names: Sequence[str], sizes: RotationTokens | None = None) -> dict[str, Any]:
    """Arrays over all chunks of a person, by frame; of rows of the same frame the one that was written last.

    Only the asked arrays are read, and each is in memory once. The arguments are those of `read_chunk`.

    Raises:
        TakeError: a chunk is missing or damaged.
    """
    frames = [read_chunk(path, ["frame_index"])["frame_index"] for path in paths]
    place_of = _places(np.concatenate(frames))
    starts = np.cumsum([0, *map(len, frames)])
    columns: dict[str, Any] = {}
    for path, start, end in zip(paths, starts[:-1], starts[1:], strict=True):
        chunk, places = read_chunk(path, names, sizes), place_of[start:end]
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

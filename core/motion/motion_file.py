"""Motion -> motion.npz, and back: everything that Blender needs, in plain arrays without pickle.

Per person `pI_frame_index`, `pI_time_s`, `pI_vertices` (T, 6890, 3), `pI_joints` (T, 14, 3), `pI_transl`,
`pI_bone_rotations` (T, 24, 4) wxyz, `pI_bone_transl`, `pI_betas`, `pI_confidence`, `pI_is_filled`,
`pI_contacts` (T, 2) left and right, `pI_plausibility_mm` (T,), or (0,) without a vocabulary of poses,
`pI_gap_after` (T,): after this row frames were left out in which nobody was seen; `pI_flips`; once
`names`, `faces`, `fps`, `focal_px`, `width`, `height`, `footage`, its `film_fps` and `slowdown` (see
`footage/film_time.py`; not in the files of the first versions),
`self_check` (JSON text, see `report.checks_to_json`), `format_version`. Of a moving shot also `camera_frame_index`,
`camera_time_s`, `camera_to_world` (N, 4, 4) metres, `camera_focal_px`, `camera_centre_px`, `camera_scale`: `pI_transl`,
the vertices and the first rotation stay in the frame's own camera, which these matrices bring into the world.
Where everybody was set on one floor, `floor_down` (3,) and `floor_m`: `types.Floor`.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MocapError
from ..files.untrusted import MALFORMED, parsed_json, read_arrays, shortened, uncompressed
from ..files.windows import MadeRows, StoredRows
from ..files.written_whole import write_arrays
from ..types import CameraPath, Floor, Motion, PersonMotion
from .checks import PersonCheck
from .report import checks_to_json, from_json

FORMAT_VERSION = 1
KINDS = {"frame_index": np.int64, "time_s": np.float64, "is_filled": np.bool_, "contacts": np.bool_}
KINDS |= {"gap_after": np.bool_, "flips": np.int64}
"""All other arrays are float32."""
LATER_FIELDS = {"contacts", "plausibility_mm", "gap_after", "flips"}
"""Not in the files of the first versions."""
ANY_LENGTH = {"betas", *LATER_FIELDS}
SLOWEST, FASTEST = 1e-5, 1e7
"""Of frames a second, and of a slowdown: beyond them is no film."""
PERSON_FIELDS = tuple(name for name in PersonMotion.__dataclass_fields__ if name != "person_id")
CAMERA_FIELDS = tuple(CameraPath.__dataclass_fields__)


def write_motion(motion: Motion, path: Path) -> None:
    """Write the file, whole or not at all.

    Raises:
        OutputError: the place can't be written to.
    """
    arrays: dict[str, Any] = {
        "format_version": np.array(FORMAT_VERSION),
        "names": np.array(motion.names, np.str_),
        "faces": np.asarray(motion.faces, np.int32),
        "fps": np.array(motion.fps, np.float64),
        "focal_px": np.array(motion.focal_px, np.float64),
        "width": np.array(motion.width),
        "height": np.array(motion.height),
        "footage": np.array(str(motion.footage)),
        "film_fps": np.array(motion.film_fps or motion.fps, np.float64),
        "slowdown": np.array(motion.slowdown, np.float64),
        "self_check": np.array(json.dumps(checks_to_json(motion.self_check))),
    }
    if motion.camera is not None:
        arrays |= {_camera_key(name): np.asarray(getattr(motion.camera, name)) for name in CAMERA_FIELDS}
    if motion.floor is not None:
        arrays |= {"floor_down": np.asarray(motion.floor.down), "floor_m": np.array(motion.floor.depth_m)}
    for index, person in enumerate(motion.persons):
        for name in PERSON_FIELDS:
            value = getattr(person, name)
            is_made = isinstance(value, MadeRows)
            arrays[f"p{index}_{name}"] = value if is_made else np.asarray(value, KINDS.get(name, np.float32))
    write_arrays(Path(path), arrays)


def read_motion(path: Path) -> Motion:
    """The motion that `write_motion` wrote.

    Raises:
        MocapError: missing, damaged, or of a newer version.
    """
    path = Path(path)
    arrays = _arrays(path)
    try:
        return _motion(arrays)
    except MALFORMED as error:
        raise _damaged(path, error) from error


def open_motion(path: Path) -> Motion:
    """As `read_motion`, but `vertices` are `stored.StoredRows`: they stay in the file until rows of them are asked for.

    Raises:
        MocapError: as `read_motion`; later, when rows are read, that the file is gone or another one.
    """
    path = Path(path)
    if not path.is_file():
        return read_motion(path)
    try:
        rows = {name for name in uncompressed(path) if name.endswith("_vertices")}
        return _motion({**_arrays(path, left_out=rows), **{name: StoredRows(path, name) for name in rows}})
    except (OSError, *MALFORMED) as error:
        raise _damaged(path, error) from error


def read_checks(path: Path) -> tuple[PersonCheck, ...]:
    """The self-check alone, without the vertices; () in a file of a version that made none.

    Raises:
        MocapError: as `read_motion`.
    """
    path = Path(path)
    arrays = _arrays(path, {"format_version", "self_check"})
    try:
        return _checks(arrays)
    except MALFORMED as error:
        raise _damaged(path, error) from error


def _arrays(path: Path, names: Collection[str] | None = None, left_out: Collection[str] = ()) -> dict[str, Any]:
    if not path.is_file():
        raise MocapError(f"{path}: no such motion; make one: python -m core solve clip.take -o {path.name}")
    try:
        arrays = read_arrays(path, names, left_out=left_out)
        if int(arrays["format_version"]) > FORMAT_VERSION:
            raise MocapError(f"{path}: made by a newer version; update, or solve the take again")
    except (OSError, *MALFORMED) as error:
        raise _damaged(path, error) from error
    return arrays


def _damaged(path: Path, error: Exception) -> MocapError:
    return MocapError(f"{path}: damaged or no motion ({shortened(str(error), 120)}); solve the take again")


def _checks(arrays: Any) -> tuple[PersonCheck, ...]:
    return from_json(parsed_json(str(arrays["self_check"]))) if "self_check" in arrays else ()


def _motion(arrays: Any) -> Motion:
    names = [str(name) for name in arrays["names"]]
    persons = [_person(arrays, index, person_id) for index, person_id in enumerate(names)]
    return Motion(
        persons=persons,
        faces=arrays["faces"],
        fps=float(arrays["fps"]),
        focal_px=float(arrays["focal_px"]),
        width=int(arrays["width"]),
        height=int(arrays["height"]),
        footage=Path(str(arrays["footage"])),
        self_check=_checks(arrays),
        camera=_camera(arrays),
        floor=_floor(arrays),
        film_fps=_rate(arrays, "film_fps"),
        slowdown=_rate(arrays, "slowdown") or 1.0,
    )


def _rate(arrays: Any, name: str) -> float | None:
    if name not in arrays:
        return None
    rate = float(arrays[name])
    if not SLOWEST < rate < FASTEST:
        raise ValueError(f"{name} is {rate}")
    return rate


def _floor(arrays: Any) -> Floor | None:
    if "floor_down" not in arrays:
        return None
    down, depth_m = np.asarray(arrays["floor_down"], np.float64), float(arrays["floor_m"])
    if down.shape != (3,) or not np.isfinite([*down, depth_m]).all():
        raise ValueError(f"the floor is no plane: {down.shape}")
    return Floor(down, depth_m)


def _camera(arrays: Any) -> CameraPath | None:
    if _camera_key("camera_to_world") not in arrays:
        return None
    stored = {name: arrays[_camera_key(name)] for name in CAMERA_FIELDS}
    return CameraPath(**{**stored, "scale": float(stored["scale"])})


def _camera_key(name: str) -> str:
    return name if name.startswith("camera_") else f"camera_{name}"


def _person(arrays: Any, index: int, person_id: str) -> PersonMotion:
    keys = {name: f"p{index}_{name}" for name in PERSON_FIELDS}
    stored = {name: arrays[key] for name, key in keys.items() if name not in LATER_FIELDS or key in arrays}
    frames = len(stored["frame_index"])
    gap_after = stored.get("gap_after", ())
    if len(gap_after) not in (0, frames) or any(
        value.shape[:1] != (frames,) for name, value in stored.items() if name not in ANY_LENGTH
    ):
        raise ValueError(f"person {person_id} has arrays of other lengths than {frames}")
    return PersonMotion(person_id=person_id, **stored)

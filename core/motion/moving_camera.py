"""A camera that moves: its file, the way between its rows, and the turns between its frames and the world.

    camera.npz   frame_index (N,)           frames of the footage, from 0, ascending
                 camera_to_world (N, 4, 4)  any unit; camera and world x right, y down, z forward
                 focal_px                   one, or (N,) where the lens zooms
                 centre_px (2,)             the pixel on the camera's axis; may be left out: the middle

The camera of a moving shot turns and carries everything that it sees. People are brought into the world, where they
walk and stand as before a camera that stands, and back, so that they lie on the footage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from scipy.spatial.transform import Rotation

from ..body.model import load_body
from ..errors import CameraError
from ..files.untrusted import read_arrays, shortened
from ..files.windows import MadeRows, StoredRows
from ..geometry.rotations import at_times, matrices_of
from ..geometry.skinning import forward_kinematics
from ..types import CameraPath, Float, Int, Motion, PersonMotion
from .contacts import runs
from .trajectory import LockedBody, interpolated, whole_frames

KEYS = ("frame_index", "camera_to_world", "focal_px")
LAST_FRAME = 10**7
"""Nearly two days at 60 frames a second."""
SQUARE = 1e-3
"""By which a rotation may miss to be one: float32, and a scale that was taken off."""
LEVEL_RAD = np.radians(30.0)
"""Between the world's down and the people's: beyond it nobody has turned the solve upright."""
DOWN = np.array([0.0, 1.0, 0.0])
ANKLES, HEAD = (7, 8), 15
"""SMPL's joints."""


def read_camera(path: Path, size_px: tuple[int, int], fps: float) -> CameraPath:
    """The camera of a file, in the file's unit; times are by the frame rate.

    Args:
        path: the file.
        size_px: width and height of the footage.
        fps: of the footage.

    Raises:
        CameraError: missing, damaged, of another form, or with numbers that are no camera.
    """
    path = Path(path)
    held = _arrays(path)
    frames, matrices = held["frame_index"], np.asarray(held["camera_to_world"], np.float64)
    focal, centre = np.asarray(held["focal_px"], np.float64), held.get("centre_px", np.array(size_px) / 2)
    if frames.ndim != 1 or not len(frames) or frames.dtype.kind not in "iu" or (np.diff(frames) <= 0).any():
        _refuse(path, f"frame_index must be whole numbers that rise, got {frames.dtype} {frames.shape}")
    if frames[0] < 0 or frames[-1] > LAST_FRAME:
        _refuse(path, f"frames from {frames[0]} to {frames[-1]}, not within 0 to {LAST_FRAME}")
    if matrices.shape != (len(frames), 4, 4):
        _refuse(path, f"camera_to_world must be ({len(frames)}, 4, 4), got {matrices.shape}")
    if focal.size not in (1, len(frames)) or np.shape(centre) != (2,):
        _refuse(path, f"focal_px must be one or {len(frames)} numbers and centre_px two")
    if not all(np.isfinite(values).all() for values in (matrices, focal, centre)):
        bad = frames[~np.isfinite(matrices).all((1, 2))]
        _refuse(path, f"numbers that are not finite{f', first in frame {bad[0]}' if len(bad) else ''}")
    if not (focal > 0).all():
        _refuse(path, f"focal_px must be above 0, got {focal.min():g}")
    turns = matrices[:, :3, :3]
    off = np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
    if (off > SQUARE).any() or (np.linalg.det(turns) < 0).any():
        _refuse(path, f"the matrix of frame {frames[off.argmax()]} is no rotation; take scale and mirroring off")
    focal = np.broadcast_to(focal.ravel(), (len(frames),)).copy()
    return CameraPath(frames.astype(np.int64), frames / fps, matrices, focal, np.asarray(centre, np.float64))


def _arrays(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CameraError(f"{path}: no such file; solve the camera in Blender and give its file, or leave --camera out")
    try:
        held = read_arrays(path)
    except (OSError, ValueError) as error:
        reason = shortened(str(error), 120)
        raise CameraError(f"{path}: damaged or no camera ({reason}); write the camera's file again") from error
    missing = [key for key in KEYS if key not in held]
    if missing:
        _refuse(path, f"it lacks {', '.join(missing)}")
    if any(held[key].dtype.kind not in "fiu" for key in {*KEYS, "centre_px"} & held.keys()):
        _refuse(path, "it holds something else than numbers")
    return held


def _refuse(path: Path, problem: str) -> None:
    raise CameraError(f"{path}: {problem}; write the camera's file again")


def covering(camera: CameraPath, frame_index: Int, time_s: Float, step: int) -> tuple[CameraPath, str]:
    """The camera on every frame from its first or the people's to the last, at the footage's own times.

    Args:
        camera: as read.
        frame_index: (T,) frames of the footage in which somebody is, ascending.
        time_s: (T,) their time stamps.
        step: of the take: frames between are not looked at.

    Returns:
        The camera, and a sentence about the frames without a solve in which somebody is; empty where there are none.

    Raises:
        CameraError: it knows none of the people's frames.
    """
    known = camera.frame_index
    if known[-1] < frame_index[0] or known[0] > frame_index[-1]:
        raise CameraError(
            f"the camera is solved in frames {known[0]} to {known[-1]}, people are in {frame_index[0]} to "
            f"{frame_index[-1]}; solve these frames, or check where the footage begins"
        )
    every = np.arange(min(known[0], frame_index[0]), max(known[-1], frame_index[-1]) + 1)
    pace_s = float(np.median(np.diff(time_s) / np.diff(frame_index))) if len(frame_index) > 1 else 0.0
    pace_s = pace_s or float(np.median(np.diff(camera.time_s))) if len(known) > 1 else pace_s
    times = np.interp(every, frame_index, time_s)
    times += pace_s * (np.minimum(every - frame_index[0], 0) + np.maximum(every - frame_index[-1], 0))
    stamped = replace(camera, time_s=np.interp(known, every, times))
    lacking = np.isin(every, frame_index) & ~np.isin(every, known)
    return replace(sampled(stamped, times), frame_index=every), _lacking_text(every, lacking, known, step)


def _lacking_text(every: Int, lacking: Any, known: Int, step: int) -> str:
    wide = lacking.copy()
    for away in range(1, step):  # a take of every n-th frame: what lies between is no end of a range
        wide[away:] |= lacking[:-away]
    ranges = [(every[first], every[last]) for first, last in runs(wide & ~np.isin(every, known))]
    if not ranges:
        return ""
    told = ", ".join(f"{first} to {last}" if first < last else f"{first}" for first, last in ranges[:3])
    more = f" and {len(ranges) - 3} more ranges" if len(ranges) > 3 else ""
    return f"the camera is not solved in frames {told}{more}: it goes straight there, and stands beyond its ends"


def sampled(camera: CameraPath, time_s: Float) -> CameraPath:
    """The camera at other times, one row each; `frame_index` is the nearest row's."""
    turns = Rotation.from_matrix(camera.camera_to_world[:, :3, :3]).as_quat()
    wxyz = at_times(np.roll(turns, 1, axis=1)[:, None], camera.time_s, time_s)[:, 0]
    matrices = np.tile(np.eye(4), (len(time_s), 1, 1))
    matrices[:, :3, :3] = matrices_of(wxyz)
    matrices[:, :3, 3] = interpolated(camera.camera_to_world[:, :3, 3], camera.time_s, time_s)
    nearest = np.round(np.interp(time_s, camera.time_s, np.arange(len(camera.time_s)))).astype(int)
    return replace(
        camera,
        frame_index=camera.frame_index[nearest],
        time_s=np.asarray(time_s),
        camera_to_world=matrices,
        focal_px=np.interp(time_s, camera.time_s, camera.focal_px),
    )


def at_rate(camera: CameraPath, fps: float) -> CameraPath:
    """The camera on the whole frames of another rate."""
    frame_index = whole_frames(camera.time_s, fps)
    return replace(sampled(camera, frame_index / fps), frame_index=frame_index)


def level(camera: CameraPath, upright: Sequence[Float]) -> CameraPath:
    """The camera in a world whose y points down, as the people's feet say where nobody has turned the solve.

    Args:
        camera: in any world.
        upright: per person (T, 3) from the ankles to the head in that world.
    """
    ways = np.concatenate(list(upright))
    down = -np.median(ways / np.linalg.norm(ways, axis=1, keepdims=True), axis=0)
    down /= max(float(np.linalg.norm(down)), 1e-9)
    angle = float(np.arccos(np.clip(down @ DOWN, -1, 1)))
    if angle <= LEVEL_RAD:
        return camera
    axis = np.cross(down, DOWN)
    length = float(np.linalg.norm(axis))
    axis = axis / length if length > 1e-6 else np.array([1.0, 0.0, 0.0])
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(angle * axis).as_matrix()
    return replace(camera, camera_to_world=turn @ camera.camera_to_world)


def scaled(camera: CameraPath, scale: float) -> CameraPath:
    """The camera in metres, of which a unit of its own stands for so many."""
    matrices = camera.camera_to_world.copy()
    matrices[:, :3, 3] *= scale
    return replace(camera, camera_to_world=matrices, scale=scale)


def to_world(points: Float, matrices: Float) -> Float:
    """Points (T, ..., 3) in the frames' cameras (T, 4, 4), brought into the world."""
    flat = points.reshape(len(points), -1, 3) @ matrices[:, :3, :3].swapaxes(1, 2).astype(points.dtype)
    return np.asarray((flat + matrices[:, None, :3, 3].astype(points.dtype)).reshape(points.shape))


def to_camera(points: Float, matrices: Float) -> Float:
    """Points (T, ..., 3) of the world in the frames' cameras (T, 4, 4)."""
    flat = points.reshape(len(points), -1, 3) - matrices[:, None, :3, 3].astype(points.dtype)
    return np.asarray((flat @ matrices[:, :3, :3].astype(points.dtype)).reshape(points.shape))


def turned_to_world(rotations: Float, matrices: Float) -> Float:
    """Local rotations (T, 24, 4) wxyz whose first is against the frame's camera: against the world."""
    return _turned(rotations, Rotation.from_matrix(matrices[:, :3, :3]))


def turned_to_camera(rotations: Float, matrices: Float) -> Float:
    """The other way."""
    return _turned(rotations, Rotation.from_matrix(matrices[:, :3, :3]).inv())


def _turned(rotations: Float, turns: Rotation) -> Float:
    out = np.array(rotations)
    first = turns * Rotation.from_quat(np.roll(rotations[:, 0], -1, axis=-1))
    out[:, 0] = np.roll(first.as_quat(), 1, axis=-1)
    return out


def in_world(motion: Motion) -> Motion:
    """The motion of a moving shot with its people in the camera's world in place of its frames; others as they are.

    `bone_transl` comes out right for the open body alone, whose pelvis at rest it needs.
    """
    if motion.camera is None:
        return motion
    path = motion.camera
    persons = [person_in_world(person, sampled(path, person.time_s).camera_to_world) for person in motion.persons]
    return replace(motion, persons=persons)


class TurnedRows:
    """Rows in a file, or made when read, turned by matrices (T, 4, 4) when they are read: `rows[5]`, `rows[10:20]`."""

    def __init__(self, rows: Any, matrices: Float) -> None:
        self._rows, self._matrices, self.shape = rows, matrices, rows.shape

    def __len__(self) -> int:
        return len(self._matrices)

    def __getitem__(self, rows: int | slice) -> Float:
        if isinstance(rows, slice):
            return to_world(self._rows[rows], self._matrices[rows])
        return np.asarray(to_world(self._rows[rows][None], self._matrices[rows][None])[0])


def upright_of(rotations: Float, shape: LockedBody) -> Float:
    """(T, 3) from the ankles to the head, of local rotations (T, 24, 4)."""
    bones = forward_kinematics(matrices_of(rotations), shape.rest_joints[None], shape.body.parents)[1]
    return np.asarray(bones[:, HEAD] - bones[:, list(ANKLES)].mean(1))


def person_in_world(person: PersonMotion, matrices: Float, pelvis: Float | None = None) -> PersonMotion:
    """One person, by the cameras (T, 4, 4) of the rows; `pelvis` (3,) at rest, None for the open body's."""
    if pelvis is None:
        pelvis = load_body().shape(np.asarray(person.betas)[None])[1][0, 0]
    turns = np.tile(np.eye(4), (len(matrices), 1, 1))
    turns[:, :3, :3] = matrices[:, :3, :3]
    is_lazy = isinstance(person.vertices, StoredRows | MadeRows)
    return replace(
        person,
        vertices=cast(Float, TurnedRows(person.vertices, turns)) if is_lazy else to_world(person.vertices, turns),
        joints=to_world(person.joints, turns),
        transl=to_world(person.transl.astype(np.float64), matrices),
        bone_rotations=turned_to_world(person.bone_rotations, matrices).astype(np.float32),
        bone_transl=to_world(pelvis + np.asarray(person.bone_transl, np.float64), turns) - pelvis,
    )

"""A camera that is solved or animated in Blender already, read for the engine.

    solve      a Movie Clip's own solve; placed by a camera with a Camera Solver constraint, where there is one
    keys       a scene's camera that moves by keys, a baked solve among them

Frames are the footage's, counted from 0. The lens' distortion is not read: a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import axes, bridge
from ..scene.curves import existing_curves
from ..scene.evaluated import evaluated_frames
from ..scene.take_records import PART
from .properties import film_of, frame_range, settings_of, shown_clip

FEWEST_FRAMES = 2
DISTORTION = {
    "POLYNOMIAL": ("k1", "k2", "k3"),
    "DIVISION": ("division_k1", "division_k2"),
    "NUKE": ("nuke_k1", "nuke_k2"),
    "BROWN": ("brown_k1", "brown_k2", "brown_k3", "brown_k4", "brown_p1", "brown_p2"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What there is, or why there is nothing: `problem` is empty where `frames` can be read."""

    problem: str
    frames: int = 0
    clip: Any = None
    holder: Any = None
    """The camera object: of the Camera Solver, or with the keys; None for a solve alone."""

    @property
    def is_solve(self) -> bool:
        """Whether the clip's own solve is read."""
        return self.clip is not None


def find_camera(scene: bpy.types.Scene) -> Found:
    """What could be read for the chosen footage; quick enough for a panel."""
    settings = settings_of(scene)
    clip = shown_clip(settings)
    if clip is not None and clip.tracking.reconstruction.is_valid:
        count = len(clip.tracking.reconstruction.cameras)
        if count < FEWEST_FRAMES:
            return Found(f"The clip's camera is solved in {count} frame: solve more of it")
        found = Found("", count, clip, _solver_of(scene, clip))
    else:
        found = _keyed(scene)
    if found.problem:
        return found
    first, last = frame_range(settings, scene)
    known = _known_frames(scene, found)
    if (last is not None and known[0] > last) or (first is not None and known[1] < first):
        return Found(f"The camera is solved in frames {known[0] + 1} to {known[1] + 1}, none of the chosen ones")
    return found


def _keyed(scene: bpy.types.Scene) -> Found:
    """A camera with keys, the scene's own first; none that this add-on made for a take."""
    cameras = (camera for camera in _cameras(scene) if PART not in camera and _animated_range(camera))
    camera = next(cameras, None)
    if camera is None:
        return Found("No camera is solved: solve it in the Movie Clip Editor, or make an animated camera the scene's")
    first, last = _animated_range(camera)  # type: ignore[misc]
    if last - first + 1 < FEWEST_FRAMES:
        return Found(f"{camera.name} has keys on one frame only: it stands")
    return Found("", last - first + 1, None, camera)


def _animated_range(camera: bpy.types.Object) -> tuple[int, int] | tuple[()]:
    """First and last scene frame with keys on a camera or what it hangs from; () where it has none."""
    keyed: list[float] = []
    item: Any = camera
    while item is not None:
        keyed += [value for curve in existing_curves(item) for value in curve.range()]
        item = item.parent
    return (int(np.floor(min(keyed))), int(np.ceil(max(keyed)))) if keyed else ()


def _solver_of(scene: bpy.types.Scene, clip: Any) -> Any:
    """The camera, the scene's own first, that a Camera Solver constraint puts where the clip's solve says."""
    for camera in _cameras(scene):
        for constraint in camera.constraints:
            if constraint.type == "CAMERA_SOLVER" and not constraint.mute:
                its_clip = scene.active_clip if constraint.use_active_clip else constraint.clip
                if its_clip == clip:
                    return camera
    return None


def _cameras(scene: bpy.types.Scene) -> Iterator[Any]:
    """The cameras of a scene, its own first."""
    return (item for item in (scene.camera, *scene.objects) if item is not None and item.type == "CAMERA")


def _known_frames(scene: bpy.types.Scene, found: Found) -> tuple[int, int]:
    """First and last frame of the footage, from 0."""
    film = film_of(settings_of(scene))
    if found.is_solve:
        cameras = found.clip.tracking.reconstruction.cameras
        return film.frame_at(_solved_at(found, cameras[0])), film.frame_at(_solved_at(found, cameras[-1]))
    first, last = _animated_range(found.holder)  # type: ignore[misc]
    return film.frame_at(first), film.frame_at(last)


def _solved_at(found: Found, camera: Any) -> int:
    """Scene frame of a camera of a solve, which counts from the clip's start, from 1."""
    return int(found.clip.frame_start + camera.frame - 1)


def distortion_note(found: Found) -> str:
    """What to say of a lens whose distortion is not read; empty for one without."""
    if not found.is_solve:
        return ""
    lens = found.clip.tracking.camera
    names = DISTORTION.get(lens.distortion_model, ())
    if all(getattr(lens, name, 0.0) == 0 for name in names):
        return ""
    return "The clip's lens distortion is ignored: undistorted footage fits better"


def write_camera(scene: bpy.types.Scene, path: Path) -> None:
    """Write the file that the engine reads.

    Raises:
        MocapError: there is no camera to read, or the place can't be written to.
    """
    found = find_camera(scene)
    if found.problem:
        raise bridge.MocapError(f"{found.problem}; or choose a camera that stands")
    bridge.make_folder(path.parent)
    bridge.write_arrays(path, _read_solve(scene, found) if found.is_solve else _read_keys(scene, found.holder))


def _read_solve(scene: bpy.types.Scene, found: Found) -> dict[str, Any]:
    film = film_of(settings_of(scene))
    solved = reversed(list(found.clip.tracking.reconstruction.cameras))
    by_frame = {film.frame_at(_solved_at(found, camera)): camera for camera in solved}  # of repeated ones the first
    frames = sorted(frame for frame in by_frame if frame >= 0)
    cameras = [by_frame[frame] for frame in frames]
    lens, (_, height) = found.clip.tracking.camera, found.clip.size
    matrices = np.array([[*map(list, camera.matrix)] for camera in cameras], np.float64)
    x, y = lens.principal_point_pixels
    return {
        "frame_index": np.array(frames, np.int64),
        "camera_to_world": axes.cameras_to_core(_placed_by(found) @ matrices),
        "focal_px": np.array(lens.focal_length_pixels, np.float64),
        "centre_px": np.array([x, height - y], np.float64),
    }


def _placed_by(found: Found) -> axes.Float:
    """(4, 4) by which the Camera Solver's camera moves the whole solve: how the user turned it upright."""
    holder = found.holder
    if holder is None:
        return np.eye(4)
    parent = np.eye(4) if holder.parent is None else np.array(holder.parent.matrix_world @ holder.matrix_parent_inverse)
    return np.asarray(parent @ np.array(holder.matrix_basis))


def _read_keys(scene: bpy.types.Scene, camera: Any) -> dict[str, Any]:
    first, last = _animated_range(camera)  # type: ignore[misc]
    film = film_of(settings_of(scene))
    frames = np.arange(max(0, film.frame_at(first)), film.frame_at(last) + 1)
    if not len(frames):
        raise bridge.MocapError(f"{camera.name} moves before the footage begins only; choose a camera that stands")
    matrices, lenses = [], []
    clip = shown_clip(settings_of(scene))
    width, height = clip.size if clip is not None else (scene.render.resolution_x, scene.render.resolution_y)
    shown = np.array([film.scene_frame_of(int(frame)) for frame in frames], np.float64)
    for (seen,) in evaluated_frames([camera], shown):
        matrices.append([*map(list, seen.matrix_world)])
        lenses.append(_lens_px(seen.data, width, height))
    lens = np.array(lenses)
    return {
        "frame_index": frames.astype(np.int64),
        "camera_to_world": axes.cameras_to_core(np.array(matrices, np.float64)),
        "focal_px": lens[:, 0],
        "centre_px": lens[0, 1:],
    }


def _lens_px(data: Any, width: int, height: int) -> tuple[float, float, float]:
    """Focal length and centre in the footage's pixels, y down."""
    is_wide = data.sensor_fit == "HORIZONTAL" or (data.sensor_fit == "AUTO" and width >= height)
    side = width if is_wide else height
    sensor_mm = data.sensor_height if data.sensor_fit == "VERTICAL" else data.sensor_width
    return (
        data.lens * side / sensor_mm,
        width / 2 - data.shift_x * side,
        height / 2 + data.shift_y * side,
    )

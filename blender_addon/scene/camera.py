"""The camera that shot the footage, with the footage behind it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from mathutils import Matrix

from .. import axes, bridge
from .curves import curves_of, write_curve, write_vector_curves
from .film_frames import FilmFrames, clip_path, sequence_of
from .turned_clip import turn_background

if TYPE_CHECKING:
    from ..bridge import Motion

logger = logging.getLogger(__name__)
NEAR_SHARE = 0.5
"""Of the way to the nearest body: what the scene already has around the camera doesn't block its view."""
NEAREST_M = 0.02
FAR_M = 1000.0
SAME_LENS_MM = 1e-3
"""A lens that changes by less doesn't zoom."""


def make_camera(motion: Motion, nearest_m: float, name: str) -> bpy.types.Object:
    """A camera object, not yet in a collection: looking through it, a metre covers the footage's pixels.

    Args:
        motion: of the footage.
        nearest_m: depth of the nearest vertex of anybody.
        name: of the object.
    """
    data = bpy.data.cameras.new(name)
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = axes.SENSOR_WIDTH_MM
    data.sensor_height = axes.SENSOR_WIDTH_MM * motion.height / motion.width
    data.lens = axes.lens_mm(motion.focal_px, motion.width)
    data.clip_start, data.clip_end = NEAR_SHARE * max(NEAREST_M, nearest_m), FAR_M
    camera = bpy.data.objects.new(name, data)
    camera.rotation_euler = axes.CAMERA_EULER
    return camera


def key_camera(camera: bpy.types.Object, motion: Motion, film: FilmFrames) -> None:
    """Key a moving shot's camera: its way, its zoom; and put its axis where the footage has it.

    Args:
        camera: made by `make_camera`.
        motion: with a camera path.
        film: where the footage lies in the scene.
    """
    path: Any = motion.camera
    data: Any = camera.data
    frames = film.frames_of(path.time_s)
    matrices = [Matrix(matrix.tolist()) for matrix in axes.cameras_to_blender(path.camera_to_world)]
    turns = bridge.continuous(np.array([matrix.to_quaternion() for matrix in matrices]))
    camera.rotation_mode = "QUATERNION"
    curves = curves_of(camera, camera.name)
    write_vector_curves(curves, "location", frames, np.array([matrix.translation for matrix in matrices]))
    write_vector_curves(curves, "rotation_quaternion", frames, turns)
    lenses = np.array([axes.lens_mm(focal_px, motion.width) for focal_px in path.focal_px])
    if np.ptp(lenses) > SAME_LENS_MM:
        write_curve(curves_of(data, f"{camera.name} lens"), "lens", frames, lenses)
    off_px = path.centre_px - np.array([motion.width, motion.height]) / 2
    data.shift_x, data.shift_y = -off_px[0] / motion.width, off_px[1] / motion.width


def show_footage(camera: bpy.types.Object, footage: Path) -> Any:
    """Put the footage behind the camera's view.

    Returns:
        The movie clip, or None (with a warning in the log) where Blender can't read the file.
    """
    clip = load_clip(footage)
    if clip is None:
        return None
    data: Any = camera.data
    background = data.background_images.new()
    background.source = "MOVIE_CLIP"
    background.clip = clip
    background.alpha = 1.0
    background.display_depth = "BACK"
    background.frame_method = "STRETCH"  # the render has the footage's own shape
    turn_background(background, clip)
    data.show_background_images = True
    return clip


def load_clip(footage: Path) -> Any:
    """The footage as a movie clip, or None where Blender can't read it.

    The one that the .blend has already, left as it is; else a new one that starts at scene frame 1.
    """
    if (clip := opened_clip(footage)) is not None and _is_readable(clip):
        return clip
    first = first_picture(footage)
    if first is None or not first.is_file():
        logger.warning("%s: not there, so the camera has no footage behind it", footage)
        return None
    try:
        clip = bpy.data.movieclips.load(str(first.resolve()))
    except RuntimeError as error:
        logger.warning("%s: Blender can't show it behind the camera (%s)", footage, error)
        return None
    if not _is_readable(clip):
        logger.warning("%s: Blender finds no picture in it", footage)
        if not clip.users:
            bpy.data.movieclips.remove(clip)
        return None
    return clip


def _is_readable(clip: Any) -> bool:
    """Whether Blender finds a picture in a clip: it opens any file as one."""
    return clip.frame_duration >= 1 and (clip.source != "MOVIE" or bool(clip.fps))


def opened_clip(footage: Path) -> Any:
    """The movie clip of a file, or of a sequence, that the .blend has already; None where there is none.

    Blender's own `check_existing` compares names: a relative path or a link makes a second clip. Any picture of a
    sequence stands for it, first of all the one that was chosen.
    """
    clips: Any = [clip for clip in bpy.data.movieclips if clip.library is None]
    there = footage.resolve()
    found = next((clip for clip in clips if clip_path(clip) == there), None)
    names = sequence_of(there)
    if found is not None or names is None:
        return found
    files = set(names.files.values())
    return next((clip for clip in clips if clip.source == "SEQUENCE" and clip_path(clip) in files), None)


def first_picture(footage: Path) -> Path | None:
    """The file to open: of pictures the first of the sequence; None for a folder without one sequence."""
    names = sequence_of(footage)
    if names is None:
        return None if footage.is_dir() else footage
    first: Path = names.files[min(names.files)]
    return first


def match_scene(scene: bpy.types.Scene, motion: Motion, camera: bpy.types.Object, fps: float) -> None:
    """Give the scene the footage's size, a frame rate, and this camera."""
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = motion.width, motion.height, 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    set_scene_fps(scene, fps)
    scene.camera = camera


def set_scene_fps(scene: bpy.types.Scene, fps: float) -> None:
    """Give a scene a frame rate, whole or not."""
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps


def scene_fps(scene: bpy.types.Scene) -> float:
    """Frames per second of a scene."""
    return float(scene.render.fps) / float(scene.render.fps_base)

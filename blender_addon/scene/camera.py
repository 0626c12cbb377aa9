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

if TYPE_CHECKING:
    from ..bridge import Motion

logger = logging.getLogger(__name__)
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".exr", ".webp"}
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


def key_camera(camera: bpy.types.Object, motion: Motion, fps: float) -> None:
    """Key a moving shot's camera: its way, its zoom; and put its axis where the footage has it.

    Args:
        camera: made by `make_camera`.
        motion: with a camera path.
        fps: of the scene.
    """
    path: Any = motion.camera
    data: Any = camera.data
    frames = axes.time_to_scene_frame(path.time_s, fps)
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
    data.show_background_images = True
    return clip


def load_clip(footage: Path) -> Any:
    """The footage as a movie clip that starts at scene frame 1, or None where Blender can't read it."""
    first = first_picture(footage) if footage.is_dir() else footage
    if first is None or not first.is_file():
        logger.warning("%s: not there, so the camera has no footage behind it", footage)
        return None
    try:
        clip: Any = _opened(first) or bpy.data.movieclips.load(str(first.resolve()))
    except RuntimeError as error:
        logger.warning("%s: Blender can't show it behind the camera (%s)", footage, error)
        return None
    clip.frame_start = axes.FIRST_SCENE_FRAME
    if clip.frame_duration < 1 or (clip.source == "MOVIE" and not clip.fps):  # Blender opens any file as a clip
        logger.warning("%s: Blender finds no picture in it", footage)
        if not clip.users:
            bpy.data.movieclips.remove(clip)
        return None
    return clip


def clip_path(clip: Any) -> Path:
    """The file of a movie clip, absolute, without links."""
    return Path(bpy.path.abspath(clip.filepath, library=clip.library)).resolve()


def _opened(file: Path) -> Any:
    """The movie clip of this file that the .blend has already; None where there is none.

    Blender's own `check_existing` compares names: a relative path or a link makes a second clip.
    """
    clips: Any = bpy.data.movieclips
    return next((clip for clip in clips if clip.library is None and clip_path(clip) == file.resolve()), None)


def first_picture(folder: Path) -> Path | None:
    """The first picture of an image sequence's folder, by name."""
    pictures = [path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES]
    numbered = sorted(pictures, key=lambda path: (len(path.name), path.name))  # 2 before 10
    return numbered[0] if numbered else None


def match_scene(scene: bpy.types.Scene, motion: Motion, camera: bpy.types.Object) -> None:
    """Give the scene the footage's size and frame rate, and this camera."""
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = motion.width, motion.height, 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    set_scene_fps(scene, motion.fps)
    scene.camera = camera


def set_scene_fps(scene: bpy.types.Scene, fps: float) -> None:
    """Give a scene a frame rate, whole or not."""
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps


def scene_fps(scene: bpy.types.Scene) -> float:
    """Frames per second of a scene."""
    return float(scene.render.fps) / float(scene.render.fps_base)

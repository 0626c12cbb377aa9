"""Where a take's footage should be, and what in the scene has to learn that it has moved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from .. import bridge
from ..engine.request import request_from_json, request_to_json
from ..scene.camera import first_picture, load_clip, show_footage
from ..scene.film_frames import clip_path
from ..scene.take_records import TAKE, TakeRecord
from ..scene.turned_clip import upright_size
from .properties import settings_of

SHAPE_TOLERANCE = 0.01
"""Of width by height; a pixel more or less on a side is the same picture."""


def lost_footage(record: TakeRecord) -> list[Path]:
    """Where the take and the clip behind its camera look for the footage in vain; empty where it is there."""
    of_take = bridge.take_status(record.take).footage if record.take else None
    known = [of_take, *(_footage_of_clip(clip, of_take) for clip in _behind(record))]
    return [path for path in dict.fromkeys(known) if path is not None and not path.exists()]


def shape_problem(record: TakeRecord, footage: Path) -> str:
    """Why a file can't be the footage, as far as the scene alone can tell; empty where it can."""
    known = set(bpy.data.movieclips)
    clip = load_clip(footage)
    if clip is None:
        return f"{footage}: Blender can't open it as a Movie Clip; choose the footage of {record.built.collection}"
    width, height = upright_size(clip)
    if clip not in known:
        bpy.data.movieclips.remove(clip)
    camera: Any = bpy.data.objects.get(record.built.camera)
    if camera is not None and height and width:
        shape, wanted = height / width, camera.data.sensor_height / camera.data.sensor_width
        if abs(shape / wanted - 1) > SHAPE_TOLERANCE:
            return (
                f"{footage}: another clip than that of {record.built.collection} ({width} x {height} pixels have "
                "another shape than its camera); choose the file that it was made from"
            )
    return ""


def relink_scene(record: TakeRecord, was: list[Path], footage: Path) -> None:
    """Let all that looks for the footage in one of some places find it in another: clips, choices, queue, camera.

    Args:
        record: of the take.
        was: files or folders that are gone.
        footage: file or folder.
    """
    clips: Any = bpy.data.movieclips
    for clip in [clip for clip in clips if clip.library is None and _is_of(clip, was)]:
        there = footage if clip.source == "MOVIE" else _folder(footage) / clip_path(clip).name
        clip.filepath = str(there if there.is_file() else first_picture(footage) or footage)
    for scene in bpy.data.scenes:
        _relink_choices(settings_of(scene), was, footage)
    camera = bpy.data.objects.get(record.built.camera)
    if camera is not None and not _behind(record):
        has_footage = show_footage(camera, footage) is not None
    else:
        has_footage = record.built.has_footage
    collection: Any = bpy.data.collections[record.built.collection]
    collection[TAKE] = json.dumps({**json.loads(collection[TAKE]), "has_footage": has_footage})


def _relink_choices(settings: Any, was: list[Path], footage: Path) -> None:
    gone = {str(path) for path in was}
    for name in ("footage", "folder"):
        if bpy.path.abspath(getattr(settings, name)) in gone:
            setattr(settings, name, str(footage))
    if settings.found_in in gone:
        settings.found_in = str(footage)
    for item in settings.queue:
        request = request_from_json(item.request)
        if request.footage in was:
            item.request = request_to_json(replace(request, footage=footage))


def _behind(record: TakeRecord) -> list[Any]:
    """Clips behind the take's camera."""
    camera: Any = bpy.data.objects.get(record.built.camera)
    backgrounds = camera.data.background_images if camera is not None and camera.type == "CAMERA" else ()
    return [background.clip for background in backgrounds if background.clip is not None]


def _footage_of_clip(clip: Any, of_take: Path | None) -> Path:
    """The file of a clip; of pictures their folder, unless the take knows them by one of them."""
    is_folder = clip.source == "SEQUENCE" and (of_take is None or not of_take.suffix)
    return clip_path(clip).parent if is_folder else clip_path(clip)


def _is_of(clip: Any, was: list[Path]) -> bool:
    file = clip_path(clip)
    is_sequence = clip.source == "SEQUENCE"
    return file in was or (is_sequence and (file.parent in was or file.parent in {path.parent for path in was}))


def _folder(footage: Path) -> Path:
    return footage if footage.is_dir() else footage.parent

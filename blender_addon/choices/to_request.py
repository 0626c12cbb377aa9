"""From the scene's choices and the preferences to a request, or to the reason why there is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from ..engine import session
from ..engine.request import CleanUp, Request, title_of
from ..scene.build import BuildSettings
from ..scene.film_frames import pictures_problem
from .people import Anchor, boxes_text
from .preferences import preference, readiness_now, takes_folder
from .properties import film_of, footage_path, found_people, frame_range, settings_of, shown_clip
from .solved_camera import find_camera, write_camera

SHORTEST_M = 0.5
"""Nobody is shorter; a height of 0 is one that nobody has told."""


def why_not(context: Any) -> str:
    """Why *Reconstruct from footage* can't be clicked now; empty when it can."""
    settings = settings_of(context.scene)
    if problem := why_not_find(context):
        return problem
    if settings.camera == "SOLVED" and (problem := find_camera(context.scene).problem):
        return problem
    if not settings.outputs:
        return "Choose what to make: mesh, skeleton or both"
    if settings.people == "picked" and not wanted_people(settings):
        return "Tick somebody, or draw a box around the person"
    if settings.people == "picked" and not chosen_boxes(context.scene):
        return "Nobody chosen is in the chosen frames: choose other frames, or draw a box in one of them"
    return ""


def why_not_find(context: Any) -> str:
    """Why nobody can be looked for in the footage now; empty when it can."""
    if session.is_running():
        return session.what_runs()
    return footage_problem(context.scene) or readiness_now().problem


def footage_problem(scene: bpy.types.Scene) -> str:
    """What is wrong with the choice of footage and frames; empty when nothing is."""
    settings = settings_of(scene)
    if not footage_path(settings):
        return "Choose the footage first"
    if not Path(footage_path(settings)).exists():
        return f"{footage_path(settings)} is not there: choose the footage again"
    start, end = frame_range(settings, scene)
    if end is not None and end < 0:
        return "The scene's range lies before the footage: choose other frames"
    if end is not None and start is not None and end < start:
        return "The last frame comes before the first"
    length = film_of(settings).length
    if start is not None and length is not None and length <= start:
        return f"The footage has {length} frames: choose earlier ones"
    return pictures_problem(Path(footage_path(settings)))


def request_from(context: Any) -> Request:
    """What the person asked for, from the scene and the preferences."""
    scene = context.scene
    settings = settings_of(scene)
    footage = Path(footage_path(settings))
    clip = shown_clip(settings)
    is_draft = settings.quality == "DRAFT"
    start, end = frame_range(settings, scene)
    is_picked = settings.people == "picked"
    name = f"{title_of(footage)} draft" if is_draft else title_of(footage)
    return Request(
        footage=footage,
        takes=takes_folder(),
        people="all" if is_picked else settings.people,
        build=build_settings(settings, name),
        clean_up=clean_up_from(settings, readiness_now().reads_bones),
        weights=preference("weights", ""),
        detector=preference("detector", ""),
        device=preference("device", "auto"),
        threads=preference("threads", 0),
        python=preference("python", ""),
        start=start,
        end=end,
        step=settings.draft_step if is_draft else 1,
        fps=settings.film_fps,
        focal_px=clip.tracking.camera.focal_length_pixels if clip and settings.focal == "CLIP" else None,
        boxes=chosen_boxes(scene) if is_picked else "",
        is_commercial_only=preference("is_commercial_only", False),
    )


def build_settings(settings: Any, name: str) -> BuildSettings:
    """What to build, by the scene's choices."""
    return BuildSettings(
        name,
        tuple(sorted(settings.outputs)),
        matches_scene=settings.matches_scene,
        is_cached=settings.storage == "CACHE",
        is_in_place=settings.is_in_place,
        is_grounded=settings.floor != "off",
    )


def full_request(context: Any) -> Request:
    """What the person asked for, with the camera of a moving shot on disk.

    Raises:
        MocapError: the camera can't be read or written.
    """
    request = request_from(context)
    if settings_of(context.scene).camera != "SOLVED":
        return request
    write_camera(context.scene, request.camera_file)
    return replace(request, clean_up=replace(request.clean_up, camera=request.camera_file))


def quick_request(context: Any) -> Request:
    """The quick pass over the footage that is chosen."""
    return replace(request_from(context).find_people(), boxes="")


def clean_up_from(settings: Any, has_bones: bool) -> CleanUp:
    """The settings of the fast step; bones of the network's own only where there are any."""
    bones = settings.bones if has_bones and settings.bones != "best" else ""
    gaps = {"all": None, "short": settings.longest_gap_s, "none": 0.0}[settings.gaps]
    plain = CleanUp(
        settings.smooth, settings.feet, bones=bones, gaps=gaps, floor=settings.floor, heights=told_heights(settings)
    )
    if not settings.is_smooth_apart:
        return plain
    strengths = {f"smooth_{part}": getattr(settings, f"smooth_{part}") for part in ("body", "limbs", "root")}
    return replace(plain, **strengths)


def told_heights(settings: Any) -> tuple[tuple[str, float], ...]:
    """Person and metres, of those whose height somebody has told; the ids are a take's where people are picked."""
    if settings.people != "picked":
        return ()
    people = [*(person for person in found_people(settings) if person.is_wanted), *settings.boxes]
    return tuple({person.person_id: person.height_m for person in people if person.height_m >= SHORTEST_M}.items())


def wanted_people(settings: Any) -> list[tuple[str, list[Anchor]]]:
    """Those who are ticked, and those in boxes: id, and boxes by frame from 0; one name is one person."""
    people: dict[str, list[Anchor]] = {}
    for person in (person for person in found_people(settings) if person.is_wanted):
        anchors = [Anchor(*held) for held in json.loads(person.anchors)]
        people.setdefault(person.person_id, []).extend(anchors)
    for box in settings.boxes:
        anchor = Anchor(box.frame - 1, [*map(float, box.corner), *map(float, box.size)])
        people.setdefault(box.person_id, []).append(anchor)
    return list(people.items())


def chosen_boxes(scene: bpy.types.Scene) -> str:
    """The text of boxes.json for those who are chosen; empty where nobody is."""
    settings = settings_of(scene)
    return boxes_text(wanted_people(settings), *frame_range(settings, scene))

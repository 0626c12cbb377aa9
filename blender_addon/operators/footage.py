"""Small changes around the footage: open it as a Movie Clip, take the clip shown, set the scene's frame rate."""

from pathlib import Path
from typing import Any

import bpy

from ..choices.properties import footage_path, settings_of, shown_clip
from ..scene.camera import load_clip, scene_fps, set_scene_fps
from .engine_steps import UNDOABLE, allowed

FPS_TOLERANCE = 0.01
"""Of 23.976 and 24 one must be told from the other, 29.97 and 29.9700299 not."""


class MOCAP_OT_open_clip(bpy.types.Operator):  # noqa: N801
    """Open the footage as a Movie Clip: then its frame rate, its lens and its frames are at hand."""

    bl_idname = "mocap.open_clip"
    bl_label = "Open as Movie Clip"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether a file or folder is chosen."""
        return allowed(cls, "" if footage_path(settings_of(context.scene)) else "Choose the footage first")

    def execute(self, context: Any) -> set[Any]:
        """Open it."""
        settings = settings_of(context.scene)
        path = Path(footage_path(settings))
        clip = load_clip(path)
        if clip is None:
            self.report({"ERROR"}, f"{path}: Blender can't open it as a Movie Clip; the engine may still read it")
            return {"CANCELLED"}
        settings.source, settings.clip = "CLIP", clip
        return {"FINISHED"}


class MOCAP_OT_use_shown_clip(bpy.types.Operator):  # noqa: N801
    """Take the clip that this editor shows as the footage."""

    bl_idname = "mocap.use_shown_clip"
    bl_label = "Use the clip shown here"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the editor shows one."""
        return allowed(cls, "" if clip_of_editor(context) else "This editor shows no clip")

    def execute(self, context: Any) -> set[Any]:
        """Take it."""
        settings = settings_of(context.scene)
        settings.source, settings.clip = "CLIP", clip_of_editor(context)
        return {"FINISHED"}


class MOCAP_OT_match_fps(bpy.types.Operator):  # noqa: N801
    """Give the scene the footage's frame rate."""

    bl_idname = "mocap.match_fps"
    bl_label = "Set the scene's frame rate"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the footage's rate is known."""
        is_known = footage_fps(settings_of(context.scene)) is not None
        return allowed(cls, "" if is_known else "Open the footage as a Movie Clip first: its rate isn't known yet")

    def execute(self, context: Any) -> set[Any]:
        """Set it."""
        fps = footage_fps(settings_of(context.scene))
        assert fps is not None
        set_scene_fps(context.scene, fps)
        return {"FINISHED"}


def clip_of_editor(context: Any) -> Any:
    """The clip that a Movie Clip Editor shows; None elsewhere."""
    space = context.space_data
    return space.clip if space is not None and space.type == "CLIP_EDITOR" else None


def footage_fps(settings: Any) -> float | None:
    """Frames a second at which it was shot: as told, or the clip's own; None where it isn't known, as of pictures."""
    clip = shown_clip(settings)
    if settings.film_fps:
        return float(settings.film_fps)
    return float(clip.fps) if clip is not None and clip.source == "MOVIE" and clip.fps > 0 else None


def fps_warning(scene: bpy.types.Scene) -> str:
    """What to say where scene and footage differ in their frame rate; empty where they don't."""
    fps = footage_fps(settings_of(scene))
    if fps is None or abs(fps - scene_fps(scene)) <= FPS_TOLERANCE:
        return ""
    return f"The scene has {scene_fps(scene):.5g} frames a second, the footage {fps:.5g}"


CLASSES = (MOCAP_OT_open_clip, MOCAP_OT_use_shown_clip, MOCAP_OT_match_fps)

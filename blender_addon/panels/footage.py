"""The section about the footage."""

from __future__ import annotations

from typing import Any

from ..choices.properties import film_of, settings_of, shown_clip
from ..choices.solved_camera import distortion_note, find_camera
from ..choices.to_request import footage_problem
from ..engine import session
from ..operators.footage import clip_of_editor, fps_warning
from ..scene.turned_clip import upright_size
from .section import Section, draw_text, letters


class FootageSection(Section):
    """Which footage, which frames of it, through which lens."""

    key = "footage"
    bl_label = "Footage"

    def draw(self, context: Any) -> None:
        """Draw the choice of footage, its frames, its rate and its lens."""
        layout, settings, width = self.layout, settings_of(context.scene), letters(context)
        layout.enabled = not session.is_running()
        layout.row().prop(settings, "source", expand=True)
        if settings.source == "CLIP":
            layout.template_ID(settings, "clip", open="clip.open")
        else:
            layout.prop(settings, "footage" if settings.source == "FILE" else "folder", text="")
            layout.operator("mocap.open_clip", icon="TRACKER")
        if clip_of_editor(context) not in (None, shown_clip(settings)):
            layout.operator("mocap.use_shown_clip", icon="EYEDROPPER")
        layout.prop(settings, "film_fps")
        layout.prop(settings, "frames")
        if settings.frames == "CUSTOM":
            row = layout.row(align=True)
            row.prop(settings, "first")
            row.prop(settings, "last")
        draw_clip(layout, context, width)
        draw_camera(layout, context, width)
        problem = footage_problem(context.scene)
        if problem:
            draw_text(layout, problem, width, "INFO")


def draw_clip(layout: Any, context: Any, width: int) -> None:
    """What is known of a movie clip: size, length, rate, lens."""
    settings = settings_of(context.scene)
    clip = shown_clip(settings)
    if clip is None:
        layout.label(text="Focal length: estimated")
        return
    width_px, height_px = upright_size(clip)
    layout.label(text=f"{width_px} x {height_px}, {film_of(settings).length or clip.frame_duration} frames")
    warning = fps_warning(context.scene)
    if warning:
        draw_text(layout, warning, width, "ERROR")
        layout.operator("mocap.match_fps", icon="TIME")
    layout.prop(settings, "focal", text="Lens")
    if settings.focal == "CLIP":
        row = layout.row(align=True)
        row.prop(clip.tracking.camera, "focal_length")
        row.prop(clip.tracking.camera, "sensor_width")


def draw_camera(layout: Any, context: Any, width: int) -> None:
    """Whether the camera stands or moves, and what is known of its way."""
    settings = settings_of(context.scene)
    found = find_camera(context.scene)
    row = layout.row()
    row.enabled = settings.camera == "SOLVED" or not found.problem
    row.prop(settings, "camera", expand=True)
    if settings.camera == "SOLVED" and not found.problem:
        what = "the clip's solve" if found.is_solve else found.holder.name
        layout.label(text=f"Camera: solved in Blender ({found.frames} frames, {what})")
        if note := distortion_note(found):
            draw_text(layout, note, width, "INFO")
        return
    layout.label(text="Camera: still" if settings.camera == "STILL" else "Camera: solved in Blender")
    if found.problem:
        draw_text(layout, f"For a moving shot: {found.problem}", width, "INFO")


SECTIONS = (FootageSection,)

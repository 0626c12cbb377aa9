"""The panel in the 3D view's sidebar, from top to bottom in the order of work."""

import textwrap
from typing import Any

import bpy

from . import readiness, session
from .operators import why_not
from .preferences import preference
from .properties import settings_of
from .scene import counted_people

CATEGORY = "Footage Mocap"
LETTER_PX = 7.0
SECONDS_A_MINUTE = 60


class MOCAP_PT_main(bpy.types.Panel):  # noqa: N801
    """Footage in, animated people out."""

    bl_label = "Footage Mocap"
    bl_idname = "MOCAP_PT_main"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = CATEGORY

    def draw(self, context: Any) -> None:
        """Draw status, footage, people, the button or the progress, and the result."""
        layout: Any = self.layout
        width = int(context.region.width / (LETTER_PX * context.preferences.system.ui_scale))
        draw_status(layout, width)
        draw_choices(layout, context)
        running = session.current()
        if running is not None and running.state == "running":
            draw_progress(layout, running)
            return
        draw_button(layout, context, width)
        if running is not None:
            draw_result(layout, running, width)


def draw_status(layout: Any, width: int) -> None:
    """One row: ready or what is missing; weights and their licence."""
    status = readiness.check(preference("python", ""), preference("weights", ""))
    if status.problem:
        draw_text(layout, status.problem, width, "ERROR")
    else:
        layout.label(text=f"Ready · {status.weights} ({status.licence})", icon="CHECKMARK")


def draw_choices(layout: Any, context: Any) -> None:
    """Footage, people and output."""
    settings = settings_of(context.scene)
    box = layout.box()
    box.enabled = not session.is_running()
    box.label(text="Footage", icon="FILE_MOVIE")
    box.row().prop(settings, "source", expand=True)
    if settings.source == "FILE":
        box.prop(settings, "footage", text="")
    else:
        box.template_ID(settings, "clip", open="clip.open")
    box.label(text="People", icon="COMMUNITY")
    box.row().prop(settings, "people", expand=True)
    box.label(text="Output", icon="OUTLINER_OB_MESH")
    box.row().prop(settings, "outputs", expand=True)
    box.prop(settings, "smooth")
    box.prop(settings, "matches_scene")


def draw_button(layout: Any, context: Any, width: int) -> None:
    """The big button, and beneath it why it is disabled."""
    row = layout.row()
    row.scale_y = 1.8
    row.operator("mocap.reconstruct", icon="ARMATURE_DATA")
    problem = why_not(context)
    if problem:
        draw_text(layout, problem, width, "INFO")


def draw_progress(layout: Any, running: session.Session) -> None:
    """Stage, bar, time left, cancel."""
    progress = running.job.progress
    left = progress.seconds_left
    text = running.stage_text
    if left is not None:
        text += f", {left / SECONDS_A_MINUTE:.0f} min left" if left > 2 * SECONDS_A_MINUTE else f", {left:.0f} s left"
    layout.progress(factor=progress.fraction, text=text)
    if progress.message:
        layout.label(text=progress.message)
    layout.operator("mocap.cancel", icon="CANCEL", text="Cancel (Esc)")


def draw_result(layout: Any, ended: session.Session, width: int) -> None:
    """What came of the last run; nothing where its objects were undone or deleted."""
    if ended.built is not None and ended.built.collection not in bpy.data.collections:
        return
    box = layout.box()
    if ended.state == "done" and ended.built is not None:
        box.label(text=f"{ended.built.collection}: {counted_people(len(ended.built.people))}", icon="CHECKMARK")
        for person in ended.built.people:
            box.label(text=f"Person {person.person_id}: frames {person.first_frame:g} to {person.last_frame:g}")
        if not ended.built.has_footage:
            draw_text(box, "Blender can't show this footage behind the camera", width, "INFO")
        box.operator("mocap.look_through", icon="CAMERA_DATA")
    elif ended.state == "cancelled":
        draw_text(box, "Cancelled. What was done is kept: the button above resumes", width, "INFO")
    else:
        draw_text(box, ended.error, width, "ERROR")


def draw_text(layout: Any, text: str, width: int, icon: str) -> None:
    """A sentence over as many lines as it needs: labels don't wrap."""
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, max(16, width - 4))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")

"""What all sections of the sidebar share, the status strip, and the way they get into both editors."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from .. import bridge
from ..choices.preferences import preference, preferences, readiness_now
from ..engine import session
from ..operators.engine import engine_line

CATEGORY = "Footage Mocap"
LETTER_PX = 7.0
SPACES = {"VIEW_3D": "MOCAP_PT_", "CLIP_EDITOR": "MOCAP_PT_clip_"}
"""Editors with these sections, and how their panels' names begin."""


class Section:
    """A mixin: one section, drawn alike in all editors."""

    key = ""
    bl_label = ""
    bl_region_type = "UI"
    bl_category = CATEGORY
    layout: Any

    def draw(self, context: Any) -> None:
        """Draw it."""
        raise NotImplementedError


class Status(Section):
    """Footage in, animated people out."""

    key = "main"
    bl_label = "Footage Mocap"

    def draw(self, context: Any) -> None:
        """Ready or what is missing; device, weights and their licence."""
        row = self.layout.row()
        draw_status(row.column(), letters(context))
        if preferences() is not None:
            row.operator("preferences.addon_show", text="", icon="PREFERENCES").module = bridge.PACKAGE


def draw_status(layout: Any, width: int) -> None:
    """The status strip."""
    status = readiness_now()
    if status.problem:
        draw_text(layout, status.problem, width, "ERROR")
    else:
        layout.label(text="Ready" if not session.is_running() else "Working", icon="CHECKMARK")
    use = "" if status.is_commercial else ", NO commercial use"
    device = engine_line("network") or preference("device", "auto")
    column = layout.column(align=True)
    column.label(text=f"Weights: {status.weights} ({status.licence}{use})")
    column.label(text=f"Device: {device}")


def panels(section: type[Section]) -> list[type]:
    """The panel classes of a section, one for each editor; all but the status strip are its children."""
    made = []
    for space, prefix in SPACES.items():
        name = f"{prefix}{section.key}"
        held = {"bl_idname": name, "bl_space_type": space, "__doc__": section.__doc__}
        if section.key != Status.key:
            held["bl_parent_id"] = f"{prefix}{Status.key}"
        made.append(type(name, (section, bpy.types.Panel), held))
    return made


def letters(context: Any) -> int:
    """How many letters a line of the sidebar holds."""
    return int(context.region.width / (LETTER_PX * context.preferences.system.ui_scale))


def draw_text(layout: Any, text: str, width: int, icon: str) -> None:
    """A sentence over as many lines as it needs: labels don't wrap."""
    column = layout.column(align=True)
    for number, line in enumerate(textwrap.wrap(text, max(16, width - 4))):
        column.label(text=line, icon=icon if number == 0 else "BLANK1")


def draw_button(layout: Any, idname: str, problem: str, width: int, **look: Any) -> None:
    """A button and, where it is disabled, why: its own `poll` disables it, this says so."""
    layout.operator(idname, **look)
    if problem:
        draw_text(layout, problem, width, "INFO")

"""Where the bones come from, and other readings of unsure frames: parts of the clean-up section."""

from __future__ import annotations

from typing import Any

from .. import bridge
from ..choices.alternatives import chosen_of, readings_file
from ..choices.ghosts import CHANCE, PLACE, ghosts_of, selected_ghost
from ..choices.properties import settings_of
from ..operators.alternatives import NO_BONES, why_not_choose_reading, why_not_find_readings, why_not_show_readings
from ..operators.takes import active_record
from ..scene.take_records import PERSON
from .section import draw_button, draw_text, letters


def draw_bones(layout: Any, context: Any) -> None:
    """The choice, and why there is none; below it other readings, where the take can have them."""
    settings, record = settings_of(context.scene), active_record(context)
    layout.label(text="Bones from")
    row = layout.row()
    row.prop(settings, "bones", expand=True)
    if record is None or record.take is None:
        return
    if not bridge.take_status(record.take).reads_bones:
        row.enabled = False
        draw_text(layout, NO_BONES, letters(context), "INFO")
        return
    draw_readings(layout.box(), context, record)


def draw_readings(layout: Any, context: Any, record: Any) -> None:
    """Find them, go through them, choose one; those that were chosen."""
    width = letters(context)
    layout.label(text="Other readings of unsure frames", icon="GHOST_ENABLED")
    draw_button(layout, "mocap.find_readings", why_not_find_readings(context), width, icon="VIEWZOOM")
    if readings_file(record.take).is_file():
        draw_steps(layout, context, width)
    selected = selected_ghost(context, record)
    for ghost in ghosts_of(record):
        icon = "RADIOBUT_ON" if ghost == selected else "RADIOBUT_OFF"
        text = f"Person {ghost[PERSON]}, reading {ghost[PLACE] + 1}: {ghost[CHANCE]:.1%}"
        layout.operator("mocap.choose_reading", text=text, icon=icon).ghost = ghost.name
    if selected is not None:
        draw_button(layout, "mocap.choose_reading", why_not_choose_reading(context), width, icon="CHECKMARK")
    for index in chosen_of(context.scene, record):
        chosen = settings_of(context.scene).readings[index]
        row = layout.row(align=True)
        row.label(text=f"Chosen for person {chosen.person_id}, frame {chosen.frame}", icon="KEYTYPE_KEYFRAME_VEC")
        row.operator("mocap.drop_reading", text="", icon="X").index = index


def draw_steps(layout: Any, context: Any, width: int) -> None:
    """One frame back, the nearest, one on."""
    problem = why_not_show_readings(context)
    if problem:
        draw_text(layout, problem, width, "INFO")
        return
    row = layout.row(align=True)
    for direction, text, icon in ((-1, "", "TRIA_LEFT"), (0, "Show them here", "NONE"), (1, "", "TRIA_RIGHT")):
        row.operator("mocap.show_readings", text=text, icon=icon).direction = direction
    row.operator("mocap.hide_readings", text="", icon="HIDE_ON")

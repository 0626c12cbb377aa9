"""The section about the people in the footage: who is there, and where the quick pass is to be corrected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..choices.people import presence_bar, ranges_of
from ..choices.properties import film_of, found_people, settings_of, shown_clip
from ..choices.to_request import why_not_find
from ..engine import session
from ..engine.request import portraits_of
from ..operators.people import why_not_draw
from .portrait_icons import icon_of
from .section import Section, draw_button, draw_text, letters

JOIN_OR_SPLIT = "One person in two rows: give both the same name. Two in one row: split it where the second begins"
PICTURE_SCALE = 3.0
BAR_LETTERS = (8, 32)
"""Fewest and most cells of a track's bar; the picture and the box around take the rest of the line."""
BESIDE_THE_BAR = 16
LETTERS_A_CELL = 1.6
"""A block is wider than the letters that the width is counted in; a line too long loses its middle (seen in 4.3)."""


class PeopleSection(Section):
    """Whom to capture."""

    key = "people"
    bl_label = "People"

    def draw(self, context: Any) -> None:
        """Draw the choice, the people found, the boxes."""
        layout, settings, width = self.layout, settings_of(context.scene), letters(context)
        layout.enabled = not session.is_running()
        layout.row().prop(settings, "people", expand=True)
        draw_button(layout, "mocap.find_people", why_not_find(context), width, icon="VIEWZOOM")
        people, count = found_people(settings), frame_count(settings)
        for index, person in enumerate(people):
            draw_found(layout, settings, person, index, presence_bar(ranges_of(person), count, _cells(width)))
        if people:
            draw_text(layout, JOIN_OR_SPLIT, width, "INFO")
        for index, box in enumerate(settings.boxes):
            draw_box(layout, box, index)
        row = layout.row(align=True)
        row.operator("mocap.add_box", icon="ADD")
        row.operator("mocap.draw_box", icon="GREASEPENCIL")
        problem = why_not_draw(context)
        if problem:
            draw_text(layout, f"Draw a box: {problem}", width, "INFO")


def draw_found(layout: Any, settings: Any, person: Any, index: int, bar: str) -> None:
    """One row of the quick pass: picture, whether to capture, name, and when they are seen."""
    outer = layout.box().row()
    icon = icon_of(portraits_of(Path(settings.found_take)) / person.picture) if person.picture else 0
    if icon:
        outer.template_icon(icon_value=icon, scale=PICTURE_SCALE)
    column = outer.column(align=True)
    row = column.row(align=True)
    row.prop(person, "is_wanted", text="")
    row.prop(person, "person_id", text="")
    row.operator("mocap.show_person", text="", icon="HIDE_OFF").index = index
    row.context_pointer_set("mocap_person", person)
    row.operator("mocap.split_person", text="", icon="UNLINKED").index = index
    column.prop(person, "height_m")
    column.label(text=bar)
    column.label(text=f"Frames {person.first} to {person.last}, seen in {person.share:.0%}")


def frame_count(settings: Any) -> int:
    """Frames that a bar stands for: the clip's, or until the last one in which somebody was found."""
    clip = shown_clip(settings)
    length = film_of(settings).length or clip.frame_duration if clip else 1
    return int(max([length, *(person.last for person in found_people(settings))]))


def draw_box(layout: Any, box: Any, index: int) -> None:
    """One box: whose, on which frame, where."""
    column = layout.box().column(align=True)
    row = column.row(align=True)
    row.prop(box, "person_id", text="")
    row.prop(box, "frame")
    row.operator("mocap.draw_box", text="", icon="GREASEPENCIL").index = index
    row.operator("mocap.remove_box", text="", icon="X").index = index
    column.prop(box, "height_m")
    for name in ("corner", "size"):
        row = column.row(align=True)
        row.label(text=name.capitalize())
        row.prop(box, name, text="")


def _cells(width: int) -> int:
    return min(BAR_LETTERS[1], max(BAR_LETTERS[0], int((width - BESIDE_THE_BAR) / LETTERS_A_CELL)))


SECTIONS = (PeopleSection,)

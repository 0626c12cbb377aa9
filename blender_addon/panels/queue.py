"""The section of several clips, one after another."""

from __future__ import annotations

from typing import Any

from ..choices.preferences import takes_folder
from ..choices.properties import settings_of
from ..engine import session
from ..operators.queue import why_not_add, why_not_copy, why_not_run
from .section import Section, draw_button, draw_text, letters

ICONS = {"WAITING": "SORTTIME", "DONE": "CHECKMARK", "FAILED": "ERROR"}


class QueueSection(Section):
    """Clips that are reconstructed one after another, each with the settings of when it was added."""

    key = "queue"
    bl_label = "Queue"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 Blender's own way

    def draw(self, context: Any) -> None:
        """Draw the list and its buttons."""
        layout, width = self.layout, letters(context)
        for index, item in enumerate(settings_of(context.scene).queue):
            draw_queued(layout, item, index, width)
        draw_button(layout, "mocap.queue_add", why_not_add(context), width, icon="ADD")
        draw_button(layout, "mocap.queue_run", "" if session.is_running() else why_not_run(context), width, icon="PLAY")
        layout.operator("wm.path_open", text="Open the folder of takes", icon="FILE_FOLDER").filepath = str(
            takes_folder()
        )
        draw_button(layout, "mocap.queue_command", why_not_copy(context), width, icon="CONSOLE")


def draw_queued(layout: Any, item: Any, index: int, width: int) -> None:
    """One clip: how it stands, its buttons, and why it failed."""
    row = layout.row(align=True)
    row.label(text=item.title, icon=ICONS[item.status])
    if item.status == "DONE":
        row.operator("mocap.queue_build", text="Build").index = index
    row.operator("mocap.queue_remove", text="", icon="X").index = index
    if item.message:
        draw_text(layout, item.message, width, "ERROR")


SECTIONS = (QueueSection,)

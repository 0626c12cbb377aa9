"""The section with the big button, and what is shown while it works."""

from __future__ import annotations

from typing import Any

from .. import bridge
from ..choices.properties import settings_of
from ..choices.to_request import request_from, why_not
from ..engine import session
from ..operators.downloads import current_download
from .section import Section, draw_button, draw_text, letters

SECONDS_A_MINUTE = 60


class ReconstructSection(Section):
    """The slow step: footage to people."""

    key = "reconstruct"
    bl_label = "Reconstruct"

    def draw(self, context: Any) -> None:
        """Draw the button, or how far the run is."""
        layout, width = self.layout, letters(context)
        running = session.current()
        if running is not None and running.state == "running":
            draw_progress(layout, running, width)
            return
        settings = settings_of(context.scene)
        row = layout.row(align=True)
        row.prop(settings, "quality", expand=True)
        if settings.quality == "DRAFT":
            layout.prop(settings, "draft_step")
        problem = why_not(context)
        done = 0 if problem else bridge.take_status(request_from(context).take).frames_done
        column = layout.column()
        column.scale_y = 1.8
        text = f"Resume from frame {done + 1}" if done else "Reconstruct from footage"
        draw_button(column, "mocap.reconstruct", "", width, icon="ARMATURE_DATA", text=text)
        if problem:
            draw_text(layout, problem, width, "INFO")
        if running is not None and running is not current_download():  # the preferences tell its end
            draw_end(layout, running, width)


def draw_progress(layout: Any, running: session.Session, width: int) -> None:
    """Stage, bar, time left, cancel."""
    progress = running.job.progress
    layout.label(text=running.plan.title)
    text = running.stage_text
    if running.building is None and progress.seconds_left is not None:
        text += f", {time_text(progress.seconds_left)} left"
    layout.progress(factor=running.fraction, text=text)
    if progress.message:
        layout.label(text=progress.message)
    if running.silence_text:
        draw_text(layout, running.silence_text, width, "ERROR")
    layout.operator("mocap.cancel", icon="CANCEL", text="Cancel (Esc)")


def draw_end(layout: Any, ended: session.Session, width: int) -> None:
    """How the last run ended, where there is something to say."""
    if ended.state == "cancelled":
        draw_text(layout, "Cancelled. What was done is kept: the button above resumes", width, "INFO")
    elif ended.state == "failed":
        draw_text(layout, ended.error, width, "ERROR")
    for notice in ended.job.notices:
        draw_text(layout, notice, width, "INFO")


def time_text(seconds: float) -> str:
    """Seconds in words for a person who waits."""
    return f"{seconds / SECONDS_A_MINUTE:.0f} min" if seconds > 2 * SECONDS_A_MINUTE else f"{seconds:.0f} s"


SECTIONS = (ReconstructSection,)

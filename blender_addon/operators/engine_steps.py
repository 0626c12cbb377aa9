"""What every operator has in common that runs the engine: Blender goes on, Esc cancels, the end is reported."""

from __future__ import annotations

import math
import time
from typing import Any

import bpy

from .. import bridge
from ..engine import session
from ..scene.steps import SLICE_S
from .timeline_strip import redraw_strips

TIMER_S = 0.1
BUILDING_TIMER_S = 0.01
WAIT_S = 0.02
REDRAW_S = 1.0
UNDOABLE: Any = {"REGISTER", "UNDO"}
"""`bl_options` of what changes the scene: one undo step each."""
EDITORS = {"VIEW_3D": "UI", "CLIP_EDITOR": "UI", "PREFERENCES": "WINDOW"}
"""Editors that show the run, and the region that does."""


class StepsEngine:
    """A mixin: subclasses say what to `begin` and what a `done` run means."""

    report: Any
    cancelled_text = "Cancelled. What was done is kept: the same button resumes"
    """What is said after Esc."""
    _timer: Any = None
    _session: session.Session | None = None
    _is_quick = False
    _scene = ""
    _shown: tuple[str, float] = ("", 0.0)
    _strip = 0

    def begin(self, context: Any) -> session.Session:
        """Start the engine.

        Raises:
            MocapError: it can't start.
        """
        raise NotImplementedError

    def done(self, context: Any, ended: session.Session) -> set[Any]:
        """What to do when the engine is done; returns the operator's result, or RUNNING_MODAL after `go_on`."""
        raise NotImplementedError

    def failed(self, _context: Any, ended: session.Session) -> set[Any]:
        """What to do when the run failed or was cancelled; returns as `done`."""
        if ended.state == "cancelled":
            self.report({"WARNING"}, self.cancelled_text)
        else:
            self.report({"ERROR"}, ended.error)
        return {"CANCELLED"}

    def go_on(self, running: session.Session) -> set[Any]:
        """Step another run of the engine next."""
        self._session = running
        return {"RUNNING_MODAL"}

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Start the engine and let Blender go on."""
        if not has_event_loop(context):
            return self.execute(context)
        if not self._start(context):
            return {"CANCELLED"}
        self._set_timer(context, TIMER_S)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: bpy.types.Event) -> set[Any]:
        """Step at each tick of the timer; everything else passes through."""
        running = session.current()
        if running is None or running is not self._session:
            return self._end(context, {"CANCELLED"})
        if event.type == "ESC" and event.value == "PRESS":
            running.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            is_undo = running.building is not None and event.type == "Z" and (event.ctrl or event.oskey)
            return {"RUNNING_MODAL"} if is_undo else {"PASS_THROUGH"}
        if running.building is not None and not self._is_quick:
            self._set_timer(context, BUILDING_TIMER_S)
        try:
            result = self._step(context, running)
        except BaseException:
            self._end(context, {"CANCELLED"})
            raise
        self._redraw_strip(context, running)
        now = time.monotonic()
        if running.stage_text != self._shown[0] or now - self._shown[1] > REDRAW_S:
            self._shown = (running.stage_text, now)  # drawing without a GPU takes time from the engine
            redraw_sidebars(context)
        return {"PASS_THROUGH"} if result == {"RUNNING_MODAL"} else self._end(context, result)

    def _redraw_strip(self, context: Any, running: session.Session) -> None:
        if running.filling is not None and running.filling.version != self._strip:
            self._strip = running.filling.version
            redraw_strips(context)

    def execute(self, context: Any) -> set[Any]:
        """Run to the end: background Blender and scripts have no event loop."""
        if not self._start(context):
            return {"CANCELLED"}
        while True:
            assert self._session is not None
            result = self._step(context, self._session, math.inf)
            if result != {"RUNNING_MODAL"}:
                return result
            time.sleep(WAIT_S)

    def cancel(self, context: Any) -> None:
        """Blender ends the operator: another file is loaded, or the window closes."""
        session.close()
        self._end(context, set())

    def _set_timer(self, context: Any, seconds: float) -> None:
        manager = context.window_manager
        if self._timer is not None:
            manager.event_timer_remove(self._timer)
        self._timer = manager.event_timer_add(seconds, window=context.window)
        self._is_quick = seconds < TIMER_S

    def _start(self, context: Any) -> bool:
        try:
            self._session = self.begin(context)
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return False
        self._scene = context.scene.name
        return True

    def _step(self, context: Any, running: session.Session, slice_s: float | None = None) -> set[Any]:
        """One step; the objects go to the scene in which the run was started, wherever the person is now."""
        state = running.step(bpy.data.scenes.get(self._scene) or context.scene, SLICE_S if slice_s is None else slice_s)
        if state == "running":
            return {"RUNNING_MODAL"}
        for notice in running.job.notices:
            self.report({"WARNING"}, notice)
        return self.done(context, running) if state == "done" else self.failed(context, running)

    def _end(self, context: Any, result: set[Any]) -> set[Any]:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        redraw_sidebars(context)
        return result


def has_event_loop(context: Any) -> bool:
    """Whether Blender would ever call `modal`."""
    return not bpy.app.background and context.window is not None


def redraw_sidebars(context: Any) -> None:
    """Redraw the sidebars, and the preferences, alone: whole 3D views cost 200 ms a tick without a GPU."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in EDITORS:
                for region in area.regions:
                    if region.type == EDITORS[area.type]:
                        region.tag_redraw()


def allowed(operator: Any, problem: str) -> bool:
    """What `poll` returns: whether there is no problem; Blender shows it on the disabled button."""
    if problem:
        operator.poll_message_set(problem)
    return not problem

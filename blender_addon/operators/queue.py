"""Several clips one after another: the slow step while nobody is there, the objects when the person likes.

A clip is queued with the settings of that moment. Running the queue changes nothing in the scene but the
queue itself; *Build* then needs no network.
"""

import shlex
from dataclasses import replace
from typing import Any

import bpy
from bpy.props import IntProperty

from .. import bridge
from ..choices import to_request
from ..choices.preferences import preference
from ..choices.properties import settings_of
from ..engine import session
from ..engine.request import Request, request_from_json, request_to_json
from . import faults
from .engine_steps import UNDOABLE, StepsEngine, allowed
from .reconstruct import look_through_camera


class MOCAP_OT_queue_add(bpy.types.Operator):  # noqa: N801
    """Queue the footage above with the settings above."""

    bl_idname = "mocap.queue_add"
    bl_label = "Add the footage"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether it could be reconstructed; another run may go on."""
        return allowed(cls, why_not_add(context))

    def execute(self, context: Any) -> set[Any]:
        """Queue it."""
        try:
            request = to_request.full_request(context)
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        text = request_to_json(request)
        queue = settings_of(context.scene).queue
        if any(item.request == text for item in queue):
            self.report({"WARNING"}, f"{request.footage.name} is in the queue with these settings already")
            return {"CANCELLED"}
        item = queue.add()
        item.title, item.request = request.build.name, text
        return {"FINISHED"}


class MOCAP_OT_queue_remove(bpy.types.Operator):  # noqa: N801
    """Take this clip out of the queue; its take stays on disk."""

    bl_idname = "mocap.queue_remove"
    bl_label = "Remove"
    bl_options = UNDOABLE

    index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        """Take it out."""
        settings_of(context.scene).queue.remove(self.index)
        return {"FINISHED"}


class MOCAP_OT_queue_run(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Reconstruct the waiting clips one after another. Esc stops; the rest goes on waiting."""

    bl_idname = "mocap.queue_run"
    bl_label = "Run the queue"
    bl_options = UNDOABLE

    _text = ""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether anything waits; says why not."""
        return allowed(cls, why_not_run(context))

    def begin(self, context: Any) -> session.Session:
        """Start with the first clip that can start."""
        return self._begin_next(settings_of(context.scene).queue)

    def done(self, context: Any, _ended: session.Session) -> set[Any]:
        """Note it and go on."""
        return self._ended(context, "DONE", "")

    def failed(self, context: Any, ended: session.Session) -> set[Any]:
        """A clip that fails doesn't stop the others; a cancel does."""
        if ended.state == "cancelled":
            return super().failed(context, ended)
        return self._ended(context, "FAILED", ended.error)

    def _ended(self, context: Any, status: str, message: str) -> set[Any]:
        queue = settings_of(bpy.data.scenes.get(self._scene) or context.scene).queue
        self._note(queue, status, message)
        try:
            return self.go_on(self._begin_next(queue))
        except bridge.MocapError:
            failed = sum(item.status == "FAILED" for item in queue)
            self.report({"WARNING"} if failed else {"INFO"}, f"The queue is done, {failed} of {len(queue)} failed")
            return {"FINISHED"}

    def _begin_next(self, queue: Any) -> session.Session:
        while (item := next((item for item in queue if item.status == "WAITING"), None)) is not None:
            self._text = item.request
            try:
                request = _with_todays_preferences(request_from_json(item.request))
                plan = replace(request.plan(), title=f"Queue: {item.title}", runs="The queue", build=None)
                return session.start(request, plan)
            except Exception as error:  # whatever it is, the other clips get their turn
                self._note(queue, "FAILED", faults.sentence(error, item.title))
        raise bridge.MocapError("nothing in the queue can be started; each clip says why")

    def _note(self, queue: Any, status: str, message: str) -> None:
        """Looked up by its request: the person may have undone or removed things meanwhile."""
        for item in queue:
            if item.request == self._text:
                item.status, item.message = status, message


class MOCAP_OT_queue_build(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Build this clip's people in the scene; its take is done, so the network does not run."""

    bl_idname = "mocap.queue_build"
    bl_label = "Build"
    bl_options = UNDOABLE

    index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether nothing else runs."""
        return allowed(cls, session.what_runs())

    def begin(self, context: Any) -> session.Session:
        """Start on its request, whose take is done."""
        return session.start(_with_todays_preferences(request_of(context, self.index)))

    def done(self, context: Any, ended: session.Session) -> set[Any]:
        """Show it."""
        assert ended.built is not None
        look_through_camera(context)
        return {"FINISHED"}


class MOCAP_OT_queue_command(bpy.types.Operator):  # noqa: N801
    """Copy the command that reconstructs the queued clips without a window, for a farm or a terminal."""

    bl_idname = "mocap.queue_command"
    bl_label = "Copy the command line"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is anything in the queue."""
        return allowed(cls, why_not_copy(context))

    def execute(self, context: Any) -> set[Any]:
        """Copy it."""
        requests = [request_from_json(item.request) for item in settings_of(context.scene).queue]
        context.window_manager.clipboard = headless_command(requests)
        self.report({"INFO"}, "Copied")
        return {"FINISHED"}


def why_not_add(context: Any) -> str:
    """Why the footage can't be queued now; empty when it can, also while something runs."""
    problem = to_request.why_not(context)
    return "" if problem == session.what_runs() else problem


def why_not_run(context: Any) -> str:
    """Why the queue can't run now; empty when it can."""
    if session.is_running():
        return session.what_runs()
    if not any(item.status == "WAITING" for item in settings_of(context.scene).queue):
        return "Nothing in the queue is waiting"
    return ""


def why_not_copy(context: Any) -> str:
    """Why there is no command to copy; empty when there is."""
    return "" if len(settings_of(context.scene).queue) else "The queue is empty"


def request_of(context: Any, index: int) -> Request:
    """The request of a queued clip.

    Raises:
        MocapError: it is not there any more.
    """
    queue = settings_of(context.scene).queue
    if not 0 <= index < len(queue):
        raise bridge.MocapError("this clip is not in the queue any more; add it again")
    return request_from_json(queue[index].request)


def headless_command(requests: list[Request]) -> str:
    """A command for batch.py that makes the same of all clips, by the first one's settings."""
    first = requests[0]
    words = [bpy.app.binary_path or "blender", "-b", "--python", str(bridge.FOLDER / "batch.py"), "--"]
    words += [str(request.footage) for request in requests]
    words += ["-o", "OUT", "--output", ",".join(first.build.outputs), "--people", first.people]
    words += ["--smooth", f"{first.clean_up.smooth:g}", "--feet", first.clean_up.feet, "--step", str(first.step)]
    for option, value in (("--weights", first.weights), ("--detector", first.detector)):
        words += [option, value] if value else []
    words += ["--commercial"] if first.is_commercial_only else []
    return shlex.join(words)


def _with_todays_preferences(request: Request) -> Request:
    """The licence switch holds from when it is switched on, also for what was queued before."""
    return replace(request, is_commercial_only=preference("is_commercial_only", False), python=preference("python", ""))


CLASSES = (
    MOCAP_OT_queue_add,
    MOCAP_OT_queue_remove,
    MOCAP_OT_queue_run,
    MOCAP_OT_queue_build,
    MOCAP_OT_queue_command,
)

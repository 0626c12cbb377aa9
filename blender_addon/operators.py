"""What the buttons do: gather what was chosen, call, report."""

import time
from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from . import bridge, readiness, session
from .preferences import preference, takes_folder
from .properties import footage_path, settings_of
from .scene import BuildSettings, build_take, counted_people

TIMER_S = 0.1
WAIT_S = 0.02


def why_not(context: Any) -> str:
    """Why *Reconstruct from footage* can't be clicked now; empty when it can."""
    if session.is_running():
        return "A reconstruction is running"
    if not footage_path(settings_of(context.scene)):
        return "Choose the footage first"
    if not settings_of(context.scene).outputs:
        return "Choose what to make: mesh, skeleton or both"
    return readiness.check(preference("python", ""), preference("weights", "")).problem


def request_from(context: Any) -> session.Request:
    """What the person asked for, from the scene and the preferences."""
    settings = settings_of(context.scene)
    footage = Path(footage_path(settings))
    is_sequence = settings.source == "CLIP" and settings.clip and settings.clip.source == "SEQUENCE"
    return session.Request(
        footage=footage.parent if is_sequence else footage,
        takes=takes_folder(),
        people=settings.people,
        smooth=settings.smooth,
        build=BuildSettings(footage.stem, tuple(sorted(settings.outputs)), settings.matches_scene),
        weights=preference("weights", ""),
        threads=preference("threads", 0),
        python=preference("python", ""),
    )


class MOCAP_OT_reconstruct(bpy.types.Operator):  # noqa: N801
    """Build the motion of the people in the footage. Esc cancels; what is done is kept."""

    bl_idname = "mocap.reconstruct"
    bl_label = "Reconstruct from footage"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 Blender declares it on the instance

    _timer: Any = None
    _shown = ""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether it can start; says why not."""
        problem = why_not(context)
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Start the engine and let Blender go on."""
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if not self._start(context):
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(TIMER_S, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: bpy.types.Event) -> set[Any]:
        """Step at each tick of the timer; everything else passes through."""
        running = session.current()
        if running is None:
            return self._end(context, {"CANCELLED"})
        if event.type == "ESC" and event.value == "PRESS":
            running.job.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        state = running.step(context.scene)
        if running.stage_text != self._shown:  # drawing without a GPU takes time from the engine
            self._shown = running.stage_text
            redraw_sidebars(context)
        return {"PASS_THROUGH"} if state == "running" else self._end(context, self._report_end(context, running))

    def execute(self, context: Any) -> set[Any]:
        """Run to the end: background Blender and scripts have no event loop."""
        if not self._start(context):
            return {"CANCELLED"}
        running = session.current()
        assert running is not None
        while running.step(context.scene) == "running":
            time.sleep(WAIT_S)
        return self._report_end(context, running)

    def cancel(self, context: Any) -> None:
        """Blender ends the operator: another file is loaded, or the window closes."""
        session.close()
        self._end(context, set())

    def _start(self, context: Any) -> bool:
        try:
            session.start(request_from(context))
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return False
        return True

    def _end(self, context: Any, result: set[Any]) -> set[Any]:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        redraw_sidebars(context)
        return result

    def _report_end(self, context: Any, ended: session.Session) -> set[Any]:
        if ended.state == "done" and ended.built is not None:
            look_through_camera(context)
            self.report({"INFO"}, f"{counted_people(len(ended.built.people))} in collection {ended.built.collection}")
            return {"FINISHED"}
        if ended.state == "cancelled":
            self.report({"WARNING"}, "Cancelled. What was done is kept: the same button resumes")
        else:
            self.report({"ERROR"}, ended.error)
        return {"CANCELLED"}


class MOCAP_OT_cancel(bpy.types.Operator):  # noqa: N801
    """Stop the reconstruction. What was done is kept, and the same footage resumes from there."""

    bl_idname = "mocap.cancel"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether anything runs."""
        return session.is_running()

    def execute(self, _context: Any) -> set[Any]:
        """Ask the engine to end."""
        running = session.current()
        if running is not None:
            running.job.cancel()
        return {"FINISHED"}


class MOCAP_OT_build_motion(bpy.types.Operator):  # noqa: N801
    """Build the people of a solved motion (motion.npz) in the scene."""

    bl_idname = "mocap.build_motion"
    bl_label = "Build from a motion file"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 Blender declares it on the instance

    filepath: StringProperty(subtype="FILE_PATH")  # type: ignore[valid-type]
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})  # type: ignore[valid-type]

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[Any]:
        """Read it and build."""
        settings = settings_of(context.scene)
        path = Path(bpy.path.abspath(self.filepath))
        build = BuildSettings(path.stem, tuple(sorted(settings.outputs)), settings.matches_scene)
        try:
            build_take(context.scene, bridge.read_motion(path), build)
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class MOCAP_OT_look_through(bpy.types.Operator):  # noqa: N801
    """Look through the scene's camera, with the footage behind the people."""

    bl_idname = "mocap.look_through"
    bl_label = "Look through the camera"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the scene has a camera."""
        if context.scene.camera is None:
            cls.poll_message_set("The scene has no camera")
        return context.scene.camera is not None

    def execute(self, context: Any) -> set[Any]:
        """Turn the 3D views to the camera."""
        look_through_camera(context)
        return {"FINISHED"}


def look_through_camera(context: Any) -> None:
    """Turn the 3D views of the window to the scene's camera, if it has one."""
    if context.scene.camera is None or context.window is None:
        return
    for area in context.window.screen.areas:
        if area.type == "VIEW_3D":
            space: Any = area.spaces.active
            space.region_3d.view_perspective = "CAMERA"


def redraw_sidebars(context: Any) -> None:
    """Redraw the sidebars of the 3D views alone: whole areas cost 200 ms a tick without a GPU."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()

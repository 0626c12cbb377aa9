"""The slow step from the panel: reconstruct, cancel; build a motion file; look through the camera."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..choices.properties import settings_of
from ..choices.to_request import build_settings, full_request, why_not
from ..engine import session
from ..engine.request import Plan
from ..scene.build import counted_people
from .engine_steps import UNDOABLE, StepsEngine, allowed


class MOCAP_OT_reconstruct(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Build the motion of the people in the footage. Esc cancels; what is done is kept."""

    bl_idname = "mocap.reconstruct"
    bl_label = "Reconstruct from footage"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether it can start; says why not."""
        return allowed(cls, why_not(context))

    def begin(self, context: Any) -> session.Session:
        """Start on what was asked for."""
        return session.start(full_request(context))

    def done(self, context: Any, ended: session.Session) -> set[Any]:
        """Show what was built."""
        assert ended.built is not None
        look_through_camera(context)
        self.report({"INFO"}, f"{counted_people(len(ended.built.people))} in collection {ended.built.collection}")
        return {"FINISHED"}


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
            running.cancel()
        return {"FINISHED"}


class MOCAP_OT_choose_motion(bpy.types.Operator):  # noqa: N801
    """Build the people of a solved motion (motion.npz) in the scene. Esc cancels, and leaves nothing."""

    bl_idname = "mocap.choose_motion"
    bl_label = "Build from a motion file"

    filepath: StringProperty(subtype="FILE_PATH")  # type: ignore[valid-type]
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether nothing else runs."""
        return allowed(cls, session.what_runs())

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, _context: Any) -> set[Any]:
        """Hand it over: what a file browser calls can't go on in the background itself."""
        try:
            bpy.ops.mocap.build_motion("INVOKE_DEFAULT", filepath=self.filepath)  # type: ignore[attr-defined]
        except RuntimeError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class MOCAP_OT_build_motion(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Build the people of a solved motion (motion.npz) in the scene, of a file that is known."""

    bl_idname = "mocap.build_motion"
    bl_label = "Build a motion"
    bl_options = UNDOABLE
    cancelled_text = "Cancelled: nothing was built"

    filepath: StringProperty(subtype="FILE_PATH")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether nothing else runs."""
        return allowed(cls, session.what_runs())

    def begin(self, context: Any) -> session.Session:
        """Nothing for the engine to do."""
        settings = settings_of(context.scene)
        path = Path(bpy.path.abspath(self.filepath))
        build = build_settings(settings, path.stem)
        return session.begin(Plan([], title="Building", runs="Building", motion=path, build=build))

    def done(self, context: Any, ended: session.Session) -> set[Any]:
        """Show what was built."""
        assert ended.built is not None
        look_through_camera(context)
        return {"FINISHED"}


class MOCAP_OT_look_through(bpy.types.Operator):  # noqa: N801
    """Look through the scene's camera, with the footage behind the people."""

    bl_idname = "mocap.look_through"
    bl_label = "Look through the camera"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the scene has a camera."""
        return allowed(cls, "" if context.scene.camera else "The scene has no camera")

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


CLASSES = (MOCAP_OT_reconstruct, MOCAP_OT_cancel, MOCAP_OT_choose_motion, MOCAP_OT_build_motion, MOCAP_OT_look_through)

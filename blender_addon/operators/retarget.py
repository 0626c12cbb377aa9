"""The buttons of *Apply to my rig*: which skeleton, which rig, which bone map."""

import time
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from .. import bridge
from ..rigs.bone_maps import BoneMap, detect_map, read_map, shipped_maps, write_map
from ..rigs.retarget import Retargeted, is_take_skeleton, retarget_steps
from .engine_steps import UNDOABLE, allowed, has_event_loop

DETECT, FILE = "DETECT", "FILE"
TICK_S, TIMER_S = 0.03, 0.01
"""Of work at each tick of the timer, and between ticks: events and drawing come in between."""


def skeletons_in(scene: bpy.types.Scene) -> list[str]:
    """Names of the takes' skeletons in a scene."""
    return [item.name for item in scene.objects if is_take_skeleton(item)]


def why_not_retarget(context: Any) -> str:
    """Why *Apply to my rig* can't be clicked now; empty when it can."""
    rig = context.object
    if not skeletons_in(context.scene):
        return "Make a skeleton first: choose Skeleton as output"
    if rig is None or rig.type != "ARMATURE":
        return "Select your rig"
    if is_take_skeleton(rig):
        return "Select your rig, not the take's skeleton"
    return ""


@cache
def _map_items() -> list[tuple[str, str, str]]:
    """The choices; kept, since Blender doesn't keep the strings of an enumeration that is made by a function."""
    return [
        (DETECT, "The one that fits best", "By how many of its names the rig has"),
        *((bone_map.name, bone_map.name, f"Names as in {bone_map.name}") for bone_map in shipped_maps()),
        (FILE, "From a file", "A map of your own: save a shipped one and edit it"),
    ]


def _chosen_map(operator: Any, rig: bpy.types.Object) -> BoneMap:
    """Raises MocapError where the file is no map."""
    if operator.bone_map == FILE or operator.map_file:
        if not operator.map_file:
            raise bridge.MocapError("no file of a bone map is chosen; choose one, or another bone map")
        return read_map(Path(bpy.path.abspath(operator.map_file)))
    shipped = {bone_map.name: bone_map for bone_map in shipped_maps()}
    data: Any = rig.data
    return shipped.get(operator.bone_map) or detect_map(bone.name for bone in data.bones)


class RigChoices:
    """A mixin: what is applied to the active rig, and how."""

    source: StringProperty(  # type: ignore[valid-type]
        name="Skeleton",
        description="Whose motion",
        search=lambda _self, context, _typed: skeletons_in(context.scene),
    )
    bone_map: EnumProperty(name="Bone map", items=lambda _self, _context: _map_items())  # type: ignore[valid-type]
    map_file: StringProperty(  # type: ignore[valid-type]
        name="Map file", description="A bone map of your own; goes before the one above", subtype="FILE_PATH"
    )
    place: EnumProperty(  # type: ignore[valid-type]
        name="Begins",
        items=[
            ("PERSON", "Where the person is", "The rig goes where the person is in the shot"),
            ("RIG", "Where the rig is", "The person's way begins where the rig stands"),
        ],
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether it can be done; says why not."""
        return allowed(cls, why_not_retarget(context))


class MOCAP_OT_choose_for_rig(RigChoices, bpy.types.Operator):  # noqa: N801
    """Write the motion of a take's skeleton as a new action on the active rig."""

    bl_idname = "mocap.choose_for_rig"
    bl_label = "Apply to my rig"

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Ask which skeleton and which map."""
        selected = [item.name for item in context.selected_objects if is_take_skeleton(item)]
        if self.source not in skeletons_in(context.scene):
            self.source = (selected or skeletons_in(context.scene))[0]
        result: set[Any] = context.window_manager.invoke_props_dialog(self, width=380)
        return result

    def execute(self, _context: Any) -> set[Any]:
        """Leave it to the operator that does it: that one is the undo step."""
        chosen = {name: getattr(self, name) for name in RigChoices.__annotations__}
        bpy.ops.mocap.apply_to_rig("INVOKE_DEFAULT", **chosen)  # type: ignore[attr-defined]
        return {"FINISHED"}


class MOCAP_OT_apply_to_rig(RigChoices, bpy.types.Operator):  # noqa: N801
    """Write the motion of a take's skeleton as a new action on the active rig. Esc leaves the rig as it was."""

    bl_idname = "mocap.apply_to_rig"
    bl_label = "Apply to my rig"
    bl_options = UNDOABLE

    _timer: Any = None
    _count = 0
    _steps: Generator[str, None, Retargeted] | None = None

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Begin, and let Blender go on drawing."""
        if not has_event_loop(context):
            return self.execute(context)
        try:
            self._steps = self._begin(context)
            next(self._steps)
        except bridge.MocapError as error:
            return self._refused(error)
        manager = context.window_manager
        manager.progress_begin(0, 9999)
        self._timer = manager.event_timer_add(TIMER_S, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: bpy.types.Event) -> set[Any]:
        """Some steps at each tick. Nothing else gets through: half a motion is on the rig meanwhile."""
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            self.report({"WARNING"}, "Cancelled: the rig is as it was")
            return {"CANCELLED"}
        if event.type != "TIMER" or self._steps is None:
            return {"RUNNING_MODAL"}
        try:
            said = _some_steps(self._steps)
        except StopIteration as end:
            self._stop(context)
            return self._finished(end.value)
        except bridge.MocapError as error:
            self._stop(context)
            return self._refused(error)
        except BaseException:
            self.cancel(context)
            raise
        self._count += 1
        context.window_manager.progress_update(self._count % 9999)
        context.workspace.status_text_set(f"Apply to my rig: {said}. Esc cancels")
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[Any]:
        """Apply it at once: background Blender and scripts have no event loop."""
        try:
            steps = self._begin(context)
            while True:
                next(steps)
        except StopIteration as end:
            return self._finished(end.value)
        except bridge.MocapError as error:
            return self._refused(error)

    def cancel(self, context: Any) -> None:
        """Leave the rig as it was: Esc, another file, the window closes."""
        if self._steps is not None:
            self._steps.close()
        self._stop(context)

    def _begin(self, context: Any) -> Generator[str, None, Retargeted]:
        source = self.source or skeletons_in(context.scene)[0]
        if source not in skeletons_in(context.scene):
            raise bridge.MocapError(f"{source}: no skeleton of a take has this name; choose another")
        bone_map = _chosen_map(self, context.object)
        return retarget_steps(bpy.data.objects[source], context.object, bone_map, at_rig=self.place == "RIG")

    def _stop(self, context: Any) -> None:
        self._steps = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            context.window_manager.progress_end()
            context.workspace.status_text_set(None)

    def _refused(self, error: Exception) -> set[Any]:
        self.report({"ERROR"}, str(error))
        return {"CANCELLED"}

    def _finished(self, done: Retargeted) -> set[Any]:
        without = f"; without {', '.join(done.left_out)}, which the rig has not" if done.left_out else ""
        self.report({"INFO"}, f"{done.action}: {done.frame_count} frames by the bone map {done.map_name}{without}")
        return {"FINISHED"}


def _some_steps(steps: Generator[str, None, Retargeted]) -> str:
    """Steps for so long that the interface stays alive; what the last one did."""
    until = time.monotonic() + TICK_S
    said = next(steps)
    while time.monotonic() < until:
        said = next(steps)
    return said


class MOCAP_OT_save_bone_map(bpy.types.Operator):  # noqa: N801
    """Save the bone map that fits the active rig best, to be edited and then chosen as a map file."""

    bl_idname = "mocap.save_bone_map"
    bl_label = "Save the bone map"

    filepath: StringProperty(subtype="FILE_PATH")  # type: ignore[valid-type]
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})  # type: ignore[valid-type]
    bone_map: EnumProperty(name="Bone map", items=lambda _self, _context: _map_items())  # type: ignore[valid-type]
    map_file: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether a rig is active."""
        is_rig = context.object is not None and context.object.type == "ARMATURE"
        if not is_rig:
            cls.poll_message_set("Select your rig")
        return is_rig

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Ask for the file."""
        self.filepath = f"{bpy.path.clean_name(context.object.name)}.json"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[Any]:
        """Write it."""
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(".json")
        try:
            write_map(_chosen_map(self, context.object), path)
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{path}: edit the names and choose it as map file")
        return {"FINISHED"}


CLASSES = (MOCAP_OT_choose_for_rig, MOCAP_OT_apply_to_rig, MOCAP_OT_save_bone_map)

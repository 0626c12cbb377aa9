"""The buttons of *Apply to my rig*: which skeleton, which rig, which bone map."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from . import bridge
from .bone_maps import BoneMap, detect_map, read_map, shipped_maps, write_map
from .retarget import apply_to_rig, is_take_skeleton

DETECT, FILE = "DETECT", "FILE"


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


@contextmanager
def _counting(context: Any) -> Iterator[Callable[[int], None]]:
    """The cursor counts evaluated frames: a generated Rigify rig takes several rounds of some milliseconds a frame."""
    manager = context.window_manager
    manager.progress_begin(0, 9999)
    try:
        yield manager.progress_update
    finally:
        manager.progress_end()


class MOCAP_OT_apply_to_rig(bpy.types.Operator):  # noqa: N801
    """Write the motion of a take's skeleton as a new action on the active rig."""

    bl_idname = "mocap.apply_to_rig"
    bl_label = "Apply to my rig"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 Blender declares it on the instance

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
        problem = why_not_retarget(context)
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Ask which skeleton and which map."""
        selected = [item.name for item in context.selected_objects if is_take_skeleton(item)]
        if self.source not in skeletons_in(context.scene):
            self.source = (selected or skeletons_in(context.scene))[0]
        result: set[Any] = context.window_manager.invoke_props_dialog(self, width=380)
        return result

    def execute(self, context: Any) -> set[Any]:
        """Apply it."""
        source = self.source or skeletons_in(context.scene)[0]
        try:
            if source not in skeletons_in(context.scene):
                raise bridge.MocapError(f"{source}: no skeleton of a take has this name; choose another")
            bone_map = _chosen_map(self, context.object)
            with _counting(context) as progress:
                done = apply_to_rig(
                    bpy.data.objects[source],
                    context.object,
                    bone_map,
                    at_rig=self.place == "RIG",
                    progress=progress,
                )
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        without = f"; without {', '.join(done.left_out)}, which the rig has not" if done.left_out else ""
        self.report({"INFO"}, f"{done.action}: {done.frame_count} frames by the bone map {done.map_name}{without}")
        return {"FINISHED"}


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

"""Footage that has moved: choose where it is now, have the engine check that it is the same clip, and use it there."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from .. import bridge
from ..choices.footage_links import lost_footage, relink_scene, shape_problem
from ..choices.preferences import preference
from ..engine import session
from ..engine.request import Plan
from ..scene.take_records import TakeRecord
from .engine_steps import UNDOABLE, StepsEngine, allowed
from .takes import NO_TAKE, active_record


class MOCAP_OT_find_footage(bpy.types.Operator):  # noqa: N801
    """Choose the take's footage where it is now. Another clip is refused."""

    bl_idname = "mocap.find_footage"
    bl_label = "Find footage..."

    filepath: StringProperty(subtype="FILE_PATH")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether a take's footage is missing; says why not."""
        return allowed(cls, why_not_relink(context))

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Ask where it is, beginning where it was or beside the .blend."""
        record = active_record(context)
        assert record is not None
        lost = lost_footage(record)[0]
        self.filepath = str(lost if lost.parent.is_dir() else Path(bpy.path.abspath("//"), lost.name))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, _context: Any) -> set[Any]:
        """Hand it to the engine to check."""
        try:
            bpy.ops.mocap.relink("INVOKE_DEFAULT", filepath=self.filepath)  # type: ignore[attr-defined]
        except RuntimeError as error:  # where there is no event loop, it has ended already
            self.report({"ERROR"}, str(error).removeprefix("Error: ").strip())
            return {"CANCELLED"}
        return {"FINISHED"}


class MOCAP_OT_relink(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Check that this is the take's footage, and use it where it is now."""

    bl_idname = "mocap.relink"
    bl_label = "Relink the footage"
    bl_options = UNDOABLE

    filepath: StringProperty(subtype="FILE_PATH")  # type: ignore[valid-type]
    _lost: tuple[Path, ...] = ()

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether a take's footage is missing; says why not."""
        return allowed(cls, why_not_relink(context))

    def invoke(self, context: Any, event: bpy.types.Event) -> set[Any]:
        """Check without waiting; without the take, the scene is all there is to ask."""
        return super().invoke(context, event) if _has_take(context) else self._use_unchecked(context)

    def execute(self, context: Any) -> set[Any]:
        """Check and wait."""
        return super().execute(context) if _has_take(context) else self._use_unchecked(context)

    def begin(self, context: Any) -> session.Session:
        """Start the check, which also writes the new place into the take."""
        record = active_record(context)
        assert record is not None and record.take is not None
        self._name, self._lost = record.built.collection, tuple(lost_footage(record))
        command = ["relink", str(record.take), str(self._chosen(record))]
        return session.begin(
            Plan([command], title="Checking the footage", runs="Find footage", python=preference("python", ""))
        )

    def done(self, context: Any, _ended: session.Session) -> set[Any]:
        """Use it in the scene."""
        record = active_record(context)
        if record is None or record.built.collection != self._name:
            self.report({"WARNING"}, f"{self._name} has its footage again, but is not chosen any more: choose it")
            return {"FINISHED"}
        relink_scene(record, list(self._lost), self._chosen(record))
        self.report({"INFO"}, f"{self._name} has its footage again")
        return {"FINISHED"}

    def _use_unchecked(self, context: Any) -> set[Any]:
        record = active_record(context)
        assert record is not None
        footage = self._chosen(record)
        if problem := shape_problem(record, footage):
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        relink_scene(record, lost_footage(record), footage)
        self.report({"WARNING"}, f"Only the shape of the picture was compared: the take {record.take} is not here")
        return {"FINISHED"}

    def _chosen(self, record: TakeRecord) -> Path:
        """The file, or the folder where the footage was one of pictures."""
        chosen = Path(bpy.path.abspath(self.filepath)).absolute()
        lost = self._lost or tuple(lost_footage(record))
        is_folder = any(not path.suffix for path in lost)
        return chosen.parent if is_folder and chosen.is_file() else chosen


def why_not_relink(context: Any) -> str:
    """Why no footage can be looked for now; empty when it can."""
    record = active_record(context)
    if record is None:
        return NO_TAKE
    if not lost_footage(record):
        return "The footage is where the take says"
    return session.what_runs()


def _has_take(context: Any) -> bool:
    record = active_record(context)
    return record is not None and record.take is not None and bridge.is_take(record.take)


CLASSES = (MOCAP_OT_find_footage, MOCAP_OT_relink)

"""Other readings of unsure frames: look for them, go through them, choose one."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from .. import bridge
from ..choices.alternatives import keep_reading, next_frame, readings_file, scene_frames, write_chosen
from ..choices.contact_ranges import write_contacts
from ..choices.ghosts import ghosts_of, reading_of, remove_ghosts, selected_ghost, show_ghosts
from ..choices.preferences import preference
from ..choices.properties import settings_of
from ..engine import session
from ..engine.request import PROGRESS, Plan
from .engine_steps import UNDOABLE, StepsEngine, allowed
from .takes import active_record, clean_up_plan, why_not_clean_up

NO_BONES = "This take's weights read no bones: reconstruct the clip with weights that do"
NONE_FOUND = "No other readings: everybody was seen well, or nothing else is likely"


class MOCAP_OT_find_readings(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Decode the next likely poses of the frames in which the network was unsure of a limb, and show the nearest."""

    bl_idname = "mocap.find_readings"
    bl_label = "Find other readings"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the take can have any; says why not."""
        return allowed(cls, why_not_find_readings(context))

    def begin(self, context: Any) -> session.Session:
        """Start the engine."""
        record = active_record(context)
        assert record is not None and record.take is not None
        command = ["readings", str(record.take), "-o", str(readings_file(record.take)), *PROGRESS]
        return session.begin(
            Plan([command], title="Looking for other readings", runs="The search", python=preference("python", ""))
        )

    def done(self, context: Any, _ended: session.Session) -> set[Any]:
        """Show the nearest ones."""
        return _go(self, context, 0)


class MOCAP_OT_show_readings(bpy.types.Operator):  # noqa: N801
    """Go to a frame with other readings and show them as ghosts."""

    bl_idname = "mocap.show_readings"
    bl_label = "Show other readings"
    bl_options = UNDOABLE

    direction: IntProperty(options={"HIDDEN"}, description="1 the next, -1 the one before, 0 the nearest")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether any were found."""
        return allowed(cls, why_not_show_readings(context))

    def execute(self, context: Any) -> set[Any]:
        """Go there."""
        return _go(self, context, self.direction)


class MOCAP_OT_hide_readings(bpy.types.Operator):  # noqa: N801
    """Delete the ghosts; nothing is chosen."""

    bl_idname = "mocap.hide_readings"
    bl_label = "Hide the ghosts"
    bl_options = UNDOABLE

    def execute(self, context: Any) -> set[Any]:
        """Delete them."""
        record = active_record(context)
        if record is not None:
            remove_ghosts(record)
        return {"FINISHED"}


class MOCAP_OT_choose_reading(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Take this reading: the take is solved again with it as a key, and the frames around follow."""

    bl_idname = "mocap.choose_reading"
    bl_label = "Choose the selected ghost"
    bl_options = UNDOABLE
    cancelled_text = "Cancelled: the pose is as it was"

    ghost: StringProperty(options={"HIDDEN"}, description="Name of a ghost; empty for the selected one")  # type: ignore[valid-type]
    _before: list[tuple[str, str, int, str]] | None = None
    _frame = 1

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there are ghosts, and the take can be solved again."""
        return allowed(cls, why_not_choose_reading(context))

    def begin(self, context: Any) -> session.Session:
        """Keep the choice and start the fast step."""
        record = active_record(context)
        assert record is not None
        named = bpy.data.objects.get(self.ghost) if self.ghost else selected_ghost(context, record)
        if named is None or named not in ghosts_of(record):
            raise bridge.MocapError("no ghost is selected; click one in the 3D view, or its button")
        held, self._frame = settings_of(context.scene).readings, context.scene.frame_current
        self._before = [(r.take, r.person_id, r.frame, r.rotations) for r in held]
        try:
            keep_reading(context.scene, record, *reading_of(named, record))
            contacts, readings = write_contacts(context.scene, record), write_chosen(context.scene, record)
            return session.begin(clean_up_plan(context, contacts, readings))
        except bridge.MocapError:
            self._restore(context)
            raise

    def done(self, context: Any, _ended: session.Session) -> set[Any]:
        """Say that it is done."""
        context.scene.frame_set(self._frame)  # a take that is built anew begins at its first
        self.report({"INFO"}, "The reading is a key now; the frames around follow")
        return {"FINISHED"}

    def failed(self, context: Any, ended: session.Session) -> set[Any]:
        """Forget the choice."""
        self._restore(context)
        return super().failed(context, ended)

    def _restore(self, context: Any) -> None:
        held = settings_of(context.scene).readings
        held.clear()
        for take, person_id, frame, rotations in self._before or []:
            item = held.add()
            item.take, item.person_id, item.frame, item.rotations = take, person_id, frame, rotations


class MOCAP_OT_drop_reading(bpy.types.Operator):  # noqa: N801
    """Forget this choice; the next clean-up solves without it."""

    bl_idname = "mocap.drop_reading"
    bl_label = "Forget the reading"
    bl_options = UNDOABLE

    index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        """Forget it."""
        settings_of(context.scene).readings.remove(self.index)
        return {"FINISHED"}


def why_not_find_readings(context: Any) -> str:
    """Why nobody can look for other readings now; empty when they can."""
    if session.is_running():
        return session.what_runs()
    record = active_record(context)
    take: Path | None = record.take if record is not None else None
    return why_not_clean_up(context) or ("" if take is not None and bridge.take_status(take).reads_bones else NO_BONES)


def why_not_show_readings(context: Any) -> str:
    """Why no other readings can be shown now; empty when they can."""
    if problem := why_not_find_readings(context):
        return problem
    record = active_record(context)
    assert record is not None and record.take is not None
    if not readings_file(record.take).is_file():
        return "Find other readings first"
    try:
        return "" if scene_frames(record) else NONE_FOUND
    except bridge.MocapError as error:
        return str(error)


def why_not_choose_reading(context: Any) -> str:
    """Why no reading can be chosen now; empty when one can."""
    if problem := why_not_clean_up(context):
        return problem
    record = active_record(context)
    return "" if record is not None and ghosts_of(record) else "Show other readings first"


def _go(operator: Any, context: Any, direction: int) -> set[Any]:
    """Show the ghosts of the nearest, next or last frame that has any, and go there."""
    record, scene = active_record(context), context.scene
    try:
        frames = scene_frames(record) if record is not None else []
        frame = next_frame([at for at, _, _ in frames], scene.frame_current, direction)
        if frame is None:
            operator.report({"INFO"}, NONE_FOUND if not frames else "No more of them that way")
            return {"FINISHED"}
        made = show_ghosts(scene, record, frame)  # type: ignore[arg-type]
    except bridge.MocapError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    scene.frame_set(frame)
    operator.report({"INFO"}, f"{len(made)} other readings of frame {frame}")
    return {"FINISHED"}


CLASSES = (
    MOCAP_OT_find_readings,
    MOCAP_OT_show_readings,
    MOCAP_OT_hide_readings,
    MOCAP_OT_choose_reading,
    MOCAP_OT_drop_reading,
)

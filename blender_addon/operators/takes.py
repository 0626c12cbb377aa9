"""What is done with a take that is there: choose it, clean it up again, mark where it is unsure."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.props import StringProperty

from .. import bridge
from ..choices import to_request
from ..choices.alternatives import write_chosen
from ..choices.contact_ranges import write_contacts
from ..choices.preferences import preference
from ..choices.properties import settings_of
from ..engine import session
from ..engine.request import Plan, camera_of
from ..scene import take_records
from ..scene.film_frames import FilmFrames
from .engine_steps import UNDOABLE, StepsEngine, allowed
from .timeline_strip import UNSURE

MARKER = "unsure"
NO_TAKE = "No take in this scene yet: reconstruct the footage first"


class MOCAP_OT_select_take(bpy.types.Operator):  # noqa: N801
    """Choose this take: its objects are selected, and the sections below are about it."""

    bl_idname = "mocap.select_take"
    bl_label = "Choose the take"
    bl_options = UNDOABLE

    name: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        """Select its objects."""
        collection: Any = bpy.data.collections.get(self.name)
        record = take_records.record_of(collection) if collection else None
        stage = bpy.data.objects.get(record.built.stage) if record else None
        if stage is None or stage.name not in context.view_layer.objects:
            self.report({"WARNING"}, f"{self.name} is not in this view layer any more")
            return {"CANCELLED"}
        for item in context.view_layer.objects:
            item.select_set(item.name in collection.all_objects)
        context.view_layer.objects.active = stage
        return {"FINISHED"}


class MOCAP_OT_clean_up(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Solve the take again with these settings and replace its objects; the network does not run."""

    bl_idname = "mocap.clean_up"
    bl_label = "Apply to the take"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a take on disk; says why not."""
        return allowed(cls, why_not_clean_up(context))

    def begin(self, context: Any) -> session.Session:
        """Start the fast step."""
        record = active_record(context)
        assert record is not None
        contacts, readings = write_contacts(context.scene, record), write_chosen(context.scene, record)
        return session.begin(clean_up_plan(context, contacts, readings))

    def done(self, _context: Any, ended: session.Session) -> set[Any]:
        """Say that it is done."""
        assert ended.built is not None
        self.report({"INFO"}, f"{ended.built.collection} is solved again")
        return {"FINISHED"}


class MOCAP_OT_mark_unsure(bpy.types.Operator):  # noqa: N801
    """Put markers on the timeline where the network was unsure of somebody, and where gaps were filled."""

    bl_idname = "mocap.mark_unsure"
    bl_label = "Mark unsure frames"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the take's motion is on disk."""
        record = active_record(context)
        return allowed(cls, "" if record and record.motion.is_file() else NO_TAKE)

    def execute(self, context: Any) -> set[Any]:
        """Mark them, in place of the markers of before."""
        record = active_record(context)
        assert record is not None
        try:
            motion = bridge.open_motion(record.motion)
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        scene = context.scene
        for marker in [marker for marker in scene.timeline_markers if marker.name.startswith(MARKER)]:
            scene.timeline_markers.remove(marker)
        ranges = [found for person in motion.persons for found in unsure_ranges(person, record.built.film)]
        for person_id, first, last in ranges:
            scene.timeline_markers.new(f"{MARKER} {person_id} to {last}", frame=first)
        self.report({"INFO"}, f"{len(ranges)} unsure ranges marked" if ranges else "Sure of everybody everywhere")
        return {"FINISHED"}


def active_record(context: Any) -> take_records.TakeRecord | None:
    """The take that the sections are about; None where there is none."""
    collection = take_records.active_take(context)
    return take_records.record_of(collection) if collection is not None else None


def why_not_clean_up(context: Any) -> str:
    """Why the take can't be solved again now; empty when it can."""
    if session.is_running():
        return session.what_runs()
    record = active_record(context)
    if record is None:
        return NO_TAKE
    if record.take is None:
        return f"{record.built.collection} was built from a motion file, which can't be solved again"
    if not record.take.is_dir():
        return f"The take {record.take} is gone: reconstruct the footage again"
    if record.is_moving and not camera_of(record.take).is_file():
        return f"The camera {camera_of(record.take)} is gone: reconstruct the footage again"
    return ""


def clean_up_plan(context: Any, contacts: Path | None = None, readings: Path | None = None) -> Plan:
    """The fast step on the active take, and its objects made again as the settings want them.

    Args:
        context: Blender's.
        contacts: file of the frames in which feet stand; None has them found.
        readings: file of the poses that were chosen for single frames.
    """
    record = active_record(context)
    assert record is not None and record.take is not None
    settings = settings_of(context.scene)
    name = record.built.collection
    camera = context.scene.camera
    is_its_camera = camera is not None and camera.name == record.built.camera
    outputs = tuple(sorted(settings.outputs)) or record.outputs
    moving = camera_of(record.take) if record.is_moving else None
    chosen = to_request.clean_up_from(settings, bridge.take_status(record.take).reads_bones)
    clean_up = replace(chosen, contacts=contacts, camera=moving, readings=readings)
    return Plan(
        [clean_up.command(record.take, record.motion)],
        title="Cleaning up",
        runs="The clean-up",
        take=record.take,
        motion=record.motion,
        build=replace(to_request.build_settings(settings, name), outputs=outputs, matches_scene=is_its_camera),
        replaces=name,
        python=preference("python", ""),
    )


def unsure_ranges(person: Any, film: FilmFrames) -> list[tuple[str, int, int]]:
    """Where a person of a motion was seen badly or not at all.

    Args:
        person: of a motion.
        film: where the footage lies in the scene.

    Returns:
        Person, first and last scene frame of each range.
    """
    rows = np.flatnonzero(person.is_filled | (person.confidence.mean(axis=1) < UNSURE))
    if not len(rows):
        return []
    frames = np.round(film.frames_of(person.time_s)).astype(int)
    ends = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return [(person.person_id, int(frames[run[0]]), int(frames[run[-1]])) for run in ends]


CLASSES = (MOCAP_OT_select_take, MOCAP_OT_clean_up, MOCAP_OT_mark_unsure)

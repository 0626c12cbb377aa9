"""Whom to capture: the quick pass, and boxes typed or drawn on a frame."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntProperty

from .. import bridge
from ..choices import to_request
from ..choices.people import Anchor, FoundPerson, box_from_corners, found_in, split_track
from ..choices.properties import film_of, footage_path, found_people, settings_of, shown_clip
from ..engine import session
from ..engine.request import QUICK_STEP
from ..scene.build import counted_people, show_frame
from ..scene.turned_clip import upright_size
from .box_overlay import BoxOverlay
from .engine_steps import UNDOABLE, StepsEngine, allowed

FALLBACK_SIZE = (1920, 1080)
"""Of footage that Blender has not opened: a new box starts somewhere, the person types the rest."""


class MOCAP_OT_find_people(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Look at a few frames a second and list who is in the footage, to choose whom to capture."""

    bl_idname = "mocap.find_people"
    bl_label = "Find people"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether it can start; says why not."""
        return allowed(cls, to_request.why_not_find(context))

    def begin(self, context: Any) -> session.Session:
        """Start the quick pass."""
        request = to_request.quick_request(context)
        self._footage = footage_path(settings_of(context.scene))
        return session.start(request, request.find_people_plan())

    def done(self, context: Any, ended: session.Session) -> set[Any]:
        """List the people."""
        assert ended.plan.take is not None
        try:
            people = found_in(ended.plan.take, QUICK_STEP)
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        settings = settings_of(bpy.data.scenes.get(self._scene) or context.scene)
        settings.found.clear()
        settings.found_in, settings.found_take = self._footage, str(ended.plan.take)
        for person in people:
            fill_row(settings.found.add(), person)
        settings.people = "picked"
        self.report({"INFO"}, f"{counted_people(len(people))} found; tick whom to capture")
        return {"FINISHED"}


class MOCAP_OT_show_person(bpy.types.Operator):  # noqa: N801
    """Go to the frame in which this person is seen best."""

    bl_idname = "mocap.show_person"
    bl_label = "Show the person"
    bl_options = UNDOABLE

    index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        """Go there."""
        settings = settings_of(context.scene)
        first, *others = (Anchor(*held) for held in json.loads(found_people(settings)[self.index].anchors))
        frame = others[0].frame if others and first.frames else first.frame  # a half begins with a box at the jump
        show_frame(context.scene, film_of(settings).scene_frame_of(frame))
        return {"FINISHED"}


class MOCAP_OT_split_person(bpy.types.Operator):  # noqa: N801
    """Make two of this person from the current frame on, where the track has jumped to somebody else."""

    bl_idname = "mocap.split_person"
    bl_label = "Split at this frame"
    bl_options = UNDOABLE

    index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the current frame lies in the row's track; says why not."""
        person = getattr(context, "mocap_person", None)
        return allowed(cls, session.what_runs() or ("" if person is None else why_not_split(context.scene, person)))

    def execute(self, context: Any) -> set[Any]:
        """Split it; the second half comes below."""
        settings = settings_of(context.scene)
        item = found_people(settings)[self.index]
        if problem := why_not_split(context.scene, item):
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        at = frame_shown(context.scene)
        low, high = (None if bound < 0 else int(bound) for bound in item.bounds)
        try:
            halves = split_track(
                Path(settings.found_take), item.track, item.first - 1, item.last - 1, at, QUICK_STEP, (low, high)
            )
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        name = half_name(item.person_id, {other.person_id for other in (*settings.found, *settings.boxes)})
        self.report({"INFO"}, f"{item.person_id} until frame {at}, {name} from frame {at + 1}")
        fill_row(item, replace(halves[0], person_id=item.person_id), (low, at - 1))
        fill_row(settings.found.add(), replace(halves[1], person_id=name), (at, high))
        settings.found.move(len(settings.found) - 1, self.index + 1)
        return {"FINISHED"}


class MOCAP_OT_add_box(bpy.types.Operator):  # noqa: N801
    """Add a box on the current frame, in the middle of the picture, to be typed or dragged into place."""

    bl_idname = "mocap.add_box"
    bl_label = "Add a box"
    bl_options = UNDOABLE

    def execute(self, context: Any) -> set[Any]:
        """Add it."""
        width, height = footage_size(settings_of(context.scene))
        add_box(context.scene, [width // 3, height // 6, width // 3, height * 2 // 3])
        return {"FINISHED"}


class MOCAP_OT_remove_box(bpy.types.Operator):  # noqa: N801
    """Remove this box."""

    bl_idname = "mocap.remove_box"
    bl_label = "Remove the box"
    bl_options = UNDOABLE

    index: IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    def execute(self, context: Any) -> set[Any]:
        """Remove it."""
        settings_of(context.scene).boxes.remove(self.index)
        return {"FINISHED"}


class MOCAP_OT_draw_box(bpy.types.Operator):  # noqa: N801
    """Drag a box around the person on the frame that the Movie Clip Editor shows. Esc leaves it."""

    bl_idname = "mocap.draw_box"
    bl_label = "Draw a box"
    bl_options = UNDOABLE

    index: IntProperty(  # type: ignore[valid-type]
        description="Of the box that it takes the place of", default=-1, options={"HIDDEN", "SKIP_SAVE"}
    )
    _overlay: BoxOverlay | None = None
    _from: tuple[float, float] | None = None

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether the editor shows the footage."""
        return allowed(cls, why_not_draw(context))

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Wait for the drag."""
        region = next(region for region in context.area.regions if region.type == "WINDOW")
        self._overlay = BoxOverlay(context.area, region, context.space_data.clip)
        self._overlay.show()
        context.window.cursor_modal_set("CROSSHAIR")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: bpy.types.Event) -> set[Any]:
        """Follow the drag."""
        assert self._overlay is not None
        if event.type in {"ESC", "RIGHTMOUSE"} and event.value == "PRESS":
            return self._end(context, {"CANCELLED"})
        at = self._overlay.view_at(event.mouse_x, event.mouse_y)
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._from = at
        elif event.type == "MOUSEMOVE" and self._from is not None:
            self._overlay.draw_to(self._from, at)
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._from is not None:
            box = box_from_corners(self._from, at, self._overlay.size)
            if box is None:
                self.report({"WARNING"}, "The box is empty: drag from one corner of the person to the other")
                return self._end(context, {"CANCELLED"})
            place_box(context.scene, box, self.index)
            return self._end(context, {"FINISHED"})
        return {"RUNNING_MODAL"}

    def cancel(self, context: Any) -> None:
        """Blender ends the operator."""
        self._end(context, set())

    def _end(self, context: Any, result: set[Any]) -> set[Any]:
        if self._overlay is not None:
            self._overlay.hide()
            self._overlay = None
        context.window.cursor_modal_restore()
        return result


def fill_row(item: Any, person: FoundPerson, bounds: tuple[int | None, int | None] = (None, None)) -> None:
    """Write somebody who was found into a row of the list; `bounds` are the frames in which they may be followed."""
    item.person_id, item.first, item.last = person.person_id, person.first + 1, person.last + 1
    item.share, item.anchors, item.present = person.share, json.dumps(person.anchors), json.dumps(person.present)
    item.track, item.picture = person.track, person.picture
    item.bounds = [-1 if bound is None else bound for bound in bounds]


def frame_shown(scene: bpy.types.Scene) -> int:
    """The frame of the footage, from 0, that the scene shows now."""
    return film_of(settings_of(scene)).frame_at(scene.frame_current)


def half_name(name: str, taken: set[str]) -> str:
    """A name for the second half of somebody: 1b, 1c, ..."""
    return next(f"{name}{chr(letter)}" for letter in range(ord("b"), 0x10FFFF) if f"{name}{chr(letter)}" not in taken)


def why_not_split(scene: bpy.types.Scene, person: Any) -> str:
    """Why this row can't be split at the current frame; empty when it can."""
    if not person.track or not bridge.is_take(Path(settings_of(scene).found_take)):
        return "What the quick pass saw is gone from the disk: find people again"
    if not person.first <= frame_shown(scene) < person.last:
        return (
            f"{person.person_id} is seen in frames {person.first} to {person.last}: "
            "go to the first frame that shows somebody else"
        )
    return ""


def why_not_draw(context: Any) -> str:
    """Why no box can be drawn here; empty when one can."""
    clip = shown_clip(settings_of(context.scene))
    if clip is None:
        return "Open the footage as a Movie Clip to draw on it"
    space = context.space_data
    if space is None or space.type != "CLIP_EDITOR":
        return "Draw in the Movie Clip Editor's sidebar"
    return "" if space.clip == clip else "The editor shows another clip"


def footage_size(settings: Any) -> tuple[int, int]:
    """Width and height of the footage where Blender knows it."""
    clip = shown_clip(settings)
    width, height = upright_size(clip) if clip else (0, 0)
    return (width, height) if width and height else FALLBACK_SIZE


def add_box(scene: bpy.types.Scene, box: list[int]) -> None:
    """Add a box on the current frame, for a person of a new name, and choose those in boxes.

    Args:
        scene: whose choices.
        box: x, y, width, height; pixels of the footage.
    """
    settings = settings_of(scene)
    taken = {item.person_id for item in (*settings.boxes, *found_people(settings))}
    letters = (chr(ord("a") + number) for number in range(26))
    item = settings.boxes.add()
    item.person_id = next((letter for letter in letters if letter not in taken), "z")
    item.frame = max(1, frame_shown(scene) + 1)
    item.corner, item.size = box[:2], box[2:]
    settings.people = "picked"


def place_box(scene: bpy.types.Scene, box: list[int], index: int) -> None:
    """Put a box that was drawn on the current frame: in place of one that is there, else as a new person's.

    Args:
        scene: whose choices.
        box: x, y, width, height; pixels of the footage.
        index: of the box that it takes the place of; any other number for none.
    """
    settings = settings_of(scene)
    if not 0 <= index < len(settings.boxes):
        add_box(scene, box)
        return
    item = settings.boxes[index]
    item.frame, item.corner, item.size = max(1, frame_shown(scene) + 1), box[:2], box[2:]


CLASSES = (
    MOCAP_OT_find_people,
    MOCAP_OT_show_person,
    MOCAP_OT_split_person,
    MOCAP_OT_add_box,
    MOCAP_OT_remove_box,
    MOCAP_OT_draw_box,
)

"""The sections about takes that are there: result, clean-up, output, export."""

from __future__ import annotations

from typing import Any

from ..choices.contact_ranges import contacts_near
from ..choices.footage_links import lost_footage
from ..choices.properties import settings_of
from ..engine import session
from ..engine.take_folder import gaps_text, self_check
from ..operators.contacts import why_not_get_contacts
from ..operators.export import size_text, takes_morphs, why_not_export
from ..operators.mesh_cache import missing_text
from ..operators.retarget import why_not_retarget
from ..operators.takes import NO_TAKE, active_record, why_not_clean_up
from ..rigs.bone_maps import detect_map
from ..scene import take_records
from ..scene.build import counted_people
from . import blend_size
from .alternatives import draw_bones
from .section import Section, draw_button, draw_text, letters

GRADE_ICONS = {"green": "COLORSET_03_VEC", "amber": "COLORSET_09_VEC", "red": "COLORSET_01_VEC"}


class ResultSection(Section):
    """The takes of this scene; the sections below are about the chosen one."""

    key = "result"
    bl_label = "Result"

    def draw(self, context: Any) -> None:
        """Draw the list, and what is in the chosen take."""
        layout, width = self.layout, letters(context)
        active = take_records.active_take(context)
        for collection in take_records.takes_in(context.scene):
            icon = "RADIOBUT_ON" if collection == active else "RADIOBUT_OFF"
            layout.operator("mocap.select_take", text=collection.name, icon=icon).name = collection.name
        record = active_record(context)
        if record is None:
            draw_text(layout, NO_TAKE, width, "INFO")
        else:
            draw_take(layout, record, width)
        problem = "" if context.scene.camera else "The scene has no camera"
        draw_button(layout, "mocap.look_through", problem, width, icon="CAMERA_DATA")
        is_there = record is not None and record.motion.is_file()
        problem = "" if is_there or record is None else f"{record.motion} is gone: apply the clean-up again"
        draw_button(layout, "mocap.mark_unsure", problem, width, icon="MARKER")


def draw_take(layout: Any, record: take_records.TakeRecord, width: int) -> None:
    """Who is in a take, and in which frames."""
    box = layout.box()
    box.label(text=counted_people(len(record.built.people)), icon="COMMUNITY")
    for person in record.built.people:
        box.label(text=f"Person {person.person_id}: frames {person.first_frame:g} to {person.last_frame:g}")
        for check in self_check(record.motion):
            if check.person_id == person.person_id:
                draw_text(box, check.text, width, GRADE_ICONS.get(check.grade, "DOT"))
        if gaps := gaps_text(record.motion, person.person_id):
            draw_text(box, gaps, width, "INFO")
    lost = lost_footage(record)
    if lost:
        text = f"The footage {lost[0].name} is not there: it was moved or renamed, or is on another computer"
        draw_text(box, text, width, "ERROR")
        draw_button(box, "mocap.find_footage", session.what_runs(), width, icon="VIEWZOOM")
    elif not record.built.has_footage:
        draw_text(box, "Blender can't show this footage behind the camera", width, "INFO")


class CleanUpSection(Section):
    """The fast step, as often as you like: it never runs the network."""

    key = "clean_up"
    bl_label = "Clean up"

    def draw(self, context: Any) -> None:
        """Draw the settings and the button."""
        layout, settings = self.layout, settings_of(context.scene)
        layout.prop(settings, "is_smooth_apart")
        names = ("smooth_body", "smooth_limbs", "smooth_root") if settings.is_smooth_apart else ("smooth",)
        column = layout.column(align=True)
        for name in names:
            column.prop(settings, name)
        layout.label(text="Gaps")
        layout.row().prop(settings, "gaps", expand=True)
        if settings.gaps == "short":
            layout.prop(settings, "longest_gap_s")
        layout.label(text="Floor")
        layout.row().prop(settings, "floor", expand=True)
        layout.label(text="Feet")
        layout.row().prop(settings, "feet", expand=True)
        if settings.feet != "off":
            draw_contacts(layout, context)
        layout.prop(settings, "is_in_place")
        draw_bones(layout, context)
        draw_button(layout, "mocap.clean_up", why_not_clean_up(context), letters(context), icon="MOD_SMOOTH")


def draw_contacts(layout: Any, context: Any) -> None:
    """The contacts near the current frame, to be edited; the others are counted."""
    settings, width = settings_of(context.scene), letters(context)
    layout.prop(settings, "is_contact_own")
    if not settings.is_contact_own:
        return
    draw_button(layout, "mocap.get_contacts", why_not_get_contacts(context), width, icon="IMPORT")
    near = contacts_near(context.scene)
    for index in near:
        contact = settings.contacts[index]
        row = layout.row(align=True)
        row.prop(contact, "person_id", text="")
        row.prop(contact, "foot", text="")
        row.prop(contact, "first", text="")
        row.prop(contact, "last", text="")
        row.operator("mocap.remove_contact", text="", icon="X").index = index
    if len(near) < len(settings.contacts):
        layout.label(text=f"{len(settings.contacts) - len(near)} more away from this frame")
    layout.operator("mocap.add_contact", icon="ADD")


class OutputSection(Section):
    """What is made of the people, and what of the scene; the motion on a rig of your own."""

    key = "output"
    bl_label = "Output"

    def draw(self, context: Any) -> None:
        """Draw the choices and the retarget."""
        layout, settings = self.layout, settings_of(context.scene)
        layout.row().prop(settings, "outputs", expand=True)
        draw_storage(layout, context)
        layout.prop(settings, "matches_scene")
        layout.operator("mocap.choose_motion", icon="FILE_FOLDER")
        draw_retarget(layout.box(), context)


def draw_storage(layout: Any, context: Any) -> None:
    """Where the mesh's motion is kept, how large that gets and how long it takes, and a cache that is missing."""
    settings, width = settings_of(context.scene), letters(context)
    if "mesh" in settings.outputs:
        layout.row().prop(settings, "storage", expand=True)
    if size := blend_size.size_text(context):
        draw_text(layout, size, width, "INFO")
    if wait := blend_size.wait_text(context):
        draw_text(layout, wait, width, "TIME")
    if problem := missing_text(context):
        draw_text(layout, problem, width, "ERROR")
        layout.operator("mocap.repair_cache", icon="FILE_REFRESH")


def draw_retarget(layout: Any, context: Any) -> None:
    """The buttons, and above them which rig they are for and which map fits it."""
    problem = why_not_retarget(context)
    if problem:
        draw_text(layout, problem, letters(context), "INFO")
    else:
        bone_map = detect_map(bone.name for bone in context.object.data.bones)
        layout.label(text=f"{context.object.name}: {bone_map.name}", icon="ARMATURE_DATA")
    layout.operator("mocap.choose_for_rig")
    layout.operator("mocap.save_bone_map")


class ExportSection(Section):
    """Files for other programs."""

    key = "export"
    bl_label = "Export"

    def draw(self, context: Any) -> None:
        """Draw the format and the button."""
        layout, settings = self.layout, settings_of(context.scene)
        layout.prop(settings, "export_preset", text="")
        if takes_morphs(context):
            layout.prop(settings, "morph_count")
        if size := size_text(context):
            layout.label(text=size)
        draw_button(layout, "mocap.export_take", why_not_export(context), letters(context), icon="EXPORT")


SECTIONS = (ResultSection, CleanUpSection, OutputSection, ExportSection)

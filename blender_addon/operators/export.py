"""Export of the chosen take, by a preset for the program that will read it."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from .. import bridge
from ..choices.properties import settings_of
from ..engine import session
from ..exports.export import check_caches, check_format, export_take
from ..exports.presets import PRESETS, estimated_bytes, has_body, morphs_for
from .engine_steps import allowed
from .takes import NO_TAKE, active_record

MEGABYTE = 1e6


class MOCAP_OT_export_take(bpy.types.Operator):  # noqa: N801
    """Write the take's people to files for another program; the scene stays as it is."""

    bl_idname = "mocap.export_take"
    bl_label = "Export"

    filepath: StringProperty(subtype="FILE_PATH")  # type: ignore[valid-type]
    preset: EnumProperty(name="For", items=[(key, preset.label, "") for key, preset in PRESETS.items()])  # type: ignore[valid-type]
    morph_count: IntProperty(name="Morphs", min=0)  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a take."""
        return allowed(cls, why_not_export(context))

    def invoke(self, context: Any, _event: bpy.types.Event) -> set[Any]:
        """Ask where to, beginning in the folder of the last time."""
        record, settings = active_record(context), settings_of(context.scene)
        assert record is not None
        self.preset, self.morph_count = settings.export_preset, settings.morph_count
        folder = bpy.path.abspath(settings.export_folder or "//")
        self.filepath = str(Path(folder, f"{record.built.collection}.{PRESETS[self.preset].kind}"))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[Any]:
        """Write it."""
        record, preset = active_record(context), PRESETS[self.preset]
        assert record is not None
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(f".{preset.kind}")
        try:
            exported = export_take(record.built, path, preset, self.morph_count)
        except (bridge.MocapError, OSError, RuntimeError) as error:
            self.report({"ERROR"}, " ".join(str(error).split()))
            return {"CANCELLED"}
        settings_of(context.scene).export_folder = str(path.parent)
        for note in exported.notes:
            self.report({"INFO"}, note)
        self.report({"INFO"}, f"Written: {', '.join(str(file) for file in exported.files)}")
        return {"FINISHED"}


def why_not_export(context: Any) -> str:
    """Why nothing can be exported now; empty when something can."""
    if session.is_running():
        return session.what_runs()
    record = active_record(context)
    if record is None:
        return NO_TAKE
    kind = PRESETS[settings_of(context.scene).export_preset].kind
    if kind == "bvh" and "armature" not in record.outputs:
        return "BVH holds skeletons: make the skeleton too"
    try:
        check_format(kind)
        check_caches(record.built)
    except bridge.MocapError as error:
        return str(error)
    return ""


def takes_morphs(context: Any) -> bool:
    """Whether the number of morphs matters to what would be written."""
    record, preset = active_record(context), PRESETS[settings_of(context.scene).export_preset]
    is_morphed = morphs_for(preset, 1) > 0
    return record is not None and is_morphed and any(has_body(person, preset) for person in record.built.people)


def size_text(context: Any) -> str:
    """How large the files will be, in words; empty without a take."""
    record, settings = active_record(context), settings_of(context.scene)
    if record is None:
        return ""
    size = estimated_bytes(record.built, PRESETS[settings.export_preset], settings.morph_count)
    return f"About {size / MEGABYTE:.1f} MB"


CLASSES = (MOCAP_OT_export_take,)

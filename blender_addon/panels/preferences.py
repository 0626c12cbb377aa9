"""The add-on's preferences as Blender keeps and shows them; `choices.preferences` asks Blender for their values."""

from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from .. import bridge
from ..choices.preferences import readiness_now, takes_folder
from ..engine import readiness, session
from .downloads import draw_downloads

MEGABYTE = 1e6


def _forget_readiness(_self: Any, _context: Any) -> None:
    readiness.check.cache_clear()


class MocapPreferences(bpy.types.AddonPreferences):
    """Preferences of the add-on."""

    bl_idname = bridge.PACKAGE

    python: StringProperty(  # type: ignore[valid-type]
        name="Engine's Python",
        description="A Python with onnxruntime, OpenCV and SciPy, for instance with onnxruntime-gpu. "
        "Empty: Blender's own, with the packages of this extension",
        subtype="FILE_PATH",
        update=_forget_readiness,
    )
    device: EnumProperty(  # type: ignore[valid-type]
        name="Device",
        description="Where the network runs",
        items=[
            ("auto", "Automatic", "The quickest that the engine can use"),
            ("cpu", "CPU", "Works everywhere"),
            ("cuda", "CUDA", "NVIDIA; needs an engine's Python with onnxruntime-gpu"),
            ("directml", "DirectML", "Windows; needs an engine's Python with onnxruntime-directml"),
            ("coreml", "CoreML", "Apple"),
        ],
    )
    threads: IntProperty(  # type: ignore[valid-type]
        name="Threads", description="CPU threads of the network. 0: the engine decides", min=0, max=256
    )
    weights: StringProperty(  # type: ignore[valid-type]
        name="Weights",
        description="Folder of a weights bundle. Empty: the weights that come with the extension",
        subtype="DIR_PATH",
        update=_forget_readiness,
    )
    detector: StringProperty(  # type: ignore[valid-type]
        name="Detector",
        description="What finds people: an .onnx file (D-FINE, RT-DETR, YOLOX). Empty: the detector that comes "
        "with the extension",
        subtype="FILE_PATH",
        update=_forget_readiness,
    )
    is_commercial_only: BoolProperty(  # type: ignore[valid-type]
        name="Commercial use",
        description="Refuse weights and detectors that don't say that they may be used commercially",
        update=_forget_readiness,
    )
    hub_repository: StringProperty(  # type: ignore[valid-type]
        name="Repository", description="Weights on Hugging Face, as ORG/NAME"
    )
    hub_revision: StringProperty(  # type: ignore[valid-type]
        name="Revision",
        description="A branch, a tag or a commit. Empty: main. A download puts its commit here, so that the same "
        "weights come next time",
    )
    downloads: StringProperty(  # type: ignore[valid-type]
        name="Folder for downloads",
        description="Where downloaded weights are kept. Empty: the extension's own folder",
        subtype="DIR_PATH",
    )
    takes: StringProperty(  # type: ignore[valid-type]
        name="Folder for takes",
        description="Where the network's estimates are kept, so that a run resumes and clean-up never runs "
        "the network again. Empty: the extension's own folder",
        subtype="DIR_PATH",
    )

    def draw(self, _context: Any) -> None:
        """Draw the preferences: engine, weights, takes, help."""
        layout: Any = self.layout
        status = readiness_now()
        layout.use_property_split = True
        for name in ("python", "device", "threads"):
            layout.prop(self, name)
        layout.operator("mocap.check_engine", icon="VIEWZOOM")
        for line in session.engine_report:
            layout.label(text=line)
        layout.separator()
        for name in ("weights", "detector", "is_commercial_only"):
            layout.prop(self, name)
        use = "commercial use allowed" if status.is_commercial else "NO commercial use"
        size = f"{status.weights_bytes / MEGABYTE:.1f} MB in {status.folder}"
        layout.label(text=f"{status.weights}, {status.licence}, {use}, {size}")
        if status.problem:
            layout.label(text=status.problem, icon="ERROR")
        layout.separator()
        draw_downloads(layout, self)
        layout.separator()
        layout.prop(self, "takes")
        folder = takes_folder()
        layout.label(text=f"Takes are kept in {folder}")
        layout.operator("wm.path_open", text="Open the folder", icon="FILE_FOLDER").filepath = str(folder)
        layout.separator()
        layout.operator("mocap.copy_report", icon="COPYDOWN")

"""What holds for every scene: the engine's Python, the weights, where takes go. Kept in the preferences."""

import tempfile
from pathlib import Path
from typing import Any

import bpy
from bpy.props import IntProperty, StringProperty

from . import readiness


def _forget_readiness(_self: Any, _context: Any) -> None:
    readiness.check.cache_clear()


class MocapPreferences(bpy.types.AddonPreferences):
    """Preferences of the add-on."""

    bl_idname = __package__ or "blender_addon"

    python: StringProperty(  # type: ignore[valid-type]
        name="Engine's Python",
        description="A Python with onnxruntime, OpenCV and SciPy, for instance with onnxruntime-gpu. "
        "Empty: Blender's own, with the packages of this extension",
        subtype="FILE_PATH",
        update=_forget_readiness,
    )
    weights: StringProperty(  # type: ignore[valid-type]
        name="Weights",
        description="Folder of a weights bundle. Empty: the weights that come with the extension",
        subtype="DIR_PATH",
        update=_forget_readiness,
    )
    takes: StringProperty(  # type: ignore[valid-type]
        name="Folder for takes",
        description="Where the network's estimates are kept, so that a run resumes and clean-up never runs "
        "the network again. Empty: the extension's own folder",
        subtype="DIR_PATH",
    )
    threads: IntProperty(  # type: ignore[valid-type]
        name="Threads", description="CPU threads of the network. 0: the engine decides", min=0, max=256
    )

    def draw(self, _context: Any) -> None:
        """Draw the preferences."""
        layout: Any = self.layout
        for name in ("python", "weights", "takes", "threads"):
            layout.prop(self, name)
        layout.label(text=f"Takes are kept in {takes_folder()}")


def preferences() -> Any:
    """The add-on's preferences, or None where it runs as a plain package (tests, batch)."""
    addons: Any = bpy.context.preferences.addons  # type: ignore[union-attr]
    addon = addons.get(__package__ or "")
    return addon.preferences if addon else None


def preference(name: str, default: Any) -> Any:
    """One preference, or the default where there are none."""
    chosen = preferences()
    return getattr(chosen, name) if chosen else default


def takes_folder() -> Path:
    """Where takes go: the chosen folder, the extension's own, or a temporary one outside an extension."""
    chosen = preference("takes", "")
    if chosen:
        return Path(bpy.path.abspath(chosen))
    try:
        return Path(bpy.utils.extension_path_user(__package__ or "", path="takes"))
    except ValueError:  # "does not name an extension"
        return Path(tempfile.gettempdir()) / "footage_mocap" / "takes"

"""Larger weights from Hugging Face: download, use, remove. The network is asked in the engine's child process alone."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from .. import bridge
from ..choices.preferences import downloads_folder, preference, preferences
from ..engine import readiness, session
from ..engine.licences import refusal
from ..engine.request import Plan
from .engine_steps import StepsEngine, allowed

TITLE = "Downloading"
OFFLINE = (
    "Blender may not go online: tick Allow Online Access in Edit > Preferences > System > Network, or choose a "
    "folder under Weights above"
)
CLIENT = "huggingface_hub"


def is_online_allowed() -> bool:
    """Whether the person lets Blender use the network."""
    return bool(bpy.app.online_access)


def why_not_download() -> str:
    """Why nothing can be downloaded now; empty when it can."""
    if session.is_running():
        return session.what_runs()
    if not is_online_allowed():
        return OFFLINE
    if not preference("hub_repository", ""):
        return "Type the repository first: ORG/NAME, as Hugging Face shows it"
    if importlib.util.find_spec(CLIENT) is None:
        return f"Missing: {CLIENT}. Install the extension's zip for this system again"
    try:
        bridge.split_hub_name(wanted_name())
    except bridge.MocapError as error:
        return str(error)
    return ""


def current_download() -> session.Session | None:
    """The download that goes on, or the last run where it was one."""
    run = session.current()
    return run if run is not None and run.plan.title.startswith(TITLE) else None


def wanted_name() -> str:
    """ORG/NAME[@REVISION], by the preferences."""
    repository, revision = preference("hub_repository", "").strip(), preference("hub_revision", "").strip()
    return f"{repository}@{revision}" if revision else repository


@cache
def downloads_in(folder: Path) -> "list[bridge.Downloaded]":
    """What was downloaded, looked up once and not in every redraw; `downloads_in.cache_clear()` after a change."""
    return bridge.list_downloads(folder)


class MOCAP_OT_download_weights(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Download the weights, or go on with them; every file is checked before they can be used. Esc cancels."""

    bl_idname = "mocap.download_weights"
    bl_label = "Download"
    bl_options = {"INTERNAL"}  # noqa: RUF012 Blender's form
    cancelled_text = "Cancelled. What came is kept: Download goes on from there"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether it could be started."""
        return allowed(cls, why_not_download())

    def begin(self, _context: Any) -> session.Session:
        """Start the download on Blender's own Python, which has the hub's client."""
        if problem := why_not_download():
            raise bridge.MocapError(problem)
        command = ["weights", "get", wanted_name(), "--folder", str(downloads_folder()), "--progress", "json"]
        if preference("is_commercial_only", False):
            command.append("--commercial")
        return session.begin(Plan([command], title=f"{TITLE} {wanted_name()}", runs="The download"))

    def done(self, _context: Any, ended: session.Session) -> set[Any]:
        """Pin the commit, and tell the licence before anything is used."""
        downloads_in.cache_clear()
        readiness.check.cache_clear()
        said = next((line for line in ended.job.last_lines if "@" in line), "")
        name = said.partition(": ")[0]
        chosen = preferences()
        if chosen is not None:
            chosen.hub_revision = name.partition("@")[2]
        self.report({"INFO"}, f"Downloaded {said}. Click Use to choose these weights")
        return {"FINISHED"}

    def failed(self, context: Any, ended: session.Session) -> set[Any]:
        """Look at the folder again, and say what is kept."""
        downloads_in.cache_clear()
        return super().failed(context, ended)


class MOCAP_OT_use_weights(bpy.types.Operator):  # noqa: N801
    """Reconstruct with these weights from now on."""

    bl_idname = "mocap.use_weights"
    bl_label = "Use"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    folder: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    def execute(self, _context: Any) -> set[Any]:
        """Choose them, unless their licence forbids it."""
        chosen, problem = preferences(), ""
        if preference("is_commercial_only", False):
            problem = refusal(Path(self.folder))
        if problem or chosen is None:
            self.report({"ERROR"}, problem or "The add-on has no preferences here")
            return {"CANCELLED"}
        chosen.weights = self.folder
        readiness.check.cache_clear()
        return {"FINISHED"}


class MOCAP_OT_remove_weights(bpy.types.Operator):  # noqa: N801
    """Remove these weights from the disk; the weights that come with the extension stay."""

    bl_idname = "mocap.remove_weights"
    bl_label = "Remove"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    weights: StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether nothing runs that may read them."""
        return allowed(cls, session.what_runs())

    def invoke(self, context: Any, event: bpy.types.Event) -> set[Any]:
        """Ask first."""
        result: set[Any] = context.window_manager.invoke_confirm(self, event)
        return result

    def execute(self, _context: Any) -> set[Any]:
        """Remove them, and go back to the default weights where they were in use."""
        chosen = preferences()
        try:
            gone = bridge.remove_downloads(self.weights, downloads_folder())
        except bridge.MocapError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        finally:
            downloads_in.cache_clear()
        if chosen is not None and chosen.weights and Path(chosen.weights) in [each.folder for each in gone]:
            chosen.weights = ""
        readiness.check.cache_clear()
        return {"FINISHED"}


CLASSES = (MOCAP_OT_download_weights, MOCAP_OT_use_weights, MOCAP_OT_remove_weights)

"""What holds for every scene: the engine, the weights, the licence, where takes go. Kept in the preferences."""

import tempfile
from pathlib import Path
from typing import Any

import bpy

from .. import bridge
from ..engine import readiness


def preferences() -> Any:
    """The add-on's preferences, or None where it runs as a plain package (tests, batch)."""
    addons: Any = bpy.context.preferences.addons  # type: ignore[union-attr]
    addon = addons.get(bridge.PACKAGE)
    return addon.preferences if addon else None


def preference(name: str, default: Any) -> Any:
    """One preference, or the default where there are none."""
    chosen = preferences()
    return getattr(chosen, name) if chosen else default


def readiness_now() -> readiness.Readiness:
    """What is there and what is missing, by the preferences."""
    return readiness.check(
        preference("python", ""),
        preference("weights", ""),
        preference("detector", ""),
        preference("is_commercial_only", False),
    )


def takes_folder() -> Path:
    """Where takes go: the chosen folder, the extension's own, or a temporary one outside an extension."""
    return _folder("takes")


def downloads_folder() -> Path:
    """Where downloaded weights go; as `takes_folder`."""
    return _folder("downloads")


def _folder(name: str) -> Path:
    chosen = preference(name, "")
    if chosen:
        return Path(bpy.path.abspath(chosen))
    try:
        return Path(bpy.utils.extension_path_user(bridge.PACKAGE, path=name))
    except ValueError:  # "does not name an extension"
        return Path(tempfile.gettempdir()) / "footage_mocap" / name

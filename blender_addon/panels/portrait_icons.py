"""Small pictures of people as icons: files beside the quick pass's take, none is in the .blend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy.utils.previews

_shown: Any = None


def icon_of(file: Path) -> int:
    """The icon of a picture; 0 where there is none, and in a Blender without a window, which gives no icons."""
    shown = preview_of(file)
    return 0 if shown is None else int(shown.icon_id)


def preview_of(file: Path) -> Any:
    """Blender's preview of a picture, read when it is first asked for; None where there is no file."""
    global _shown  # noqa: PLW0603 Blender keeps previews in one collection of the add-on's own
    try:
        key = f"{file}|{file.stat().st_mtime_ns}"
    except OSError:
        return None
    if _shown is None:
        _shown = bpy.utils.previews.new()
    if key not in _shown:
        _shown.load(key, str(file), "IMAGE")
    return _shown[key]


def forget() -> None:
    """Give all pictures back: Blender complains about those that are left when the add-on goes."""
    global _shown  # noqa: PLW0603
    if _shown is not None:
        bpy.utils.previews.remove(_shown)
    _shown = None

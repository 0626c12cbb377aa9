"""Footage Mocap: footage in, animated people in Blender out. Read `scene/build.py` next, then `engine/session.py`.

    panels         what the person sees: sections of the sidebar, preferences
    headless       the same without a window: `batch.py`, many clips
    operators      the buttons
    choices        what the person has chosen, as a request to the engine
    engine         `core` in a child process; the one run, from the click to the objects
    exports        files for other programs, contact sheets
    rigs           a take's motion on the animator's own rig
    scene          Motion in, Blender objects out
    axes           all turns between core's axes and Blender's
    bridge         the one door to `core`

A room imports only rooms below it (the layers in pyproject.toml); each room's `__init__.py` says what comes in and out.
"""

# SPDX-License-Identifier: GPL-3.0-or-later

import atexit

import bpy
from bpy.app.handlers import persistent

from . import operators, panels
from .choices import properties
from .engine import session
from .operators import faults, timeline_strip
from .panels import SECTIONS, portrait_icons

__all__ = ["CLASSES", "SECTIONS", "register", "unregister"]

CLASSES = (*properties.CLASSES, *operators.CLASSES, *panels.CLASSES)
faults.guard(operators.CLASSES)


@persistent  # type: ignore[untyped-decorator]
def _end_run_before_load(_unused: object) -> None:
    """A run belongs to the file that it was started in."""
    session.close()


def register() -> None:
    """Make the add-on known to Blender."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.mocap = bpy.props.PointerProperty(type=properties.MocapSettings)  # type: ignore[attr-defined]
    bpy.app.handlers.load_pre.append(_end_run_before_load)
    atexit.register(session.close)  # no engine outlives Blender
    timeline_strip.add_strips()


def unregister() -> None:
    """Take the add-on out of Blender, and end what runs."""
    timeline_strip.remove_strips()
    session.close()
    atexit.unregister(session.close)
    if _end_run_before_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_end_run_before_load)
    del bpy.types.Scene.mocap  # type: ignore[attr-defined]
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    portrait_icons.forget()

"""Footage Mocap: footage in, animated people in Blender out. Read `scene.py` next, then `session.py`.

panel, operators, properties, preferences    what the person sees and chooses
session                                      the one run: engine, then objects
engine                                       `core` in a child process (no bpy)
scene > camera, person, armature             Motion in, Blender objects out
axes                                         all turns between core's axes and Blender's
curves                                       F-curves from Blender 4.2 to 5.x
clips, sheet, exports                        what batch.py runs: many clips, pictures, files
bridge                                       the one door to `core`
"""

# SPDX-License-Identifier: GPL-3.0-or-later

import atexit

import bpy
from bpy.app.handlers import persistent

from . import operators, panel, preferences, properties, session

CLASSES = (
    properties.MocapSettings,
    preferences.MocapPreferences,
    operators.MOCAP_OT_reconstruct,
    operators.MOCAP_OT_cancel,
    operators.MOCAP_OT_build_motion,
    operators.MOCAP_OT_look_through,
    panel.MOCAP_PT_main,
)


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


def unregister() -> None:
    """Take the add-on out of Blender, and end what runs."""
    session.close()
    atexit.unregister(session.close)
    if _end_run_before_load in bpy.app.handlers.load_pre:
        bpy.app.handlers.load_pre.remove(_end_run_before_load)
    del bpy.types.Scene.mocap  # type: ignore[attr-defined]
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)

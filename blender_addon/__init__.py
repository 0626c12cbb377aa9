"""Footage Mocap: footage in, animated people in Blender out. Read `scene.py` next, then `session.py`.

panel, panel_*               what the person sees, from top to bottom in the order of work
properties, preferences      what the person chooses, for a scene and for all
asked > request              the choices as a request to the engine, or why there is none
operators, operators_*       the buttons; modal is what all have in common that run the engine
session                      the one run: engine, then objects
filling > strip              what the run has done so far, on the timeline
engine                       `core` in a child process (no bpy)
people, overlay, portraits   who is to be captured; the box that is being drawn; small pictures
scene > camera, person, armature             Motion in, Blender objects out
takes, footage_links         takes known again after saving, undo and renaming; footage that has moved
readings > ghosts            other readings of unsure frames, and those that were chosen
solved_camera                a camera that Blender knows already, for the engine
retarget > bone_maps, rest_pose, rig_posing   a take's motion on the animator's own rig
axes                         all turns between core's axes and Blender's
curves                       F-curves from Blender 4.2 to 5.x
clips, sheet, exports        what batch.py runs: many clips, pictures, files
faults                       what nobody foresaw, as one sentence and a log
readiness, licences          whether a run could start, and whether its result may be sold
bridge                       the one door to `core`
"""

# SPDX-License-Identifier: GPL-3.0-or-later

import atexit

import bpy
from bpy.app.handlers import persistent

from .choices import preferences, properties
from .engine import session
from .operators import (
    alternatives,
    contacts,
    downloads,
    engine,
    export,
    faults,
    mesh_cache,
    relink,
    retarget,
    timeline_strip,
)
from .operators import footage as operators_footage
from .operators import people as operators_people
from .operators import queue as operators_queue
from .operators import reconstruct as operators
from .operators import takes as operators_takes
from .panels import footage as panel_footage
from .panels import people as panel_people
from .panels import portrait_icons
from .panels import queue as panel_queue
from .panels import reconstruct as panel_reconstruct
from .panels import section as panel
from .panels import takes as panel_takes

SECTIONS = (
    panel.Status,
    *panel_footage.SECTIONS,
    *panel_people.SECTIONS,
    *panel_reconstruct.SECTIONS,
    *panel_takes.SECTIONS,
    *panel_queue.SECTIONS,
)
CLASSES = (
    properties.MocapFoundPerson,
    properties.MocapBox,
    properties.MocapContact,
    properties.MocapReading,
    properties.MocapQueued,
    properties.MocapSettings,
    preferences.MocapPreferences,
    *operators.CLASSES,
    *operators_footage.CLASSES,
    *operators_people.CLASSES,
    *operators_takes.CLASSES,
    *relink.CLASSES,
    *contacts.CLASSES,
    *alternatives.CLASSES,
    *mesh_cache.CLASSES,
    *export.CLASSES,
    *operators_queue.CLASSES,
    *engine.CLASSES,
    *downloads.CLASSES,
    retarget.MOCAP_OT_choose_for_rig,
    retarget.MOCAP_OT_apply_to_rig,
    retarget.MOCAP_OT_save_bone_map,
    *(made for section in SECTIONS for made in panel.panels(section)),
)
faults.guard(CLASSES)


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

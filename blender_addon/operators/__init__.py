"""The buttons: each operator reads choices, calls one thing, and reports.

In:    a click, and the context.
Out:   a started run, changed choices or changed objects; one sentence in Blender's status bar.
Read:  `engine_steps.py` first, which all operators share that run the engine; then `reconstruct.py`.
Uses:  choices, engine, exports, rigs, scene, axes, bridge. No panel.

`box_overlay` and `timeline_strip` draw in the editors while an operator runs. `CLASSES` is all that is registered.
"""

from . import (
    alternatives,
    contacts,
    downloads,
    engine,
    export,
    footage,
    mesh_cache,
    people,
    queue,
    reconstruct,
    relink,
    retarget,
    takes,
)

CLASSES = (
    *reconstruct.CLASSES,
    *footage.CLASSES,
    *people.CLASSES,
    *takes.CLASSES,
    *relink.CLASSES,
    *contacts.CLASSES,
    *alternatives.CLASSES,
    *mesh_cache.CLASSES,
    *export.CLASSES,
    *queue.CLASSES,
    *engine.CLASSES,
    *downloads.CLASSES,
    *retarget.CLASSES,
)

"""Objects of a take become files for other programs, and a sheet of pictures.

In:    a `BuiltTake` and the key of a preset (`glb`, `fbx`, `unreal`, ...).
Out:   files, each whole or not at all; the animator's own objects are not changed.
Read:  `export.py` first, then `presets.py` for what each program wants.
Uses:  rigs, scene, axes, bridge. It knows neither the engine nor the person's choices.

copies           temporary copies of the objects, in the form that a program wants
morphs           a motion of the mesh as a small set of morphs
contact_sheet    renders of the take over its footage
"""

"""A motion becomes objects in the scene, and the objects are known again later.

In:    a `Motion` of core, and what the person wants to have built (`BuildSettings`).
Out:   mesh, skeleton, camera and their curves; `BuiltTake` and `TakeRecord`, which name them and hold no reference.
Read:  `build.py` first; its `build_steps` tells the whole story. Then `take_records.py`.
Uses:  axes, bridge. It knows neither the engine nor the person's choices.

build > camera, person, armature     one take; `take_empty` is what all of it hangs from
steps                                long work in slices of time, so that Blender never waits
mesh_cache, cache_repair             motion in a file beside the take, and what to do when that file is gone
curves, evaluated, delete            Blender's F-curves from 4.2 to 5.x, posed armatures, removal without leftovers
"""

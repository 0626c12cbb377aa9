"""The motion of a take's skeleton goes to the animator's own rig.

In:    the armature of a take, an armature of the animator, and a bone map (shipped ones lie in `bone_maps/`).
Out:   a new action on the animator's rig, and a report of what was not found or not reached.
Read:  `retarget.py` first, its `apply_to_rig`.
Uses:  scene, axes, bridge.

bone_maps     which bone of a rig plays which bone of SMPL
rest_pose     the turns between a T-pose and an A-pose
rig_posing    what to key so that a bone stands as wanted, whatever it hangs from
"""

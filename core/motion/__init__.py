"""The fast step: what a take holds of a person becomes motion that an animator can use.

In:    `PersonTake`s and `SolveSettings`.
Out:   `Motion` (one body a person, rotations and root of every frame), motion.npz and report.json.
Read:  `solver.py` first: it alone knows the order of the stages.
Uses:  take, inference (open_session), weights, body, geometry, files, settings, errors, types; never tracking.

Bones: `mesh_fit`, `bone_source`, `picture_fit`, `pose_vocabulary`, `alternatives`. Time: `trajectory`, `smoothing`,
`gaps`, `front_back_flips`. Ground: `contacts`, `feet`, `feet_in_picture`, `floor_plane`, `solid_floor`.
Place and size: `root_in_picture`, `edge_of_picture`, `body_size`. World: `moving_camera`,
`world_scale`. Result: `self_check`,
`picture_check`, `result_jumps`, `plausibility`, `report`, `motion_file`.
"""

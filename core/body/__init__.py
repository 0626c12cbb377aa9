"""The body model: its file, its pose, and the way from 431 coarse vertices to 6890.

In:    a body file, SMPL's or ours; shape coefficients and rotations; coarse vertices of the network.
Out:   `Body`, posed vertices and joints in metres, full meshes.
Read:  `model.py` first (`load_body`, `Body.pose`), then `upsample.py`.
Uses:  geometry, files, errors, types.

`smpl_file.py` reads a user's file without running it, and `smpl_completion.py` computes what such a file lacks, by
`mesh_samplers.py`. `decimate.py` serves the build of the open body alone.
"""

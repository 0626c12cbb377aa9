"""Motions: poses to render people in, from files that anyone can make and from joint limits alone.

    library.py     a motion file (npz) -> clips, split by whole subjects; frames sampled by activity
    limits.py      poses from the ranges of the joints: needs no file
    rotations.py   rotation vectors, matrices, left-right mirror
    retarget.py    another skeleton's motion -> 24 SMPL-order joints
    bvh.py         BVH files            asf_amc.py   CMU's ASF/AMC files
    __main__.py    python -m training.motions FILES -o my.npz
"""

from training.motions.library import MotionClip, MotionLibrary
from training.motions.limits import sample_limits
from training.motions.sampler import PoseSampler

__all__ = ["MotionClip", "MotionLibrary", "PoseSampler", "sample_limits"]

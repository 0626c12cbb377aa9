"""Motions: poses to render people in, from files that anyone can make and from joint limits alone.

    library.py     a motion file (npz) -> clips, split by whole subjects; frames sampled by activity
    limits.py      poses from the ranges of the joints: needs no file
    made.py        poses of deeds that captured motion lacks: hands led to targets, on captured and made bases
    deeds.py       which deeds, and where each leads the hands
    bases.py       legs and trunk that sit, kneel, crouch, bend, lie, stride, run, kick, serve
    reach.py       an arm led to a target within its limits; figure.py says where places on the skin are
    rotation_vectors.py   rotation vectors, matrices, left-right mirror
    retarget.py    another skeleton's motion -> 24 SMPL-order joints
    bvh.py         BVH files            asf_amc.py   CMU's ASF/AMC files
    __main__.py    python -m training.motions FILES -o my.npz
"""

from training.motions.library import MotionClip, MotionLibrary
from training.motions.limits import sample_limits
from training.motions.made import sample_made
from training.motions.sampler import MADE_SHARE, PoseSampler

__all__ = ["MADE_SHARE", "MotionClip", "MotionLibrary", "PoseSampler", "sample_limits", "sample_made"]

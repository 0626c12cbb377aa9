"""Motions: poses to render people in, from files that anyone can make and from joint limits alone.

In:    motion files, or nothing.
Out:   rotations of 24 SMPL-order joints.
Read:  `sampler.py` first (poses of all kinds), then `library.py` (a motion file -> clips, split by whole subjects).
Uses:  no other room of training.

Without a file: `limits.py` draws from the ranges of the joints, `made.py` makes poses that captured motion lacks, with
hands led to targets (`deeds.py`: which, `bases.py`: legs and trunk, `reach.py`: arms, `figure.py`: places on the skin).
With files: `bvh.py` and `asf_amc.py` read them, `retarget.py` brings them to our joints (`python -m training.motions
FILES -o my.npz`). `rotation_vectors.py` mirrors and turns, `weighted_choice.py` draws.
"""

from training.motions.library import MotionClip, MotionLibrary
from training.motions.limits import sample_limits
from training.motions.made import sample_made
from training.motions.sampler import MADE_SHARE, PoseSampler

__all__ = ["MADE_SHARE", "MotionClip", "MotionLibrary", "PoseSampler", "sample_limits", "sample_made"]

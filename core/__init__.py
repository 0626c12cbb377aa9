"""Footage in, motion out. Read `types.py` next, then `pipeline.py`.

    footage      video file or image sequence          -> FootageInfo, Frame
    detect       Frame                                  -> boxes of people
    track        boxes, Frame                           -> one Track per person, sightings
    crop         Frame, box                             -> CropBatch, crop_to_frame
    estimate     CropBatch, a Runtime                   -> Estimates: pose tokens, mesh, joints, camera
    take         Estimates, frame by frame              -> NAME.take on disk, and back
    upsample     431 coarse vertices                    -> 6890 vertices
    camera       weak camera, crop                      -> metric translation in the frame's camera
    bones        Estimates -> one body, bone rotations  -> from vertices (`fit`), the rotation head, or both
    vocabulary   rotations <-> tokens of 3D pose        -> plausibility; readings, of which some are chosen
    flips        sightings                              -> front read for back is not believed
    refine       bone rotations, joints in the picture  -> bones that lie on the picture
    steady       trajectory                             -> smooth rotations and root
    feet         trajectory, contacts                   -> legs that hold the standing feet
    moving       a moving camera's file                 -> people in the world and back; world_scale: in metres
    gaps         trajectory                             -> stretches in which nobody was seen, and the path without them
    grounded     trajectories, their `floor`            -> people who stand on one floor
    selfcheck    PersonMotion, what was seen            -> seven or eight numbers, green, amber or red
    solve        take, SolveSettings                    -> Motion
    motion       Motion                                 -> motion.npz, and back
    report       Motion                                 -> report.json: self-check and contacts

`pipeline.reconstruct` is the slow step (the network, once), `solve` the fast one (as often as you like).
Public names are loaded when they are first used, so that `import core` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import MocapError
    from .motion.motion_file import open_motion, read_checks, read_motion, write_motion
    from .motion.solver import solve
    from .pipeline import reconstruct
    from .settings import ReconstructSettings, SolveSettings, TrackSettings
    from .take.take import Take
    from .types import Motion, PersonMotion, Progress

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**27))
"""OpenCV reads it when it is first imported and refuses larger pictures before it gives them memory: 16384 x 8192."""

__all__ = [
    "MocapError",
    "Motion",
    "PersonMotion",
    "Progress",
    "ReconstructSettings",
    "SolveSettings",
    "Take",
    "TrackSettings",
    "open_motion",
    "read_checks",
    "read_motion",
    "reconstruct",
    "solve",
    "write_motion",
]

_HOMES = {
    "MocapError": "errors",
    "Motion": "types",
    "PersonMotion": "types",
    "Progress": "types",
    "ReconstructSettings": "settings",
    "SolveSettings": "settings",
    "Take": "take.take",
    "TrackSettings": "settings",
    "open_motion": "motion.motion_file",
    "read_checks": "motion.motion_file",
    "read_motion": "motion.motion_file",
    "reconstruct": "pipeline",
    "solve": "motion.solver",
    "write_motion": "motion.motion_file",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)

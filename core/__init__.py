"""Footage in, motion out. Read `types.py` next, then `pipeline.py`, then `motion/solver.py`.

    __main__, commands     the command line: python -m core
    pipeline, stills       the slow step in its order (`reconstruct`); the same for photographs
    tracking               frames in order -> sightings of each person
    motion                 the fast step (`solve`): a take -> Motion, motion.npz, report.json
    detection              a frame -> boxes of people
    take                   sightings -> NAME.take on disk, and back
    inference              pictures and boxes -> Estimates: pose tokens, mesh, joints, camera
    weights, nets          a name -> a verified bundle; the networks in torch
    body, footage          the body model, 431 vertices -> 6890; a video or pictures -> frames
    geometry, files        boxes, crops, camera, rotations; files within bounds and written whole
    settings, errors       what can be chosen; what can go wrong
    types                  what crosses the borders of modules

A room imports only rooms below its line, and its `__init__` says what comes in and goes out (contracts in
pyproject.toml). Public names are loaded when they are first used, so that `import core` costs nothing.
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

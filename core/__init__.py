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
    from .body.model import Body, load_body
    from .commands.console import Bar, StopRequest, progress_printer
    from .errors import Cancelled, MocapError, OutputError, ProgramFault, TakeError
    from .files.fault_log import log_beside, sentence_with_log
    from .files.windows import windows
    from .files.written_whole import make_folder, output_error, write_arrays, written_whole
    from .footage.film_time import STEP_TOLERANCE, FilmSteps, film_steps
    from .footage.mp4_track import mp4_track
    from .footage.picture_names import PICTURE_SUFFIXES, PictureNames, picture_names, picture_refusal
    from .footage.reader import open_footage
    from .geometry.rotations import continuous, matrices_of
    from .motion.alternatives import Readings, read_readings
    from .motion.gaps import stretches
    from .motion.motion_file import open_motion, read_checks, read_motion, write_motion
    from .motion.moving_camera import in_world
    from .motion.pose_vocabulary import BODY_JOINTS
    from .motion.report import check_table, checks_to_json
    from .motion.solver import solve
    from .pipeline import reconstruct
    from .settings import ReconstructSettings, SolveSettings, TrackSettings, film_rate, height_told, longest_gap
    from .take.chunks import seen_joints
    from .take.portrait_files import portraits_in
    from .take.status import PersonStatus, TakeStatus, is_take, take_status
    from .take.take import Take
    from .types import LSP_EDGES, Motion, PersonMotion, PersonTake, Progress
    from .weights.find import find_weights
    from .weights.hugging_face import split_hub_name
    from .weights.library import Downloaded, list_downloads, remove_downloads

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**27))
"""OpenCV reads it when it is first imported and refuses larger pictures before it gives them memory: 16384 x 8192."""

__all__ = [
    "BODY_JOINTS",
    "LSP_EDGES",
    "PICTURE_SUFFIXES",
    "STEP_TOLERANCE",
    "Bar",
    "Body",
    "Cancelled",
    "Downloaded",
    "FilmSteps",
    "MocapError",
    "Motion",
    "OutputError",
    "PersonMotion",
    "PersonStatus",
    "PersonTake",
    "PictureNames",
    "ProgramFault",
    "Progress",
    "Readings",
    "ReconstructSettings",
    "SolveSettings",
    "StopRequest",
    "Take",
    "TakeError",
    "TakeStatus",
    "TrackSettings",
    "check_table",
    "checks_to_json",
    "continuous",
    "film_rate",
    "film_steps",
    "find_weights",
    "height_told",
    "in_world",
    "is_take",
    "list_downloads",
    "load_body",
    "log_beside",
    "longest_gap",
    "make_folder",
    "matrices_of",
    "mp4_track",
    "open_footage",
    "open_motion",
    "output_error",
    "picture_names",
    "picture_refusal",
    "portraits_in",
    "progress_printer",
    "read_checks",
    "read_motion",
    "read_readings",
    "reconstruct",
    "remove_downloads",
    "seen_joints",
    "sentence_with_log",
    "solve",
    "split_hub_name",
    "stretches",
    "take_status",
    "windows",
    "write_arrays",
    "write_motion",
    "written_whole",
]

_HOMES = {
    "BODY_JOINTS": "motion.pose_vocabulary",
    "LSP_EDGES": "types",
    "PICTURE_SUFFIXES": "footage.picture_names",
    "STEP_TOLERANCE": "footage.film_time",
    "Bar": "commands.console",
    "Body": "body.model",
    "Cancelled": "errors",
    "Downloaded": "weights.library",
    "FilmSteps": "footage.film_time",
    "MocapError": "errors",
    "Motion": "types",
    "OutputError": "errors",
    "PersonMotion": "types",
    "PersonStatus": "take.status",
    "PersonTake": "types",
    "PictureNames": "footage.picture_names",
    "ProgramFault": "errors",
    "Progress": "types",
    "Readings": "motion.alternatives",
    "ReconstructSettings": "settings",
    "SolveSettings": "settings",
    "StopRequest": "commands.console",
    "Take": "take.take",
    "TakeError": "errors",
    "TakeStatus": "take.status",
    "TrackSettings": "settings",
    "check_table": "motion.report",
    "checks_to_json": "motion.report",
    "continuous": "geometry.rotations",
    "film_rate": "settings",
    "film_steps": "footage.film_time",
    "find_weights": "weights.find",
    "height_told": "settings",
    "in_world": "motion.moving_camera",
    "is_take": "take.status",
    "list_downloads": "weights.library",
    "load_body": "body.model",
    "log_beside": "files.fault_log",
    "longest_gap": "settings",
    "make_folder": "files.written_whole",
    "matrices_of": "geometry.rotations",
    "mp4_track": "footage.mp4_track",
    "open_footage": "footage.reader",
    "open_motion": "motion.motion_file",
    "output_error": "files.written_whole",
    "picture_names": "footage.picture_names",
    "picture_refusal": "footage.picture_names",
    "portraits_in": "take.portrait_files",
    "progress_printer": "commands.console",
    "read_checks": "motion.motion_file",
    "read_motion": "motion.motion_file",
    "read_readings": "motion.alternatives",
    "reconstruct": "pipeline",
    "remove_downloads": "weights.library",
    "seen_joints": "take.chunks",
    "sentence_with_log": "files.fault_log",
    "solve": "motion.solver",
    "split_hub_name": "weights.hugging_face",
    "stretches": "motion.gaps",
    "take_status": "take.status",
    "windows": "files.windows",
    "write_arrays": "files.written_whole",
    "write_motion": "motion.motion_file",
    "written_whole": "files.written_whole",
}


if not TYPE_CHECKING:  # a name that is not here is then an error to mypy, as in any module

    def __getattr__(name: str) -> Any:
        """Load a public name from its module."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)

"""What a long clip of one person costs in Blender: mesh, armature, camera; a process for each length and storage.

The motion is the demo clip's true one, there and back again: no network runs. A frame is `frame_set`, nothing is drawn.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core import Motion, PersonMotion
from core.motion.motion_file import write_motion
from tests.fixtures.truth import true_motion

from . import Row

FRAME_COUNTS = (300, 1000, 3000)
GIVE_UP_S = 300.0
STORAGES = {"KEYS": "shape keys", "CACHE": "mesh cache"}
GOALS = {("scene built", 3000): "< 10", ("a frame, median of 30", 3000): "< 2"}


def measure() -> Iterable[Row]:
    """Rows of the table, for each length of the clip.

    Raises:
        SystemExit: no Blender in this Python, or the child failed or took longer than `GIVE_UP_S`.
    """
    if importlib.util.find_spec("bpy") is None:
        raise SystemExit("bench scene: this Python has no bpy; install it (pip install bpy) or name other measurements")
    for frame_count in FRAME_COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            motion = Path(folder) / "motion.npz"
            write_motion(long_motion(frame_count), motion)
            for storage, label in STORAGES.items():
                for what, value, unit in in_a_child("built_scene", str(motion), storage):
                    yield Row(f"{frame_count}, {label}: {what}", value, unit, GOALS.get((what, frame_count), ""))


def long_motion(frame_count: int) -> Motion:
    """The demo clip's person there and back again, as often as it takes."""
    motion = true_motion()
    (person,) = motion.persons
    there = np.arange(len(person.frame_index))
    rows = np.resize(np.concatenate([there, there[-2:0:-1]]), frame_count)
    return replace(motion, persons=[_repeated(person, rows, motion.fps)])


def _repeated(person: PersonMotion, rows: Any, fps: float) -> PersonMotion:
    frame_index = np.arange(len(rows))
    fields = ("vertices", "joints", "transl", "bone_rotations", "bone_transl", "confidence", "is_filled")
    turned = {name: getattr(person, name)[rows] for name in fields}
    return replace(person, frame_index=frame_index, time_s=frame_index / fps, **turned)


def in_a_child(module: str, *arguments: str) -> list[Any]:
    """What a module of this package printed as its last line, in a process of its own: [what, value, unit] a row.

    Raises:
        SystemExit: it failed, or took longer than `GIVE_UP_S`.
    """
    command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
    root = Path(__file__).parents[2]
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=GIVE_UP_S, cwd=root)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"bench: {module} {' '.join(arguments)} took longer than {GIVE_UP_S:.0f} s") from None
    if done.returncode:
        raise SystemExit(f"bench: {module} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    rows: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return rows

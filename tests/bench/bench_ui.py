"""The longest that Blender's interface waits for the add-on: one call of a tick, a button or a panel, with a long take.

3,000 frames of three people, in a process for each storage. Milliseconds of CPU, since a shared machine's wall clock
counts what others do too. Blender's own work after a tick, such as evaluating what was built, is a row of its own.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from core.motion.motion_file import write_motion

from . import Row
from .bench_scene import STORAGES, in_a_child, long_motion

FRAME_COUNT, PEOPLE = 3000, 3
LONGEST_MS = 100.0


def measure() -> Iterable[Row]:
    """Rows of the table: median and longest call, and the longest against 100 ms.

    Raises:
        SystemExit: no Blender in this Python, or the child failed.
    """
    if importlib.util.find_spec("bpy") is None:
        raise SystemExit("bench ui: this Python has no bpy; install it (pip install bpy) or name other measurements")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "motion.npz"
        motion = long_motion(FRAME_COUNT)
        people = [replace(motion.persons[0], person_id=str(number + 1)) for number in range(PEOPLE)]
        write_motion(replace(motion, persons=people), path)
        del motion, people
        for storage, label in STORAGES.items():
            for what, median_ms, longest_ms, calls in in_a_child("driven_ui", str(path), storage):
                yield Row(f"{label}: {what}, median of {calls}", median_ms, "ms")
                yield Row(f"{label}: {what}, longest", longest_ms, "ms")
                yield Row(f"{label}: {what}, longest / 100 ms", longest_ms / LONGEST_MS, "x", "< 1")

"""`python -m tests.bench.built_scene MOTION.npz KEYS|CACHE`: its scene in this process, measured; a line of JSON."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import bpy

from blender_addon.scene.build import BuildSettings, build_take
from core.motion.motion_file import open_motion

PLAYED = 30
MB = 1e6
Measured = tuple[str, float, str]


def main() -> None:
    """Build, play and save beside the motion."""
    path = Path(sys.argv[1])
    motion = open_motion(path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene: Any = bpy.context.scene
    before = peak_mb()
    wall, cpu = time.perf_counter(), time.process_time()
    build_take(scene, motion, BuildSettings("take", ("mesh", "armature"), is_cached=sys.argv[2] == "CACHE"), path)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rows: list[Measured] = [("scene built", wall, "s"), ("scene built, CPU", cpu, "s")]
    rows.append((f"a frame, median of {PLAYED}", played_ms(scene, len(motion.persons[0].time_s) // 2), "ms"))
    rows += [("peak memory before it is built", before, "MB"), ("peak memory", peak_mb(), "MB")]
    rows += [(".blend", saved_mb(path, False), "MB"), (".blend, compressed", saved_mb(path, True), "MB")]
    print(json.dumps(rows))


def played_ms(scene: Any, first: int) -> float:
    """Median milliseconds of the frames after the first, as in playback."""
    scene.frame_set(first)
    times = []
    for frame in range(first + 1, first + 1 + PLAYED):
        start = time.perf_counter()
        scene.frame_set(frame)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def saved_mb(motion: Path, is_compressed: bool) -> float:
    """Megabytes of the scene as a .blend beside the motion."""
    path = motion.with_suffix(".blend")
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=is_compressed)
    return path.stat().st_size / MB


def peak_mb() -> float:
    """Megabytes of memory that this process has held at most.

    Not `ru_maxrss` where there is a choice: on Linux that counts the parent's memory before the exec.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB


if __name__ == "__main__":
    main()

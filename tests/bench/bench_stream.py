"""What overlapping decode, network and write brings: the same clip in turn and overlapped, one after the other.

Wall-clock ratios of one run, the median of several pairs; on a busy machine they spread. CPU seconds say that nothing
is done twice. The stages alone say how much there is to gain.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnxruntime

from core.detection.open_detector import open_detector
from core.footage.reader import open_footage
from core.inference.estimator import Estimator
from core.inference.runtime import open_runtime
from core.pipeline import reconstruct
from core.settings import ReconstructSettings
from core.weights.find import find_weights

from . import Row
from .long_clips import in_turn, moving_clip

FRAMES, PAIRS, REPEATS = 120, 5, 20
PAUSE_S = 0.004


def measure() -> Iterable[Row]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = moving_clip(folder / "clip.mp4", FRAMES)
        yield from _stages(clip)
        for threads in (None, 1):
            yield from _overlap(clip, folder, threads)


def _stages(clip: Path) -> Iterable[Row]:
    """CPU milliseconds of each stage alone, one thread."""
    footage = open_footage(clip)
    start = time.process_time()
    frames = list(footage.frames())
    yield Row("decode, a frame of 1920 x 1080", 1e3 * (time.process_time() - start) / len(frames), "CPU ms")
    picture, box = frames[0].image, np.array([[700.0, 100, 500, 900]])
    bundle = find_weights()
    estimator = Estimator(open_runtime(bundle, "onnx", "cpu", 1), bundle)
    detector = open_detector(None, threads=1)
    yield Row(f"crop and {bundle.name}, one person", _cpu_ms(lambda: estimator.estimate(picture, box)), "CPU ms")
    for spin, said in (("1", "spin"), ("0", "sleep")):
        cpu_ms, wall_ms = _crop_ms(str(bundle.onnx_file), bundle.input_size, spin)
        yield Row(f"{bundle.name} alone, 2 threads that {said} when idle", cpu_ms, "CPU ms")
        yield Row("the same by wall clock, best of the rounds", wall_ms, "ms")
    yield Row("the detector, once in 6 frames at 30 a second", _cpu_ms(lambda: detector(picture)), "CPU ms")


def _crop_ms(file: str, size: int, spin: str) -> tuple[float, float]:
    """Median CPU and best wall milliseconds of a crop, a pause after each, as a run has it while it decodes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", spin)
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    crop = np.random.default_rng(0).normal(size=(1, 3, size, size)).astype(np.float32)
    session.run(None, {"image": crop})
    cpu, wall = [], []
    for _ in range(PAIRS * REPEATS):
        start = time.process_time(), time.perf_counter()
        session.run(None, {"image": crop})
        wall.append(time.perf_counter() - start[1])
        time.sleep(PAUSE_S)
        cpu.append(time.process_time() - start[0])
    return 1e3 * float(np.median(cpu)), 1e3 * min(wall)


def _cpu_ms(work: Callable[[], object]) -> float:
    work()
    start = time.process_time()
    for _ in range(REPEATS):
        work()
    return 1e3 * (time.process_time() - start) / REPEATS


def _overlap(clip: Path, folder: Path, threads: int | None) -> Iterable[Row]:
    said = "the runtime's own threads" if threads is None else f"{threads} thread"
    settings = ReconstructSettings(threads=threads)
    spent = []
    for pair in range(PAIRS):
        for way in ("in turn", "overlapped"):
            wall, cpu = time.perf_counter(), time.process_time()
            with in_turn() if way == "in turn" else nullcontext():
                reconstruct(clip, folder / f"{threads} {pair} {way}.take", settings)
            spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    walls, cpus = np.array(spent).reshape(PAIRS, 2, 2).transpose(2, 1, 0)
    yield Row(f"{said}: wall, in turn / overlapped", float(np.median(walls[0] / walls[1])), "x", "> 1")
    yield Row(f"{said}: the same, least of the pairs", float((walls[0] / walls[1]).min()), "x")
    yield Row(f"{said}: the same, most of the pairs", float((walls[0] / walls[1]).max()), "x")
    yield Row(f"{said}: CPU, in turn / overlapped", float(np.median(cpus[0] / cpus[1])), "x")
    yield Row(f"{said}: CPU of a frame, overlapped", float(1e3 * np.median(cpus[1]) / FRAMES), "CPU ms")

"""Where the time of a run goes, stage by stage, for one person; the run against its network alone; ten people.

The clip is the demo clip, there and back, and the bundle the one that ships; ten people are its person ten times in a
larger picture. Each stage runs alone over all frames of the clip. "The whole run" is `reconstruct`, which does all of
them, without its first frames. It and the network alone, which gets the crops of such a run, take turns in rounds: the
best of each counts, since other work on the machine can only add, and the medians stand beside it.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import cv2
import numpy as np

from core import pipeline
from core.body.model import load_body
from core.body.upsample import upsample
from core.detection.open_detector import open_detector
from core.footage.reader import open_footage
from core.geometry.crops import make_crops
from core.inference.estimator import BATCH, Estimator
from core.inference.runtime import Runtime, open_runtime
from core.motion.mesh_fit import fit_coarse
from core.settings import ReconstructSettings
from core.take.take import Take
from core.types import Float, Image
from core.weights.find import find_weights

from . import Row

CLIP = Path(__file__).parents[2] / "assets" / "demo" / "clip.mp4"
COLUMNS, ROWS = 5, 2
PEOPLE = COLUMNS * ROWS
SKIPPED = 45
"""Frames of a run before anything counts: a clip begins with looks for people, and ahead of it all is decoded."""
ROUNDS, ROUNDS_OF_TEN = 5, 3


class Cost(NamedTuple):
    """Milliseconds a frame: of all threads' CPU time, and of the clock."""

    cpu: float
    clock: float


def measure() -> Iterable[Row]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = _filmed(folder / "one.mp4", _one)
        take, looks = _first_run(one, folder / "one.take")
        yield from _stages(one, take, looks)
        yield from _against_its_network(one, take, folder)
        yield from _ten(one, folder)


def _stages(clip: Path, take: Take, looks: float) -> Iterable[Row]:
    bundle = find_weights()
    detector = open_detector(threads=1)
    (person,) = take.persons()
    frames = [frame.image for frame in open_footage(clip).frames()]
    boxes, surface, body = person.estimates.box_px, person.estimates.coarse_vertices, load_body()
    pictures = [frames[index] for index in person.frame_index]
    bones = _spent(lambda: fit_coarse(surface, body)) / len(boxes)
    for stage, seconds in (
        ("decode", _spent(lambda: sum(1 for _ in open_footage(clip).frames())) / len(frames)),
        (
            f"detect, {100 * looks:.0f} % of the frames",
            looks * _spent(lambda: [detector(image) for image in frames[:10]]) / 10,
        ),
        ("crop", _spent(lambda: [_crops(bundle, *each) for each in zip(pictures, boxes, strict=True)]) / len(boxes)),
        ("upsample (in solve)", _spent(lambda: upsample(surface, body)) / len(boxes)),
        ("fit of the bones (in solve)", bones),
    ):
        yield Row(f"one person: {stage}", 1000 * seconds, "ms of CPU a frame")
    yield Row("one person: bones fitted, frames a second of two cores, by CPU time", 2 / bones, "frames/s", ">= 200")


def _against_its_network(clip: Path, take: Take, folder: Path) -> Iterable[Row]:
    """The whole run and the network alone, with one thread by CPU time and with two by the clock."""
    bundle = find_weights()
    (person,) = take.persons()
    frames = {frame.frame_index: frame.image for frame in open_footage(clip).frames()}
    kept = slice(SKIPPED, None)
    seen = zip(person.frame_index[kept], person.estimates.box_px[kept], strict=True)
    crops = [_crops(bundle, frames[int(index)], box) for index, box in seen]
    runtimes = {threads: open_runtime(bundle, threads=threads) for threads in (1, 2)}
    costs: dict[tuple[str, int], list[Cost]] = defaultdict(list)
    for number in range(ROUNDS):
        for threads, runtime in runtimes.items():
            costs["network", threads].append(_network_alone(runtime, crops))
            costs["run", threads].append(_run(clip, folder / f"{number} {threads}.take", threads))
    for threads, unit in ((1, "cpu"), (2, "clock")):
        told = "ms of CPU a frame" if unit == "cpu" else "ms of the clock a frame"
        both = [np.array([getattr(cost, unit) for cost in costs[what, threads]]) for what in ("network", "run")]
        said = f"one person, {threads} thread{'s' * (threads > 1)}"
        yield Row(f"{said}: network alone", both[0].min(), told)
        yield Row(f"{said}: the whole run", both[1].min(), told)
        yield Row(
            f"{said}: the run does of what its network alone does", 100 * both[0].min() / both[1].min(), "%", ">= 90"
        )
        medians = [float(np.median(each)) for each in both]
        yield Row(f"{said}: the same, medians of the rounds", 100 * medians[0] / medians[1], "%")
    run = costs["run", 1], costs["run", 2]
    yield Row(
        "one person: frames a second of two cores, by CPU time", 2000 / min(c.cpu for c in run[0]), "frames/s", ">= 30"
    )
    yield Row("one person: frames a second, by the clock", 1000 / min(c.clock for c in run[1]), "frames/s", ">= 30")
    yield Row("load of the machine meanwhile", os.getloadavg()[1], "processes")


def _ten(one: Path, folder: Path) -> Iterable[Row]:
    bundle = find_weights()
    estimator = Estimator(open_runtime(bundle, threads=1), bundle)
    image = next(iter(open_footage(one).frames())).image
    box = np.array([[0.0, 0.0, image.shape[1], image.shape[0]]])
    single = _spent(lambda: [estimator.estimate(image, box) for _ in range(2 * PEOPLE)]) / 2
    together = _spent(lambda: [estimator.estimate(image, np.repeat(box, PEOPLE, 0)) for _ in range(2)]) / 2
    yield Row(
        f"crop and network, {PEOPLE} people in batches of {BATCH}, of ten times one", together / single, "x", "< 1"
    )
    one, found = _filmed(folder / "short.mp4", _one, is_there_and_back=False), 0.0
    ten = _filmed(folder / "ten.mp4", _tiled, is_there_and_back=False)
    costs: list[tuple[float, float]] = []
    for number in range(ROUNDS_OF_TEN):
        take = folder / f"ten {number}.take"
        alone = _run(one, folder / f"beside ten {number}.take", 1).cpu
        costs.append((alone, _run(ten, take, 1).cpu))
        found = sum(Take.open(take).frame_counts().values()) / _count(ten)
    alone, all_ten = np.array(costs).T
    yield Row(f"people followed of {PEOPLE}, mean over the frames", found, "people")
    yield Row(
        "the whole run, a person-frame of them against one alone", all_ten.min() / found / alone.min(), "x", "< 1"
    )
    ratio = float(np.median(all_ten) / found / np.median(alone))
    yield Row("the same, medians of the rounds", ratio, "x")


def _first_run(clip: Path, take: Path) -> tuple[Take, float]:
    """The take, and the detector's looks a frame."""
    look = mock.Mock(side_effect=pipeline.find_detected)
    marks: list[tuple[int, int]] = []
    with mock.patch.object(pipeline, "find_detected", look):
        told = lambda now: marks.append((now.done, look.call_count))  # noqa: E731
        written = pipeline.reconstruct(clip, take, ReconstructSettings(people="all", threads=1), told)
    (start, before), (end, after) = marks[SKIPPED], marks[-1]
    return written, (after - before) / (end - start)


def _run(clip: Path, take: Path, threads: int) -> Cost:
    """`reconstruct`, without its first frames."""
    marks: list[tuple[int, float, float]] = []
    told = lambda now: marks.append((now.done, time.process_time(), time.perf_counter()))  # noqa: E731
    pipeline.reconstruct(clip, take, ReconstructSettings(people="all", threads=threads), told)
    (start, cpu, clock), (end, cpu_end, clock_end) = marks[SKIPPED], marks[-1]
    return Cost(1000 * (cpu_end - cpu) / (end - start), 1000 * (clock_end - clock) / (end - start))


def _network_alone(runtime: Runtime, crops: list[Float]) -> Cost:
    cpu, clock = time.process_time(), time.perf_counter()
    for crop in crops:
        runtime.run(crop)
    spent = time.process_time() - cpu, time.perf_counter() - clock
    return Cost(1000 * spent[0] / len(crops), 1000 * spent[1] / len(crops))


def _crops(bundle, picture: Image, box: Float) -> Float:  # type: ignore[no-untyped-def]
    return make_crops([picture], box[None], bundle.input_size, bundle.box_factor, bundle.mean, bundle.std).images


def _spent(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _one(image: Image) -> Image:
    return image


def _tiled(image: Image) -> Image:
    return np.tile(image, (ROWS, COLUMNS, 1))


def _count(clip: Path) -> int:
    return sum(1 for _ in open_footage(clip).frames())


def _filmed(path: Path, change: Callable[[Image], Image], is_there_and_back: bool = True) -> Path:
    """The demo clip, there and back or only there, each picture changed, as a video."""
    clip = open_footage(CLIP)
    images = [change(frame.image) for frame in clip.frames()]
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), clip.info.fps, (width, height))
    for image in images + (images[-2:0:-1] if is_there_and_back else []):
        writer.write(image)
    writer.release()
    return path

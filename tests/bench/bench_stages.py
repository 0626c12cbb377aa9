"""Where the time of a run goes, stage by stage, for one person; then ten people against one. Times are CPU time.

The clip is the demo clip and the bundle the one that ships; ten people are its person ten times in a larger picture.
Each stage runs alone over all frames of the clip; "the whole run" is `reconstruct`, which does them all.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

from core import pipeline
from core.body import load_body
from core.crop import make_crops
from core.detect import open_detector
from core.estimate import BATCH, Estimator
from core.fit import fit_coarse
from core.footage import open_footage
from core.runtimes import open_runtime
from core.settings import ReconstructSettings
from core.take import Take
from core.types import Float, Image
from core.upsample import upsample
from core.weights import find_weights

from . import Row

CLIP = Path(__file__).parents[2] / "assets" / "demo" / "clip.mp4"
COLUMNS, ROWS = 5, 2
PEOPLE = COLUMNS * ROWS
FRAMES = 90
"""All of the demo clip; the second half of them counts."""


def measure() -> Iterable[Row]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        one = _cut(Path(folder) / "one.mp4", _one)
        yield from _stages(one, Path(folder))
        yield from _ten(one, Path(folder))


def _stages(clip: Path, folder: Path) -> Iterable[Row]:
    bundle = find_weights()
    runtime = open_runtime(bundle, threads=1)
    detector = open_detector(threads=1)
    whole, take, looks = _run(clip, folder / "one.take")
    (person,) = take.persons()
    frames = [frame.image for frame in open_footage(clip).frames()]
    boxes = person.estimates.box_px
    pictures = [frames[index] for index in person.frame_index]
    decode = _spent(lambda: sum(1 for _ in open_footage(clip).frames())) / len(frames)
    detect = looks * _spent(lambda: [detector(image) for image in frames[:10]]) / 10
    crop = _spent(lambda: [_crops(bundle, picture, box) for picture, box in zip(pictures, boxes, strict=True)])
    crops = [_crops(bundle, picture, box) for picture, box in zip(pictures, boxes, strict=True)]
    network = _spent(lambda: [runtime.run(each) for each in crops]) / len(crops)
    body = load_body()
    surface = person.estimates.coarse_vertices
    fine = _spent(lambda: upsample(surface, body)) / len(boxes)
    bones = _spent(lambda: fit_coarse(surface, body)) / len(boxes)
    for stage, seconds in (
        ("decode", decode),
        (f"detect, {100 * looks:.0f} % of the frames", detect),
        ("crop", crop / len(crops)),
        ("network", network),
        ("upsample (in solve)", fine),
        ("fit of the bones (in solve)", bones),
        ("the whole run", whole),
    ):
        yield Row(f"one person: {stage}", 1000 * seconds, "ms of CPU a frame")
    yield Row("one person: bones fitted, frames a second of two cores, by CPU time", 2 / bones, "frames/s", ">= 200")
    yield Row("one person: the network's share of the whole run", 100 * network / whole, "%", ">= 90")
    yield Row("one person: frames a second of two cores, by CPU time", 2 / whole, "frames/s", ">= 30")


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
    ten = _cut(folder / "ten.mp4", _tiled)
    whole_one, *_ = _run(one, folder / "again.take")
    whole_ten, take, _ = _run(ten, folder / "ten.take")
    found = sum(take.frame_counts().values()) / FRAMES
    yield Row(f"people followed of {PEOPLE}, mean over the frames", found, "people")
    yield Row("the whole run, a person-frame of them against one alone", whole_ten / found / whole_one, "x", "< 1")


def _run(clip: Path, take: Path) -> tuple[float, Take, float]:
    """`reconstruct` over the second half of the frames: CPU seconds a frame, the take, the detector's looks a frame."""
    settings = ReconstructSettings(people="all", threads=1)
    marks: list[tuple[int, float, int]] = []
    look = mock.Mock(side_effect=pipeline.find_detected)
    with mock.patch.object(pipeline, "find_detected", look):
        told = lambda now: marks.append((now.done, time.process_time(), look.call_count))  # noqa: E731
        written = pipeline.reconstruct(clip, take, settings, told)
    middle, end = marks[len(marks) // 2], marks[-1]
    frames = end[0] - middle[0]
    return (end[1] - middle[1]) / frames, written, (end[2] - middle[2]) / frames


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


def _cut(path: Path, change: Callable[[Image], Image]) -> Path:
    """The demo clip's first frames, each changed, as a video."""
    clip, writer = open_footage(CLIP), None
    for frame in clip.frames(0, FRAMES - 1):
        image = change(frame.image)
        if writer is None:
            height, width = image.shape[:2]
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), clip.info.fps, (width, height))
        writer.write(image)
    assert writer is not None
    writer.release()
    return path

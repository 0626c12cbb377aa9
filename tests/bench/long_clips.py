"""Footage and takes of any length, made cheaply from the demo clip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import cv2

from core import pipeline
from core.footage.reader import open_footage
from core.take.background_writer import WriteBehind
from core.take.take import Take, TakeWriter
from core.types import FootageReport, Image
from tests.fixtures.graphs import write_clip

DEMO = Path(__file__).parents[2] / "assets" / "demo" / "clip.mp4"
WIDTH, HEIGHT = 1920, 1080
FPS = 30.0


def demo_pictures(count: int) -> list[Image]:
    """The demo clip's first frames, as many as it has, at 1920 x 1080."""
    frames = open_footage(DEMO).frames(0, count - 1)
    return [cv2.resize(frame.image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for frame in frames]  # type: ignore[misc]


def moving_clip(path: Path, frame_count: int) -> Path:
    """The demo clip there and back as a video of 1920 x 1080."""
    pictures = demo_pictures(frame_count)
    order = [*range(len(pictures)), *range(len(pictures) - 2, 0, -1)]
    return write_clip(path, frame_count, lambda index: pictures[order[index % len(order)]], FPS)


def standing_clip(path: Path, frame_count: int) -> Path:
    """A picture of a person, so often: a frame that equals the last one costs the codec next to nothing."""
    (picture,) = demo_pictures(1)
    return write_clip(path, frame_count, lambda _index: picture, FPS)


def long_take(path: Path, take: Take, frame_count: int) -> Path:
    """A take with the sightings of another's first person over and over."""
    person = take.person(take.people[0])
    with TakeWriter.open(path, take.header) as writer:
        for frame in range(frame_count):
            row = frame % len(person.frame_index)
            writer.add("1", frame, frame / FPS, person.estimates[row : row + 1])
            if writer.is_commit_due:
                writer.commit(frame + 1)
        writer.finish(frame_count, FootageReport(frame_count, (), 0, ()))
    return path


@contextmanager
def in_turn() -> Iterator[None]:
    """Let one thread do all stages in turn."""

    class AtOnce(WriteBehind):
        def commit(self, next_frame: int, tracker_state: dict[str, Any]) -> None:
            super().commit(next_frame, tracker_state)
            self.settle()

    with (
        mock.patch.object(pipeline, "frames_ahead", lambda clip, *chosen: clip.frames(*chosen)),
        mock.patch.object(pipeline, "WriteBehind", AtOnce),
    ):
        yield

"""Frames decoded ahead: the same frames and errors as without, in bounded memory, and no thread left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from core.errors import FootageError
from core.footage.decode_ahead import frames_ahead
from core.footage.reader import Footage, VideoFile
from core.types import FootageInfo, Frame
from tests.fixtures.graphs import write_clip

WIDTH, HEIGHT = 8, 4
FRAME_BYTES = WIDTH * HEIGHT * 3
SOON_S = 20.0
"""Until a thread must have got somewhere, however slow the machine is."""


class Clip:
    """Counts the frames that were decoded; `meet` is called before each."""

    def __init__(self, count: int, meet: Callable[[int], None] = lambda index: None) -> None:
        self.info = FootageInfo(Path("clip.mp4"), "video", WIDTH, HEIGHT, 25.0, count)
        self.count, self.meet = count, meet
        self.decoded = 0
        self.reached = threading.Condition()

    def frames(self, start: int = 0, end: int | None = None, step: int = 1) -> Iterator[Frame]:
        for index in range(start, self.count, step):
            self.meet(index)
            with self.reached:
                self.decoded += 1
                self.reached.notify_all()
            yield Frame(index, index / 25, np.full((HEIGHT, WIDTH, 3), index, np.uint8))

    def stop(self) -> None:
        self.count = 0

    def wait_for(self, decoded: int) -> None:
        with self.reached:
            assert self.reached.wait_for(lambda: self.decoded >= decoded, SOON_S)


def ahead(clip: Clip, room: int) -> Generator[Frame, None, None]:
    return frames_ahead(cast(Footage, clip), most_bytes=room * FRAME_BYTES)


def decoders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "decode"]


@pytest.mark.parametrize("room", [0, 1, 3, 100])
def test_frames_are_those_of_the_clip_in_order(room: int) -> None:
    frames = list(ahead(Clip(20), room))
    assert [frame.frame_index for frame in frames] == list(range(20))
    assert all((frame.image == frame.frame_index).all() for frame in frames)
    assert decoders() == []


def test_decoding_goes_on_while_a_frame_is_looked_at() -> None:
    clip = Clip(20)
    with closing(ahead(clip, 3)) as frames:
        next(frames)
        clip.wait_for(4)


def test_no_more_frames_are_decoded_than_there_is_room_for() -> None:
    met: list[int] = []
    held = threading.Event()

    def meet(index: int) -> None:
        met.append(index)
        if index == 5:
            held.set()

    clip = Clip(100, meet)
    with closing(ahead(clip, 3)) as frames:
        for _ in range(2):
            next(frames)
        clip.wait_for(5)
        assert not held.wait(0.2)
    assert met == [0, 1, 2, 3, 4]


def test_frame_larger_than_the_room_is_decoded_without_a_thread() -> None:
    threads: set[str] = set()
    list(ahead(Clip(5, lambda index: threads.add(threading.current_thread().name)), 0))
    assert threads == {threading.current_thread().name}


def test_error_comes_behind_the_frames_before_it_and_leaves_no_thread() -> None:
    def meet(index: int) -> None:
        if index == 3:
            raise FootageError("clip.mp4: broken; export it again")

    seen: list[int] = []
    with pytest.raises(FootageError, match="broken; export it again"):
        seen += [frame.frame_index for frame in ahead(Clip(9, meet), 2)]
    frames = ahead(Clip(9, meet), 2)
    assert [next(frames).frame_index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(FootageError):
        next(frames)
    assert decoders() == []


def test_closing_ends_a_decoder_that_waits_for_room() -> None:
    clip = Clip(10**9)
    with closing(ahead(clip, 2)) as frames:
        next(frames)
        assert decoders() == ["decode"]
    assert decoders() == []


def test_interrupted_run_leaves_no_thread() -> None:
    with pytest.raises(KeyboardInterrupt), closing(ahead(Clip(10**9), 2)) as frames:
        for _ in frames:
            raise KeyboardInterrupt
    assert decoders() == []


def test_video_that_skips_to_a_late_frame_stops_on_the_way(tmp_path: Path) -> None:
    video = VideoFile(write_clip(tmp_path / "clip.mp4", 30))
    frames = video.frames(0, None, 1)
    next(frames)
    video.stop()
    assert list(frames) == []
    assert video.report.decoded == 1
    assert len(list(video.frames())) == 30  # and the next call begins anew


def test_report_of_a_clip_read_ahead_is_that_of_the_clip(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", 30)
    plain, threaded = VideoFile(path), VideoFile(path)
    a, b = list(plain.frames(3, 25, 2)), list(frames_ahead(threaded, 3, 25, 2))
    assert [f.time_s for f in a] == [f.time_s for f in b]
    assert all((x.image == y.image).all() for x, y in zip(a, b, strict=True))
    assert asdict(plain.report) == asdict(threaded.report)

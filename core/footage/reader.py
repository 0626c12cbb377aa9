"""A video file, or pictures (see `pictures`) -> FootageInfo, Frames, and a report of what was lost.

What OpenCV does to a careless reader, measured: `read()` fails at a damaged frame and goes on after it, so
a loop that stops at the first failure loses the rest; the header's frame count is a claim; frame number / fps
is up to a third of a second off with a variable rate, while the time stamps are right; seeking by number
lands elsewhere; rotation in the metadata is applied when asked for, so sizes come from the first frame. Hence:
decode in order from the start, read on after failures, take the time from the stamps.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ..errors import FootageError
from ..types import FootageInfo, FootageReport, Frame, Image
from .diagnosis import PLAYLIST_BYTES, is_playlist, why_unreadable
from .film_time import check_range, check_start, slowdown_of
from .mp4_track import mp4_track
from .picture_names import PICTURE_SUFFIXES, picture_refusal
from .pictures import PictureSequence

FALLBACK_FPS = 25.0
FILES_ONLY = "protocol_whitelist;file"
"""For FFmpeg: whatever a container names, nothing is fetched from a network."""
LARGEST_PIXELS = 2**27
"""Of a frame, 16384 x 8192; for pictures see `core/__init__.py`."""
ONE_THREAD_PIXELS = 1280 * 720
"""Up to this size one thread decodes a frame in a millisecond or two, for a quarter less CPU than several."""
COUNTED = (".avi",)
"""Containers whose header counts frames, beside MP4's tables; all others tell a length alone, and that of the sound."""
ROUGH_END_S = 1.0
"""A length that is longer than the picture by less is no loss: sound often goes on for longer."""
FAILURES_IN_A_ROW = 64
"""After so many failed reads the file is taken to be over; a damaged stretch is one to a few frames."""


class Footage(Protocol):
    """What the pipeline needs of a clip."""

    info: FootageInfo

    @property
    def report(self) -> FootageReport:
        """What decoding has met so far, in the last call of `frames`."""

    def frames(self, start: int = 0, end: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Frames `start`, `start + step`, ... up to and including `end`, decoded from the beginning.

        Frames that can't be decoded are left out and keep their number.
        """

    def stop(self) -> None:
        """Let `frames` end at the next picture, skipped ones included; another thread may call it."""


def open_footage(path: Path, fps: float | None = None) -> Footage:
    """The clip behind a path: video file, folder of pictures, a picture of a sequence, or one picture.

    Args:
        path: of the file or folder.
        fps: frames a second at which it was shot; None for what the file says, and 24 for pictures.

    Raises:
        FootageError: nothing there, nothing that can be decoded, or pictures of different sizes.
    """
    path = Path(path)
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise FootageError(f"{path}: its name is not in UTF-8; rename the file or its folder") from error
    if not path.exists():
        raise FootageError(f"{path}: no such file or folder; check the path")
    if path.is_dir() or path.suffix.lower() in PICTURE_SUFFIXES:
        return PictureSequence(path, fps)
    if told := picture_refusal(path):
        raise FootageError(told)
    return VideoFile(path, fps)


class VideoFile:
    """A video, read through OpenCV's FFmpeg."""

    def __init__(self, path: Path, told_fps: float | None = None) -> None:
        """Decode the first frame, for the size."""
        self._path = path
        self._decoded = 0
        self._lost: list[int] = []
        self._last = -1
        capture = self._open()
        try:
            fps = capture.get(cv2.CAP_PROP_FPS)
            announced = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            self._warnings = _pixel_aspect_warnings(capture)
            _check_size(path, capture)
            first = _first_frame(capture)
        finally:
            capture.release()
        if first is None:
            raise FootageError(f"{path}: no frame of it can be decoded; it is damaged, so export it again")
        track = mp4_track(path)
        if track is not None:
            fps, announced = track.base_fps or fps, len(track.stamps_s)
        self._is_counted = track is not None or path.suffix.lower() in COUNTED
        own_fps = fps if math.isfinite(fps) and 0 < fps <= 1000 else FALLBACK_FPS
        self.info = FootageInfo(
            path=path,
            kind="video",
            width=first.shape[1],
            height=first.shape[0],
            fps=told_fps or own_fps,
            slowdown=slowdown_of(own_fps, told_fps),
            announced_frames=int(announced) if math.isfinite(announced) and announced > 0 else None,
        )

    @property
    def report(self) -> FootageReport:
        """What decoding has met so far."""
        lost = tuple(index for index in self._lost if index < self._last)
        return FootageReport(self._decoded, lost, self._missing_at_end() if self._is_at_end else 0, self._warnings)

    def _missing_at_end(self) -> int:
        """Frames that were announced behind the last one; where only a length was, those of its rest."""
        announced = self.info.announced_frames
        if announced is None:
            return 0
        by_count = max(0, announced - self._last - 1)
        if self._is_counted:
            return by_count
        rest_s = (announced - 1) / self.info.fps - self._last_s
        return 0 if rest_s * self.info.slowdown < ROUGH_END_S else min(by_count, round(rest_s * self.info.fps))

    _is_at_end = False
    _last_s = 0.0
    _is_stopped = False

    def stop(self) -> None:
        """Let `frames` end at the next picture."""
        self._is_stopped = True

    def frames(self, start: int = 0, end: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Frames by number; the skipped ones are decoded but not converted."""
        check_range(start, end, step)
        self._decoded, self._lost, self._last, self._is_at_end, self._is_stopped = 0, [], -1, False, False
        is_small = self.info.width * self.info.height <= ONE_THREAD_PIXELS
        capture = self._open([cv2.CAP_PROP_N_THREADS, 1] if is_small else [])
        try:
            yield from self._read(capture, start, end, step)
        finally:
            capture.release()

    def _read(self, capture: cv2.VideoCapture, start: int, end: int | None, step: int) -> Iterator[Frame]:
        index, failures, time_s = -1, 0, -math.inf
        while (end is None or index < end) and not self._is_stopped:
            index += 1
            if not capture.grab():
                failures += 1
                self._lost.append(index)
                if self._is_over(index, failures):
                    self._is_at_end = True
                    check_start(self._path, start, self._last + 1)
                    return
                continue
            failures = 0
            self._decoded += 1
            self._last = index
            stamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            self._last_s = time_s = self._time_after(time_s, stamp_s / self.info.slowdown)
            if index >= start and (index - start) % step == 0:
                yield from self._retrieved(capture, index, time_s)

    def _retrieved(self, capture: cv2.VideoCapture, index: int, time_s: float) -> Iterator[Frame]:
        image = _retrieved(capture)
        if image is None:
            self._lost.append(index)
            self._decoded -= 1
            return
        yield Frame(index, time_s, _same_size(image, self.info))

    def _is_over(self, index: int, failures: int) -> bool:
        announced = self.info.announced_frames
        return failures >= FAILURES_IN_A_ROW or (announced is not None and index + 1 >= announced)

    def _time_after(self, last_s: float, stamp_s: float) -> float:
        """The time of a stamp, or a frame's length after the last one where the container has no good stamps."""
        if math.isfinite(stamp_s) and stamp_s > last_s:
            return stamp_s
        return last_s + 1 / self.info.fps

    def _open(self, options: Sequence[int] = ()) -> cv2.VideoCapture:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # its complaints are told in our words
        os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", FILES_ONLY)
        try:
            if self._path.stat().st_size == 0:
                raise FootageError(f"{self._path}: the file is empty; copy or export it again")
            with self._path.open("rb") as file:
                if is_playlist(file.read(PLAYLIST_BYTES)):
                    raise FootageError(f"{self._path}: is a list of other files; choose the video itself")
            whole_path = str(self._path.absolute())  # else "a:b" may be an address
            capture = cv2.VideoCapture(whole_path, cv2.CAP_FFMPEG, list(options))
        except OSError as error:
            raise FootageError(f"{self._path}: can't be opened ({error.strerror}); check the file") from error
        if not capture.isOpened():
            raise FootageError(f"{self._path}: {why_unreadable(self._path)}")
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # 4.11 has it off where the backend is named
        return capture


def _first_frame(capture: cv2.VideoCapture) -> Image | None:
    for _ in range(FAILURES_IN_A_ROW):
        image = _retrieved(capture) if capture.grab() else None
        if image is not None:
            return image
    return None


def _retrieved(capture: cv2.VideoCapture) -> Image | None:
    """The grabbed frame, where it can be decoded and has a size."""
    try:
        has_image, image = capture.retrieve()
    except cv2.error:
        return None
    return np.asarray(image, np.uint8) if has_image and image.size else None


def _check_size(path: Path, capture: cv2.VideoCapture) -> None:
    width, height = (capture.get(key) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > LARGEST_PIXELS:
        raise FootageError(f"{path}: frames of {width:.0f} x {height:.0f} pixels are too large; export it smaller")


def _same_size(image: Image, clip: FootageInfo) -> Image:
    """The picture at the size of the first: some streams change size on the way."""
    if image.shape[:2] == (clip.height, clip.width):
        return image
    return np.asarray(cv2.resize(image, (clip.width, clip.height), interpolation=cv2.INTER_AREA), np.uint8)


def _pixel_aspect_warnings(capture: cv2.VideoCapture) -> tuple[str, ...]:
    wide, high = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    if wide > 0 and high > 0 and wide != high:
        return (f"pixels are not square ({wide:g}:{high:g}) and people look squeezed; export with square pixels",)
    return ()

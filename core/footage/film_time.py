"""The rule of time, first half: frame of the film <-> seconds. The second, to a scene, is the add-on's film_frames.

- **Frames of the film** count from 0. In a video frame N is the N-th picture that it shows; in a sequence it is the
  picture's number less the first one's. What can't be decoded and numbers without a picture keep their place.
- **Seconds** are those of life, from the first frame on. A video has its frames' time stamps, whatever its rate;
  pictures have frame / rate. Where somebody tells at which rate the film was shot (`--fps`), that rate counts: a film
  shot at 240 and stored at 24 frames a second has a `slowdown` of 10, and its stamps are divided by it.
- **Steps** are how a film editor plays a video, Blender too: N steps a second, N its base rate, each showing the last
  frame that has begun. In a video of constant rate, and in pictures, step N is frame N.

So time_s = stamp_s / slowdown, and step = stamp_s * base rate = time_s * slowdown * base rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import FootageError
from ..types import Float, FootageInfo
from .mp4_track import mp4_track

PICTURES_FPS = 24.0
"""Pictures carry no rate: Blender's default."""
STEP_TOLERANCE = 0.05
"""Of a step: time stamps are rounded, to a millisecond in Matroska, which is 0.03 of a step at 60 a second."""


@dataclass(frozen=True, slots=True, eq=False)
class FilmSteps:
    """Which frame of a film each step shows; `stamps_s` (N,) is None where step N is frame N."""

    stamps_s: Float | None = None
    base_fps: float = PICTURES_FPS

    def step_of(self, frame: int) -> int:
        """The first step that shows a frame; before and behind the film as many steps as frames."""
        if self.stamps_s is None or frame < 0:
            return frame
        inside = min(frame, len(self.stamps_s) - 1)
        return int(np.ceil(self.stamps_s[inside] * self.base_fps - STEP_TOLERANCE)) + frame - inside

    def frame_at(self, step: int) -> int:
        """The frame that a step shows; before and behind the film as many frames as steps."""
        if self.stamps_s is None or step < 0:
            return step
        last = int(np.ceil(self.stamps_s[-1] * self.base_fps - STEP_TOLERANCE))
        shown = int(np.searchsorted(self.stamps_s * self.base_fps, min(step, last) + STEP_TOLERANCE, side="right")) - 1
        return shown + max(0, step - last)


def film_steps(footage: Path, base_fps: float | None = None) -> FilmSteps:
    """The steps of a film; of a container without tables, and of pictures, those of a constant rate.

    Args:
        footage: a file, or a folder of pictures.
        base_fps: at which it is played; None for what its stamps say.
    """
    track = mp4_track(footage) if footage.is_file() else None
    base_fps = base_fps or (track.base_fps if track else None)
    if track is None or base_fps is None or track.is_constant:
        return FilmSteps()
    return FilmSteps(track.stamps_s, base_fps)


def slowdown_of(own_fps: float, told_fps: float | None) -> float:
    """Seconds of the file for one of life; 1 where nobody told another rate."""
    return 1.0 if told_fps is None else told_fps / own_fps


def told_fps(film: FootageInfo) -> float | None:
    """What `open_footage` must be told, so that the film has the seconds that it had."""
    return film.fps if film.kind == "images" or film.slowdown != 1 else None


def check_range(start: int, end: int | None, step: int) -> None:
    """Raises ValueError unless 0 <= start <= end and step >= 1."""
    if start < 0 or step < 1 or (end is not None and end < start):
        raise ValueError(f"expected 0 <= start <= end and step >= 1, got {start}, {end} and {step}")


def check_start(path: Path, start: int, frame_count: int) -> None:
    """Raises FootageError where a film has no frame `start`."""
    if start >= frame_count:
        raise FootageError(f"{path}: has {frame_count} frames, from 0; choose a first frame before {frame_count}")

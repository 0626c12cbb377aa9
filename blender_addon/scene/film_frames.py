"""The rule of time, second half: seconds of a film <-> frames of the scene. The first half is `core/footage/film_time`.

Blender shows a Movie Clip behind the camera one step a frame of the scene, whatever the scene's own rate, and the keys
go where the picture is: a scene of another rate shows both slower or faster, never one without the other.

    scene frame = start + step,  step = time_s * rate

- start: the scene frame of the film's first frame, `frame_start - frame_offset` of the clip. A clip of a sequence that
  begins with a later picture than the folder has its first frame as many frames earlier.
- rate: steps in a second of life: the clip's own rate times the film's slowdown; of pictures, theirs.

Where Blender can't show the film there is nothing to go with: it starts at scene frame 1 and moves as in life, so the
rate is the scene's. A clip that was there before belongs to the animator: it is read, never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import bridge
from ..axes import FIRST_SCENE_FRAME, Float


@dataclass(frozen=True, slots=True)
class FilmFrames:
    """Where a film lies in a scene.

    Attributes:
        start: scene frame of the film's first frame.
        rate: frames of the scene for a second of the film.
    """

    start: float = float(FIRST_SCENE_FRAME)
    rate: float = 24.0

    def frames_of(self, time_s: Float) -> Float:
        """Scene frames (T,) of seconds (T,). Whole where they are nearly whole: time stamps are rounded."""
        frames = self.start + np.asarray(time_s, dtype=np.float64) * self.rate
        whole = np.round(frames)
        nearly = bridge.STEP_TOLERANCE
        return np.asarray(np.where(np.abs(frames - whole) <= nearly, whole, frames))

    def seconds_of(self, scene_frames: Float) -> Float:
        """Seconds (T,) of scene frames (T,)."""
        return (np.asarray(scene_frames, dtype=np.float64) - self.start) / self.rate


@dataclass(frozen=True, slots=True)
class ShownFilm:
    """Which frame of a film a scene shows.

    Attributes:
        start: scene frame of the film's first frame.
        steps: of the film, see `core/footage/film_time.py`.
        length: frames of the film; None where nobody knows before it is read.
    """

    start: int
    steps: bridge.FilmSteps
    length: int | None

    def frame_at(self, scene_frame: int) -> int:
        """Frame of the film, from 0; negative before it."""
        return int(self.steps.frame_at(scene_frame - self.start))

    def scene_frame_of(self, frame: int) -> int:
        """The first scene frame that shows a frame of the film."""
        return int(self.start + self.steps.step_of(frame))


def film_frames(clip: Any, film_fps: float, slowdown: float, scene_rate: float) -> FilmFrames:
    """Where a film lies in a scene.

    Args:
        clip: the Movie Clip that shows it; None where there is none.
        film_fps: its frames in a second of life.
        slowdown: see `core/footage/film_time.py`.
        scene_rate: of the scene.
    """
    if clip is None:
        return FilmFrames(rate=scene_rate)
    return FilmFrames(float(start_of(clip)), float(clip.fps) * slowdown if clip.source == "MOVIE" else film_fps)


def shown_film(clip: Any, footage: Path) -> ShownFilm:
    """Which frames of a film a clip shows; as Blender would show the footage where it is no clip yet."""
    names = sequence_of(footage)
    if names is not None:
        steps = bridge.FilmSteps()
        return ShownFilm(start_of(clip) if clip is not None else FIRST_SCENE_FRAME, steps, names.last + 1)
    is_movie = clip is not None and clip.source == "MOVIE" and clip.fps > 0
    steps = bridge.film_steps(footage, float(clip.fps) if is_movie else None)
    length = steps.frame_at(clip.frame_duration - 1) + 1 if clip is not None and clip.frame_duration > 0 else None
    return ShownFilm(start_of(clip) if clip is not None else FIRST_SCENE_FRAME, steps, length)


def start_of(clip: Any) -> int:
    """The scene frame in which a clip shows, or would show, the first frame of its film."""
    start = int(clip.frame_start - clip.frame_offset)
    if clip.source != "SEQUENCE":
        return start
    file = clip_path(clip)
    names = sequence_of(file)
    own = next((frame for frame, other in names.files.items() if other.name == file.name), 0) if names else 0
    return start - own


def clip_path(clip: Any) -> Path:
    """The file of a movie clip, absolute, without links."""
    return Path(bpy.path.abspath(clip.filepath, library=clip.library)).resolve()


def sequence_of(footage: Path) -> bridge.PictureNames | None:
    """The names of the pictures that a picture or a folder stands for; None for all else, and where nothing is.

    A folder is listed again only when it has changed: panels ask in every redraw.
    """
    folder = footage if footage.is_dir() else footage.parent
    if folder == footage or footage.suffix.lower() in bridge.PICTURE_SUFFIXES:
        try:
            return _listed(footage, folder.stat().st_mtime_ns)
        except (OSError, bridge.MocapError):
            return None
    return None


def pictures_problem(footage: Path) -> str:
    """Why pictures can't be read, with what to do; empty where they can, and for videos."""
    try:
        if footage.is_dir():
            _listed(footage, footage.stat().st_mtime_ns)
    except (OSError, bridge.MocapError) as error:
        return str(error)
    return bridge.picture_refusal(footage)


@lru_cache(maxsize=16)
def _listed(footage: Path, _changed_at: int) -> bridge.PictureNames:
    return bridge.picture_names(footage)

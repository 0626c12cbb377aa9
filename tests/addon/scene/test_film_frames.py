"""Seconds of a film <-> frames of the scene, against Blender's own way of showing a clip, said again in a few lines."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.scene.film_frames import FilmFrames, ShownFilm, film_frames, shown_film
from core.footage.film_time import FilmSteps

TOLERANCE = 0.05
"""Of a frame: as far as a time stamp in whole milliseconds may be off."""


@pytest.mark.parametrize("rate", [30000 / 1001, 24.0, 59.94])
def test_seconds_when_they_are_rounded_to_milliseconds_land_on_whole_frames(rate: float) -> None:
    times = np.round(np.arange(200) / rate, 3)
    assert np.array_equal(FilmFrames(1, rate).frames_of(times), np.arange(200) + 1)


def test_seconds_between_two_frames_stay_between_them() -> None:
    assert FilmFrames(1, 10.0).frames_of(np.array([0.0, 0.05])).tolist() == [1.0, 1.5]


def test_film_without_a_clip_starts_at_the_first_frame_at_the_scenes_rate() -> None:
    assert film_frames(None, 30.0, 1.0, 24.0) == FilmFrames(1.0, 24.0)


def test_sequence_when_its_clip_begins_with_a_later_picture_starts_as_much_earlier(tmp_path: Path) -> None:
    for number in (1001, 1002, 1005, 1006):
        (tmp_path / f"shot.{number}.png").touch()
    clip = _clip("SEQUENCE", 0.0, 11, 2, tmp_path / "shot.1005.png")
    assert film_frames(clip, 12.0, 1.0, 24.0) == FilmFrames(5.0, 12.0)  # scene frame 11 shows picture 1007
    film = shown_film(clip, tmp_path)
    assert (film.frame_at(11), film.scene_frame_of(0), film.length) == (6, 5, 6)


def _clip(source: str, fps: float, frame_start: int, frame_offset: int, file: Path) -> SimpleNamespace:
    return SimpleNamespace(
        source=source, fps=fps, frame_start=frame_start, frame_offset=frame_offset, filepath=str(file), library=None,
        frame_duration=0,
    )  # fmt: skip


@st.composite
def films(draw: st.DrawFn) -> tuple[np.ndarray, float]:
    """Stamps (N,) in seconds of the file, the first at 0, each frame a whole number of steps long; the base rate."""
    fps = draw(st.sampled_from([12.0, 23.976, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 59.94, 120.0]))
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=60)) if draw(st.booleans()) else [1] * 40
    stamps = np.cumsum([0, *lengths])[:-1] / fps
    return (np.round(stamps, 3) if draw(st.booleans()) and fps < 60 else stamps), fps


@settings(max_examples=300, deadline=None)
@given(
    film=films(),
    frame_start=st.integers(-200, 2000),
    frame_offset=st.integers(-50, 50),
    told_fps=st.one_of(st.none(), st.floats(5, 1000)),
    scene_rate=st.sampled_from([10.0, 24.0, 60.0]),
)
def test_keys_of_any_film_lie_on_the_scene_frame_that_begins_to_show_the_picture(
    film: tuple[np.ndarray, float],
    frame_start: int,
    frame_offset: int,
    told_fps: float | None,
    scene_rate: float,
) -> None:
    stamps_s, base_fps = film
    slowdown = 1.0 if told_fps is None else told_fps / base_fps
    clip = _clip("MOVIE", base_fps, frame_start, frame_offset, Path("a.mp4"))
    frames = film_frames(clip, told_fps or base_fps, slowdown, scene_rate)
    keys = frames.frames_of(stamps_s / slowdown)
    shown = ShownFilm(frame_start - frame_offset, FilmSteps(stamps_s, base_fps), None)
    for frame, key in enumerate(keys):
        at = int(key)
        assert key == at and _blender_shows(stamps_s, base_fps, at, frame_start, frame_offset) == frame
        assert shown.frame_at(at) == frame and shown.scene_frame_of(frame) == at
        if frame:
            assert _blender_shows(stamps_s, base_fps, at - 1, frame_start, frame_offset) == frame - 1
    np.testing.assert_allclose(frames.seconds_of(keys), stamps_s / slowdown, atol=TOLERANCE / frames.rate)


def _blender_shows(stamps_s: np.ndarray, base_fps: float, scene_frame: int, start: int, offset: int) -> int:
    """The last frame that has begun, as Blender 4.2 and 5.0 render it, the stamps' rounding apart."""
    step = scene_frame - start + offset
    return int(np.flatnonzero(stamps_s * base_fps <= step + TOLERANCE)[-1])

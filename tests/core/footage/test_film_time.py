from pathlib import Path

import cv2
import numpy as np
import pytest

from core.footage.film_time import FilmSteps, film_steps
from core.footage.reader import open_footage
from tests.fixtures import clips
from tests.fixtures.graphs import write_clip


@pytest.mark.parametrize("told_fps", [None, 240.0])
def test_film_at_constant_rate_when_played_shows_frame_n_in_step_n(tmp_path: Path, told_fps: float | None) -> None:
    clip = write_clip(tmp_path / "a.mp4", 12, fps=24)
    footage = open_footage(clip, told_fps)
    times = [frame.time_s for frame in footage.frames()]
    np.testing.assert_allclose(times, np.arange(12) / (told_fps or 24), atol=1e-6)
    assert (footage.info.fps, footage.info.slowdown) == ((240, 10) if told_fps else (24, 1))
    assert [film_steps(clip).frame_at(step) for step in range(14)] == list(range(14))


def test_film_of_variable_rate_when_played_repeats_its_longer_frames(tmp_path: Path) -> None:
    steps = film_steps(clips.with_variable_rate(write_clip(tmp_path / "a.mp4", 6, fps=20), first_count=3))
    assert [steps.frame_at(step) for step in range(-1, 10)] == [-1, 0, 1, 2, 3, 3, 4, 4, 5, 6, 7]
    assert [steps.step_of(frame) for frame in range(-1, 8)] == [-1, 0, 1, 2, 3, 5, 7, 8, 9]


def test_frame_when_the_film_editor_skips_it_is_shown_by_no_step() -> None:
    steps = FilmSteps(np.array([0.0, 1.2, 1.8, 3.0]) / 30, 30.0)
    assert [steps.frame_at(step) for step in range(4)] == [0, 0, 2, 3]
    assert [steps.step_of(frame) for frame in range(4)] == [0, 2, 2, 3]


def test_pictures_when_a_rate_is_told_have_it(tmp_path: Path) -> None:
    for number in (7, 8, 10):
        cv2.imwrite(str(tmp_path / f"a.{number}.png"), np.full((8, 8, 3), number, np.uint8))
    footage = open_footage(tmp_path / "a.8.png", 12.5)
    assert [(frame.frame_index, frame.time_s) for frame in footage.frames()] == [(0, 0), (1, 0.08), (3, 0.24)]
    assert (footage.report.lost, footage.info.fps, footage.info.slowdown) == ((2,), 12.5, 1)
    assert [frame.frame_index for frame in footage.frames(1, 2)] == [1]

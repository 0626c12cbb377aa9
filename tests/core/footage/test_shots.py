"""Where shots begin: cuts are marked, flashes, blinking lights and black frames are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from core.footage import shots
from core.footage.shots import with_cuts
from core.types import Frame

FPS = 25
THRESHOLD = 0.5
SHADES = {"a": 60, "b": 160, "c": 220, "black": 3, "white": 255}


def frames_of(looks: Sequence[str], fps: float = FPS, side: int = 48) -> list[Frame]:
    return [
        Frame(index, index / fps, np.full((side, side, 3), SHADES[look], np.uint8)) for index, look in enumerate(looks)
    ]


def cuts_of(looks: Sequence[str], fps: float = FPS) -> list[int]:
    marked = list(with_cuts(frames_of(looks, fps), THRESHOLD))
    assert [frame.frame_index for frame in marked] == list(range(len(looks)))
    return [frame.frame_index for frame in marked if frame.is_cut]


def blind_in(looks: Sequence[str]) -> list[int]:
    return [frame.frame_index for frame in with_cuts(frames_of(looks), THRESHOLD) if frame.is_blind]


def test_one_shot_has_no_cut() -> None:
    assert cuts_of(["a"] * 30) == []


def test_another_shot_begins_at_its_first_frame() -> None:
    assert cuts_of(["a"] * 20 + ["b"] * 20 + ["c"] * 20) == [20, 40]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_flash_that_goes_away_is_no_cut(length: int) -> None:
    assert cuts_of(["a"] * 20 + ["c"] * length + ["a"] * 20) == []


def test_light_that_blinks_all_the_time_is_no_cut() -> None:
    assert cuts_of((["a"] * 5 + ["b"] * 5) * 6 + ["a"]) == []


@pytest.mark.parametrize("blank", ["black", "white"])
def test_blank_frames_are_no_cut_however_long(blank: str) -> None:
    assert cuts_of([blank] * 4 + ["a"] * 20 + [blank] * 40 + ["a"] * 20) == []


def test_fade_through_black_is_one_cut() -> None:
    assert cuts_of(["a"] * 20 + ["black"] * 12 + ["b"] * 20) == [32]


def test_shot_longer_than_a_flash_is_cut_on_both_sides() -> None:
    assert cuts_of(["a"] * 20 + ["b"] * 12 + ["a"] * 20) == [20, 32]


def test_another_look_just_before_the_end_is_blind() -> None:
    looks = ["a"] * 20 + ["b"] * 2
    assert cuts_of(looks) == []
    assert blind_in(looks) == [20, 21]


def test_flashes_and_blank_frames_are_blind() -> None:
    assert blind_in(["a"] * 20 + ["c"] * 3 + ["a"] * 20 + ["black"] * 12 + ["b"] * 20) == [
        *range(20, 23),
        *range(43, 55),
    ]


def test_clip_that_begins_with_the_light_out_is_seen_with_the_light_on() -> None:
    dark, lit = np.full((48, 48, 3), 40, np.uint8), np.full((48, 48, 3), 90, np.uint8)
    dark[:24], lit[:24] = 44, 250
    order = ([dark] * 5 + [lit] * 5) * 6
    marked = list(with_cuts([Frame(i, i / FPS, image) for i, image in enumerate(order)], THRESHOLD))
    assert [frame.frame_index for frame in marked if frame.is_cut] == []
    assert {frame.frame_index for frame in marked if frame.is_blind} >= {i for i in range(10, 60) if i % 10 < 5}
    assert not any(frame.is_blind for frame in marked if frame.frame_index % 10 >= 5 and frame.frame_index < 55)


def test_single_flash_at_one_frame_a_second_is_no_cut() -> None:
    assert cuts_of(["a"] * 5 + ["c"] + ["a"] * 5 + ["b"] * 5, fps=1) == [11]


def test_large_pictures_do_not_wait_beyond_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots, "HELD_BYTES", 3 * 48 * 48 * 3)
    waiting = most = 0

    def pulled() -> Iterator[Frame]:
        nonlocal waiting, most
        for frame in frames_of(["a"] * 10 + ["b"] * 30):
            waiting += 1
            most = max(most, waiting)
            yield frame

    for _ in with_cuts(pulled(), THRESHOLD):
        waiting -= 1
    assert most <= 5

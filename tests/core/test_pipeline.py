"""Whom `--people main|all|N` keeps of those who were followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest

from core.pipeline import chosen
from core.take.take import Take

ALL = 10**6


@dataclass(frozen=True)
class People:
    """A take of people: name, height of the box in pixels, first and last frame."""

    known: tuple[tuple[str, float, int, int], ...]

    @property
    def people(self) -> list[str]:
        return [name for name, *_ in self.known]

    def columns(self, person_id: str, *names: str) -> dict[str, np.ndarray]:
        ((height, first, last),) = [rest for name, *rest in self.known if name == person_id]
        frames = np.arange(first, last + 1)
        boxes = np.tile([10.0, 10, height / 2, height], (len(frames), 1))
        return {name: {"frame_index": frames, "box_px": boxes}[name] for name in names}


def kept(most: int, *known: tuple[str, float, int, int]) -> list[str]:
    return chosen(cast(Take, People(known)), most)


def test_main_is_who_is_longest_in_the_clip_not_who_came_first() -> None:
    assert kept(1, ("first", 200, 0, 30), ("main", 200, 10, 200)) == ["main"]


def test_main_is_who_is_largest_of_those_who_stay() -> None:
    assert kept(1, ("small", 80, 0, 100), ("large", 200, 0, 90)) == ["large"]


def test_main_does_not_hop_to_another_who_was_there_all_along() -> None:
    assert kept(1, ("main", 300, 0, 99), ("other", 100, 0, 199)) == ["main"]


def test_who_comes_after_everybody_left_is_kept_beside() -> None:
    """The same person come back, or the main person of the next shot; a bystander of that shot is not."""
    assert kept(1, ("a", 200, 0, 99), ("b", 50, 150, 199), ("c", 200, 160, 199)) == ["a", "c"]


@pytest.mark.parametrize(("most", "expected"), [(2, ["c", "a"]), (3, ["c", "a", "b"]), (ALL, ["c", "a", "b"])])
def test_number_takes_the_first_of_that_order(most: int, expected: list[str]) -> None:
    assert kept(most, ("a", 100, 0, 50), ("b", 90, 0, 50), ("c", 110, 0, 50)) == expected

"""Who is the main person of a take, who comes beside, and what is no person at all."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from core.take.ranking import chosen
from core.take.take import Take

ALL = 10**6
WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class Somebody:
    """A track: name, height of the box in pixels, first and last frame, and what else is told of it."""

    name: str
    height: float
    first: int
    last: int
    confidence: float = 0.8
    x: float = WIDTH / 2
    moves: float = 0.05

    def columns(self) -> dict[str, np.ndarray]:
        frames = np.arange(self.first, self.last + 1)
        boxes = np.tile([self.x - self.height / 4, 10, self.height / 2, self.height], (len(frames), 1))
        rest = np.random.default_rng(0).uniform(0, 1, (14, 2))
        swing = np.random.default_rng(1).normal(0, self.moves, (len(frames), 14, 2))
        joints = boxes[:, None, :2] + (rest + swing) * boxes[:, None, 2:]
        return {
            "frame_index": frames,
            "box_px": boxes,
            "joints_px": joints.clip(1, WIDTH - 1) if self.moves else joints,
            "joint_confidence": np.full((len(frames), 14), self.confidence),
        }


class People:
    """A take of such tracks."""

    def __init__(self, known: tuple[Somebody, ...]) -> None:
        self.known = {one.name: one for one in known}
        self.people = list(self.known)
        self.header = SimpleNamespace(footage=SimpleNamespace(width=WIDTH, height=HEIGHT))

    def columns(self, person_id: str, *names: str) -> dict[str, np.ndarray]:
        return {name: self.known[person_id].columns()[name] for name in names}


def choice(most: int, *known: Somebody, **options: Any) -> tuple[list[str], list[str]]:
    return chosen(cast(Take, People(known)), most, **options)


def kept(most: int, *known: tuple[str, float, int, int]) -> list[str]:
    return choice(most, *(Somebody(*one) for one in known))[0]


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


def test_one_of_equals_in_the_middle_is_the_main_person() -> None:
    edge, middle = Somebody("edge", 200, 0, 99, x=60), Somebody("middle", 200, 0, 99)
    assert choice(1, edge, middle)[0] == ["middle"]


def test_surer_one_of_equals_is_the_main_person() -> None:
    assert choice(1, Somebody("unsure", 200, 0, 99, confidence=0.5), Somebody("sure", 200, 0, 99))[0] == ["sure"]


def test_poster_that_never_moves_comes_after_somebody_small_who_does() -> None:
    poster, person = Somebody("poster", 400, 0, 99, moves=0), Somebody("person", 80, 10, 90)
    names, notes = choice(1, poster, person)
    assert names == ["person"]
    assert any("poster left out" in note for note in notes)
    names, notes = choice(ALL, poster, person)
    assert names == ["person", "poster"]
    assert any(note.startswith("person poster") and "never moves" in note for note in notes)


def test_few_frames_do_not_make_somebody_a_poster() -> None:
    names, _ = choice(1, Somebody("short", 400, 0, 9, moves=0), Somebody("small", 20, 0, 9))
    assert names == ["short"]


def test_unsure_track_beside_a_sure_person_is_left_out_as_a_thing_and_told() -> None:
    person, castor = Somebody("1", 400, 0, 99), Somebody("2", 80, 37, 64, confidence=0.4)
    names, notes = choice(ALL, person, castor)
    assert names == ["1"]
    assert "person 2 left out: looks like a thing (frames 37 to 64); --people all+ keeps it" in notes
    assert choice(ALL, person, castor, keeps_things=True)[0] == ["1", "2"]


def test_only_person_is_kept_however_unsure() -> None:
    assert choice(1, Somebody("1", 400, 0, 99, confidence=0.35))[0] == ["1"]


def test_reason_for_the_main_person_is_told_in_one_sentence() -> None:
    _, notes = choice(1, Somebody("1", 300, 0, 99), Somebody("2", 100, 0, 99))
    assert notes[0] == "main person: 1 (100 frames, 300 px high, confidence 0.80)"


def test_single_person_needs_no_reason() -> None:
    assert choice(1, Somebody("1", 300, 0, 99))[1] == []


def test_one_person_a_shot_is_told() -> None:
    names, notes = choice(1, Somebody("a", 200, 0, 99), Somebody("b", 150, 100, 160))
    assert names == ["a", "b"]
    assert "in other shots, or come back: b (from frame 100); --start and --end choose a shot" in notes

"""Gaps in which nobody saw the person: filled up to a length, left empty beyond it."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.motion.gaps import is_inside, long_gaps, stretches, without_gaps
from core.motion.motion_file import read_motion, write_motion
from core.motion.report import frames_text, write_report
from core.motion.solver import solve
from core.motion.trajectory import Trajectory
from core.settings import SolveSettings, longest_gap
from core.take.take import Take
from tests.fixtures.known_takes import FPS, estimates, write_take

FRAMES = 30
MISSING = range(10, 20)
"""0.4 s at 25 frames a second."""
RAW = SolveSettings(smooth=0.0, feet="off")


@pytest.fixture(scope="module")
def left_and_came(tmp_path_factory: pytest.TempPathFactory) -> Take:
    """Somebody who stands, is away for ten frames, and stands a metre to the side afterwards."""
    rotvec = np.zeros((FRAMES, 24, 3))
    rotvec[:, 0, 0] = np.pi
    path = np.tile([-0.5, 0.1, 5.0], (FRAMES, 1))
    path[MISSING.start :, 0] += 1.0
    kept = [index for index in range(FRAMES) if index not in MISSING]
    return write_take(tmp_path_factory.mktemp("gap"), estimates(rotvec, path)[kept], kept)


def path_of(is_filled: list[bool]) -> Trajectory:
    count = len(is_filled)
    time_s = np.arange(count) / FPS
    rows, filled = np.arange(count), np.array(is_filled)
    return Trajectory(rows, time_s, rows[:, None, None], rows[:, None], rows[:, None], filled, filled[:, None])


def test_gap_longer_than_the_longest_one_is_empty(left_and_came: Take) -> None:
    motion = solve(left_and_came, replace(RAW, gaps=0.37))
    (person,) = motion.persons
    assert person.frame_index.tolist() == [*range(10), *range(20, 30)]
    assert np.flatnonzero(person.gap_after).tolist() == [9] and not person.is_filled.any()
    assert stretches(person) == [slice(0, 10), slice(10, 20)]
    lengths = {len(getattr(person, name)) for name in ("time_s", "vertices", "joints", "transl", "bone_rotations")}
    assert lengths == {20}


@pytest.mark.parametrize("longest_s", [None, 0.4])
def test_gap_of_just_the_longest_length_is_filled(left_and_came: Take, longest_s: float | None) -> None:
    (person,) = solve(left_and_came, replace(RAW, gaps=longest_s)).persons
    assert np.flatnonzero(person.is_filled).tolist() == list(MISSING)
    assert not person.gap_after.any()


def test_nothing_slides_or_shakes_over_an_empty_gap(left_and_came: Take) -> None:
    filled, empty = (
        {check.name: check.value for check in solve(left_and_came, replace(RAW, gaps=gaps)).self_check[0].checks}
        for gaps in (None, 0.0)
    )
    assert empty["jitter"] < 0.5 < filled["jitter"], "the way through the gap begins and ends at once"
    assert empty["foot slide"] < 1.0


def test_no_contact_goes_through_an_empty_gap(left_and_came: Take) -> None:
    """A foot that was held over the gap would be held at its middle place, half a metre off."""
    (person,) = solve(left_and_came, SolveSettings(smooth=0.0, feet="lock", gaps=0.0)).persons
    assert person.contacts.all()
    steps = np.linalg.norm(np.diff(person.transl, axis=0), axis=1)
    assert steps[9] > 0.95 and np.delete(steps, 9).max() < 0.01


def test_gap_stays_empty_at_another_rate(left_and_came: Take) -> None:
    (person,) = solve(left_and_came, replace(RAW, gaps=0.0, fps=50.0)).persons
    assert person.frame_index.tolist() == [*range(19), *range(40, 59)]
    assert np.flatnonzero(person.gap_after).tolist() == [18]


def test_short_gap_is_filled_beside_an_empty_one() -> None:
    path = path_of([False, True, False, True, True, True, False])
    gaps = long_gaps(path, 2 / FPS)
    assert gaps.tolist() == [[2 / FPS, 6 / FPS]]
    assert is_inside(path.time_s, gaps).tolist() == [False] * 3 + [True] * 3 + [False]
    kept, gap_after = without_gaps(path, gaps)
    assert kept.frame_index.tolist() == [0, 1, 2, 6] and gap_after.tolist() == [False, False, True, False]
    assert kept.root.ravel().tolist() == [0, 1, 2, 6]


def test_gaps_are_in_the_motion_the_report_and_the_words(left_and_came: Take, tmp_path: Path) -> None:
    motion = solve(left_and_came, replace(RAW, gaps=0.0))
    write_motion(motion, tmp_path / "m.npz")
    (read,) = read_motion(tmp_path / "m.npz").persons
    assert read.gap_after.dtype == np.bool_ and np.flatnonzero(read.gap_after).tolist() == [9]
    assert frames_text(read) == "20 frames, 1 gap left empty"
    write_report(motion, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["gaps"] == {"1": {"filled": [], "empty": [[10, 19]]}}


@pytest.mark.parametrize(("text", "seconds"), [("all", None), ("0", 0.0), ("1.5", 1.5)])
def test_length_is_read(text: str, seconds: float | None) -> None:
    assert longest_gap(text) == seconds


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "some"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected all, or seconds"):
        longest_gap(text)

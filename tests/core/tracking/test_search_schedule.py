"""When the whole frame is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.settings import TrackSettings
from core.tracking.search_schedule import LONGEST_MOVING_S, MOST_QUIET, Looks

SETTINGS = TrackSettings()
LONG_S = 100.0


def pauses(looks: Looks, memory_s: float, is_settled: bool, is_still: bool = True, count: int = 8) -> list[float]:
    """Pauses between looks that meet nobody new, found in steps of a hundredth of a second."""
    found, time_s = [], 0.0
    for _ in range(count):
        begun_s = time_s
        while not looks.is_due(time_s, True, is_settled, is_still, memory_s):
            time_s += 0.01
        found.append(time_s - begun_s)
        looks.note(time_s, is_quiet=True)
    return found[1:]


def test_pauses_of_a_detector_grow_to_the_longest_while_nobody_new_comes() -> None:
    grown = pauses(Looks(SETTINGS, True), LONG_S, is_settled=True)
    np.testing.assert_allclose(grown[:2], [0.4, 0.8], atol=0.011)
    np.testing.assert_allclose(grown[2:], SETTINGS.new_people_every_s, atol=0.011)


def test_pauses_grow_less_while_something_moves() -> None:
    grown = pauses(Looks(SETTINGS, True), LONG_S, is_settled=True, is_still=False)
    np.testing.assert_allclose(grown[0], 0.4, atol=0.011)
    np.testing.assert_allclose(grown[1:], LONGEST_MOVING_S, atol=0.011)


def test_pauses_stay_within_the_memory() -> None:
    grown = pauses(Looks(SETTINGS, True), 1.0, is_settled=True)
    assert max(grown) <= 1.0 - SETTINGS.max_misses_s + 0.011


@pytest.mark.parametrize(("memory_s", "is_settled"), [(LONG_S, False), (0.1, True)])
def test_pauses_stay_short_while_unsettled_or_without_memory(memory_s: float, is_settled: bool) -> None:
    grown = pauses(Looks(SETTINGS, True), memory_s, is_settled)
    np.testing.assert_allclose(grown, SETTINGS.detect_every_s, atol=0.011)


def test_somebody_new_or_lost_ends_the_rest() -> None:
    looks = Looks(SETTINGS, True)
    pauses(looks, LONG_S, is_settled=True)
    looks.note(50.0, is_quiet=False)
    assert looks.is_due(50.0 + SETTINGS.detect_every_s, True, True, True, LONG_S)
    looks.ask()
    assert looks.is_due(50.0, True, True, True, LONG_S)


@pytest.mark.parametrize("last_s", [None, 2.5])
def test_state_comes_back_and_old_takes_have_no_quiet(last_s: float | None) -> None:
    stored = {"searched_s": last_s, "quiet": 3}
    looks = Looks(SETTINGS, True)
    looks.restore(stored)
    assert looks.to_json() == stored
    looks.restore({"searched_s": last_s})
    assert looks.quiet == 0


@pytest.mark.parametrize("quiet", [-1, MOST_QUIET + 1, 1.5, "3", None, True])
def test_damaged_state_is_refused(quiet: Any) -> None:
    with pytest.raises(ValueError, match="quiet looks"):
        Looks(SETTINGS, True).restore({"searched_s": 1.0, "quiet": quiet})

"""Who is who among several found at once."""

from __future__ import annotations

import numpy as np

from core.tracking.appearance import NOTHING
from core.tracking.association import matched
from core.tracking.box_filter import BoxFilter
from core.tracking.tracklet import Tracklet

RED, BLUE = np.eye(128)[3], np.eye(128)[90]
SIZE = (60.0, 160.0)


def track(name: str, x: float, speed: float = 0.0, colours: np.ndarray = NOTHING) -> Tracklet:
    """Somebody last seen at second 0 with their middle at x, after half a second's walk."""
    walker = Tracklet(name, BoxFilter(box(x - speed * 0.5)), 0, 0, -0.5, 0, colours=colours)
    for index in range(13):
        time_s = -0.5 + index / 25 if index < 12 else 0.0
        walker.follow(box(x + speed * time_s), index, time_s, colours)
    return walker


def box(x: float) -> np.ndarray:
    return np.array([x - SIZE[0] / 2, 100, *SIZE])


def pairs(tracks: list[Tracklet], xs: list[float], colours: list[np.ndarray], time_s: float = 0.4) -> dict[str, int]:
    boxes = np.array([box(x) for x in xs]).reshape(-1, 4)
    rows = matched(tracks, boxes, np.array(colours).reshape(-1, 128), time_s, relink_s=1.0)
    return {tracks[one].person_id: other for one, other in rows}


def test_two_who_met_out_of_sight_are_told_apart_by_where_they_were_going() -> None:
    tracks = [track("a", 180, 125), track("b", 220, -125)]
    assert pairs(tracks, [170, 230], [NOTHING] * 2) == {"a": 1, "b": 0}


def test_colours_decide_where_the_places_do_not() -> None:
    tracks = [track("a", 200, 0, RED), track("b", 210, 0, BLUE)]
    assert pairs(tracks, [200, 210], [BLUE, RED]) == {"a": 1, "b": 0}


def test_all_are_served_though_the_nearest_pair_alone_would_leave_one_out() -> None:
    """The person at 250 is nearer to the second, but only the second can be the one at 330."""
    tracks = [track("a", 160), track("b", 260)]
    assert pairs(tracks, [250, 330], [NOTHING] * 2, time_s=0.2) == {"a": 0, "b": 1}


def test_somebody_far_away_or_in_other_clothes_is_nobody_known() -> None:
    assert pairs([track("a", 100)], [400], [NOTHING]) == {}
    assert pairs([track("a", 100, 0, RED)], [100], [BLUE]) == {}


def test_somebody_away_for_too_long_is_not_found_again() -> None:
    assert pairs([track("a", 100)], [100], [NOTHING], time_s=1.1) == {}


def test_nobody_to_match_is_no_pair() -> None:
    assert pairs([], [100], [NOTHING]) == {}
    assert pairs([track("a", 100)], [], []) == {}

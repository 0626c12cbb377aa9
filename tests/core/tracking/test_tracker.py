"""Following people whose true boxes are known."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from core.footage.shots import with_cuts
from core.settings import TrackSettings
from core.tracking.evidence import Found
from core.tracking.search_schedule import LONGEST_MOVING_S
from core.tracking.tracker import Tracker
from core.types import Frame, PersonBox, Sighting
from tests.fixtures.fake_people import FPS, FakePeople, Truth

SETTINGS = TrackSettings()
NEAR_PX = 3.0
"""The fake network is exact; boxes lag by the steadying of their size only."""


def person(x: float, y: float = 100, w: float = 60, h: float = 160) -> tuple[float, float, float, float]:
    return (x, y, w, h)


def walk(count: int, start: float = 60, step: float = 4) -> list[Truth]:
    return [{"a": person(start + step * i)} for i in range(count)]


def run(scene: FakePeople, people: str = "all", **options: object) -> dict[str, list[Sighting]]:
    tracker = Tracker(scene.estimate, scene.find, SETTINGS, people, **options)  # type: ignore[arg-type]
    told: dict[str, list[Sighting]] = defaultdict(list)
    for frame in with_cuts(scene.frames(), SETTINGS.cut_threshold):
        for sighting in tracker.step(frame):
            told[sighting.person_id].append(sighting)
    for sighting in tracker.finish():
        told[sighting.person_id].append(sighting)
    return {name: sorted(seen, key=lambda s: s.frame_index) for name, seen in told.items()}


def frames_of(seen: list[Sighting]) -> list[int]:
    return [s.frame_index for s in seen]


def centres(seen: list[Sighting]) -> np.ndarray:
    return np.array([(s.estimates.joints_px[0].min(0) + s.estimates.joints_px[0].max(0)) / 2 for s in seen])


def test_one_who_walks_is_followed_in_every_frame() -> None:
    told = run(FakePeople(walk(60)))
    assert {name: frames_of(seen) for name, seen in told.items()} == {"1": list(range(60))}


def test_one_who_walks_is_where_the_truth_is() -> None:
    seen = run(FakePeople(walk(60)))["1"]
    true = [60 + 4 * i + 30 for i in range(60)]
    np.testing.assert_allclose(centres(seen)[:, 0], true, atol=NEAR_PX)


def test_empty_clip_gives_nobody() -> None:
    assert run(FakePeople([{} for _ in range(50)])) == {}


def test_someone_seen_for_three_frames_is_not_believed() -> None:
    truth: list[Truth] = [{} for _ in range(30)]
    for index in (10, 11, 12):
        truth[index] = {"a": person(100)}
    assert run(FakePeople(truth)) == {}


@pytest.mark.parametrize("first", [50, 56])
def test_newcomer_of_the_last_frames_is_seen_if_there_are_enough(first: int) -> None:
    truth = [{} if i < first else {"a": person(100 + i)} for i in range(60)]
    assert frames_of(run(FakePeople(truth))["1"]) == list(range(first, 60))


def test_late_search_loses_no_frame_of_a_newcomer() -> None:
    truth = [{} if i < 13 else {"a": person(100 + i)} for i in range(60)]
    assert frames_of(run(FakePeople(truth))["1"]) == list(range(13, 60))


def test_second_person_is_found_while_the_first_is_followed() -> None:
    truth = [{"a": person(60), **({"b": person(400)} if i >= 20 else {})} for i in range(100)]
    told = run(FakePeople(truth))
    assert frames_of(told["2"]) == list(range(20, 100))


def test_main_follows_one_of_two() -> None:
    truth = [{"a": person(60), "b": person(400, y=40, w=100, h=260)} for _ in range(40)]
    told = run(FakePeople(truth), people="main")
    assert list(told) == ["1"]
    assert centres(told["1"])[:, 0].min() > 300, "the larger one is the main person"


def test_main_who_comes_back_waits_while_another_is_followed() -> None:
    """The first one hides for a second; the other is then the main person, and one at a time is enough."""
    truth = [
        {"b": person(420, h=120, w=50), **({"a": person(60, h=240, w=90)} if not 30 <= i < 50 else {})}
        for i in range(90)
    ]
    told = run(FakePeople(truth), people="main")
    late = [s.person_id for seen in told.values() for s in seen if s.frame_index >= 60]
    assert set(late) == {"2"}


def test_number_limits_people_at_a_time() -> None:
    truth = [{"a": person(40), "b": person(240), "c": person(440)} for _ in range(60)]
    assert sorted(run(FakePeople(truth), people="2")) == ["1", "2"]


def test_short_gap_keeps_the_name() -> None:
    truth = walk(60)
    for index in range(20, 26):
        truth[index] = {}
    told = run(FakePeople(truth))
    assert {name: frames_of(seen) for name, seen in told.items()} == {"1": [i for i in range(60) if not 20 <= i < 26]}


def test_return_within_the_relink_time_keeps_the_name() -> None:
    truth = walk(80, step=1)
    for index in range(20, 40):
        truth[index] = {}
    assert list(run(FakePeople(truth))) == ["1"]


def test_return_after_long_is_somebody_else() -> None:
    truth = [{} if 30 <= i < 90 else {"a": person(100)} for i in range(130)]
    told = run(FakePeople(truth))
    assert {name: frames_of(seen) for name, seen in told.items()} == {
        "1": list(range(30)),
        "2": list(range(90, 130)),
    }


def test_lost_person_is_noted_with_the_frame() -> None:
    scene = FakePeople([{"a": person(100)} if i < 30 else {} for i in range(60)])
    tracker = Tracker(scene.estimate, scene.find, SETTINGS, "all")
    for frame in scene.frames():
        tracker.step(frame)
    assert tracker.notes == ["person 1 lost after frame 29 (1.16 s)"]


def test_crossing_keeps_names() -> None:
    truth = [{"a": person(60 + 5 * i), "b": person(460 - 5 * i, y=110)} for i in range(80)]
    told = run(FakePeople(truth))
    ends = {name: centres(seen)[[0, -1], 0] for name, seen in told.items()}
    moves = {name: float(end[1] - end[0]) for name, end in ends.items()}
    assert sorted(round(move / 100) for move in moves.values()) == [-4, 4]


HIDDEN = 10
"""Frames for which somebody is out of sight: longer than a gap that is bridged."""


def crossing(hidden: str) -> list[Truth]:
    """Two of one size who walk towards each other and pass; those named are out of sight while they do."""
    truth = []
    for i in range(80):
        people = {"a": person(60 + 5 * i), "b": person(460 - 5 * i, y=105)}
        is_passing = 35 <= i < 35 + HIDDEN
        truth.append({name: box for name, box in people.items() if not (is_passing and name in hidden)})
    return truth


@pytest.mark.parametrize("is_find_cheap", [False, True])
@pytest.mark.parametrize("hidden", ["a", "b", "ab"])
def test_crossing_out_of_sight_keeps_names(hidden: str, is_find_cheap: bool) -> None:
    told = run(FakePeople(crossing(hidden)), is_find_cheap=is_find_cheap)
    moves = {name: float(np.diff(centres(seen)[[0, -1], 0])[0]) for name, seen in told.items()}
    assert sorted(round(move / 100) for move in moves.values()) == [-4, 4]
    gone = [set(range(80)) - set(frames_of(seen)) for seen in told.values()]
    assert sorted(len(frames) for frames in gone) == sorted(HIDDEN * (name in hidden) for name in "ab")


def test_unsure_reading_is_who_is_missed_but_nobody_new() -> None:
    truth: list[Truth] = [{"a": person(60 + i)} if not 20 <= i < 34 else {} for i in range(60)]
    scene = FakePeople(truth)

    def run_with(first_sure: int) -> dict[str, list[int]]:
        def find(image: np.ndarray, known_px: np.ndarray, missed_px: np.ndarray) -> Found | None:
            found = scene.find(image, known_px, missed_px)
            index = int(image[0, 0, 0]) * 256 + int(image[0, 0, 1])
            return None if found is None else replace(found, is_sure=found.is_sure & (index < first_sure))

        tracker = Tracker(scene.estimate, find, SETTINGS, "all", is_find_cheap=True)
        told: dict[str, list[int]] = defaultdict(list)
        for frame in scene.frames():
            for sighting in tracker.step(frame):
                told[sighting.person_id].append(sighting.frame_index)
        return dict(told)

    assert run_with(first_sure=0) == {}
    told = run_with(first_sure=10)
    assert sorted(told["1"]) == [i for i in range(60) if not 20 <= i < 34]


NEWCOMER: list[Truth] = [{"a": person(60), **({"b": person(400)} if i >= 60 else {})} for i in range(130)]


def first_told(scene: FakePeople, frames: Iterable[Frame]) -> tuple[dict[str, int], dict[str, list[int]]]:
    """For each person the frame at which they were first told of, and the frames in which they are."""
    tracker = Tracker(scene.estimate, scene.find, SETTINGS, "all", is_find_cheap=True)
    told_at: dict[str, int] = {}
    seen_in: dict[str, list[int]] = defaultdict(list)
    for frame in frames:
        for sighting in tracker.step(frame):
            told_at.setdefault(sighting.person_id, frame.frame_index)
            seen_in[sighting.person_id].append(sighting.frame_index)
    return told_at, {name: sorted(frames) for name, frames in seen_in.items()}


def painted(scene: FakePeople) -> Iterator[Frame]:
    """The frames of a scene with everybody but "a" as a dark rectangle."""
    for frame in scene.frames():
        for x, y, w, h in (box for name, box in scene.truth[frame.frame_index].items() if name != "a"):
            frame.image[int(y) : int(y + h), int(x) : int(x + w)] = 0
        yield frame


def test_newcomer_who_changes_the_picture_is_found_within_a_few_frames_after_a_long_rest() -> None:
    scene = FakePeople(NEWCOMER)
    told_at, seen_in = first_told(scene, painted(scene))
    assert told_at["2"] <= 60 + LONGEST_MOVING_S * FPS + SETTINGS.confirm_frames
    assert seen_in["2"] == list(range(60, 130))


def test_newcomer_whom_the_picture_does_not_show_is_found_late_and_loses_no_frame() -> None:
    scene = FakePeople(NEWCOMER)
    told_at, seen_in = first_told(scene, scene.frames())
    assert told_at["2"] <= 60 + SETTINGS.new_people_every_s * FPS + SETTINGS.confirm_frames
    assert seen_in["2"] == list(range(60, 130))


def test_detector_looks_seldom_while_nothing_but_the_known_person_moves() -> None:
    scene = FakePeople(walk(100, step=2))
    looks: list[int] = []

    def find(image: np.ndarray, known_px: np.ndarray, missed_px: np.ndarray) -> Found | None:
        looks.append(int(image[0, 0, 0]) * 256 + int(image[0, 0, 1]))
        return None if len(looks) > 1 else scene.find(image, known_px, missed_px)

    tracker = Tracker(scene.estimate, find, SETTINGS, "all", is_find_cheap=True)
    for frame in scene.frames():
        tracker.step(frame)
    assert len(looks) <= 6, "every 0.2 s would be 20"
    assert np.diff(looks).max() <= SETTINGS.new_people_every_s * FPS + 1


def test_cut_ends_tracks_and_starts_new_ones() -> None:
    truth = [{"a": person(100)} if i < 40 else {"b": person(110)} for i in range(80)]
    told = run(FakePeople(truth, cuts=[40]))
    assert {name: frames_of(seen) for name, seen in told.items()} == {
        "1": list(range(40)),
        "2": list(range(40, 80)),
    }


@pytest.mark.parametrize("dark", [range(40, 41), range(40, 45), range(20, 60, 3)])
def test_flashes_leave_one_person_one(dark: range) -> None:
    cuts = [edge for index in dark for edge in (index, index + 1)] if dark.step > 1 else [dark.start, dark.stop]
    told = run(FakePeople(walk(80, step=2), cuts=cuts))
    assert list(told) == ["1"]
    assert set(range(80)) - set(dark) <= set(frames_of(told["1"]))


def test_drawn_box_is_followed_under_its_name_and_nobody_else() -> None:
    truth = [{"a": person(60), "b": person(400)} for _ in range(40)]
    given = {10: [PersonBox("bob", np.array([395.0, 95, 70, 170]))]}
    told = run(FakePeople(truth), given=given)
    assert {name: frames_of(seen) for name, seen in told.items()} == {"bob": list(range(10, 40))}


def test_backwards_follows_to_where_the_person_came_in() -> None:
    scene = FakePeople([{} if i < 7 else {"a": person(60 + 4 * i)} for i in range(40)])
    tracker = Tracker(scene.estimate, scene.find, SETTINGS, "all")
    start = next(iter(scene.frames([30])))
    box = np.array(scene.truth[30]["a"])
    first = Sighting("a", 30, 30 / FPS, scene.estimate(start.image, box[None]))
    earlier = list(tracker.backwards(first, scene.frames(range(29, -1, -1))))
    assert frames_of(earlier) == list(range(29, 6, -1))


@pytest.mark.parametrize("stop", [1, 7, 22, 45, 61])
def test_restored_tracker_tells_the_same_as_an_undisturbed_one(stop: int) -> None:
    truth = [
        {
            **({"a": person(60 + 3 * i)} if not 30 <= i < 36 else {}),
            **({"b": person(420 - i)} if i >= 20 else {}),
        }
        for i in range(90)
    ]
    scene = FakePeople(truth)
    undisturbed = run(scene)
    first = Tracker(scene.estimate, scene.find, SETTINGS, "all")
    told: dict[tuple[str, int], Sighting] = {}
    for frame in scene.frames(range(stop)):
        told |= {(s.person_id, s.frame_index): s for s in first.step(frame)}
    resume_at, state = first.checkpoint()
    second = Tracker(scene.estimate, scene.find, SETTINGS, "all")
    state = json.loads(json.dumps(state))
    if state:
        second.restore(state, scene.frames(range(state["past"][0][0], resume_at)), resume_at)
    for frame in scene.frames(range(resume_at, 90)):
        told |= {(s.person_id, s.frame_index): s for s in second.step(frame)}
    expected = {(s.person_id, s.frame_index): s for seen in undisturbed.values() for s in seen}
    assert sorted(told) == sorted(expected)
    assert all((told[key].estimates.box_px == expected[key].estimates.box_px).all() for key in told)


def test_steady_person_costs_one_crop_a_frame() -> None:
    scene = FakePeople([{"a": person(100)} for _ in range(100)])
    tracker = Tracker(scene.estimate, scene.find, SETTINGS, "main")
    for frame in scene.frames():
        tracker.step(frame)
    assert scene.crops <= 100


def test_unsure_reading_is_no_sighting() -> None:
    scene = FakePeople([{"a": person(100)} for _ in range(30)])
    strict = replace(SETTINGS, min_person_score=1.01)
    tracker = Tracker(scene.estimate, lambda image, known, missed: None, strict, "all")
    assert [s for frame in scene.frames() for s in tracker.step(frame)] == []


def test_box_with_frames_is_followed_in_these_only() -> None:
    boxes = {
        10: [PersonBox("a", np.array(person(100)), (0, 29))],
        30: [PersonBox("b", np.array(person(160)), (30, None))],
    }
    told = run(FakePeople(walk(60, start=60, step=4)), given=boxes)
    assert frames_of(told["a"]) == list(range(10, 30)) and frames_of(told["b"]) == list(range(30, 60))


def test_person_of_two_stretches_is_followed_in_both() -> None:
    truth = [{"a": person(60 + 4 * i)} for i in range(60)]
    boxes = {i: [PersonBox("a", np.array(truth[i]["a"]), frames)] for i, frames in ((10, (0, 19)), (40, (35, 49)))}
    assert frames_of(run(FakePeople(truth), given=boxes)["a"]) == [*range(10, 20), *range(40, 50)]

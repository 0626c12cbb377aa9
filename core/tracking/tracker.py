"""Frames in order -> sightings of each person: followed, lost, found again, never invented.

A person is looked for where the last frames say, in a crop about the joints of the last sighting. Who is not
seen coasts, then is lost; while somebody is missing the whole frame is searched now and then. A newcomer is
believed after some sightings and is then followed backwards too, through the frames that are still in
memory, so that a late search costs no frames. A cut ends everything.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..footage.glances import difference, glance_of, glanced_at, is_blank, is_changed
from ..footage.shots import FLASH_S
from ..geometry.boxes import box_overlap, overlap, share_inside
from ..settings import TrackSettings
from ..types import Estimates, Float, Frame, Image, PersonBox, Sighting
from .appearance import trunk_colours
from .association import STILL_THE_SAME, Reading, matched, part_doubles, readings_of
from .drawn_boxes import over_by
from .evidence import ONE_PERSON, Estimate, Found, boxes_of, looked_again, quality
from .recent_frames import PastFrames
from .search_schedule import Looks
from .tracklet import Tracklet, begin

Find: TypeAlias = Callable[[Image, Float, Float], Found | None]
"""A picture, boxes (N, 4) xywh of those who are seen in it and of where others are missed -> the people in it, of
whom the first may be left out; None where nobody is."""

WELL_CENTRED = 0.8
"""Overlap of a crop with the box that it gives, below which it is cut again about that box."""
IS_A_PART = 0.4
"""Share of a found box that lies in the box of somebody who is followed, from which on it is a part of them."""


EVERYTHING = "all+"
"""Everybody, and tracks that look like things."""


def most_people(people: str) -> int:
    """How many "main", "all", "all+" or a number are."""
    return {"main": 1, "all": 10**6, EVERYTHING: 10**6}.get(people) or int(people)


class Tracker:
    """Follows people through frames that are given one after the other."""

    def __init__(
        self,
        estimate: Estimate,
        find: Find,
        settings: TrackSettings,
        people: str = "main",
        given: dict[int, list[PersonBox]] | None = None,
        is_find_cheap: bool = False,
    ) -> None:
        """Set up.

        Args:
            estimate: the network, as `Estimator.estimate`.
            find: searches a whole frame, as `confirm.find_detected` or `grid_search.find_people`.
            settings: the thresholds.
            people: "main", "all", "all+" or the largest number at a time.
            given: boxes that the user drew, by frame; then nobody else is looked for.
            is_find_cheap: whether whole frames may be searched several times a second.
        """
        self._estimate = estimate
        self._find = find
        self._settings = settings
        self._limit = most_people(people)
        self._given = given or {}
        self._relink_s = np.inf if given else settings.relink_s
        self._active: list[Tracklet] = []
        self._lost: list[Tracklet] = []
        self._memory_s = settings.new_people_every_s + 0.5  # a search comes so late, a first sighting later still
        self._past = PastFrames(self._memory_s)
        self._named = 0
        self._looks = Looks(settings, is_find_cheap)
        self._least_confidence = settings.believed_confidence if is_find_cheap else settings.new_confidence
        self.notes: list[str] = []
        self._safe: tuple[int, dict[str, Any]] = (0, {})

    def step(self, frame: Frame) -> list[Sighting]:
        """Who is in this frame, and who turns out to have been in earlier ones; see `footage.shots` for its marks."""
        frame = glanced_at(frame)
        if frame.is_blind:
            return []
        if frame.is_cut:
            self._end_all(frame)
        self._end_given(frame)
        self._take_given(frame)
        seen = self._follow(frame)
        if self._is_search_due(frame):
            seen += self._search(frame)
        self._forget(frame)
        self._past.add(frame, [])
        for sighting in seen:
            if sighting.person_id and sighting.frame_index == frame.frame_index:
                self._past.note(sighting)
        seen = [s for s in seen if s.person_id] + self._believe()
        if not any(not track.person_id for track in self._active):
            self._safe = (frame.frame_index + 1, self._state())
        return seen

    def finish(self) -> list[Sighting]:
        """Who turned up at the very end: a last search, and newcomers who were seen often enough backwards."""
        frame = self._past.last
        if frame is None:
            return []
        told: list[Sighting] = []
        if self._is_somebody_missing() and frame.time_s > self._looks.last_s:
            told += [sighting for sighting in self._search(frame) if sighting.person_id]
        return told + self._believe(is_end=True)

    def backwards(self, sighting: Sighting, frames: Iterable[Frame]) -> Iterable[Sighting]:
        """Follow a person from a sighting through earlier frames, the latest first, until they are lost."""
        track = begin(sighting.person_id, boxes_of(sighting.estimates)[0], sighting.frame_index, sighting.time_s)
        track.sightings = 1
        same: Frame | None = None
        for frame in frames:
            if same is not None and self._is_of_another_shot(same, frame):
                if abs(frame.time_s - same.time_s) > FLASH_S:
                    return
                continue
            same = frame
            if abs(frame.time_s - track.seen_s) > self._settings.max_misses_s:
                return
            reading = self._seen_again([track], frame)[0]
            if reading is not None:
                _take_in(track, reading, frame)
                yield Sighting(track.person_id, frame.frame_index, frame.time_s, reading.seen)

    def told(self) -> str:
        """Who is being followed, in words."""
        names = [track.person_id for track in self._active if track.person_id]
        return f"following {', '.join(names)}" if names else "looking for people"

    # resuming

    def checkpoint(self) -> tuple[int, dict[str, Any]]:
        """The first frame that a resumed run has to look at, and the state for it, in plain JSON types."""
        return self._safe

    def restore(self, state: dict[str, Any], frames: Iterable[Frame], next_frame: int) -> None:
        """Go on from a checkpoint: its first frame and its state; `frames` are those just before it, in order."""
        self._safe = (next_frame, state)
        self._active = [Tracklet.from_json(stored) for stored in state["active"]]
        self._lost = [Tracklet.from_json(stored) for stored in state["lost"]]
        self._named, self.notes = int(state["named"]), [str(note) for note in state["notes"]]
        self._looks.restore(state)
        boxes = {int(index): [(name, box) for name, box in kept] for index, kept in state["past"]}
        for frame in frames:
            self._past.add(frame, boxes.get(frame.frame_index, []))

    def _state(self) -> dict[str, Any]:
        return {
            "active": [track.to_json() for track in self._active],
            "lost": [track.to_json() for track in self._lost],
            "named": self._named,
            "notes": list(self.notes),
            **self._looks.to_json(),
            "past": self._past.to_json(),
        }

    # following

    def _follow(self, frame: Frame) -> list[Sighting]:
        """Sightings of those who are followed; those who share another's joints are not seen."""
        drawn = {given.person_id for given in self._given.get(frame.frame_index, [])}
        found = self._seen_again(self._active, frame, drawn)
        part_doubles(self._active, found, frame.time_s)
        sightings = []
        for track, reading in zip(self._active, found, strict=True):
            if reading is None:
                continue
            _take_in(track, reading, frame)
            sightings.append(self._sighting(track, reading.seen, frame))
        return sightings

    def _sighting(self, track: Tracklet, seen: Estimates, frame: Frame) -> Sighting:
        sighting = Sighting(track.person_id, frame.frame_index, frame.time_s, seen)
        if not track.person_id:
            track.unbelieved.append(sighting)
        return sighting

    def _seen_again(self, tracks: list[Tracklet], frame: Frame, drawn: Container[str] = ()) -> list[Reading | None]:
        """For each track its reading in a frame, cut again where the first crop was not about the person."""
        if not tracks:
            return []
        wanted = np.stack([track.predicted(frame.time_s) for track in tracks])
        seen = self._estimate(frame.image, wanted)
        boxes = boxes_of(seen)
        is_off = overlap(boxes, seen.box_px) < WELL_CENTRED
        if is_off.any():
            again = np.flatnonzero(is_off & (overlap(boxes, wanted) > STILL_THE_SAME))
            seen = looked_again(frame.image, seen, again, self._estimate)
        return readings_of(tracks, seen, wanted, frame.image, self._settings, drawn)

    # finding

    def _is_search_due(self, frame: Frame) -> bool:
        patience_s = 0 if self._looks.is_cheap else self._settings.max_misses_s / 2
        is_away = not self._given and any(frame.time_s - track.seen_s > patience_s for track in self._active)
        if not is_away and not self._is_somebody_missing():
            return False
        has_company = bool(self._active) and not self._given and not is_away
        is_settled = has_company and not self._lost and all(track.person_id for track in self._active)
        is_due = partial(self._looks.is_due, frame.time_s, has_company, is_settled, memory_s=self._past.reach_s)
        if not (is_settled and self._looks.is_cheap):
            return is_due(is_still=False)
        return is_due(is_still=False) and (is_due(is_still=True) or self._has_something_moved(frame))

    def _has_something_moved(self, frame: Frame) -> bool:
        """Whether the picture has changed since the last look, the people who are followed apart."""
        before = self._past.at(self._looks.last_s)
        if before is None:
            return True
        people = [*self._boxes_here(frame), *(np.array(box) for _, box in before.boxes)]
        height, width = frame.image.shape[:2]
        return is_changed(glance_of(before.frame).small, glance_of(frame).small, people, width, height)

    def _is_somebody_missing(self) -> bool:
        return bool(self._lost) if self._given else len(self._active) < self._limit

    def _search(self, frame: Frame) -> list[Sighting]:
        found = self._found_in(frame)
        self._looks.note(frame.time_s, is_quiet=not found)
        return found

    def _found_in(self, frame: Frame) -> list[Sighting]:
        """Who is found in the whole frame: first the sure ones, then the unsure ones, who must be somebody missed."""
        missed = np.array([track.predicted(frame.time_s) for track in self._missing(frame)]).reshape(-1, 4)
        looked = self._find(frame.image, self._boxes_here(frame), missed)
        if looked is None:
            return []
        seen, boxes = looked.seen, boxes_of(looked.seen)
        colours = trunk_colours(frame.image, seen)
        order = np.argsort(-quality(seen) * boxes[:, 2:].max(1), kind="stable")
        sightings: list[Sighting] = []
        for is_sure in (True, False):
            rows = [int(row) for row in order if looked.is_sure[row] == is_sure and self._is_free(boxes[row], frame)]
            missing = self._missing(frame)
            pairs = matched(missing, boxes[rows], colours[rows], frame.time_s, self._relink_s)
            for track, row in [(missing[one], rows[other]) for one, other in pairs]:
                if track in self._active or self._has_room():
                    sightings += self._found_again(track, seen[[row]], frame, colours[row])
            known = {rows[other] for _, other in pairs}
            for row in (row for row in rows if is_sure and row not in known):
                if self._has_room() and not self._given and self._is_free(boxes[row], frame):
                    track = begin("", boxes[row], frame.frame_index, frame.time_s)
                    self._active.append(track)
                    track.follow(boxes[row], frame.frame_index, frame.time_s, colours[row])
                    sightings.append(self._sighting(track, seen[[row]], frame))
        return sightings

    def _found_again(self, track: Tracklet, seen: Estimates, frame: Frame, colours: Float) -> list[Sighting]:
        """The sighting of somebody who was missed, and those in the frames since."""
        if track in self._lost:
            self._lost.remove(track)
            self._active.append(track)
        unseen_since = track.last_frame
        track.follow(boxes_of(seen)[0], frame.frame_index, frame.time_s, colours)
        now = self._sighting(track, seen, frame)
        if not track.person_id:
            return [now]
        earlier = self._before(now, unseen_since)
        for sighting in earlier:
            self._past.note(sighting)
        return [now, *earlier]

    def _missing(self, frame: Frame) -> list[Tracklet]:
        """Who could be found: those not seen in this frame, and the lost where there is room for one more."""
        away = [track for track in self._active if track.last_frame != frame.frame_index]
        return away + (self._lost if self._has_room() else [])

    def _has_room(self) -> bool:
        return bool(self._given) or len(self._active) < self._limit

    def _boxes_here(self, frame: Frame) -> Float:
        """(N, 4) xywh of those seen in this frame."""
        here = [track.box_px for track in self._active if track.last_frame == frame.frame_index]
        return np.array(here).reshape(-1, 4)

    def _is_free(self, box: Float, frame: Frame) -> bool:
        """Whether a found box is neither somebody who is seen in this frame already nor a part of them."""
        here = self._boxes_here(frame)
        return not (np.maximum(share_inside(box, here), box_overlap(box, here)) > IS_A_PART).any()

    def _end_given(self, frame: Frame) -> None:
        over = over_by(self._given, frame.frame_index)
        self._active = [track for track in self._active if track.person_id not in over]
        self._lost = [track for track in self._lost if track.person_id not in over]

    def _take_given(self, frame: Frame) -> None:
        """Boxes that the user drew on this frame begin or correct a track."""
        for given in self._given.get(frame.frame_index, []):
            self._lost = [track for track in self._lost if track.person_id != given.person_id]
            known = [track for track in self._active if track.person_id == given.person_id]
            track = known[0] if known else begin(given.person_id, given.box_px, frame.frame_index, frame.time_s)
            track.put(given.box_px, frame.time_s)
            if not known:
                self._active.append(track)

    def _believe(self, is_end: bool = False) -> list[Sighting]:
        """Sightings of newcomers that have been seen often enough, and of the frames before."""
        told: list[Sighting] = []
        for track in self._active:
            if track.person_id or (track.sightings < self._settings.confirm_frames and not is_end):
                continue
            seen = track.unbelieved + self._before(track.unbelieved[0])
            sure = np.mean([s.estimates.joint_confidence.mean() for s in seen])
            if len(seen) < self._settings.confirm_frames or sure < self._least_confidence:
                continue
            track.unbelieved = []
            track.person_id = self._name_for(min(seen, key=lambda s: s.frame_index), track.colours)
            for sighting in seen:
                told.append(replace(sighting, person_id=track.person_id))
                self._past.note(told[-1])
        return told

    def _name_for(self, first: Sighting, colours: Float) -> str:
        """The name of the lost person who was near the place of a first sighting shortly before, or a new one."""
        box = boxes_of(first.estimates)[0]
        before = [track for track in self._lost if track.last_frame < first.frame_index]
        for one, _ in matched(before, box[None], colours[None], first.time_s, self._relink_s):
            self._lost.remove(before[one])
            return before[one].person_id
        self._named += 1
        return str(self._named)

    def _before(self, first: Sighting, after: int = -1) -> list[Sighting]:
        """Sightings in the frames that are still in memory, before a first one and after a frame."""
        earlier = {past.frame.frame_index: past for past in self._past.before(first.frame_index, after)}
        told = []
        for sighting in self.backwards(first, (past.frame for past in earlier.values())):
            box = boxes_of(sighting.estimates)[0]
            others = [np.array(other) for _, other in earlier[sighting.frame_index].boxes]
            if any(box_overlap(box, other) > ONE_PERSON for other in others):
                break
            told.append(sighting)
        return told

    # ending

    def _forget(self, frame: Frame) -> None:
        """Move those unseen for too long to the lost, and the lost into oblivion."""
        settings = self._settings
        gone = [t for t in self._active if frame.time_s - t.seen_s > settings.max_misses_s]
        gone += [t for t in self._active if t not in gone and self._is_nobody(t, frame)]
        for track in gone:
            self._active.remove(track)
            if track.person_id:
                self._lost.append(track)
                self.notes.append(
                    f"person {track.person_id} lost after frame {track.last_frame} ({track.seen_s:.2f} s)"
                )
                self._looks.ask()
        if not self._given:
            keep_s = settings.relink_s + self._memory_s
            self._lost = [t for t in self._lost if frame.time_s - t.seen_s <= keep_s]

    def _is_nobody(self, track: Tracklet, frame: Frame) -> bool:
        """Whether a newcomer is not worth waiting for: missed once, or looked at often enough and not believed."""
        return not track.person_id and (
            track.last_frame != frame.frame_index or track.sightings > self._settings.confirm_frames
        )

    def _end_all(self, frame: Frame) -> None:
        self.notes.append(f"cut at frame {frame.frame_index} ({frame.time_s:.2f} s)")
        self._active, self._lost = [], []
        self._past.clear()
        self._looks.ask()

    def _is_of_another_shot(self, one: Frame, other: Frame) -> bool:
        """Whether two frames look as if they were of two shots, or the other shows nothing."""
        a, b = glance_of(one), glance_of(other)
        return difference(a.look, b.look) > self._settings.cut_threshold or is_blank(b.small)


def _take_in(track: Tracklet, reading: Reading, frame: Frame) -> None:
    track.follow(reading.box_px, frame.frame_index, frame.time_s, reading.colours)

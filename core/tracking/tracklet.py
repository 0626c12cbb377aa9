"""One person that is being followed: where they were, how they move, whether they are believed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..types import Float, Sighting
from .appearance import NOTHING, blended
from .box_filter import BoxFilter

GREATEST_GROWTH = 1.8
"""Of a box's side within one sighting."""
NEAR = 1.0
"""How far from the last place, in box sides and for each second more, the same person is found again."""


@dataclass(slots=True, eq=False)
class Tracklet:
    """A person, or what may become one.

    Attributes:
        person_id: the name; "" until the track is believed.
        motion: of the box.
        first_frame: of the first sighting.
        last_frame: of the last sighting.
        seen_s: time of the last sighting.
        sightings: how many.
        unbelieved: sightings that wait for the track to be believed.
        colours: of the trunk, as `appearance.trunk_colours`, steady; zeros before the first sighting.
    """

    person_id: str
    motion: BoxFilter
    first_frame: int
    last_frame: int
    seen_s: float
    sightings: int = 0
    unbelieved: list[Sighting] = field(default_factory=list)
    colours: Float = field(default_factory=lambda: NOTHING)

    @property
    def box_px(self) -> Float:
        """(4,) xywh, steady, of the last sighting."""
        return self.motion.box_px

    def predicted(self, time_s: float) -> Float:
        """(4,) where the box should be at a time; times before the last sighting serve a track backwards."""
        return self.motion.box_after(abs(time_s - self.seen_s))

    def distance(self, box_px: Float, time_s: float) -> float:
        """To a box (4,) at a time, in sides of the larger of the two; people go on, or stay where they were."""
        return min(_distance(self.box_px, box_px), _distance(self.predicted(time_s), box_px))

    def is_within_reach(self, box_px: Float, time_s: float, relink_s: float) -> bool:
        """Whether somebody found at a time can be this person, who was seen last before."""
        away_s = abs(time_s - self.seen_s)
        growth = box_px[2:].max() / self.box_px[2:].max()
        is_alike = 1 / GREATEST_GROWTH < growth < GREATEST_GROWTH
        return bool(away_s <= relink_s and is_alike and self.distance(box_px, time_s) < NEAR * (0.5 + away_s))

    def follow(self, box_px: Float, frame_index: int, time_s: float, colours: Float = NOTHING) -> None:
        """Take a sighting in."""
        self.colours = blended(self.colours, colours)
        step_s = abs(time_s - self.seen_s)
        if self.sightings and step_s > 0:
            self.motion.follow(box_px, step_s)
        else:
            self.motion = BoxFilter(box_px)
        self.last_frame, self.seen_s = frame_index, time_s
        self.sightings += 1

    def put(self, box_px: Float, time_s: float) -> None:
        """Begin anew at a box that the user drew."""
        self.motion, self.seen_s = BoxFilter(box_px), time_s

    def to_json(self) -> dict[str, Any]:
        """Plain types; only a track that is believed can be kept."""
        return {
            "person_id": self.person_id,
            "motion": self.motion.to_json(),
            "first_frame": self.first_frame,
            "last_frame": self.last_frame,
            "seen_s": self.seen_s,
            "sightings": self.sightings,
            "colours": np.round(self.colours, 6).tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Tracklet:
        """What `to_json` gave."""
        colours = np.array(stored["colours"], np.float64)
        whole, seen_s = [stored[name] for name in ("first_frame", "last_frame", "sightings")], stored["seen_s"]
        if colours.shape != NOTHING.shape or not np.isfinite(colours).all():
            raise ValueError(f"expected colours {NOTHING.shape}, got {colours.shape}")
        if any(type(value) is not int for value in whole) or not isinstance(seen_s, int | float):
            raise ValueError("a track that was never seen")
        return cls(**{**stored, "motion": BoxFilter.from_json(stored["motion"]), "colours": colours})


def begin(person_id: str, box_px: Float, frame_index: int, time_s: float) -> Tracklet:
    """A track that stands still and has not been seen yet."""
    return Tracklet(person_id, BoxFilter(np.asarray(box_px, np.float64)), frame_index, frame_index, time_s)


def _distance(a_px: Float, b_px: Float) -> float:
    apart = (a_px[:2] + a_px[2:] / 2) - (b_px[:2] + b_px[2:] / 2)
    return float(np.hypot(*apart) / max(a_px[2:].max(), b_px[2:].max()))

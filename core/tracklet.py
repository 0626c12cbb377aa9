"""One person that is being followed: where they were, how they move, whether they are believed in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .appearance import NOTHING, blended
from .types import Float, Sighting

NEW_BOX = 0.7
"""Share of a new sighting in the size of the box that is followed; arms go up within a few frames."""
NEW_VELOCITY = 0.5
GREATEST_GROWTH = 1.8
"""Of a box's side within one sighting."""
NEAR = 1.0
"""How far from the last place, in box sides and for each second more, the same person is found again."""
COAST_S = 0.3
"""A person who is not seen is taken to go on for that long, then to stand."""


@dataclass(slots=True, eq=False)
class Tracklet:
    """A person, or what may become one.

    Attributes:
        person_id: the name; "" until the track is believed.
        box_px: (4,) xywh, steady, of the last sighting.
        velocity_px: (2,) of the box's middle, pixels a second in the direction of travel through the clip.
        first_frame: of the first sighting.
        last_frame: of the last sighting.
        seen_s: time of the last sighting.
        sightings: how many.
        unbelieved: sightings that wait for the track to be believed.
        colours: of the trunk, as `appearance.trunk_colours`, steady; zeros before the first sighting.
    """

    person_id: str
    box_px: Float
    velocity_px: Float
    first_frame: int
    last_frame: int
    seen_s: float
    sightings: int = 0
    unbelieved: list[Sighting] = field(default_factory=list)
    colours: Float = field(default_factory=lambda: NOTHING)

    def predicted(self, time_s: float) -> Float:
        """(4,) where the box should be at a time; times before the last sighting serve a track backwards."""
        box = self.box_px.copy()
        box[:2] += self.velocity_px * min(abs(time_s - self.seen_s), COAST_S)
        return box

    def distance(self, box_px: Float) -> float:
        """From the last place to a box (4,), in sides of the larger of the two."""
        apart = (self.box_px[:2] + self.box_px[2:] / 2) - (box_px[:2] + box_px[2:] / 2)
        return float(np.hypot(*apart) / max(self.box_px[2:].max(), box_px[2:].max()))

    def is_within_reach(self, box_px: Float, time_s: float, relink_s: float) -> bool:
        """Whether somebody found at a time can be this person, who was seen last before."""
        away_s = abs(time_s - self.seen_s)
        growth = box_px[2:].max() / self.box_px[2:].max()
        is_alike = 1 / GREATEST_GROWTH < growth < GREATEST_GROWTH
        return bool(away_s <= relink_s and is_alike and self.distance(box_px) < NEAR * (0.5 + away_s))

    def follow(self, box_px: Float, frame_index: int, time_s: float, colours: Float = NOTHING) -> None:
        """Take a sighting in."""
        self.colours = blended(self.colours, colours)
        step_s = abs(time_s - self.seen_s)
        if self.sightings and step_s > 0:
            moved = (box_px[:2] + box_px[2:] / 2) - (self.box_px[:2] + self.box_px[2:] / 2)
            self.velocity_px = self.velocity_px + NEW_VELOCITY * (moved / step_s - self.velocity_px)
            size = NEW_BOX * box_px[2:] + (1 - NEW_BOX) * self.box_px[2:]
            box_px = np.concatenate([box_px[:2] + box_px[2:] / 2 - size / 2, size])
        self.box_px = box_px
        self.last_frame, self.seen_s = frame_index, time_s
        self.sightings += 1

    def to_json(self) -> dict[str, Any]:
        """Plain types; only a track that is believed can be kept."""
        return {
            "person_id": self.person_id,
            "box_px": self.box_px.tolist(),
            "velocity_px": self.velocity_px.tolist(),
            "first_frame": self.first_frame,
            "last_frame": self.last_frame,
            "seen_s": self.seen_s,
            "sightings": self.sightings,
            "colours": np.round(self.colours, 6).tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Tracklet:
        """What `to_json` gave."""
        arrays = {name: np.array(stored[name], np.float64) for name in ("box_px", "velocity_px", "colours")}
        return cls(**{**stored, **arrays})


def begin(person_id: str, box_px: Float, frame_index: int, time_s: float) -> Tracklet:
    """A track that stands still and has not been seen yet."""
    box = np.array(box_px, np.float64)
    return Tracklet(person_id, box, np.zeros(2), frame_index, frame_index, time_s)

"""Who of a take's people is the main person, and what of them is no person at all; a reason for each, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..types import Float, Int
from .take import Take

STILL = 0.0035
"""Deviation of the joints over a clip, in body sizes, below which they never moved. Measured on real clips: a
photograph 0.001 (read by open-base) and 0.003 (by open-tiny), a woman who stands with her back to the camera 0.0045."""
BLOCK = 8
"""Frames that are averaged first: the network's own noise is another in each frame, a movement is not."""
STILL_BLOCKS = 2
"""Fewer don't tell a person who holds still from a picture of one."""
STILL_WEIGHT = 0.01
"""A photograph, a poster or a screen comes after everybody who moves."""
CUT_WEIGHT = 0.8
"""Weight of a frame in which joints lie outside the picture: the whole person says more about who is meant."""
EDGE_WEIGHT = 0.7
"""Weight of somebody at the picture's left or right edge; 1 in its middle."""
THING_CONFIDENCE, THING_SHARE = 0.45, 0.6
"""A track is a thing where the network's mean confidence is below the first and below this share of the best
person's. Measured on ten real clips: things have 0.38 to 0.41, the least sure of the people beside others 0.49."""


@dataclass(frozen=True, slots=True, eq=False)
class Prominence:
    """How much of the clip a person is.

    Attributes:
        person_id: as in the take.
        frames: (T,) in which the person was seen.
        height_px: median height of the box.
        confidence: mean of the joints' confidence.
        motion: mean deviation of the joints about their middle over the clip, in body sizes; infinite where too short.
        score: sum over frames of height, confidence and place; larger is more prominent.
        is_still: a picture of a person, which never moves.
    """

    person_id: str
    frames: Int
    height_px: float
    confidence: float
    motion: float
    score: float
    is_still: bool

    def told(self) -> str:
        """The reason for the rank, in words."""
        still = ", never moves: a photograph, poster or screen?" if self.is_still else ""
        return f"{len(self.frames)} frames, {self.height_px:.0f} px high, confidence {self.confidence:.2f}{still}"


def prominence(take: Take, person_id: str) -> Prominence:
    """Measure one person of a take by size, time, confidence, place, whether they are cut off, and motion."""
    columns = take.columns(person_id, "frame_index", "box_px", "joint_confidence", "joints_px")
    boxes, joints, clip = columns["box_px"], columns["joints_px"], take.header.footage
    confidence, motion = float(columns["joint_confidence"].mean()), _motion(joints)
    is_still = motion < STILL
    is_cut = ((joints < 0) | (joints > (clip.width, clip.height))).any((1, 2))
    off = np.abs(boxes[:, 0] + boxes[:, 2] / 2 - clip.width / 2) / (clip.width / 2)
    place = 1 - (1 - EDGE_WEIGHT) * np.clip(off, 0, 1)
    score = float((boxes[:, 3] * place * np.where(is_cut, CUT_WEIGHT, 1)).sum()) * confidence**2
    score *= STILL_WEIGHT if is_still else 1
    frames, height = columns["frame_index"], float(np.median(boxes[:, 3]))
    return Prominence(person_id, frames, height, confidence, motion, score, is_still)


def _motion(joints_px: Float) -> float:
    """Mean deviation of (T, J, 2) joints about their middle, over their extent: no camera and no crop moves it."""
    count = len(joints_px) // BLOCK
    if count < STILL_BLOCKS:
        return float("inf")
    extent = np.linalg.norm(joints_px.max(1) - joints_px.min(1), axis=1).clip(1)
    pose = (joints_px - joints_px.mean(1, keepdims=True)) / extent[:, None, None]
    blocks = pose[: count * BLOCK].reshape(count, BLOCK, *pose.shape[1:]).mean(1)
    return float(blocks.std(0).mean())


def chosen(take: Take, most: int, keeps_things: bool = False) -> tuple[list[str], list[str]]:
    """The people to keep, most prominent first and `most` at a time, and a sentence for everybody left out.

    Whoever is never in a picture together with those before them stays: they are of another shot, or may be one of
    those come back after so long that nobody can tell.

    Args:
        take: everybody who was followed.
        most: how many at a time.
        keeps_things: whether tracks that look like things stay.
    """
    ranked = sorted((prominence(take, name) for name in take.people), key=lambda one: -one.score)
    surest = max((one.confidence for one in ranked), default=0.0)
    together: Counter[int] = Counter()
    kept: list[Prominence] = []
    notes: list[str] = []
    for one in ranked:
        frames = one.frames.tolist()
        if not keeps_things and one.confidence < min(THING_CONFIDENCE, THING_SHARE * surest):
            span = f"frames {frames[0]} to {frames[-1]}"
            notes.append(f"person {one.person_id} left out: looks like a thing ({span}); --people all+ keeps it")
        elif all(together[frame] < most for frame in frames):
            together.update(frames)
            kept.append(one)
        else:
            notes.append(f"person {one.person_id} left out ({len(frames)} frames); --people all keeps everybody")
    if len(ranked) > 1 and kept:
        notes.insert(0, f"main person: {kept[0].person_id} ({kept[0].told()})")
    if len(kept) > most:
        later = ", ".join(f"{one.person_id} (from frame {one.frames[0]})" for one in kept[most:])
        notes.insert(1, f"in other shots, or come back: {later}; --start and --end choose a shot")
    notes += [f"person {one.person_id}: {one.told()}" for one in kept if one.is_still]
    return [one.person_id for one in kept], notes

"""Made poses of legs and trunk: sitting, kneeling, crouching, bending, lying, striding, running, kicking, serving.

Angles are drawn between limits around a usual value, in degrees. Left limbs are drawn and mirrored for the right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.motions.figure import Figure, legs_cross
from training.motions.limits import LEFT, arm_turns, draw_angle, turn_about
from training.motions.rotation_vectors import Float, mirror_pose, to_matrix, to_rotvec

Range = tuple[float, float, float]
"""Lowest, usual and highest angle in degrees."""
TRIES = 6
MOST_FLEXED = float(np.radians(125))
"""Limit of the hip's flexion."""


@dataclass(frozen=True, slots=True)
class Leg:
    """Ranges of one leg: hip flexion, spread and outward turn, knee flexion, the foot's downward bend."""

    flex: Range
    knee: Range
    spread: Range = (-6, 6, 22)
    outward: Range = (-12, 6, 28)
    foot: Range = (-15, 3, 25)


@dataclass(frozen=True, slots=True)
class Base:
    """A way to hold legs and trunk.

    Attributes:
        legs: first and second leg; which is the left one is drawn.
        pitch: the pelvis' forward tilt.
        bend: the spine's forward bend.
        lean: the spine's sideward bend.
        twist: the spine's turn.
        look: the head's nod against the spine.
        is_even: how often the second leg mirrors the first.
        roll: the pelvis' tilt to a side.
        is_planted: whether hip flexion is counted from the vertical, so that the legs stand under a tilted pelvis.
    """

    legs: tuple[Leg, Leg]
    pitch: Range = (-8, 3, 18)
    bend: Range = (-12, 8, 35)
    lean: Range = (-14, 0, 14)
    twist: Range = (-25, 0, 25)
    look: Range = (-35, 8, 40)
    is_even: float = 0.3
    roll: Range = (-5, 0, 5)
    is_planted: bool = False


def _both(leg: Leg) -> tuple[Leg, Leg]:
    return leg, leg


_STRAIGHT = Leg((-10, 4, 22), (0, 6, 35))
_CHAIR = Leg((68, 90, 108), (55, 88, 112), (-4, 8, 30), (-10, 5, 30))
_KNEELING = Leg((-8, 5, 30), (80, 95, 125), (-2, 5, 20), (-10, 0, 15), (15, 40, 45))
_STRIDE = Leg((18, 35, 65), (0, 15, 60), (-6, 2, 10), foot=(-22, -8, 15)), Leg(
    (-22, -12, 5), (0, 20, 60), (-6, 2, 10), foot=(-10, 20, 45)
)
BASES: Mapping[str, Base] = {
    "stand": Base(_both(_STRAIGHT)),
    "lean": Base(_both(_STRAIGHT), (5, 18, 35), (0, 20, 50), is_planted=True),
    "bend": Base(_both(Leg((-15, 0, 20), (0, 12, 45))), (30, 60, 95), (15, 40, 75), is_even=0.6, is_planted=True),
    "half squat": Base(
        _both(Leg((30, 60, 90), (40, 75, 105), (0, 14, 35), (0, 15, 35), (-25, -18, 0))), (10, 25, 45), is_even=0.7
    ),
    "crouch": Base(
        _both(Leg((85, 112, 125), (105, 132, 145), (0, 15, 40), (0, 15, 40), (-25, -10, 40))),
        (0, 20, 40), (5, 30, 65), is_even=0.6,
    ),
    "kneel": Base(_both(_KNEELING), is_even=0.7),
    "seiza": Base(
        _both(Leg((60, 75, 95), (132, 142, 146), (0, 6, 18), (-5, 0, 10), (35, 44, 45))),
        (-10, 3, 20), (0, 15, 60), is_even=0.8,
    ),
    "one knee": Base((Leg((75, 92, 110), (75, 92, 115)), _KNEELING), (-5, 8, 25), (0, 15, 50)),
    "all fours": Base(_both(Leg((-18, -2, 20), (75, 92, 110), foot=(10, 40, 45))), (72, 86, 100), (-20, 0, 30),
                      look=(-45, -15, 30), is_even=0.5),
    "plank": Base(_both(Leg((-12, -3, 10), (0, 4, 15), foot=(-25, -15, 20))), (65, 78, 92), (-12, 0, 12),
                  look=(-40, -15, 20), is_even=0.9),
    "chair": Base(_both(_CHAIR), (-18, -2, 18), (-8, 12, 40), is_even=0.45),
    "chair, slumped": Base(_both(Leg((55, 72, 90), (15, 55, 95))), (-35, -22, -5), (5, 25, 45)),
    "legs crossed": Base(
        (Leg((88, 100, 110), (70, 90, 105), (-14, -10, -4), (-5, 5, 15)),
         Leg((72, 84, 92), (75, 88, 100), (-2, 4, 10))),
        (-15, -3, 12), (-5, 12, 35), is_even=0,
    ),
    "ankle on knee": Base(
        (Leg((78, 90, 102), (92, 105, 118), (22, 32, 45), (50, 64, 75)), Leg((72, 84, 92), (75, 88, 100), (-2, 4, 12))),
        (-18, -5, 10), (-5, 12, 35), is_even=0,
    ),
    "at table": Base(_both(_CHAIR), (-5, 8, 28), (5, 22, 45), is_even=0.4),
    "legs out": Base(_both(Leg((72, 90, 105), (0, 12, 60), (0, 8, 35))), (-25, -8, 15), (5, 25, 60), is_even=0.5),
    "knees up": Base(_both(Leg((95, 115, 125), (95, 118, 138), (0, 8, 25))), (-25, -10, 8), (10, 30, 55), is_even=0.5),
    "cross-legged": Base(
        _both(Leg((62, 78, 95), (105, 122, 138), (30, 42, 52), (52, 66, 75), (0, 20, 40))),
        (-15, 0, 20), (0, 18, 55), is_even=0.35,
    ),
    "side-sitting": Base(
        (Leg((60, 80, 95), (100, 120, 138), (20, 35, 48), (35, 55, 75)),
         Leg((55, 75, 95), (105, 125, 140), (5, 18, 35), (-45, -38, -20))),
        (-15, 0, 15), (0, 15, 45), (-22, 0, 22), is_even=0,
    ),
    "on the side": Base(
        (Leg((5, 45, 110), (10, 60, 125)), Leg((-5, 35, 100), (10, 55, 125))), (-12, 0, 12), (-10, 20, 60), is_even=0,
        roll=(70, 90, 108),
    ),
    "on the back": Base(_both(Leg((-8, 15, 100), (0, 25, 120), (0, 10, 35))), (-108, -90, -72), (-10, 5, 40)),
    "on the front": Base(
        _both(Leg((-15, 0, 20), (0, 8, 90), (0, 10, 30), foot=(10, 38, 45))), (75, 90, 100), (-28, -5, 8),
        look=(-45, -20, 20),
    ),
    "stride": Base(_STRIDE, (-3, 6, 18), twist=(-25, 8, 30), is_even=0),
    "lunge": Base(
        (Leg((55, 80, 105), (55, 85, 115), foot=(-20, -5, 15)), Leg((-22, -10, 10), (5, 35, 85), foot=(-5, 25, 45))),
        (-5, 12, 35), is_even=0,
    ),
    "run": Base(
        (Leg((40, 65, 95), (50, 85, 120), foot=(-15, 5, 30)), Leg((-22, -12, 5), (5, 30, 110), foot=(0, 28, 45))),
        (2, 12, 25), (-5, 6, 22), twist=(-30, 12, 35), is_even=0,
    ),
    "jump": Base(
        (Leg((10, 60, 115), (10, 70, 130), (0, 12, 45)), Leg((-20, 40, 110), (5, 60, 130), (0, 12, 45))),
        (-15, 5, 35), is_even=0.3,
    ),
    "kick": Base(
        (Leg((40, 75, 118), (0, 18, 75), (-10, 8, 45), (-10, 10, 45), (-5, 25, 45)), Leg((-12, 4, 22), (3, 18, 50))),
        (-22, -5, 15), (-5, 14, 40), (-22, 0, 22), (-40, -12, 25), is_even=0,
    ),
    "kick back": Base(
        (Leg((-24, -18, -5), (30, 75, 120), (-5, 10, 40), foot=(5, 30, 45)), Leg((0, 12, 40), (5, 22, 55))),
        (0, 15, 45), (-20, 0, 20), (-20, 0, 20), is_even=0,
    ),
    "serve": Base(
        (Leg((5, 22, 50), (10, 35, 70), foot=(-20, -5, 40)), Leg((-15, 0, 30), (5, 30, 75), foot=(-10, 10, 45))),
        (-14, -3, 12), (-25, -14, 8), (-32, 12, 32), (-35, 0, 35), look=(-45, -25, 10), is_even=0,
    ),
    "swing": Base(
        _both(Leg((10, 25, 50), (10, 25, 55), (2, 14, 28), (-10, 10, 28))), (10, 25, 42), (-5, 15, 35),
        (-18, 0, 18), (-50, 0, 50), is_even=0.4,
    ),
}  # fmt: skip
"""Bases by name."""


def _leg(rng: np.random.Generator, ranges: Leg, tilt: float) -> dict[str, Float]:
    flex = min(draw_angle(rng, *ranges.flex) + tilt, MOST_FLEXED)
    hip = turn_about(0, -flex) @ turn_about(2, draw_angle(rng, *ranges.spread))
    return {
        "hip": hip @ turn_about(1, draw_angle(rng, *ranges.outward)),
        "knee": turn_about(0, draw_angle(rng, *ranges.knee)),
        "ankle": turn_about(0, draw_angle(rng, *ranges.foot)) @ turn_about(2, draw_angle(rng, -10, 0, 10)),
        "foot": turn_about(0, draw_angle(rng, -20, -2, 8)),
    }


def _one_side(turns: dict[str, Float]) -> Float:
    pose = np.zeros((24, 3), np.float32)
    pose[[LEFT[name] for name in turns]] = to_rotvec(np.stack(list(turns.values())))
    return pose


def _candidate(rng: np.random.Generator, base: Base) -> Float:
    pitch = draw_angle(rng, *base.pitch)
    tilt = pitch if base.is_planted else 0.0
    first, second = _leg(rng, base.legs[0], tilt), _leg(rng, base.legs[1], tilt)
    if rng.random() < base.is_even:
        second = first
    pose = _one_side({**first, **arm_turns(rng)}) + mirror_pose(_one_side({**second, **arm_turns(rng)}))
    bend = np.array([draw_angle(rng, *base.bend), draw_angle(rng, *base.twist), draw_angle(rng, *base.lean)])
    for joint, share in ((3, 0.35), (6, 0.3), (9, 0.35)):
        pose[joint] = bend * share
    look = np.array([draw_angle(rng, *base.look), draw_angle(rng, -60, 0, 60), draw_angle(rng, -20, 0, 20)])
    pose[12], pose[15] = look * 0.45, look * 0.55
    pose[0] = to_rotvec(turn_about(2, draw_angle(rng, *base.roll)) @ turn_about(0, pitch))
    return mirror_pose(pose) if rng.random() < 0.5 else pose


def sample_base(rng: np.random.Generator, name: str) -> Float:
    """A pose (24, 3) of a named base, arms from the joints' limits; y is up, the person faces z."""
    base = BASES[name]
    for _ in range(TRIES):
        pose = _candidate(rng, base)
        if not legs_cross(Figure.of(pose)):
            break
    return pose


def floor_height(pose: Float) -> float:
    """Height of the floor under a posed figure about its pelvis, metres in the y-up world."""
    joints = Figure.of(pose).joints @ to_matrix(pose[0]).T
    below = np.full(24, 0.1, np.float32)
    below[[4, 5]], below[[7, 8]], below[[10, 11]], below[[18, 19, 20, 21, 22, 23]] = 0.06, 0.07, 0.03, -1.0
    return float((joints[:, 1] - below).min())

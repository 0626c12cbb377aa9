"""What people do with their hands: where each deed leads them, and the bases that it is done on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from training.motions.bases import floor_height
from training.motions.figure import Figure
from training.motions.reach import HandTarget
from training.motions.rotation_vectors import Float, to_matrix
from training.motions.weighted_choice import pick

Hands = Callable[[np.random.Generator, Float], list[HandTarget]]
"""Targets of the hands of a base pose (24, 3)."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that people do with their hands.

    Attributes:
        weight: how often, against the others.
        bases: names of `BASES`, or "captured", with their weights.
        hands: where the hands go.
    """

    weight: float
    bases: Mapping[str, float]
    hands: Hands


def _side(rng: np.random.Generator) -> bool:
    return bool(rng.random() < 0.5)


def _on_skin(
    rng: np.random.Generator,
    figure: Figure,
    is_left: bool,
    name: str,
    of_left: bool,
    by: str = "palm",
    lift: float = 0.01,
) -> HandTarget:
    """A hand laid on a place of the skin; `lift` metres are left between them, more where a thing is held."""
    point, facing = figure.place(name, of_left)
    gap = lift + float(rng.exponential(0.008))
    slide = rng.normal(0, 0.012, 3).astype(np.float32)
    slide -= facing * float(slide @ facing)
    return HandTarget(is_left, point + facing * np.float32(gap) + slide, -facing, by)


def _one_or_both(rng: np.random.Generator, both: float) -> list[bool]:
    return [True, False] if rng.random() < both else [_side(rng)]


def _face(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Eating, drinking, a telephone, a chin in the hand, glasses, tears, hair."""
    figure, targets = Figure.of(pose), []
    names = ("mouth", "chin", "nose", "cheek", "ear", "eye", "forehead", "temple", "throat")
    shared = names[pick(rng, (0.26, 0.14, 0.06, 0.13, 0.17, 0.07, 0.07, 0.05, 0.05))]
    for is_left in _one_or_both(rng, 0.3):
        name = shared if rng.random() < 0.7 else names[int(rng.integers(len(names)))]
        by = "fingers" if rng.random() < 0.45 else "palm"
        held = 0.05 if name in ("mouth", "ear") and rng.random() < 0.5 else 0.012  # a cup, a telephone
        targets.append(_on_skin(rng, figure, is_left, name, is_left, by, held))
    return targets


def _on_head(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    figure, targets = Figure.of(pose), []
    shared = ("top", "crown", "nape")[pick(rng, (0.4, 0.35, 0.25))]
    for is_left in _one_or_both(rng, 0.6):
        by = "fingers" if rng.random() < 0.5 else "palm"
        targets.append(_on_skin(rng, figure, is_left, shared, is_left, by))
    return targets


def _overhead(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Arms raised: cheering, stretching, reaching for a shelf, a bar."""
    figure = Figure.of(pose)
    turn, shoulders = figure.turns[9], (figure.joints[16] + figure.joints[17]) / 2
    both = rng.random() < 0.6
    shape = np.array([rng.uniform(-0.05, 0.55), rng.uniform(0.35, 0.62), rng.normal(0.08, 0.14)], np.float32)
    targets = []
    for is_left in [True, False] if both else [_side(rng)]:
        local = shape + rng.normal(0, 0.04, 3).astype(np.float32)
        local[0] *= 1 if is_left else -1
        targets.append(HandTarget(is_left, shoulders + turn @ local, None, "palm", None, True))
    return targets


def _folded(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Arms folded before the chest, hands tucked at the other side; one arm before the other."""
    figure, targets = Figure.of(pose), []
    first, low = _side(rng), float(rng.uniform(-0.09, 0.03))
    for is_left in (first, not first):
        point, facing = figure.place("far chest", not is_left)
        up = figure.turns[9][:, 1]
        depth = 0.03 if is_left == first else 0.115
        aside = figure.turns[9][:, 0] * np.float32(rng.uniform(-0.01, 0.05) * (-1 if is_left else 1))
        place = point + facing * np.float32(depth) + up * np.float32(low) + aside
        targets.append(HandTarget(is_left, place.astype(np.float32), -facing, "palm"))
    return targets


def _across(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """A hand on the chest, the other shoulder, the belly; a second one elsewhere on the body at times."""
    figure, targets = Figure.of(pose), []
    for is_left in _one_or_both(rng, 0.35):
        name, other = (
            ("chest", True), ("far chest", False), ("shoulder", False), ("belly", True), ("upper arm", False),
            ("throat", True), ("nape", False),
        )[pick(rng, (0.24, 0.2, 0.16, 0.16, 0.1, 0.07, 0.07))]  # fmt: skip
        targets.append(_on_skin(rng, figure, is_left, name, is_left == other))
    return targets


def _hips(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    figure, targets = Figure.of(pose), []
    shared = ("hip", "waist", "pocket", "seat", "thigh side")[pick(rng, (0.35, 0.25, 0.22, 0.1, 0.08))]
    for is_left in _one_or_both(rng, 0.6):
        targets.append(_on_skin(rng, figure, is_left, shared, is_left))
    return targets


def _behind(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Hands behind the back, resting on it or on each other."""
    figure, targets = Figure.of(pose), []
    shared = "small of the back" if rng.random() < 0.5 else "seat"
    for n, is_left in enumerate(_one_or_both(rng, 0.75)):
        target = _on_skin(rng, figure, is_left, shared, is_left, "palm", 0.02 + 0.045 * n)
        targets.append(HandTarget(is_left, target.point, None, "palm"))
    return targets


def _clasped(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Hands together: clasped low, prayer, clapping, counting, a telephone held with both."""
    figure = Figure.of(pose)
    turn = figure.turns[6]
    centre = figure.joints[9] + turn @ np.array(
        [rng.normal(0, 0.06), rng.uniform(-0.4, 0.22), rng.uniform(0.24, 0.46)], np.float32
    )
    gap = np.float32(rng.choice([0.0, 0.0, rng.uniform(0.02, 0.3)]) / 2 + 0.012)
    across = turn @ (np.array([1, 0, 0]) + rng.normal(0, 0.25, 3)).astype(np.float32)
    across /= np.linalg.norm(across)
    return [
        HandTarget(left, centre + across * (gap if left else -gap), across * (-1 if left else 1))
        for left in (True, False)
    ]


def _held_ball(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """A ball or a box between both hands, before the body, overhead or beside it."""
    figure = Figure.of(pose)
    turn, middle = figure.turns[9], (figure.joints[16] + figure.joints[17]) / 2
    overhead = rng.random() < 0.3
    place = (
        (rng.normal(0, 0.08), rng.uniform(0.25, 0.5), rng.normal(0.1, 0.15)) if overhead
        else (rng.normal(0, 0.16), rng.uniform(-0.5, 0.12), rng.uniform(0.22, 0.5))
    )  # fmt: skip
    centre = middle + turn @ np.asarray(place, np.float32)
    across = turn @ (np.array([1, 0, 0]) + rng.normal(0, 0.2, 3)).astype(np.float32)
    across /= np.linalg.norm(across)
    radius = np.float32(rng.uniform(0.08, 0.2))
    return [
        HandTarget(left, centre + across * (radius if left else -radius), across * (-1 if left else 1))
        for left in (True, False)
    ]


def _club(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Both hands on one handle, one behind the other: a club, a bat, a racket, an axe, an oar, a broom."""
    figure = Figure.of(pose)
    turn, middle = figure.turns[9], (figure.joints[16] + figure.joints[17]) / 2
    right = _side(rng)
    kind = pick(rng, (0.4, 0.3, 0.15, 0.15))
    place = (
        (rng.normal(0, 0.06), rng.uniform(-0.55, -0.38), rng.uniform(0.15, 0.38)),  # address
        (rng.uniform(0.1, 0.3), rng.uniform(-0.05, 0.25), rng.uniform(0.08, 0.28)),  # drawn back by the shoulder
        (rng.normal(0, 0.1), rng.uniform(0.2, 0.45), rng.uniform(0.05, 0.25)),  # overhead
        (rng.uniform(0.1, 0.4), rng.uniform(-0.4, -0.15), rng.uniform(0.15, 0.4)),  # beside: backhand, oar
    )[kind]
    centre = middle + turn @ (np.asarray(place, np.float32) * np.array([-1 if right else 1, 1, 1], np.float32))
    axis = rng.normal(0, 1, 3) + np.array([0, -1.2, 0.8] if kind == 0 else [0, 1, 0.3])
    axis = (turn @ (axis / np.linalg.norm(axis))).astype(np.float32)
    apart = np.float32(rng.uniform(0.07, 0.13) if rng.random() < 0.75 else rng.uniform(0.2, 0.5)) / 2
    first = _side(rng)
    return [
        HandTarget(left, centre + axis * (apart if left == first else -apart), None, "grip", axis)
        for left in (first, not first)
    ]


def _knees(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    figure, targets = Figure.of(pose), []
    shared = ("knee", "thigh", "shin", "ankle", "calf", "instep")[pick(rng, (0.38, 0.3, 0.12, 0.08, 0.06, 0.06))]
    crossed = rng.random() < 0.1
    for is_left in _one_or_both(rng, 0.7):
        targets.append(_on_skin(rng, figure, is_left, shared, is_left != crossed))
    return targets


def _in_world(pose: Float, point: Float, up: float, is_left: bool) -> HandTarget:
    """A hand flat on something level at a point (3,) of the y-up world about the pelvis."""
    turn = to_matrix(pose[0])
    facing = turn.T @ np.array([0, -up, 0], np.float32)
    return HandTarget(is_left, (turn.T @ point).astype(np.float32), facing, "palm", None, True)


def _floor(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Hands on the floor: before the feet in a bend, under the shoulders on all fours, behind who sits."""
    figure, turn = Figure.of(pose), to_matrix(pose[0])
    height = floor_height(pose) + 0.02
    targets = []
    forward = rng.uniform(-0.3, 0.3)
    for is_left in _one_or_both(rng, 0.75):
        shoulder = turn @ figure.joints[16 if is_left else 17]
        point = shoulder + np.array([(1 if is_left else -1) * rng.uniform(-0.05, 0.2), 0, forward], np.float32)
        point[1] = height
        targets.append(_in_world(pose, point.astype(np.float32), 1.0, is_left))
    return targets


def _table(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Hands on a table: typing, writing, eating, leaning on the forearms."""
    figure, turn = Figure.of(pose), to_matrix(pose[0])
    height, chest = rng.uniform(0.1, 0.26), turn @ figure.joints[6]
    wide, ahead = rng.uniform(-0.06, 0.28), rng.uniform(0.22, 0.5)
    targets = []
    for is_left in _one_or_both(rng, 0.8):
        place = [(1 if is_left else -1) * wide + rng.normal(0, 0.03), height - chest[1], ahead + rng.normal(0, 0.03)]
        targets.append(_in_world(pose, (chest + np.array(place)).astype(np.float32), 1.0, is_left))
    return targets


def _serve(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """One hand with the racket behind the head, at the top or struck through; the other throws the ball up."""
    figure = Figure.of(pose)
    turn, middle = figure.turns[9], (figure.joints[16] + figure.joints[17]) / 2
    right = rng.random() < 0.75
    sign = np.array([-1 if right else 1, 1, 1], np.float32)
    racket = (
        (rng.uniform(0.15, 0.35), rng.uniform(0.05, 0.25), rng.uniform(-0.25, -0.05)),
        (rng.uniform(0.1, 0.35), rng.uniform(0.45, 0.65), rng.uniform(-0.05, 0.3)),
        (rng.uniform(-0.1, 0.3), rng.uniform(0.1, 0.4), rng.uniform(0.3, 0.55)),
    )[pick(rng, (0.4, 0.35, 0.25))]
    ball = (rng.uniform(-0.3, 0.05), rng.uniform(0.2, 0.6), rng.uniform(0.1, 0.45))
    targets = [HandTarget(not right, middle + turn @ (np.asarray(racket, np.float32) * sign), None, "grip", None, True)]
    if rng.random() < 0.7:
        place = np.asarray(ball, np.float32) * sign
        targets.append(HandTarget(bool(right), middle + turn @ place, None, "palm", None, True))
    return targets


def _swinging(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Bent arms that swing against the legs."""
    figure = Figure.of(pose)
    turn, wide = figure.turns[9], float(np.clip(rng.normal(0.06, 0.05), -0.05, 0.2))
    left_leg_first = figure.joints[4, 2] > figure.joints[5, 2]
    targets = []
    for is_left in (True, False):
        is_ahead = bool(left_leg_first) != is_left
        local = [rng.normal(-0.08 if is_ahead else 0.1, 0.05) + wide, rng.uniform(-0.35, 0.02), rng.uniform(0.25, 0.45)]
        if not is_ahead:
            local[1:] = [rng.uniform(-0.42, -0.28), rng.uniform(-0.3, -0.05)]
        shoulder = figure.joints[16 if is_left else 17]
        place = np.array(local, np.float32) * np.array([1 if is_left else -1, 1, 1], np.float32)
        targets.append(HandTarget(is_left, shoulder + turn @ place, None, "palm", None, True))
    return targets


def _free(rng: np.random.Generator, pose: Float) -> list[HandTarget]:
    """Arms as the base has them."""
    return []


_UPRIGHT = {"captured": 0.5, "stand": 0.2, "chair": 0.12, "stride": 0.06, "lean": 0.06, "chair, slumped": 0.06}
_SEATED = {
    "chair": 0.3, "chair, slumped": 0.14, "legs crossed": 0.14, "ankle on knee": 0.1, "legs out": 0.1, "knees up": 0.08,
    "cross-legged": 0.14,
}  # fmt: skip
_LOW = {
    "bend": 0.15, "half squat": 0.12, "crouch": 0.14, "kneel": 0.09, "seiza": 0.06, "one knee": 0.08, "legs out": 0.06,
    "knees up": 0.06, "cross-legged": 0.06, "side-sitting": 0.05, "chair": 0.09, "lunge": 0.04,
}  # fmt: skip
_LYING = {"on the side": 0.36, "on the back": 0.36, "on the front": 0.28}
DEEDS: Mapping[str, Deed] = {
    "face": Deed(0.15, {**_UPRIGHT, "at table": 0.1, "on the side": 0.05, "on the back": 0.05}, _face),
    "on head": Deed(0.06, {**_UPRIGHT, "on the back": 0.15, "half squat": 0.08}, _on_head),
    "overhead": Deed(0.08, {**_UPRIGHT, "jump": 0.1, "on the back": 0.1, "half squat": 0.08, "lunge": 0.08}, _overhead),
    "folded": Deed(0.06, _UPRIGHT, _folded),
    "across": Deed(0.05, {**_UPRIGHT, "on the back": 0.06, "on the side": 0.06}, _across),
    "clasped": Deed(0.07, {**_UPRIGHT, "cross-legged": 0.08, "at table": 0.08, "kneel": 0.05}, _clasped),
    "ball": Deed(0.06, {**_UPRIGHT, "half squat": 0.15, "jump": 0.12, "lunge": 0.08, "bend": 0.08}, _held_ball),
    "club": Deed(0.09, {"swing": 0.55, "captured": 0.2, "stand": 0.1, "half squat": 0.1, "lunge": 0.05}, _club),
    "hips": Deed(0.05, _UPRIGHT, _hips),
    "behind": Deed(0.03, _UPRIGHT, _behind),
    "knees": Deed(0.08, {**_LOW, **_SEATED}, _knees),
    "floor": Deed(0.06, {"bend": 0.2, "crouch": 0.12, "all fours": 0.25, "plank": 0.15, "one knee": 0.08,
                         "side-sitting": 0.1, "legs out": 0.05, "kneel": 0.05}, _floor),
    "table": Deed(0.06, {"at table": 0.75, "lean": 0.15, "cross-legged": 0.1}, _table),
    "serve": Deed(0.05, {"serve": 0.75, "jump": 0.1, "captured": 0.15}, _serve),
    "swinging": Deed(0.06, {"run": 0.55, "stride": 0.35, "jump": 0.1}, _swinging),
    "free": Deed(0.1, {"kick": 0.22, "kick back": 0.07, "lunge": 0.08, "jump": 0.08, "stride": 0.05, "run": 0.05,
                       **{name: 0.4 * weight for name, weight in _LYING.items()},
                       **{name: 0.3 * weight for name, weight in _LOW.items()}}, _free),
}  # fmt: skip
"""What is done, by name. A deed whose base is captured takes a made one where there is no library."""

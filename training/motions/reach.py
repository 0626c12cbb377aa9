"""Leads a hand to a target: inverse kinematics of an arm in closed form, within the limits of its joints.

Collar, forearm twist and wrist are drawn; the elbow's flexion follows from the distance; what is left is the turn
of the arm about the line from shoulder to target, which is drawn too. Of some hundred such arms those outside the
limits or inside the body are dropped, and one of the most comfortable ones is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from training.motions.figure import Figure, rest_joints
from training.motions.rotation_vectors import Float, mirror_pose, to_matrix, to_rotvec

CANDIDATES = 320
MIRROR_X = np.array([-1, 1, 1], np.float32)
COLLAR, SHOULDER, ELBOW, WRIST, HAND = 13, 16, 18, 20, 22
# Degrees, after the clinical tables (AAOS), slightly widened for sport and checked against captured arms.
FLEXION = (0.0, 148.0)
TWIST = (-80.0, 80.0)  # of the forearm: supination to pronation
WRIST_BEND, WRIST_SIDE = (-65.0, 60.0), (-30.0, 20.0)
AXIAL, AXIAL_RAISED = (-100.0, 115.0), (-130.0, 140.0)  # of the upper arm: outward to inward
RAISED = 130.0  # elevation beyond which the upper arm's axial turn is counted from another side
# Points of the left hand about the wrist in the T-pose (palm down), metres.
HAND_POINTS = {
    "palm": np.array([0.085, -0.024, -0.004], np.float32),
    "fingers": np.array([0.155, -0.03, 0.0], np.float32),
    "grip": np.array([0.088, -0.05, 0.0], np.float32),
}


@dataclass(frozen=True, slots=True, eq=False)
class HandTarget:
    """Where a hand shall be, in the pelvis' axes about the pelvis.

    Attributes:
        is_left: which hand.
        point: (3,) metres.
        palm: (3,) unit, where the palm shall face; None leaves it open.
        by: what of the hand is at the point, one of `HAND_POINTS`.
        handle: (3,) unit, along which line the knuckles' row shall lie (a thing's handle); None leaves it open.
        is_far: whether a point out of reach is reached for all the same.
    """

    is_left: bool
    point: Float
    palm: Float | None = None
    by: str = "palm"
    handle: Float | None = None
    is_far: bool = False

    def mirrored(self) -> HandTarget:
        """The same for the other hand of the mirrored body."""
        return replace(
            self, is_left=not self.is_left, point=self.point * MIRROR_X,
            palm=None if self.palm is None else self.palm * MIRROR_X,
            handle=None if self.handle is None else self.handle * MIRROR_X,
        )  # fmt: skip


def hand_point(figure: Figure, is_left: bool, by: str) -> Float:
    """Where a point of a hand is in a posed figure, (3,)."""
    wrist = WRIST if is_left else WRIST + 1
    offset = HAND_POINTS[by] if is_left else HAND_POINTS[by] * MIRROR_X
    return figure.carried(wrist, rest_joints()[wrist] + offset)


def smallest_turns(source: Float, target: Float) -> Float:
    """The smallest rotations (..., 3, 3) that turn unit directions (..., 3) into others; opposite ones are not met."""
    source, target = np.broadcast_arrays(source, target)
    axis, cosine = np.cross(source, target), (source * target).sum(-1)
    cross = np.zeros((*axis.shape, 3), np.float32)
    for row, column, which, sign in ((0, 1, 2, -1), (0, 2, 1, 1), (1, 2, 0, -1)):
        cross[..., row, column] = sign * axis[..., which]
        cross[..., column, row] = -sign * axis[..., which]
    share = 1 / np.maximum(1 + cosine, 1e-3)
    turns = np.eye(3, dtype=np.float32) + cross + cross @ cross * share[..., None, None]
    return np.asarray(turns, np.float32)


HANGING = to_matrix(np.array([0, 0, -np.pi / 2], np.float32))


def axial_turn(shoulder: Float) -> Float:
    """Inward turn (...,) in degrees of left upper arms about themselves, from local rotations (..., 3, 3).

    It is counted from the arm that hangs with the elbow's crease to the front, brought to its direction by the
    smallest rotation.
    """
    swing = smallest_turns(np.array([0, -1, 0], np.float32), shoulder[..., 0]) @ HANGING
    rest = np.swapaxes(swing, -1, -2) @ shoulder
    return np.asarray(np.degrees(np.arctan2(rest[..., 2, 1], rest[..., 1, 1])))


def shoulder_is_within(shoulder: Float) -> npt.NDArray[np.bool_]:
    """Whether left upper arms with local rotations (..., 3, 3) are within their limits, (...,)."""
    x, y, z = (shoulder[..., axis, 0] for axis in range(3))
    raised = np.degrees(np.arccos(np.clip(-y, -1, 1))) > RAISED
    axial = axial_turn(shoulder)
    low, high = np.where(raised, AXIAL_RAISED[0], AXIAL[0]), np.where(raised, AXIAL_RAISED[1], AXIAL[1])
    # Across the chest only before it; backwards 55 degrees, less the higher the arm is; straight up hardly inwards.
    across = x > np.where(z > 0.25, -0.6, -0.25 + np.minimum(z, 0) * 0.5)
    behind = z > -0.82 + 0.3 * np.clip(y + 0.5, 0, 1)
    return np.asarray(across & behind & (axial > low) & (axial < high))


@dataclass(frozen=True, slots=True, eq=False)
class _Arms:
    """N left arms that reach a target: local rotations (N, 3, 3), global ones and points (N, 3)."""

    collar: Float
    shoulder: Float
    flexion: Float
    twist: Float
    bend: Float
    side: Float
    elbow_at: Float
    wrist_at: Float
    hand_turn: Float

    def rows(self, kept: npt.NDArray[np.bool_]) -> _Arms:
        return _Arms(*(getattr(self, name)[kept] for name in self.__slots__))


def _about(axis: int, angle: Float) -> Float:
    vector = np.zeros((len(angle), 3), np.float32)
    vector[:, axis] = angle
    return to_matrix(vector)


def _between(rng: np.random.Generator, limits: tuple[float, float], count: int) -> Float:
    """Angles (N,) in radians between limits in degrees, more in the middle."""
    return np.asarray(np.radians(limits[0] + (limits[1] - limits[0]) * rng.beta(1.6, 1.6, count)), np.float32)


def _draw(figure: Figure, target: HandTarget, rng: np.random.Generator) -> _Arms:
    """Arms of the left side that reach the target; the shoulder's limits are not looked at yet."""
    rest, count = rest_joints(), CANDIDATES
    chest = figure.turns[9]
    aim = (target.point - figure.joints[COLLAR]) @ chest
    aim = aim / (np.linalg.norm(aim) + 1e-6)
    # The collar follows the hand: up with raised arms, forward with arms across the chest.
    lift = np.radians(np.clip(rng.normal(4 + 16 * max(0.0, float(aim[1])), 5, count), -8, 28))
    sweep = np.radians(np.clip(rng.normal(-8 * float(aim[2]), 5, count), -15, 15))
    collar = _about(1, sweep) @ _about(2, lift)
    turn = chest @ collar
    shoulder_at = figure.joints[COLLAR] + turn @ (rest[SHOULDER] - rest[COLLAR])
    twist, bend, side = (_between(rng, limits, count) for limits in (TWIST, WRIST_BEND, WRIST_SIDE))
    upper, lower = rest[ELBOW] - rest[SHOULDER], rest[WRIST] - rest[ELBOW]
    hand = _about(1, side) @ _about(2, bend)
    twisted = _about(0, twist)
    held = np.einsum("nab,nb->na", twisted, lower + hand @ HAND_POINTS[target.by])
    way = target.point - shoulder_at
    far = np.linalg.norm(way, axis=1)
    if target.is_far:
        far = np.minimum(far, 0.985 * (np.linalg.norm(upper) + np.linalg.norm(held, axis=1)))
    length = float(upper[0])
    wanted = (far**2 - length**2 - (held**2).sum(1)) / (2 * length)
    ratio = wanted / np.hypot(held[:, 0], held[:, 2])
    flexion = np.arccos(np.clip(ratio, -1, 1)) - np.arctan2(held[:, 2], held[:, 0])
    folded = _about(1, -flexion)
    whole = upper + np.einsum("nab,nb->na", folded, held)
    whole_way = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    goal = np.einsum("nba,nb->na", turn, way / np.linalg.norm(way, axis=1, keepdims=True))
    spin = to_matrix((goal * rng.uniform(-np.pi, np.pi, (count, 1))).astype(np.float32))
    shoulder = spin @ smallest_turns(whole_way, goal)
    arm = turn @ shoulder
    elbow_at = shoulder_at + arm @ upper
    forearm = arm @ folded @ twisted
    found = _Arms(
        collar, shoulder, flexion, twist, bend, side, elbow_at, elbow_at + forearm @ lower, forearm @ hand
    )
    return found.rows(
        (np.abs(ratio) < 1) & (flexion > 0) & (flexion < np.radians(FLEXION[1])) & shoulder_is_within(shoulder)
    )


def _discomfort(arms: _Arms, figure: Figure, target: HandTarget, other: Float) -> Float:
    """What speaks against each arm (N,): entering the body, a palm that faces elsewhere, turns near their limits."""
    share: Float = np.array([0.0, 0.35, 0.7, 1.0], np.float32)[None, :, None]
    along = arms.elbow_at[:, None] * (1 - share) + arms.wrist_at[:, None] * share
    inside = np.maximum(0, 1 - figure.nearness(along)).max((1, 2))
    apart = np.linalg.norm(along[:, :, None] - other[None, None], axis=-1).min((1, 2))
    cost = 25 * inside + 40 * np.maximum(0, 0.075 - apart)
    axial = np.radians(axial_turn(arms.shoulder) - 20)
    cost += 0.35 * axial**2 + 0.35 * arms.twist**2 + 0.5 * arms.bend**2 + 0.6 * arms.side**2
    cost += 1.2 * arms.elbow_at[:, 1]  # elbows hang
    if target.palm is not None:
        cost += 2.2 * (1 + arms.hand_turn[:, :, 1] @ target.palm)  # the palm faces the hand's -y
    if target.handle is not None:
        cost += 2.0 * (1 - np.abs(arms.hand_turn[:, :, 2] @ target.handle))
    return np.asarray(np.where(inside > 0.22, np.inf, cost))


def reach(pose: Float, target: HandTarget, rng: np.random.Generator, temperature: float = 0.25) -> Float | None:
    """The pose with one arm led to its target, or None where no arm within its limits reaches it.

    Args:
        pose: (24, 3) rotation vectors; all but the arm's four joints stay.
        target: of which hand and where, about the pelvis.
        rng: random numbers.
        temperature: 0 takes the most comfortable arm, more takes others as well.

    Returns:
        A new pose (24, 3), or None.
    """
    if not target.is_left:
        found = reach(mirror_pose(pose), target.mirrored(), rng, temperature)
        return None if found is None else mirror_pose(found)
    figure = Figure.of(pose)
    arms = _draw(figure, target, rng)
    if not len(arms.twist):
        return None
    elbow, wrist, hand = figure.joints[19], figure.joints[21], figure.joints[23]
    share = np.linspace(0, 1, 5, dtype=np.float32)[:, None]
    other = np.concatenate([figure.joints[17] * (1 - share) + elbow * share, elbow * (1 - share) + wrist * share])
    cost = _discomfort(arms, figure, target, np.concatenate([other, hand[None]]).astype(np.float32))
    best = int(np.argmin(cost + temperature * rng.gumbel(size=len(cost))))
    if not np.isfinite(cost[best]):
        return None
    out = np.array(pose, np.float32)
    half = arms.twist[best] / 2  # the skin turns along the forearm, not at the elbow
    out[COLLAR], out[SHOULDER] = to_rotvec(arms.collar[best]), to_rotvec(arms.shoulder[best])
    out[ELBOW] = to_rotvec((_about(1, -arms.flexion[[best]]) @ _about(0, half[None]))[0])
    out[WRIST] = to_rotvec((_about(0, half[None]) @ _about(1, arms.side[[best]]) @ _about(2, arms.bend[[best]]))[0])
    return out

"""How many metres a unit of a solved camera stands for, told by people of known size: standing feet stand.

A solve from pictures has any scale. The person's body has a size, so a foot's place against the camera is known in
metres: q. In the world the foot is at q + s c, c the camera's place in the solve's unit. While it stands, the way of
q and s times the way of c cancel. Over steps of `LAG_S`, the better of both feet in each, s is searched where most of
the steps stand (Geman-McClure), then refined by reweighted least squares. Both sides go through the same filter, so
that what shakes with the camera cancels too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry.savitzky_golay import savitzky_golay
from ..types import Float

LAG_S = 0.3
"""Of a walker's step, who stands on a foot for 0.6 s: long against the noise of single frames, short against the stand.
Steps of 0.2 s, steadied over 0.4 s, take the beginning of the swing for standing, and the scale comes out too small."""
STEADY_S = 0.2
DEPTH_SHARE = 0.15
"""Of what moves along the view: one camera sees depth worst."""
STILL_M = 0.03
"""Way in a step at which a foot counts as standing by a half."""
CANDIDATES, ROUNDS = 400, 12
LEAST_WAY_M = 0.1
"""Of the camera in all: below it, nothing but its turning is seen in people, and any scale does."""
SURE = 0.1
"""Standard error, as a share of the scale, from which it is told as unsure."""


@dataclass(frozen=True, slots=True, eq=False)
class FeetSeen:
    """One person's feet against a moving camera.

    Attributes:
        time_s: (T,).
        feet: (T, 2, 3) from the camera, in the world's axes, metres.
        centre: (T, 3) the camera's places, in the solve's unit.
        view: (T, 3) where it looks, unit.
    """

    time_s: Float
    feet: Float
    centre: Float
    view: Float


@dataclass(frozen=True, slots=True)
class CameraScale:
    """Metres a unit; its standard error as a share of it, infinite where the people don't tell it."""

    metres: float
    error: float

    @property
    def note(self) -> str:
        """What the person should know; empty where the scale is sure."""
        if self.error <= SURE:
            return ""
        how = "" if not np.isfinite(self.error) else f" (by {100 * self.error:.0f} %)"
        return f"the camera's scale is uncertain{how}: few feet are seen standing while it moves"


def camera_scale(seen: Sequence[FeetSeen]) -> CameraScale:
    """The scale at which the feet of all people stand best; 1 and unsure where nothing tells it."""
    steps = [_steps(person) for person in seen]
    foot_way = np.concatenate([a for a, _ in steps])  # (M, 2, 3), depth weighed down
    camera_way = np.concatenate([b for _, b in steps])  # (M, 3)
    length = (camera_way**2).sum(1)
    if not len(length) or length.max() <= 0:
        return CameraScale(1.0, 0.0 if len(length) else np.inf)
    moves = length > 0.01 * length.max()
    foot_way, camera_way, length = foot_way[moves], camera_way[moves], length[moves]
    exact = -(foot_way * camera_way[:, None]).sum(2) / length[:, None]  # (M, 2) at which each foot stands best
    if not (exact > 0).any():
        return CameraScale(1.0, np.inf)
    candidates = np.linspace(0, 1.2 * np.quantile(exact[exact > 0], 0.98), CANDIDATES)[1:]
    costs = [_cost(_off(foot_way, camera_way, scale)) for scale in candidates]
    scale = float(candidates[int(np.argmin(costs))])
    error = np.inf
    for _ in range(ROUNDS):
        off = _off(foot_way, camera_way, scale)
        weights = np.where(off <= off.min(1, keepdims=True), 1 / (1 + (off / STILL_M) ** 2) ** 2, 0)
        held = float((weights * length[:, None]).sum())
        scale = float((weights * length[:, None] * exact).sum() / held)
        error = STILL_M / np.sqrt(held) / max(scale, 1e-9)
    if scale <= 0:
        return CameraScale(1.0, np.inf)
    extent = max(float(np.linalg.norm(np.ptp(person.centre, axis=0))) for person in seen)
    return CameraScale(scale, 0.0 if scale * extent < LEAST_WAY_M else error)


def _steps(person: FeetSeen) -> tuple[Float, Float]:
    """Ways of the feet (M, 2, 3) and of the camera (M, 3) over steps, what lies along the view weighed down."""
    pace_s = float(np.median(np.diff(person.time_s))) if len(person.time_s) > 1 else LAG_S
    lag = max(1, round(LAG_S / max(pace_s, 1e-6)))
    if len(person.time_s) <= lag:
        return np.zeros((0, 2, 3)), np.zeros((0, 3))
    feet, centre = (savitzky_golay(way, person.time_s, STEADY_S, degree=1) for way in (person.feet, person.centre))
    middle = person.view[lag // 2 :][: len(feet) - lag]
    return _weighed(feet[lag:] - feet[:-lag], middle[:, None]), _weighed(centre[lag:] - centre[:-lag], middle)


def _weighed(way: Float, view: Float) -> Float:
    return np.asarray(way - (1 - DEPTH_SHARE) * (way * view).sum(-1, keepdims=True) * view)


def _off(foot_way: Float, camera_way: Float, scale: float) -> Float:
    return np.asarray(np.linalg.norm(foot_way + scale * camera_way[:, None], axis=2))


def _cost(off: Float) -> float:
    way = (off.min(1) / STILL_M) ** 2
    return float((way / (1 + way)).mean())

"""Where the solved body is off the picture: each limb's joints against the heatmaps' points, over stretches of frames.

A mean over the clip and the body hides a forearm that stays at the belly for two seconds. So each limb is judged by
itself, by its mean offset over `WINDOW_S`, in which the trembling of the picture's points cancels out and a single
misread frame hardly counts, and only where the network was sure of the joint in the picture. A limb's number is the
largest such offset, and its stretch the frames around it in which the limb is not good.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry.camera import Size, project
from ..geometry.crops import BOX_FACTOR
from ..types import Float, Int, PersonMotion, PersonTake
from .checks import Check
from .contacts import runs

LIMBS: dict[str, tuple[int, ...]] = {
    "head": (13,), "shoulders": (8, 9, 12), "hips": (2, 3),
    "left upper arm": (10,), "right upper arm": (7,), "left forearm": (11,), "right forearm": (6,),
    "left thigh": (4,), "right thigh": (1,), "left shin": (5,), "right shin": (0,),
}  # fmt: skip
"""The LSP joints that tell where each limb ends."""
OFF_SHARE = (0.04, 0.06)
"""Of the person's longer side in the picture: green to the first, amber to the second. On five of six rendered walks
the worst limb has 0.02 to 0.06, on the sixth (crouched) 0.20; a drinking man's arm that stays down has 0.063."""
WINDOW_S, FEWEST = 0.4, 3
"""Of the mean that is judged, and its fewest frames."""
SURE = 0.35
"""Mean confidence in a window below which the picture does not say where the limb is."""


@dataclass(frozen=True, slots=True, eq=False)
class _Off:
    """One limb, one row a sighting: its mean distance over the window (T,) in shares of the person's size, NaN where
    the picture does not say, that size in pixels (T,) and the frames (T,)."""

    steady: Float
    size_px: Float
    frame_index: Int


def limb_checks(
    person: PersonMotion, seen: PersonTake, focal_px: float | Float, size_px: Size
) -> tuple[Check, ...]:
    """Every limb that the picture shows, in its worst stretch of frames, worst first.

    Args:
        person: solved, in the frame's camera.
        seen: what the network saw of the person.
        focal_px: focal length of the frame's camera, or (sightings, 1, 1) where it changes.
        size_px: width and height of the frame, or twice its centre where that is not the middle.
    """
    drawn_px = project(_at_sightings(person, seen.time_s), focal_px, size_px)
    side_px = np.asarray(seen.estimates.crop_side_px, np.float64) / BOX_FACTOR
    off = (drawn_px - seen.estimates.joints_px) / side_px[:, None, None]
    sure = np.asarray(seen.estimates.joint_confidence, np.float64)
    told = []
    for limb, joints in LIMBS.items():
        steady = np.mean([_steady(off[:, joint], sure[:, joint], seen.time_s) for joint in joints], axis=0)
        if np.isfinite(steady).any():
            told.append(_check(limb, _Off(steady, side_px, seen.frame_index)))
    return tuple(sorted(told, key=lambda check: -(check.value or 0) / check.amber))


def _at_sightings(person: PersonMotion, time_s: Float) -> Float:
    """(T, 14, 3) metres: where the solve has another rate, its joints are taken straight between its frames."""
    joints = (person.joints + person.transl[:, None]).reshape(len(person.time_s), -1)
    columns = [np.interp(time_s, person.time_s, column) for column in joints.T]
    return np.stack(columns, axis=1).reshape(len(time_s), -1, 3)


def _steady(off: Float, sure: Float, time_s: Float) -> Float:
    """(T,) lengths of the means of off (T, 2) over the window, by confidence (T,); NaN where too little is seen."""
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    half_s = max(WINDOW_S, (FEWEST - 1) * step_s) / 2 + 1e-6
    first = np.searchsorted(time_s, time_s - half_s)
    last = np.searchsorted(time_s, time_s + half_s, side="right")
    sums = [np.concatenate([[0.0], np.cumsum(values)]) for values in (sure * off[:, 0], sure * off[:, 1], sure)]
    x, y, weights = (total[last] - total[first] for total in sums)
    is_sure = weights >= SURE * (last - first)
    return np.where(is_sure, np.hypot(x, y) / np.maximum(weights, 1e-9), np.nan)


def _check(limb: str, off: _Off) -> Check:
    """The limb's check: its largest mean, and the frames around that in which it is not good."""
    green, amber = OFF_SHARE
    peak = int(np.nanargmax(off.steady))
    first, last = next((ends for ends in runs(off.steady > green) if ends[0] <= peak <= ends[1]), (peak, peak))
    size_px, frames = float(off.size_px[peak]), (int(off.frame_index[first]), int(off.frame_index[last]))
    where = f"frame {frames[0]}" if first == last else f"frames {frames[0]} to {frames[1]}"
    value = float(off.steady[peak]) * size_px
    return Check(limb, value, "px", green * size_px, amber * size_px, f"{limb}, {where}: {value:.0f} px off")

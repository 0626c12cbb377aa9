"""What a solved person is worth, told without any truth: seven or eight numbers, each green, amber or red.

    foot slide     cm/s       mean speed of the balls of the feet while they stand
    jitter         mm/frame^2 mean acceleration of the joints beside a steady motion; frames of 1/30 s
    floor          cm         depth of the lowest point under the floor, 95 of 100 frames: that of the standing feet, or
                              the one that everybody was set on
    limb length    %          largest change of a thigh, shin, upper arm or forearm over the clip
    flips          frames     read the wrong way round and not believed
    reprojection   px         mean distance of the joints from where the picture shows them, by confidence
    plausibility   mm         mean distance of the poses to their own re-encodings; only of takes with a vocabulary

A value is missing where a clip has nothing to measure it on: no contact, too few frames. Over gaps that were left
empty nothing slides or shakes.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..body.model import Body
from ..geometry.camera import Size, project
from ..geometry.savitzky_golay import savitzky_golay
from ..types import Check, Float, Floor, PersonCheck, PersonMotion, PersonTake
from .feet import foot_points
from .floor_plane import fitted_floor, lowest_under, soles_of
from .gaps import stretches
from .trajectory import LockedBody

SLIDE_CM_S = (4.0, 10.0)
"""Green to the first, amber to the second, so below. 4 is what an animator accepts without a foot tool; a peer's foot
anchor went from 30 to 8."""
JITTER_MM = (5.0, 10.0)
"""Recorded walks have 2.8 to 4.1, since a heel's strike is no steady motion; raw estimates have 50 to 90."""
FLOOR_CM = (3.0, 6.0)
"""Recorded walks have 0.6 to 1.9."""
LIMB_PERCENT = (1.0, 3.0)
"""A locked body has 0: a rig that bends and doesn't stretch."""
REPROJECTION_SHARE = (0.03, 0.06)
"""Of the person's longer side in the picture; good 2D labels are 0.02 off."""
FLIP_SHARE = (0.02, 0.1)
"""Of the frames in which somebody was seen. Ends and middles of flips are guesses: the more, the closer to look."""
SURFACE_MM = (15.0, 30.0)
"""A body of ten shape components can't be nearer to a mesh that is off by 5 to 10 itself."""
PLAUSIBILITY_MM = (20.0, 40.0)
"""The demo clip's true dance has 19 in its median frame and 32 in 95 of 100; with a knee bent sideways and an elbow
backwards it has 52 to 73 (`open-tiny`'s vocabulary)."""
STEADY_S, STEADY_DEGREE = 0.4, 3
"""Window and degree of the local polynomials that count as motion and not as jitter."""
FRAMES_A_SECOND = 30.0
LIMBS = ((1, 4), (2, 5), (4, 7), (5, 8), (16, 18), (17, 19), (18, 20), (19, 21))
"""Thighs, shins, upper arms and forearms, by SMPL's joints."""


def check_person(
    person: PersonMotion,
    bones: Float,
    seen: PersonTake,
    shape: LockedBody,
    focal_px: float | Float,
    size_px: Size,
    in_view: PersonMotion | None = None,
    floor: Floor | Literal["found"] | None = "found",
) -> PersonCheck:
    """All checks of one person.

    Args:
        person: solved; of a moving shot, in the world.
        bones: (T, 24, 3) metres, its joints in the frame's camera, or in the world.
        seen: what the network saw of the person.
        shape: the person's body.
        focal_px: focal length of the frame's camera, or (sightings, 1, 1) where it changes.
        size_px: width and height of the frame, or twice its centre where that is not the middle.
        in_view: the person in the frame's camera; None where `person` is.
        floor: that the person was set on; "found" is the one under the standing feet, None for none.
    """
    side_px = float(np.median(seen.estimates.box_px[:, 2:].max(1)))
    seen_frames = len(seen.frame_index)
    values = [
        ("foot slide", _foot_slide(person, bones), "cm/s", SLIDE_CM_S),
        ("jitter", _jitter(person), "mm/frame^2", JITTER_MM),
        ("floor", _under_floor(person, shape.body, floor), "cm", FLOOR_CM),
        ("limb length", _limb_change(bones), "%", LIMB_PERCENT),
        (
            "reprojection",
            _reprojection(in_view or person, seen, focal_px, size_px),
            "px",
            (REPROJECTION_SHARE[0] * side_px, REPROJECTION_SHARE[1] * side_px),
        ),
        ("flips", float(len(seen.flips)), "frames", (FLIP_SHARE[0] * seen_frames, FLIP_SHARE[1] * seen_frames)),
        ("surface", shape.surface_mm, "mm", SURFACE_MM),
    ]
    if len(person.plausibility_mm):
        values.append(("plausibility", float(person.plausibility_mm.mean()), "mm", PLAUSIBILITY_MM))
    return PersonCheck(person.person_id, tuple(Check(name, value, unit, *ends) for name, value, unit, ends in values))


def _foot_slide(person: PersonMotion, bones: Float) -> float | None:
    stands = person.contacts[1:] & person.contacts[:-1]
    if len(person.gap_after):
        stands &= ~person.gap_after[:-1, None]
    if not stands.any():
        return None
    way = np.linalg.norm(np.diff(foot_points(bones), axis=0), axis=2)
    return float(100 * (way / np.diff(person.time_s)[:, None])[stands].mean())


def _jitter(person: PersonMotion) -> float | None:
    joints = person.joints.astype(np.float64) + person.transl[:, None]
    long = [rows for rows in stretches(person) if rows.stop - rows.start >= 2 * STEADY_DEGREE]
    if not long:
        return None
    shakes = np.concatenate([_shakes(joints[rows], person.time_s[rows]) for rows in long])
    return float(1e3 * shakes.mean() / FRAMES_A_SECOND**2)


def _shakes(joints: Float, time_s: Float) -> Float:
    """(T - 2, 14) m/s^2 of joints (T, 14, 3) beside their steady motion."""
    off = joints - savitzky_golay(joints, time_s, STEADY_S, STEADY_DEGREE)
    steps_s = np.diff(time_s)[:, None, None]
    speed = np.diff(off, axis=0) / steps_s
    acceleration = np.diff(speed, axis=0) / ((steps_s[1:] + steps_s[:-1]) / 2)
    return np.asarray(np.linalg.norm(acceleration, axis=2))


def _under_floor(person: PersonMotion, body: Body, floor: Floor | Literal["found"] | None) -> float | None:
    if floor == "found":
        floor = fitted_floor(soles_of(person.vertices, person.transl, person.contacts, body))
    if floor is None:
        return None
    under = np.percentile(lowest_under(person.vertices, person.transl, floor), 95)
    return 100 * max(0.0, float(under))


def _limb_change(bones: Float) -> float:
    a, b = np.transpose(LIMBS)
    lengths = np.linalg.norm(bones[:, a] - bones[:, b], axis=2)
    return float(100 * (np.ptp(lengths, axis=0) / np.median(lengths, axis=0)).max())


def _reprojection(person: PersonMotion, seen: PersonTake, focal_px: float | Float, size_px: Size) -> float | None:
    """Where the solve has another rate, its joints are taken straight between its frames."""
    sure = np.asarray(seen.estimates.joint_confidence, np.float64)
    if sure.sum() <= 0:
        return None
    joints = (person.joints + person.transl[:, None]).reshape(len(person.time_s), -1)
    columns = [np.interp(seen.time_s, person.time_s, column) for column in joints.T]
    drawn_px = project(np.stack(columns, axis=1).reshape(len(seen.time_s), -1, 3), focal_px, size_px)
    return float(np.average(np.linalg.norm(drawn_px - seen.estimates.joints_px, axis=2), weights=sure))

"""What a solved person is worth, told without any truth: six or seven numbers, each green, amber or red.

    foot slide     cm/s       mean speed of the balls of the feet while they stand
    jitter         mm/frame^2 mean acceleration of the joints beside a steady motion; frames of 1/30 s
    floor          cm         depth of the lowest point under the floor of the standing feet, 95 of 100 frames
    limb length    %          largest change of a thigh, shin, upper arm or forearm over the clip
    reprojection   px         mean distance of the joints from where the picture shows them, by confidence
    plausibility   mm         mean distance of the poses to their own re-encodings; only of takes with a vocabulary

A value is missing where a clip has nothing to measure it on: no contact, too few frames. Over gaps that were left
empty nothing slides or shakes.
"""

from __future__ import annotations

import numpy as np

from .body import Body
from .camera import Size, project
from .feet import foot_points
from .gaps import stretches
from .smooth import savitzky_golay
from .stored import window_slices, windows
from .trajectory import LockedBody
from .types import Check, Float, PersonCheck, PersonMotion, PersonTake

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
FOOT_BONES = ((7, 10), (8, 11))
TILT_RAD, SOLE_M = 0.15, 0.03
"""How far the floor may tilt against the camera, and soles may lie off it: feet on one spot tell no tilt."""


def check_person(
    person: PersonMotion,
    bones: Float,
    seen: PersonTake,
    shape: LockedBody,
    focal_px: float | Float,
    size_px: Size,
    in_view: PersonMotion | None = None,
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
    """
    side_px = float(np.median(seen.estimates.box_px[:, 2:].max(1)))
    values = [
        ("foot slide", _foot_slide(person, bones), "cm/s", SLIDE_CM_S),
        ("jitter", _jitter(person), "mm/frame^2", JITTER_MM),
        ("floor", _floor(person, shape.body), "cm", FLOOR_CM),
        ("limb length", _limb_change(bones), "%", LIMB_PERCENT),
        (
            "reprojection",
            _reprojection(in_view or person, seen, focal_px, size_px),
            "px",
            (REPROJECTION_SHARE[0] * side_px, REPROJECTION_SHARE[1] * side_px),
        ),
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


def _floor(person: PersonMotion, body: Body) -> float | None:
    soles = _soles(person, body)
    if len(soles) < 2:
        return None
    middle = soles.mean(0)
    sides = (soles - middle)[:, [0, 2]]
    normal = sides.T @ sides + np.eye(2) * (SOLE_M / TILT_RAD) ** 2
    tilt = np.linalg.solve(normal, sides.T @ (soles - middle)[:, 1])
    down = np.array([-tilt[0], 1.0, -tilt[1]]) / np.sqrt(1 + tilt @ tilt)
    lowest = np.concatenate([(window @ down.astype(np.float32)).max(1) for window in windows(person.vertices)])
    depth = lowest + (person.transl - middle) @ down
    return float(100 * max(0.0, np.percentile(depth, 95)))


def _soles(person: PersonMotion, body: Body) -> Float:
    """(N, 3) metres, the frame's camera: the lowest point of each standing foot in each frame."""
    surfaces = [np.flatnonzero(body.skin_weights[:, list(bones)].sum(1) > 0.5) for bones in FOOT_BONES]
    lowest: list[list[Float]] = [[], []]
    for part in window_slices(len(person.vertices)):
        contacts = person.contacts[part]
        if not contacts.any():
            continue
        vertices, transl = person.vertices[part], person.transl[part]
        for foot, surface in enumerate(surfaces):
            rows = np.flatnonzero(contacts[:, foot])
            sole = vertices[np.ix_(rows, surface)]
            lowest[foot].append(sole[np.arange(len(rows)), sole[..., 1].argmax(1)] + transl[rows])
    return np.concatenate([np.zeros((0, 3)), *lowest[0], *lowest[1]], dtype=np.float64)


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

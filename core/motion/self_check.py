"""What a solved person is worth, told without any truth: seven or eight numbers, each green, amber or red.

    picture        px         distance of a limb from where the picture shows it, the worst limb in its worst stretch
    foot slide     cm/s       mean speed of the balls of the feet while they stand and nothing holds them
    jitter         m/s^2      mean acceleration of the joints beside a steady motion, at thirty frames a second
    floor          cm         depth of the lowest point under the floor, 95 of 100 frames: that of the standing feet
    jumps          times      the whole body changes its speed at once
    flips          times      the body turns half round in a moment
    surface        mm         mean distance of the skin to the surface that the network drew
    plausibility   mm         mean distance of the poses to their own re-encodings; only of takes with a vocabulary

A value is missing where a clip has nothing to measure it on (no contact, too few frames), and where it would be good by
construction: feet that are held don't slide, and nobody is under a floor that they were set on. What was mended on the
way is no fault of the result, so jumps and flips are counted in the result, and notes tell of the rest. Over gaps that
were left empty nothing slides or shakes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ..body.model import Body
from ..geometry.camera import Size
from ..geometry.savitzky_golay import savitzky_golay
from ..types import Bool, Float, Floor, PersonMotion, PersonTake
from .body_size import height_of
from .checks import Check, PersonCheck
from .contacts import FEET, runs
from .feet import foot_points
from .floor_plane import fitted_floor, lowest_under, soles_of
from .gaps import stretches
from .picture_check import limb_checks
from .result_jumps import flip_check, jump_check
from .trajectory import LockedBody

SLIDE_CM_S = (4.0, 10.0)
"""Green to the first, amber to the second, so below. 4 is what an animator accepts without a foot tool; a peer's foot
anchor went from 30 to 8."""
JITTER_M_S2 = (4.5, 9.0)
"""Recorded walks have 2.5 to 3.7, since a heel's strike is no steady motion; raw estimates have 45 to 80."""
FLOOR_CM = (3.0, 6.0)
"""Recorded walks have 0.6 to 1.9."""
SURFACE_MM = (15.0, 30.0)
"""A body of ten shape components can't be nearer to a mesh that is off by 5 to 10 itself."""
PLAUSIBILITY_MM = (20.0, 40.0)
"""The demo clip's true dance has 19 in its median frame and 32 in 95 of 100; with a knee bent sideways and an elbow
backwards it has 52 to 73 (`open-tiny`'s vocabulary)."""
STEADY_S, STEADY_DEGREE = 0.4, 3
"""Window and degree of the local polynomials that count as motion and not as jitter."""
JITTER_HZ = 30.0
"""The joints are compared with themselves a thirtieth of a second before and after, whatever the rate, so that every
rate is judged alike: tremor of 4 mm beside a recorded walk has 14.0 to 14.7 at 25, 30, 60 and 120 frames a second.
Below that rate a steady motion is followed the worse the fewer frames there are: the limits widen by as much."""
FEWEST_IN_WINDOW = 5
"""Frames that a steady motion's window has to hold: with fewer it goes through each of them, and nothing is left."""
TOO_FEW = "too few frames a second to tell shaking from motion"
HELD = "the feet are held wherever they stand"
SET_ON_FLOOR = "everybody was set on it"
NOBODY_STANDS = "no foot was found to stand"
NOT_SURE = "the network was never sure of a joint in the picture"
TOO_SHORT = "too few frames"


def check_person(
    person: PersonMotion,
    bones: Float,
    seen: PersonTake,
    shape: LockedBody,
    focal_px: float | Float,
    size_px: Size,
    in_view: PersonMotion | None = None,
    floor: Floor | Literal["found"] | None = "found",
    is_held: Bool | None = None,
    let_go: Bool | None = None,
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
        is_held: (T, 2) feet that the solve holds wholly where they stand; None for none.
        let_go: (T, 2) feet that stand and are not held for the picture's sake; None for none.
    """
    is_held, let_go = (np.zeros_like(person.contacts) if feet is None else feet for feet in (is_held, let_go))
    limbs = limb_checks(in_view or person, seen, focal_px, size_px)
    checks = [
        replace(limbs[0], name="picture") if limbs else Check("picture", None, "px", 0.0, 0.0, NOT_SURE),
        _foot_slide(person, bones, is_held, let_go),
        _jitter(person),
        _under_floor(person, shape.body, floor),
        jump_check(person),
        flip_check(person),
        Check("surface", shape.surface_mm, "mm", *SURFACE_MM),
    ]
    if len(person.plausibility_mm):
        checks.append(Check("plausibility", float(person.plausibility_mm.mean()), "mm", *PLAUSIBILITY_MM))
    notes = (_height(person.person_id, shape), *_let_go(let_go, person), *_mended(seen))
    return PersonCheck(person.person_id, tuple(checks), limbs, notes)


def _mended(seen: PersonTake) -> tuple[str, ...]:
    count = len(seen.flips)
    mended = f"{count} {'frame was' if count == 1 else 'frames were'} read the wrong way round, and mended"
    return (mended,) if count else ()


def _height(person_id: str, shape: LockedBody) -> str:
    how = f"estimated: where it is known, tell it with --height {person_id}=1.82"
    said = "as told" if shape.is_height_told else how
    return f"{height_of(shape.betas, shape.body):.2f} m tall, {said}"


def _let_go(let_go: Bool, person: PersonMotion) -> list[str]:
    """A sentence for each foot that was let go (T, 2) for the picture's sake."""
    notes = []
    for foot, column in zip(FEET, let_go.T, strict=True):
        frames = ", ".join(_frames(person, *ends) for ends in runs(column))
        if frames:
            notes.append(f"{foot} foot, {frames}: stands, but held it takes the body off the picture")
    return notes


def _foot_slide(person: PersonMotion, bones: Float, is_held: Bool, let_go: Bool) -> Check:
    found = person.contacts | let_go
    stands = found[1:] & found[:-1]
    if len(person.gap_after):
        stands &= ~person.gap_after[:-1, None]
    loose = stands & ~(is_held[1:] & is_held[:-1])
    if not loose.any():
        return Check("foot slide", None, "cm/s", *SLIDE_CM_S, HELD if stands.any() else NOBODY_STANDS)
    way = np.linalg.norm(np.diff(foot_points(bones), axis=0), axis=2)
    speed = 100 * way / np.diff(person.time_s)[:, None]
    stretch, foot, ends = max(
        (float(way[first : last + 1, foot].sum()), foot, (first, last + 1))
        for foot in range(2)
        for first, last in runs(loose[:, foot])
    )
    note = f"furthest: {FEET[foot]} foot, {_frames(person, *ends)}, {100 * stretch:.0f} cm"
    return Check("foot slide", float(speed[loose].mean()), "cm/s", *SLIDE_CM_S, note)


def _frames(person: PersonMotion, first: int, last: int) -> str:
    """Rows as frames of the footage, in words."""
    frames = person.frame_index[first], person.frame_index[last]
    return f"frame {frames[0]}" if first == last else f"frames {frames[0]} to {frames[1]}"


def _jitter(person: PersonMotion) -> Check:
    joints = person.joints.astype(np.float64) + person.transl[:, None]
    step_s = float(np.median(np.diff(person.time_s))) if len(person.time_s) > 1 else 1.0
    wider = max(1.0, JITTER_HZ * step_s)
    limits = (wider * JITTER_M_S2[0], wider * JITTER_M_S2[1])
    if 2 * round(STEADY_S / 2 / max(step_s, 1e-6)) + 1 < FEWEST_IN_WINDOW:
        return Check("jitter", None, "m/s^2", *limits, TOO_FEW)
    lag = max(1, round(1 / JITTER_HZ / step_s))
    fewest = max(2 * STEADY_DEGREE, 2 * lag + 1)
    long = [rows for rows in stretches(person) if rows.stop - rows.start >= fewest]
    if not long:
        return Check("jitter", None, "m/s^2", *limits, TOO_SHORT)
    shakes = np.concatenate([_shakes(joints[rows], person.time_s[rows], lag) for rows in long])
    return Check("jitter", float(shakes.mean() * JITTER_HZ**2), "m/s^2", *limits)


def _shakes(joints: Float, time_s: Float, lag: int) -> Float:
    """(T - 2 lag, 14) m, second differences of joints (T, 14, 3) beside their steady motion."""
    off = joints - savitzky_golay(joints, time_s, STEADY_S, STEADY_DEGREE)
    return np.asarray(np.linalg.norm(off[2 * lag :] - 2 * off[lag:-lag] + off[: -2 * lag], axis=2))


def _under_floor(person: PersonMotion, body: Body, floor: Floor | Literal["found"] | None) -> Check:
    if isinstance(floor, Floor):
        return Check("floor", None, "cm", *FLOOR_CM, SET_ON_FLOOR)
    if floor == "found":
        floor = fitted_floor(soles_of(person.vertices, person.transl, person.contacts, body))
    if floor is None:
        return Check("floor", None, "cm", *FLOOR_CM, NOBODY_STANDS)
    under = np.percentile(lowest_under(person.vertices, person.transl, floor), 95)
    return Check("floor", 100 * max(0.0, float(under)), "cm", *FLOOR_CM)

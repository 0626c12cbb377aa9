"""Feet that stand stay where they stand: contact from speed and height, then the legs bend to hold them.

Both feet are decided together over the whole clip (Viterbi): a foot that moves costs to be held, being in the air
costs while somebody could stand, and so does every change, which is the hysteresis. What counts as still is taken
from the clip: somebody who walks has a foot down at almost any time, so the slower foot's speed tells how badly a
standing foot is read. The slower of two feet is the likelier to stand: of somebody who walks along the line of sight
the network draws the strides too short (a quarter to two thirds of the true ones), so that a standing foot slides
with the hips, and only less than the other. What is found is widened a little, since speeds are read blurred. Of
somebody who walks away with feet dragged like that it is found too early too: the heel's rise, seen from behind, is
read as the foot's lift. It is moved later by as much as that was on walks whose truth is known.

The root is left where it is: hips give way only as far as a leg is too short. Works in the frame of a camera
that stands, or in the world where it moves, y taken to point down in both. Where the camera moves and nobody
says how, feet are not still in its frame, no contact is found, and nothing is changed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter1d, maximum_filter1d
from scipy.spatial.transform import Rotation

from ..geometry.rotations import matrices_of
from ..geometry.skinning import forward_kinematics
from ..types import Bool, Float, Int
from .contacts import runs
from .mesh_fit import continuous_quaternions
from .trajectory import LockedBody, Trajectory, posed

LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))
"""SMPL's hip, knee, ankle and toes, left and right."""
STILL_M_S = 0.25
"""A foot slower than this may stand, in any clip."""
STILL_SHARE = 0.5
"""The same as a share of the clip's fast steps (90th percentile): where these are fast, a standing foot that is read
badly seems to move too. To it comes the median speed of the slower foot, which is that misreading itself."""
STILL_MOST = 0.6
"""Of the fast steps, at most: two feet that move alike don't stand."""
FASTER_COST = 6.0
"""Of holding the foot that is faster than the other by the clip's fast steps; so much for holding the slower one."""
FLIGHT_COST = 1.0
"""Of no foot down though one is low enough, against 1 for a foot that is lifted though quite still."""
DOUBT_COST = 3.0
"""Of holding a foot that moves, at most: single misread frames don't end a contact."""
CHANGE_S = 0.1
"""Cost of a lift or a strike: so long a misreading at the cost of 1 is passed over."""
STEADY_S = 0.065
"""Standard deviation of the blur under the speed."""
DEPTH_SHARE = 0.4
"""Of the speed along the line of sight, which one camera sees worst."""
AT_ORIGIN = np.zeros(3)
"""Where a camera is in its own axes."""
NEAR_FLOOR_M = 0.18
"""Above the lowest that either foot gets within `FLIGHT_S` to both sides: nobody stands in mid-jump."""
FLIGHT_S = 0.3
BELOW_HIPS_M = 0.35
"""Feet higher than this below the hips carry nobody."""
SHORTEST_S = 0.1
WIDEN_S = 0.035
"""By which each contact begins earlier and ends later than it is read."""
EARLY_S = (0.067, 0.1)
"""By which contacts of somebody who walks straight away are found too early, where they begin and where they end."""
DRAGGED = (0.1, 0.2)
"""Speed of the slower foot along the hips' way, as a share of theirs: none of that so far, all of it from there. The
recorded walks themselves have -0.1 to 0.2, as the network reads them when somebody walks away 0.2 to 0.8."""
STRAIGHT = 4
"""Power of the cosine between the hips' way and the line of sight: at 40 degrees contacts are found in time."""
RUN_M_S, FADING_M_S = 2.0, 0.7
"""Nobody who runs rolls off so slowly: none of it from that speed on, all of it where it is slower by the second."""
WAY_S = 0.25
"""Standard deviation of the blur under the hips' way."""
MOST_M = {"auto": 0.1, "lock": np.inf}
"""By which a foot is moved at most: what needs more is more often a wrong contact."""
STRETCH = 0.998
"""Of a leg's whole length that it reaches: a straight knee snaps."""
GIVE_ROUNDS = 2
FADE_S = 0.08
"""Standard deviation of the blend between contacts."""


def foot_points(bones: Float) -> Float:
    """(T, 2, 3) the balls of both feet, which stay through a whole step, from joints (T, 24, 3)."""
    return np.stack([bones[:, toes] for _, _, _, toes in LEGS], axis=1)


def find_contacts(bones: Float, time_s: Float, eye: Float = AT_ORIGIN) -> Bool:
    """(T, 2) whether the left and the right foot stand.

    Args:
        bones: (T, 24, 3) joints, metres, y down.
        time_s: (T,).
        eye: (T, 3) where the camera is, in the axes of `bones`; (3,) where it stands.
    """
    if len(bones) < 3:
        return np.zeros((len(bones), 2), bool)
    step_s = max(float(np.median(np.diff(time_s))), 1e-6)
    feet = foot_points(bones)
    speed = _seen_speed(feet, time_s, np.broadcast_to(eye, (len(bones), 3)), STEADY_S / step_s)
    fast = float(np.percentile(speed, 90))
    still = max(STILL_M_S, min(STILL_SHARE * fast + float(np.median(speed.min(1))), STILL_MOST * fast))
    lowest = maximum_filter1d(feet[..., 1].max(1), 2 * round(FLIGHT_S / step_s) + 1, mode="nearest")[:, None]
    is_low = (lowest - feet[..., 1] < NEAR_FLOOR_M) & (feet[..., 1] - bones[:, :1, 1] > BELOW_HIPS_M)
    held = np.minimum((speed / still) ** 2 - 1, DOUBT_COST)
    held += FASTER_COST * np.clip((speed - speed[:, ::-1]) / max(fast, STILL_M_S), -1, 1)
    stands = _cheapest(np.where(is_low, held, np.inf), FLIGHT_COST * is_low.any(1), CHANGE_S / step_s)
    for foot in range(2):
        for first, last in runs(stands[:, foot]):
            if time_s[last] - time_s[first] < SHORTEST_S:
                stands[first : last + 1, foot] = False
    wider = np.ones((2 * round(WIDEN_S / step_s) + 1, 1), bool)
    share = _early_share(bones, feet, time_s, eye, step_s)
    return np.asarray(_later(binary_dilation(stands, wider), share, step_s) & is_low)


def _early_share(bones: Float, feet: Float, time_s: Float, eye: Float, step_s: float) -> Float:
    """(T,) share of `EARLY_S` by which contacts are too early: all where somebody walks away with dragged feet."""
    way = gaussian_filter1d(np.gradient(bones[:, 0], time_s, axis=0), WAY_S / step_s, axis=0, mode="nearest")
    speed = np.maximum(np.linalg.norm(way, axis=1), STILL_M_S)
    sight = bones[:, 0] - eye
    away = (way * sight).sum(1) / speed / np.maximum(np.linalg.norm(sight, axis=1), 1e-9)
    walks = np.gradient(gaussian_filter1d(feet, STEADY_S / step_s, axis=0, mode="nearest"), time_s, axis=0)
    dragged = float(np.median((walks * way[:, None]).sum(2).min(1) / speed**2))
    least, most = DRAGGED
    share = np.clip((dragged - least) / (most - least), 0, 1) * np.clip((RUN_M_S - speed) / FADING_M_S, 0, 1)
    return np.asarray(share * np.maximum(away, 0) ** STRAIGHT)


def _later(stands: Bool, share: Float, step_s: float) -> Bool:
    """(T, 2) contacts that begin and end later by a share (T,) of `EARLY_S`."""
    out = stands.copy()
    for foot in range(2):
        for first, last in runs(stands[:, foot]):
            begin, end = (round(EARLY_S[side] * share[row] / step_s) for side, row in enumerate((first, last)))
            if first > 0:
                out[first : first + begin, foot] = False
            out[last + 1 : last + 1 + end, foot] = True
    return out


def _seen_speed(feet: Float, time_s: Float, eye: Float, blur_frames: float) -> Float:
    """(T, 2) m/s of the feet (T, 2, 3), blurred, what goes along the line of sight counted in part."""
    way = gaussian_filter1d(np.gradient(feet, time_s, axis=0), blur_frames, axis=0, mode="nearest")
    sight = (feet.mean(1) - eye)[:, None]
    sight = sight / np.maximum(np.linalg.norm(sight, axis=2, keepdims=True), 1e-9)
    along = (way * sight).sum(2, keepdims=True) * sight
    return np.asarray(np.linalg.norm(way - (1 - DEPTH_SHARE) * along, axis=2))


def _cheapest(held: Float, flight: Float, change: float) -> Bool:
    """(T, 2) which feet stand in the cheapest course through the clip (Viterbi).

    Args:
        held: (T, 2) cost of a frame in which the foot stands.
        flight: (T,) cost of one in which neither does.
        change: cost of each foot that lifts or strikes.
    """
    states = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool)
    frames = np.where(states, held[:, None], 0).sum(2)
    frames[:, 0] = flight
    switch = change * (states[:, None] != states).sum(2)
    best, before = frames[0], np.zeros(frames.shape, int)
    for row in range(1, len(frames)):
        to = best[:, None] + switch
        before[row] = to.argmin(0)
        best = to.min(0) + frames[row]
    course = np.zeros(len(frames), int)
    course[-1] = best.argmin()
    for row in range(len(frames) - 1, 0, -1):
        course[row - 1] = before[row, course[row]]
    return np.asarray(states[course])


def planted(path: Trajectory, shape: LockedBody, most_m: float) -> Trajectory:
    """The path with both feet held, in each of its contacts, where they mostly are in it.

    Args:
        path: with its contacts.
        shape: the body.
        most_m: by which a foot is moved at most, metres.
    """
    before = posed(path.rotations, shape).bones + path.root[:, None]
    feet = foot_points(before)
    off = np.where(path.contacts[..., None], anchors(feet, path.contacts) - feet, 0)
    way = np.linalg.norm(off, axis=2)
    off *= np.minimum(1, most_m / np.maximum(way, 1e-9))[..., None]
    path = replace(path, is_held=path.contacts & (way <= most_m))
    return with_feet_moved(path, shape, faded(off, path.contacts, path.time_s))


def with_feet_moved(path: Trajectory, shape: LockedBody, off: Float) -> Trajectory:
    """The path with both feet moved by off (T, 2, 3) metres: legs bend, and hips give way where one is too short."""
    before = posed(path.rotations, shape).bones + path.root[:, None]
    parents, rest = shape.body.parents, shape.rest_joints
    give = _give(before, off, path.contacts, path.time_s)
    matrices = reach(matrices_of(path.rotations), rest, off - give[:, None], parents)
    rotations = continuous_quaternions(matrices).astype(np.float64)
    pelvis = before[:, 0] + give
    return replace(path, rotations=rotations, root=pelvis - posed(rotations, shape).bones[:, 0])


def _give(bones: Float, off: Float, contacts: Bool, time_s: Float) -> Float:
    """(T, 3) by which the hips come nearer, so that both legs reach; smooth over time, nothing where they do."""
    sigma = FADE_S / max(float(np.median(np.diff(time_s))), 1e-6)
    give = np.zeros((len(bones), 3))
    for _ in range(GIVE_ROUNDS):
        for foot, (hip, knee, ankle, _) in enumerate(LEGS):
            length = sum(np.linalg.norm(bones[:, b] - bones[:, a], axis=1) for a, b in ((hip, knee), (knee, ankle)))
            way = bones[:, ankle] + off[:, foot] - bones[:, hip] - give
            away = np.linalg.norm(way, axis=1)
            lacking = np.where(contacts[:, foot], np.maximum(away - STRETCH * length, 0), 0)
            if lacking.any():
                wide = maximum_filter1d(lacking, 2 * round(sigma) + 1, mode="nearest")
                smooth = gaussian_filter1d(wide, sigma, mode="nearest")
                give += smooth[:, None] * way / away[:, None]
    return give


def anchors(feet: Float, contacts: Bool) -> Float:
    """(T, 2, 3) where each standing foot should be: its middle place over the contact; NaN where it moves."""
    out = np.full(feet.shape, np.nan)
    for foot in range(2):
        for first, last in runs(contacts[:, foot]):
            out[first : last + 1, foot] = np.median(feet[first : last + 1, foot], axis=0)
    return out


def faded(off: Float, contacts: Bool, time_s: Float) -> Float:
    """(T, 2, 3) corrections of both feet: as given in contact, fading away before and after it."""
    out = np.zeros(off.shape)
    for foot in range(2):
        rows = np.flatnonzero(contacts[:, foot])
        if not len(rows):
            continue
        after = np.clip(np.searchsorted(rows, np.arange(len(off))), 0, len(rows) - 1)
        for nearest in (rows[after], rows[np.maximum(after - 1, 0)]):
            away = np.abs(time_s - time_s[nearest]) / (2 * FADE_S)
            part = np.exp(-(away**2))[:, None] * off[nearest, foot]
            out[:, foot] = np.where(np.abs(part) > np.abs(out[:, foot]), part, out[:, foot])
        out[rows, foot] = off[rows, foot]
    return out


def reach(matrices: Float, rest_joints: Float, shift: Float, parents: Int) -> Float:
    """Local rotations with which both ankles move by `shift`, the feet keeping their turn: two-bone legs.

    Args:
        matrices: (T, 24, 3, 3) local rotations.
        rest_joints: (24, 3) unposed, metres.
        shift: (T, 2, 3) metres, for the left and the right ankle.
        parents: (24,) of the joints.

    Returns:
        (T, 24, 3, 3).
    """
    out = np.array(matrices, np.float64)
    world, posed = forward_kinematics(out, rest_joints[None], parents)
    for foot, (hip, knee, ankle, _) in enumerate(LEGS):
        upper = posed[:, knee] - posed[:, hip]
        lower = posed[:, ankle] - posed[:, knee]
        target = posed[:, ankle] + shift[:, foot] - posed[:, hip]
        bend = _bend(upper, lower, target, world[:, knee, :, 0])
        swing = _shortest_turn(upper + (bend @ lower[..., None])[..., 0], target)
        new_hip, new_knee = swing @ world[:, hip], swing @ bend @ world[:, knee]
        out[:, hip] = np.swapaxes(world[:, parents[hip]], -1, -2) @ new_hip
        out[:, knee] = np.swapaxes(new_hip, -1, -2) @ new_knee
        out[:, ankle] = np.swapaxes(new_knee, -1, -2) @ world[:, ankle]
    return out


def _bend(upper: Float, lower: Float, target: Float, sideways: Float) -> Float:
    """(T, 3, 3) turn of the lower leg with which the ankle comes as far from the hip as the target is."""
    upper_m, lower_m = np.linalg.norm(upper, axis=1), np.linalg.norm(lower, axis=1)
    reach_m = np.clip(np.linalg.norm(target, axis=1), np.abs(upper_m - lower_m) + 1e-4, upper_m + lower_m - 1e-4)
    hinge = np.cross(upper, lower)
    sine = np.linalg.norm(hinge, axis=1)
    straight = sine < 1e-3 * upper_m * lower_m  # no bend shows the hinge: the knee's own x axis
    hinge = np.where(straight[:, None], sideways, hinge)
    hinge = hinge / np.linalg.norm(hinge, axis=1, keepdims=True)
    now = np.arctan2(sine, (upper * lower).sum(1))
    wanted = np.arccos(np.clip((reach_m**2 - upper_m**2 - lower_m**2) / (2 * upper_m * lower_m), -1, 1))
    return np.asarray(Rotation.from_rotvec(hinge * (wanted - now)[:, None]).as_matrix())


def _shortest_turn(a: Float, b: Float) -> Float:
    """(T, 3, 3) rotations that take the direction of a (T, 3) to that of b."""
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(sine, (a * b).sum(1))
    return np.asarray(Rotation.from_rotvec(axis * (angle / np.maximum(sine, 1e-12))[:, None]).as_matrix())

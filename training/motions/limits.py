"""Poses from the ranges of the joints: Beta distributions between the limits, no file needed.

The body stands in a T-pose: y up, x to the person's left, z to the front. Left limbs are drawn, right limbs
are drawn the same way and mirrored. Ranges are degrees, after the normal ranges of motion of the clinical
tables (AAOS), slightly widened for sport.
"""

from __future__ import annotations

import math

import numpy as np

from training.motions.rotation_vectors import Float, mirror_pose, to_matrix, to_rotvec
from training.motions.weighted_choice import pick

LEFT = {"hip": 1, "knee": 4, "ankle": 7, "foot": 10, "collar": 13, "shoulder": 16, "elbow": 18, "wrist": 20}
POSTURES = ("free", "stand", "sit", "squat", "kneel", "lie", "lunge")


def draw_angle(rng: np.random.Generator, low: float, mode: float, high: float, weight: float = 3.0) -> float:
    """One angle in radians, Beta-distributed between limits (degrees) around a mode."""
    where = (mode - low) / max(high - low, 1e-6)
    drawn = rng.beta(1 + weight * where, 1 + weight * (1 - where))
    return float(np.radians(low + (high - low) * drawn))


def turn_about(axis: int, angle: float) -> Float:
    """A turn (3, 3) about one axis."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3, dtype=np.float32)
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[second, first] = math.sin(angle)
    matrix[first, second] = -matrix[second, first]
    return matrix


def arm_turns(rng: np.random.Generator) -> dict[str, Float]:
    """Left arm, local rotations. In the T-pose the arm lies along +x with the palm down."""
    raised = draw_angle(rng, -85, -45, 85, 2.0)
    swing = draw_angle(rng, -135, -45, 35, 2.0)
    twist = draw_angle(rng, -80, 0, 80, 2.0)
    shoulder = turn_about(1, swing) @ turn_about(2, raised) @ turn_about(0, twist)
    return {
        "collar": to_matrix(
            np.array([0, draw_angle(rng, -12, 0, 12), draw_angle(rng, -8, 2, 25) + 0.15 * max(raised, 0)], np.float32)
        ),
        "shoulder": shoulder,
        "elbow": turn_about(1, draw_angle(rng, -148, -50, 0, 2.0)) @ turn_about(0, draw_angle(rng, -60, 0, 60, 2.0)),
        "wrist": to_matrix(
            np.array([0, draw_angle(rng, -15, 0, 20), draw_angle(rng, -55, -5, 55)], np.float32)
        ),
    }


def leg_turns(rng: np.random.Generator, posture: str) -> dict[str, Float]:
    """Left leg, local rotations. Flexion of the hip turns about -x, of the knee about +x."""
    flex = {
        "stand": (-15, 8, 45), "sit": (70, 88, 110), "squat": (70, 110, 130), "kneel": (-5, 10, 95),
        "lie": (-15, 20, 110), "lunge": (-25, 35, 110), "free": (-25, 30, 125),
    }[posture]  # fmt: skip
    knee = {
        "stand": (0, 8, 60), "sit": (60, 88, 115), "squat": (80, 120, 145), "kneel": (85, 110, 145),
        "lie": (0, 25, 130), "lunge": (5, 50, 120), "free": (0, 45, 145),
    }[posture]  # fmt: skip
    raised, spread = turn_about(0, -draw_angle(rng, *flex, 2.0)), turn_about(2, draw_angle(rng, -18, 8, 55, 2.5))
    return {
        "hip": raised @ spread @ turn_about(1, draw_angle(rng, -35, 5, 45)),
        "knee": turn_about(0, draw_angle(rng, *knee, 2.0)),
        "ankle": turn_about(0, draw_angle(rng, -25, 5, 45)) @ turn_about(2, draw_angle(rng, -15, 0, 15)),
        "foot": turn_about(0, draw_angle(rng, -25, -2, 10)),
    }


def _side(rng: np.random.Generator, posture: str) -> Float:
    """A pose whose left limbs are drawn and all else is rest: (24, 3)."""
    pose = np.zeros((24, 3), np.float32)
    turns = {**arm_turns(rng), **leg_turns(rng, posture)}
    pose[[LEFT[name] for name in turns]] = to_rotvec(np.stack(list(turns.values())))
    return pose


def bend_trunk(rng: np.random.Generator, pose: Float) -> None:
    """Spine, neck and head, in place; the bend is shared by the three joints of the spine."""
    limits = ((-25, 12, 75), (-50, 0, 50), (-35, 0, 35))
    bend = np.array([draw_angle(rng, *each, 2.5) for each in limits])
    for joint, share in ((3, 0.35), (6, 0.3), (9, 0.35)):
        pose[joint] = bend * share
    look = np.array([draw_angle(rng, -45, 5, 45), draw_angle(rng, -70, 0, 70), draw_angle(rng, -25, 0, 25)])
    pose[12], pose[15] = look * 0.45, look * 0.55


def _orientation(rng: np.random.Generator, posture: str) -> Float:
    """The pelvis' orientation (3, 3) in a y-up world, before any yaw."""
    if posture == "lie":
        back_front_side = (-90.0, 90.0, 0.0)[pick(rng, (0.4, 0.4, 0.2))]
        tilt = turn_about(0, np.radians(back_front_side + rng.normal(0, 12)))
        return tilt if back_front_side else turn_about(2, np.radians(rng.choice([-90, 90]) + rng.normal(0, 12)))
    spread = {"sit": 9.0, "stand": 8.0, "squat": 15.0, "kneel": 15.0, "lunge": 15.0, "free": 25.0}[posture]
    ahead, aside = np.radians(rng.normal(0.3 * spread, spread)), np.radians(rng.normal(0, spread / 2))
    tilt = turn_about(0, ahead) @ turn_about(2, aside)
    if posture == "free" and rng.random() < 0.3:
        axis = rng.normal(size=3)
        return to_matrix((axis / np.linalg.norm(axis) * rng.uniform(0, np.pi)).astype(np.float32))
    return tilt


def sample_limits(rng: np.random.Generator) -> Float:
    """One pose (24, 3) from joint limits, in a random posture; the world is y up."""
    posture = POSTURES[pick(rng, (0.34, 0.14, 0.16, 0.08, 0.08, 0.1, 0.1))]
    left, right = _side(rng, posture), mirror_pose(_side(rng, posture))
    symmetric = rng.random() < (0.5 if posture in ("sit", "squat") else 0.12)
    pose = left + (mirror_pose(left) if symmetric else right)
    bend_trunk(rng, pose)
    pose[0] = to_rotvec(_orientation(rng, posture))
    return pose

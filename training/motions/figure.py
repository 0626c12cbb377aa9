"""The mean body as joints, rough solids and named places on its skin: what hands are led to and must not enter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.body.model import load_body
from training.motions.rotation_vectors import PARENTS, Float, global_rotations, to_matrix

LIMB_RADIUS = 0.036
"""Half the thickness of a forearm, metres."""


@dataclass(frozen=True, slots=True)
class Place:
    """A named place on the skin of the body's left half or middle plane.

    Attributes:
        joint: the joint that carries it.
        around: (x, y, z) in the rest pose from which the skin is looked for, metres.
        facing: (x, y, z) outward direction; the skin's outermost vertex near the line from `around` is taken.
    """

    joint: int
    around: tuple[float, float, float]
    facing: tuple[float, float, float]


PLACES = {
    "mouth": Place(15, (0, 0.571, 0.06), (0, 0, 1)), "chin": Place(15, (0, 0.538, 0.07), (0, -0.4, 1)),
    "nose": Place(15, (0, 0.60, 0.06), (0, 0, 1)), "cheek": Place(15, (0.02, 0.585, 0.07), (1, 0, 0.7)),
    "ear": Place(15, (0, 0.62, 0.06), (1, 0, 0)), "eye": Place(15, (0.03, 0.635, 0.05), (0.2, 0, 1)),
    "forehead": Place(15, (0.02, 0.68, 0.06), (0.1, 0.2, 1)), "temple": Place(15, (0, 0.66, 0.08), (1, 0.2, 0.3)),
    "top": Place(15, (0.02, 0.64, 0.06), (0.1, 1, 0)), "crown": Place(15, (0.01, 0.66, 0.06), (0.1, 0.4, -1)),
    "nape": Place(12, (0.02, 0.53, 0.05), (0.2, 0, -1)), "throat": Place(12, (0.01, 0.49, 0.04), (0, 0, 1)),
    "chest": Place(9, (0.05, 0.33, 0.0), (0, 0, 1)), "far chest": Place(9, (0.12, 0.27, 0.0), (0.35, 0, 1)),
    "shoulder": Place(13, (0.16, 0.38, 0.03), (0.1, 1, 0.3)), "belly": Place(3, (0.02, 0.12, 0.0), (0, 0, 1)),
    "waist": Place(3, (0.0, 0.13, 0.05), (1, 0, 0.1)), "hip": Place(0, (0.0, 0.03, 0.04), (1, 0, 0.25)),
    "pocket": Place(0, (0.06, -0.05, 0.03), (0.7, 0, 0.8)), "groin": Place(0, (0.03, -0.06, 0.03), (0.1, 0, 1)),
    "small of the back": Place(3, (0.03, 0.08, 0.05), (0, 0, -1)), "seat": Place(0, (0.06, -0.06, 0.0), (0.1, 0, -1)),
    "thigh": Place(1, (0.12, -0.26, 0.04), (0.1, 0, 1)), "thigh side": Place(1, (0.12, -0.2, 0.04), (1, 0, 0.2)),
    "knee": Place(4, (0.136, -0.45, 0.04), (0, 0.1, 1)), "shin": Place(4, (0.15, -0.65, 0.03), (0.1, 0, 1)),
    "calf": Place(4, (0.15, -0.6, 0.03), (0.5, 0, -1)), "ankle": Place(4, (0.166, -0.83, 0.02), (0.8, 0, 0.6)),
    "instep": Place(7, (0.168, -0.91, 0.1), (0, 1, 0.4)), "upper arm": Place(16, (0.33, 0.416, 0.038), (0, 0.2, 1)),
    "elbow": Place(18, (0.45, 0.416, 0.038), (0, 0.3, -1)), "forearm": Place(18, (0.56, 0.416, 0.038), (0, 1, 0.2)),
    "wrist": Place(18, (0.655, 0.416, 0.038), (0, 1, 0)),
}  # fmt: skip

# Solids of the trunk, head and thighs: joint, centre in the rest pose, half axes; metres.
_SOLIDS = (
    (15, (0, 0.645, 0.075), (0.083, 0.125, 0.108)), (12, (0, 0.51, 0.045), (0.06, 0.07, 0.065)),
    (9, (0, 0.31, 0.052), (0.165, 0.15, 0.108)), (3, (0, 0.13, 0.057), (0.138, 0.13, 0.094)),
    (0, (0, -0.03, 0.034), (0.172, 0.13, 0.112)),
    (1, (0.105, -0.14, 0.04), (0.085, 0.13, 0.09)), (1, (0.12, -0.3, 0.05), (0.07, 0.12, 0.075)),
    (2, (-0.105, -0.14, 0.04), (0.085, 0.13, 0.09)), (2, (-0.12, -0.3, 0.05), (0.07, 0.12, 0.075)),
)  # fmt: skip
TRUNK = slice(0, 5)


@lru_cache(maxsize=1)
def rest_joints() -> Float:
    """Joints (24, 3) of the mean body in the T-pose: metres, y up, x to its left, z to its front."""
    body = load_body()
    return np.asarray(body.joint_regressor @ body.v_template, np.float32)


@lru_cache(maxsize=1)
def _skin() -> dict[str, tuple[int, Float, Float]]:
    """Joint, rest point (3,) and outward direction (3,) of each place of the left half."""
    vertices = np.asarray(load_body().v_template, np.float32)
    found = {}
    for name, place in PLACES.items():
        facing = np.asarray(place.facing, np.float32) / np.linalg.norm(place.facing)
        offset = vertices - np.asarray(place.around, np.float32)
        along = offset @ facing
        aside = np.linalg.norm(offset - along[:, None] * facing, axis=1)
        near = (aside < 0.02) & (along > 0) & (along < 0.22)
        found[name] = (place.joint, vertices[near][along[near].argmax()], facing.astype(np.float32))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """The mean body in a pose, about its pelvis and in the pelvis' own axes.

    Attributes:
        turns: (24, 3, 3) global rotations.
        joints: (24, 3) metres.
    """

    turns: Float
    joints: Float

    @classmethod
    def of(cls, pose: Float) -> Figure:
        """The figure of a pose (24, 3); the pelvis' orientation is left out."""
        local = to_matrix(pose)
        local[0] = np.eye(3, dtype=np.float32)
        turns, rest = global_rotations(local), rest_joints()
        joints = rest.copy()
        for joint, parent in enumerate(PARENTS[1:], start=1):
            joints[joint] = joints[parent] + turns[parent] @ (rest[joint] - rest[parent])
        return cls(turns, joints)

    def carried(self, joint: int, point: Float) -> Float:
        """Where a point (3,) of the rest pose is, carried rigidly by a joint."""
        return np.asarray(self.joints[joint] + self.turns[joint] @ (point - rest_joints()[joint]), np.float32)

    def place(self, name: str, is_left: bool = True) -> tuple[Float, Float]:
        """Point (3,) and outward direction (3,) of a named place of the left or the right half."""
        joint, point, facing = _skin()[name]
        if not is_left:
            flip = np.array([-1, 1, 1], np.float32)
            joint, point, facing = _OTHER[joint], point * flip, facing * flip
        return self.carried(joint, point), np.asarray(self.turns[joint] @ facing, np.float32)

    def nearness(self, points: Float) -> Float:
        """How far points (..., 3) are from each solid's middle, (..., solids); below 1 a limb there enters it."""
        out = np.empty((*points.shape[:-1], len(_SOLIDS)), np.float32)
        for n, (joint, centre, half) in enumerate(_SOLIDS):
            local = (points - self.carried(joint, np.asarray(centre, np.float32))) @ self.turns[joint]
            out[..., n] = np.sqrt(((local / (np.asarray(half, np.float32) + LIMB_RADIUS)) ** 2).sum(-1))
        return out


_OTHER = (0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22)


def segment_distance(a: Float, b: Float, c: Float, d: Float) -> float:
    """The least distance between the segments ab and cd, of points (3,), sampled at nine places of each."""
    share = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    first, second = a + share * (b - a), c + share * (d - c)
    return float(np.linalg.norm(first[:, None] - second[None], axis=-1).min())


def legs_cross(figure: Figure) -> bool:
    """Whether thighs or shins run through each other or into the trunk."""
    j = figure.joints
    if segment_distance(j[4], j[7], j[5], j[8]) < 0.085 or segment_distance(j[1], j[4], j[2], j[5]) < 0.1:
        return True
    if min(segment_distance(j[1], j[4], j[5], j[8]), segment_distance(j[2], j[5], j[4], j[7])) < 0.095:
        return True
    low = np.stack([j[4], j[5], j[7], j[8], (j[4] + j[7]) / 2, (j[5] + j[8]) / 2])
    return bool((figure.nearness(low)[:, TRUNK] < 0.93).any())

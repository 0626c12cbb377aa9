"""From MakeHuman's rest pose to SMPL's T-pose, and from its 163 bones to SMPL's 24 joints.

T-pose: arms along x with the palms down and the elbow's hinge vertical, hips to ankles `LEG_SPLAY` off
vertical, feet as they were. The forearm's twist is spread over its two bones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.spatial.transform import Rotation

from core.types import Float, Int
from training.body.makehuman import Source

JOINTS = [
    "pelvis",
    "L_hip",
    "R_hip",
    "spine1",
    "L_knee",
    "R_knee",
    "spine2",
    "L_ankle",
    "R_ankle",
    "spine3",
    "L_foot",
    "R_foot",
    "neck",
    "L_collar",
    "R_collar",
    "head",
    "L_shoulder",
    "R_shoulder",
    "L_elbow",
    "R_elbow",
    "L_wrist",
    "R_wrist",
    "L_hand",
    "R_hand",
]
PARENTS = np.array([-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21])
JOINT_MIRROR = np.array(
    [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
)
LEG_SPLAY = np.deg2rad(4.0)  # SMPL's mean body has 2 to 5 degrees
Axis: TypeAlias = tuple[float, float, float]
SMOOTHING_PASSES = 6
WEIGHTS_PER_VERTEX = 4

# MakeHuman bone (left or middle; its descendants follow it unless named) -> share of SMPL joints
BONE_TO_JOINTS: dict[str, dict[str, float]] = {
    "root": {"pelvis": 1},
    "pelvis.L": {"pelvis": 1},
    "upperleg01.L": {"L_hip": 1},
    "lowerleg01.L": {"L_knee": 1},
    "foot.L": {"L_ankle": 1},
    **{f"toe{i}-1.L": {"L_foot": 1} for i in range(1, 6)},
    "spine05": {"pelvis": 1},
    "spine04": {"pelvis": 0.35, "spine1": 0.65},
    "spine03": {"spine1": 0.7, "spine2": 0.3},
    "spine02": {"spine2": 0.6, "spine3": 0.4},
    "spine01": {"spine3": 1},
    "breast.L": {"spine3": 1},
    "clavicle.L": {"L_collar": 1},
    "upperarm01.L": {"L_shoulder": 1},
    "lowerarm01.L": {"L_elbow": 1},
    "wrist.L": {"L_wrist": 1},
    **{f"finger{i}-1.L": {"L_hand": 1} for i in range(1, 6)},
    "neck01": {"neck": 1},
    "neck03": {"neck": 0.5, "head": 0.5},
    "head": {"head": 1},
}


@dataclass(frozen=True, slots=True, eq=False)
class TPosed:
    """The population in T-pose.

    Attributes:
        vertices: (N, V, 3) metres.
        joints: (N, 24, 3) joint centres taken from MakeHuman's rig; the build's first guess.
        weights: (V, 24) skin weights, at most four a vertex, rows sum to one, exactly symmetric.
    """

    vertices: Float
    joints: Float
    weights: Float


def to_t_pose(source: Source) -> TPosed:
    """Population in T-pose on SMPL's skeleton."""
    rotations = _world_rotations(source)
    heads, tails = _forward(source, rotations)
    posed = np.empty_like(source.vertices)
    weights = csr_matrix(source.weights)
    for n, vertices in enumerate(source.vertices):
        offsets = heads[n] - np.einsum("bij,bj->bi", rotations[n], source.heads[n])
        flat = weights @ np.concatenate([rotations[n].reshape(-1, 9), offsets], 1)
        posed[n] = np.einsum("vij,vj->vi", flat[:, :9].reshape(-1, 3, 3), vertices) + flat[:, 9:]
    posed = _symmetrise(posed, source.mirror)
    return TPosed(posed, _joint_centres(source, heads, tails), merged_weights(source))


def _symmetrise(vertices: Float, mirror: Int) -> Float:
    return np.asarray(0.5 * (vertices + vertices[:, mirror] * np.array([-1.0, 1.0, 1.0])))


def _frame(main: Float, side: Float) -> Float:
    """(N, 3, 3) rotation whose columns are `main`, `side` made orthogonal to it, and their cross product."""
    a = main / np.linalg.norm(main, axis=-1, keepdims=True)
    b = side - (side * a).sum(-1, keepdims=True) * a
    b /= np.linalg.norm(b, axis=-1, keepdims=True)
    return np.stack([a, b, np.cross(a, b)], -1)


def _to_frame(main: Float, side: Float, target_main: Axis, target_side: Axis) -> Float:
    """Rotation (N, 3, 3) that turns (main, side) into (target_main, target_side)."""
    target = _frame(np.array([target_main]), np.array([target_side]))
    return np.asarray(target @ np.swapaxes(_frame(main, side), 1, 2))


def _world_rotations(source: Source) -> Float:
    """(N, B, 3, 3) rotation of every bone from MakeHuman's rest pose to the T-pose, world axes."""
    index = {name: i for i, name in enumerate(source.bones)}
    head = {name: source.heads[:, i] for name, i in index.items()}
    named: dict[str, Float] = {"root": np.broadcast_to(np.eye(3), (len(source.heads), 3, 3))}
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        named |= _arm(head, letter, sign) | _leg(head, letter, sign)
    rotations = np.empty((*source.heads.shape[:2], 3, 3))
    for i, name in enumerate(source.bones):
        parent = source.parents[i]
        rotations[:, i] = named[name] if name in named else rotations[:, parent]
    return rotations


def _arm(head: dict[str, Float], letter: str, sign: float) -> dict[str, Float]:
    shoulder, elbow, wrist = (head[f"{n}.{letter}"] for n in ("upperarm01", "lowerarm01", "wrist"))
    knuckle, index, little = (head[f"finger{i}-1.{letter}"] for i in (3, 2, 5))
    along, hinge = (sign, 0.0, 0.0), (0.0, -sign, 0.0)
    normal = np.cross(elbow - shoulder, wrist - elbow)
    upper = _to_frame(elbow - shoulder, normal, along, hinge)
    fore = _to_frame(wrist - elbow, normal, along, hinge)
    hand = _to_frame(knuckle - wrist, index - little, along, (0.0, 0.0, 1.0))
    twist = Rotation.from_matrix(hand @ np.swapaxes(fore, 1, 2)).as_rotvec()[:, 0]
    spread = [
        Rotation.from_rotvec(np.stack([twist * f, 0 * twist, 0 * twist], 1)).as_matrix() @ fore
        for f in (0.3, 0.75)
    ]
    # A part of the lift goes through the shoulder blade, as in a living shoulder.
    lift = Rotation.from_matrix(upper).as_rotvec()
    return {
        f"shoulder01.{letter}": Rotation.from_rotvec(lift * 0.25).as_matrix(),
        f"upperarm01.{letter}": upper,
        f"upperarm02.{letter}": upper,
        f"lowerarm01.{letter}": spread[0],
        f"lowerarm02.{letter}": spread[1],
        f"wrist.{letter}": hand,
    }


def _leg(head: dict[str, Float], letter: str, sign: float) -> dict[str, Float]:
    leg = head[f"foot.{letter}"] - head[f"upperleg01.{letter}"]
    angle = np.arctan2(leg[:, 0] * sign, -leg[:, 1])
    turn = np.zeros((len(leg), 3))
    turn[:, 2] = sign * (LEG_SPLAY - angle)
    rotation = Rotation.from_rotvec(turn).as_matrix()
    return {f"upperleg01.{letter}": rotation, f"foot.{letter}": np.broadcast_to(np.eye(3), rotation.shape)}


def _forward(source: Source, rotations: Float) -> tuple[Float, Float]:
    heads = source.heads.copy()
    for i, parent in enumerate(source.parents):
        if parent >= 0:
            offset = source.heads[:, i] - source.heads[:, parent]
            heads[:, i] = heads[:, parent] + np.einsum("nij,nj->ni", rotations[:, parent], offset)
    tails = heads + np.einsum("nbij,nbj->nbi", rotations, source.tails - source.heads)
    return heads, tails


def _joint_centres(source: Source, heads: Float, tails: Float) -> Float:
    """(N, 24, 3) SMPL joints among MakeHuman's bone ends."""
    head = {name: heads[:, i] for i, name in enumerate(source.bones)}
    tail = {name: tails[:, i] for i, name in enumerate(source.bones)}
    centre = {
        "pelvis": 0.6 * head["spine04"] + 0.4 * head["upperleg01.L"],
        "spine1": 0.5 * (head["spine04"] + head["spine03"]),
        "spine2": head["spine02"],
        "spine3": 0.3 * head["spine02"] + 0.7 * head["spine01"],
        "neck": head["neck01"],
        "head": head["head"],
    }
    left = {
        "hip": head["upperleg01.L"],
        "knee": head["lowerleg01.L"],
        "ankle": head["foot.L"],
        "foot": np.mean([head[f"toe{i}-1.L"] for i in range(1, 5)], 0),
        "collar": head["clavicle.L"],
        "shoulder": head["upperarm01.L"],
        "elbow": head["lowerarm01.L"],
        "wrist": head["wrist.L"],
        "hand": 0.5 * (tail["metacarpal2.L"] + tail["metacarpal3.L"]),
    }
    flip = np.array([-1.0, 1.0, 1.0])
    for name, value in left.items():
        centre[f"L_{name}"], centre[f"R_{name}"] = value, value * flip
    for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head"):
        centre[name] = centre[name] * [0, 1, 1]
    return np.stack([centre[name] for name in JOINTS], 1)


def merged_weights(source: Source) -> Float:
    """(V, 24) MakeHuman's weights gathered into SMPL's joints, smoothed, symmetric, four largest."""
    index = {name: i for i, name in enumerate(JOINTS)}
    share = np.zeros((len(source.bones), 24))
    for i, name in enumerate(source.bones):
        left = name[:-1] + "L" if name.endswith(".R") else name
        if left in BONE_TO_JOINTS:
            for joint, value in BONE_TO_JOINTS[left].items():
                column = index[joint]
                share[i, JOINT_MIRROR[column] if name.endswith(".R") else column] += value
        else:
            share[i] = share[source.parents[i]]
    weights = source.weights @ share
    smooth = uniform_laplacian_average(source.faces, len(weights))
    for _ in range(SMOOTHING_PASSES):
        weights = 0.5 * weights + 0.5 * (smooth @ weights)
    weights = 0.5 * (weights + weights[source.mirror][:, JOINT_MIRROR])
    weakest = np.sort(weights, axis=1)[:, -WEIGHTS_PER_VERTEX][:, None]
    weights = np.where(weights >= np.maximum(weakest, 1e-3), weights, 0)
    return np.asarray(weights / weights.sum(1, keepdims=True))


def uniform_laplacian_average(faces: Int, count: int) -> csr_matrix:
    """(V, V) mean over the neighbours of each vertex."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    adjacency = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    adjacency = ((adjacency + adjacency.T) > 0).astype(float)
    return csr_matrix(diags(1 / np.asarray(adjacency.sum(1)).ravel()) @ adjacency)

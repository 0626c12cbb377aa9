"""Bones turned so that the locked body's joints land on the joints seen in the picture.

The network says twice where a person is: as a mesh, whole and of a plausible pose, and joint by joint in the
picture, where it is nearer to the pixel (measured: PCK@0.1 of 37 against 22 on photographs with the first
weights) but knows no depth. The picture corrects the mesh here: a damped Gauss-Newton over the rotations of
the bones that carry the 14 joints and over the root, all frames at once. What the picture leaves open,
depth above all, stays as the mesh has it: every turn away from the network's pose costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter
from scipy.spatial.transform import Rotation

from ..files.windows import window_slices
from ..geometry.skinning import forward_kinematics, rotation_matrices
from ..types import Float, Int

CARRIERS = np.array([5, 2, 0, 0, 1, 4, 19, 17, 14, 13, 16, 18, 9, 15])
"""The SMPL bone that each LSP joint moves with: an ankle with its shin, a wrist with its forearm."""
PAIRS = ((0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9))
"""Right and left of the LSP set."""
FREEDOM_RAD = {0: 0.15, 1: 0.25, 2: 0.25, 3: 0.08, 4: 0.25, 5: 0.25, 6: 0.08, 9: 0.08, 12: 0.1, 13: 0.1, 14: 0.1,
               15: 0.1, 16: 0.3, 17: 0.3, 18: 0.3, 19: 0.3}  # fmt: skip
"""How far a bone turns from the network's pose at the cost of a joint that is one `SHARP` off; half and double
were both worse on the demo clip, whose truth is known (PA-MPJPE 131.5 mm without, 115.3 with, 118.8 and 121.5)."""
SHARP = 0.02
"""Error of a joint in the picture, against the person's size there: that of good 2D labels."""
TRUSTED = (0.6, 0.1)
"""Distance, against the person's size, at which a joint of the picture counts a quarter, in the first round and in
the last: wide, so that a mesh that stands beside the person gets there; narrow, as a wall is taken for a hand."""
JUMP = 0.15
"""The same for the distance from where the joint is in the frames around."""
FREEDOM_ROOT = np.array([0.05, 0.05, 0.03])
"""Shares of the root's depth by which it moves: x and y are seen, depth is not."""
ROUNDS = 8
STEP_RAD = 0.5
"""Largest turn of a bone in one round."""
IS_SWAPPED = 0.5
"""Share of the distance to the mesh at which a left joint and a right one have changed places."""
MEDIAN_FRAMES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the picture shows of one person.

    Attributes:
        joints_px: (T, 14, 2) frame pixels.
        weights: (T, 14) 0 to 1.
        size_px: (T,) of the person in the picture.
        focal_px: focal length of the frame's camera, or (T, 1, 1) where it changes.
        centre_px: (2,) middle of the frame.
    """

    joints_px: Float
    weights: Float
    size_px: Float
    focal_px: float | Float
    centre_px: Float

    def at(self, rows: slice) -> Seen:
        """Some of the frames."""
        focal_px = self.focal_px[rows] if isinstance(self.focal_px, np.ndarray) else self.focal_px
        return Seen(self.joints_px[rows], self.weights[rows], self.size_px[rows], focal_px, self.centre_px)


@dataclass(frozen=True, slots=True, eq=False)
class _Rig:
    """A body at rest, reduced to what carries the 14 joints.

    Attributes:
        bones: (24, 3) SMPL's joints, metres.
        offsets: (14, 3) from each LSP joint's carrier to the joint.
        parents: (24,).
        free: (K,) the bones that turn.
        moves: (14, K) whether a bone moves a joint.
    """

    bones: Float
    offsets: Float
    parents: Int
    free: Int
    moves: Float


def refine(
    rotations: Float, pelvis: Float, rest_bones: Float, rest_joints: Float, parents: Int, seen: Seen
) -> tuple[Float, Float]:
    """Local rotations and the pelvis' place with which the joints land on the picture's.

    Args:
        rotations: (T, 24, 3, 3) local, as the network has them.
        pelvis: (T, 3) the first bone's place in the frame's camera, metres.
        rest_bones: (24, 3) SMPL's joints at rest.
        rest_joints: (14, 3) LSP joints at rest.
        parents: (24,).
        seen: the picture's joints.

    Returns:
        (T, 24, 3, 3) and (T, 3).
    """
    rig = _rig(rest_bones, rest_joints, parents)
    start, first = np.asarray(rotations, np.float64), np.asarray(pelvis, np.float64)
    rotations, pelvis = start.copy(), first.copy()
    seen = _cleaned(seen, _project(_posed(rotations, pelvis, rig)[2], seen))
    for rows in window_slices(len(pelvis)):  # 100 kB a frame in between
        rotations[rows], pelvis[rows] = _refined(start[rows], first[rows], rig, seen.at(rows))
    return rotations, pelvis


def _refined(start: Float, first: Float, rig: _Rig, seen: Seen) -> tuple[Float, Float]:
    """As `refine`, of a window of frames: each is solved by itself."""
    rotations, pelvis = start.copy(), first.copy()
    freedom = np.array([FREEDOM_RAD[int(bone)] for bone in rig.free])
    for trusted in np.geomspace(*TRUSTED, ROUNDS):
        world, bones, joints = _posed(rotations, pelvis, rig)
        normal, right = _picture_terms(bones, joints, rig, seen, trusted)
        up = world[:, np.maximum(rig.parents[rig.free], 0)]
        up[:, rig.free == 0] = np.eye(3)
        away = np.einsum("tkij,tkj->tki", up, _turns(rotations[:, rig.free], start[:, rig.free]))
        cost = 1 / np.repeat(freedom, 3) ** 2
        rooted = 1 / (FREEDOM_ROOT * first[:, 2:]) ** 2
        diagonal = np.concatenate([np.broadcast_to(cost, (len(pelvis), len(cost))), rooted], axis=1)
        now = np.concatenate([away.reshape(len(pelvis), -1), pelvis - first], axis=1)
        normal[:, np.arange(len(cost) + 3), np.arange(len(cost) + 3)] += diagonal
        step = np.linalg.solve(normal, (right - diagonal * now)[..., None])[..., 0]
        turn = step[:, :-3].reshape(len(pelvis), -1, 3)
        turn /= np.maximum(np.linalg.norm(turn, axis=2, keepdims=True) / STEP_RAD, 1)
        local = np.einsum("tkji,tkj->tki", up, turn)  # from the world's axes to the parent's
        rotations[:, rig.free] = rotation_matrices(local) @ rotations[:, rig.free]
        pelvis = pelvis + step[:, -3:]
    return rotations, pelvis


def _rig(rest_bones: Float, rest_joints: Float, parents: Int) -> _Rig:
    free = np.array(sorted(FREEDOM_RAD))
    moves = np.zeros((len(CARRIERS), len(free)))
    for joint, carrier in enumerate(CARRIERS):
        bone = int(carrier)
        while bone >= 0:
            moves[joint, free == bone] = 1
            bone = int(parents[bone]) if bone else -1
    return _Rig(rest_bones, rest_joints - rest_bones[CARRIERS], parents, free, moves)


def _posed(rotations: Float, pelvis: Float, rig: _Rig) -> tuple[Float, Float, Float]:
    """World rotations (T, 24, 3, 3), bones (T, 24, 3) and LSP joints (T, 14, 3), the frame's camera."""
    world, bones = forward_kinematics(rotations, rig.bones[None], rig.parents)
    bones = bones - bones[:, :1] + pelvis[:, None]
    joints = bones[:, CARRIERS] + np.einsum("tjab,jb->tja", world[:, CARRIERS], rig.offsets)
    return world, bones, joints


def _picture_terms(bones: Float, joints: Float, rig: _Rig, seen: Seen, trusted: float) -> tuple[Float, Float]:
    """Normal matrix (T, N, N) and right side (T, N) of the joints' distances in the picture."""
    x, y, z = np.moveaxis(joints, -1, 0)
    zero = np.zeros_like(x)
    rows = np.stack([np.stack([1 / z, zero, -x / z**2], -1), np.stack([zero, 1 / z, -y / z**2], -1)], axis=2)
    scale = np.reshape(seen.focal_px, (-1, 1, 1, 1)) / (SHARP * seen.size_px)[:, None, None, None]
    to_picture = rows * scale  # (T, 14, 2, 3)
    arms = (joints[:, :, None] - bones[:, None, rig.free]) * rig.moves[None, :, :, None]  # (T, 14, K, 3)
    # a turn w of a bone moves a joint by w x arm; row . (w x arm) = w . (arm x row)
    turned = np.cross(arms[:, :, None], to_picture[:, :, :, None, :])  # (T, 14, 2, K, 3)
    slopes = np.concatenate([turned.reshape(*turned.shape[:3], -1), to_picture], axis=3)
    slopes = slopes.reshape(len(joints), -1, slopes.shape[3])
    off = (seen.joints_px - _project(joints, seen)) / seen.size_px[:, None, None]
    far = np.linalg.norm(off, axis=2) / trusted
    weights = np.repeat(seen.weights / (1 + far**2) ** 2, 2, axis=1)[..., None]
    weighted = (slopes * weights).transpose(0, 2, 1)
    return weighted @ slopes, (weighted @ (off / SHARP).reshape(len(joints), -1, 1))[..., 0]


def _project(joints: Float, seen: Seen) -> Float:
    return np.asarray(seen.focal_px * joints[..., :2] / joints[..., 2:] + seen.centre_px)


def _turns(rotations: Float, start: Float) -> Float:
    """(T, K, 3) rotation vectors from `start` to `rotations`, in the parent's axes."""
    turned = rotations @ start.swapaxes(-1, -2)
    return np.asarray(Rotation.from_matrix(turned.reshape(-1, 3, 3)).as_rotvec().reshape(*turned.shape[:2], 3))


def _cleaned(seen: Seen, drawn_px: Float) -> Seen:
    """The picture's joints with left and right where the mesh has them, and without single jumps."""
    joints, weights = seen.joints_px.astype(np.float64).copy(), seen.weights.astype(np.float64).copy()
    for a, b in PAIRS:
        straight = _apart(joints[:, a], drawn_px[:, a]) + _apart(joints[:, b], drawn_px[:, b])
        crossed = _apart(joints[:, b], drawn_px[:, a]) + _apart(joints[:, a], drawn_px[:, b])
        is_swapped = crossed < IS_SWAPPED * straight
        for values in (joints, weights):
            values[is_swapped, a], values[is_swapped, b] = values[is_swapped, b], values[is_swapped, a]
    if len(joints) >= MEDIAN_FRAMES:
        steady = median_filter(joints, (MEDIAN_FRAMES, 1, 1), mode="nearest")
        jump = np.linalg.norm(joints - steady, axis=2) / seen.size_px[:, None] / JUMP
        weights /= (1 + jump**2) ** 2
    return Seen(joints, weights, seen.size_px, seen.focal_px, seen.centre_px)


def _apart(a: Float, b: Float) -> Float:
    return np.asarray(np.linalg.norm(a - b, axis=-1))

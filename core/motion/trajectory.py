"""A person's motion between the fit and the posing: rotations and root over time, and the body they move."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from ..body.model import Body
from ..files.windows import MadeRows, window_slices
from ..geometry.rotations import at_times, matrices_of
from ..types import LSP_JOINTS, ROOT_LSP, Bool, Float, Int, PersonTake


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """One row per frame.

    Attributes:
        frame_index: (T,) of the footage, or of another rate once resampled.
        time_s: (T,).
        rotations: (T, 24, 4) wxyz, local.
        root: (T, 3) the mid-hip in the frame's camera, metres; of a moving shot also in the world.
        confidence: (T, 14).
        is_filled: (T,) nothing was seen.
        contacts: (T, 2) whether the left and the right foot stand.
        is_held: (T, 2) whether a foot that stands is held wholly where it does; None for nowhere.
        let_go: (T, 2) whether a foot was found to stand, but is no contact, for the picture's sake; None for nowhere.
    """

    frame_index: Int
    time_s: Float
    rotations: Float
    root: Float
    confidence: Float
    is_filled: Bool
    contacts: Bool
    is_held: Bool | None = None
    let_go: Bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LockedBody:
    """One body for the clip.

    Attributes:
        betas: (10,) its shape.
        rest_joints: (24, 3) metres, its joints at rest.
        body: the body model.
        surface_mm: mean distance of its skin, in the bones as they were found, to the network's mesh; None where nobody
            looked.
        is_height_told: whether somebody has told how tall the person is; else it is the network's estimate.
    """

    betas: Float
    rest_joints: Float
    body: Body
    surface_mm: float | None = None
    is_height_told: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """The locked body in T poses, metres, camera axes, relative to the mid-hip.

    Attributes:
        vertices: (T, 6890, 3), posed when rows of them are read.
        joints: (T, 14, 3) LSP.
        bones: (T, 24, 3) SMPL's joints.
        bone_transl: (T, 3) with which `Body.pose` lands on `vertices`.
    """

    vertices: PosedRows
    joints: Float
    bones: Float
    bone_transl: Float


class PosedRows(MadeRows):
    """The vertices (T, 6890, 3) of a locked body in T poses, moved by (T, 3)."""

    def __init__(self, rotations: Float, shape: LockedBody, transl: Float) -> None:
        """The poses as local rotations (T, 24, 4)."""
        self._rotations, self._shape, self._transl = rotations, shape, transl
        self.shape = (len(rotations), *shape.body.v_template.shape)

    def made(self, rows: slice) -> Float:
        """The body in the poses of a window."""
        whole = self._shape.body.pose(matrices_of(self._rotations[rows]), self._shape.betas[None])
        return np.asarray(whole.vertices + self._transl[rows, None])


def posed(rotations: Float, shape: LockedBody) -> Posed:
    """The body in the poses of local rotations (T, 24, 4); of its surface only what tells the joints is posed here."""
    used = np.flatnonzero(shape.body.lsp_regressor.any(0))
    regressor = csr_matrix(shape.body.lsp_regressor[:, used])
    parts = []
    for rows in window_slices(len(rotations)):
        part = shape.body.pose(matrices_of(rotations[rows]), shape.betas[None], only=used)
        flat = part.vertices.transpose(1, 0, 2).reshape(len(used), -1)
        parts.append(((regressor @ flat).reshape(len(LSP_JOINTS), -1, 3).transpose(1, 0, 2), part.joints))
    joints, bones = (np.concatenate(column) for column in zip(*parts, strict=True))
    root = joints[:, list(ROOT_LSP)].mean(1)
    return Posed(PosedRows(rotations, shape, -root), joints - root[:, None], bones - root[:, None], -root)


def every_frame(person: PersonTake, rotations: Float, step: int) -> Trajectory:
    """All frames from the first to the last, gaps filled on the shortest way and marked; nobody has a place yet.

    Args:
        person: the sightings.
        rotations: (sightings, 24, 4) wxyz.
        step: of the take, frames.
    """
    frame_index = np.arange(person.frame_index[0], person.frame_index[-1] + 1, step)
    time_s = np.interp(frame_index, person.frame_index, person.time_s)
    confidence = np.zeros((len(frame_index), len(LSP_JOINTS)))
    is_seen = np.isin(frame_index, person.frame_index)
    confidence[is_seen] = person.estimates.joint_confidence
    filled = at_times(rotations, person.time_s, time_s)
    nowhere, in_the_air = np.zeros((len(time_s), 3)), np.zeros((len(time_s), 2), np.bool_)
    return Trajectory(frame_index, time_s, filled, nowhere, confidence, ~is_seen, in_the_air)


def resampled(path: Trajectory, fps: float, *, is_in_world: bool = False) -> Trajectory:
    """The path on the whole frames of another rate; its root straight in the world, or as the picture shows it."""
    frame_index = whole_frames(path.time_s, fps)
    return replace(_at(path, frame_index / fps, is_in_world), frame_index=frame_index, time_s=frame_index / fps)


def whole_frames(time_s: Float, fps: float) -> Int:
    """(N,) the frames of a rate that lie within times (T,); one at least."""
    first, last = np.ceil(time_s[0] * fps - 1e-6), np.floor(time_s[-1] * fps + 1e-6)
    return np.arange(int(first), max(int(last), int(first)) + 1)


def _at(path: Trajectory, time_s: Float, is_in_world: bool) -> Trajectory:
    """The path at other times; in the picture, directions and log depth are straight between frames."""
    between = interpolated if is_in_world else root_between
    nearest = np.clip(np.searchsorted(path.time_s, time_s), 0, len(path.time_s) - 1)
    return replace(
        path,
        rotations=at_times(path.rotations, path.time_s, time_s),
        root=between(path.root, path.time_s, time_s),
        confidence=interpolated(path.confidence, path.time_s, time_s),
        is_filled=path.is_filled[nearest],
        contacts=path.contacts[nearest],
        is_held=None if path.is_held is None else path.is_held[nearest],
        let_go=None if path.let_go is None else path.let_go[nearest],
    )


def root_between(root: Float, time_s: Float, wanted_s: Float) -> Float:
    """(N, 3) of a root (T, 3) at wanted times: straight as the picture shows it."""
    return from_ray_depth(interpolated(to_ray_depth(root), time_s, wanted_s))


def interpolated(values: Float, time_s: Float, wanted_s: Float) -> Float:
    """(N, C) of values (T, C), straight between their times."""
    return np.stack([np.interp(wanted_s, time_s, column) for column in values.T], axis=1)


def to_ray_depth(root: Float) -> Float:
    """(T, 3) x / z, y / z, log z: what a camera sees well, and what it sees badly."""
    return np.concatenate([root[:, :2] / root[:, 2:], np.log(root[:, 2:])], axis=1)


def from_ray_depth(ray_depth: Float) -> Float:
    """(T, 3) metres of what `to_ray_depth` made."""
    depth = np.exp(ray_depth[:, 2:])
    return np.concatenate([ray_depth[:, :2] * depth, depth], axis=1)

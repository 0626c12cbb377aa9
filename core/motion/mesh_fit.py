"""Vertices -> bones: one body shape for the clip and 24 local rotations a frame that explain the surface.

No network and no optimiser library. World rotations of the parts come from a weighted Kabsch alignment; a few
Gauss-Newton steps on the 431 coarse vertices, all frames at once, then make root, rotations and surface
agree. The shape is solved together with the poses of some frames of the clip, then kept. Joints that little
surface speaks for (spine, collars) carry a weak prior towards rest, which only noise can notice. Where the poses have
been read in another way too (`PosePrior`, the network's rotation head), the prior is towards those, as strong as is
asked for each joint. The fit still starts from the surface: begun at a reading whose joints are 9 degrees off, three
steps end 18 mm off the surface, where they end on it from Kabsch's start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

from ..body.model import Body
from ..geometry.rotations import matrices_of
from ..geometry.skinning import forward_kinematics, pose_features, rotation_matrices
from ..types import Float, Int

SHAPE_FRAMES = 40  # frames of the clip that decide the body shape
SHAPE_ROUNDS = 5
STEPS = 3  # Gauss-Newton steps with the final shape; converges quadratically from Kabsch's start
FRAMES_AT_ONCE = 48
NOISE = (
    0.006  # metres, what a coarse vertex of a network is taken to be off by, independently of its neighbours
)
BETA_LIMIT = 4.0
REGULAR = 1e-7  # keeps the normal equations solvable where nothing speaks for a joint
# Standard deviation of each local rotation from rest, radians; the prior weighs NOISE^2 over its square.
LOOSE, STIFF = 2.0, 0.3
STIFF_JOINTS = (3, 6, 9, 10, 11, 12, 13, 14, 15, 22, 23)


@dataclass(frozen=True, slots=True, eq=False)
class BoneFit:
    """A body that follows given vertices.

    Attributes:
        betas: (10,) one shape for all frames.
        rotations: (T, 24, 4) local rotations, quaternions wxyz, sign continuous in time; the root's first.
        transl: (T, 3) metres; `body.pose(matrices, betas, transl)` gives the fitted vertices.
        error_mm: (T,) mean distance between given and fitted vertices.
    """

    betas: Float
    rotations: Float
    transl: Float
    error_mm: Float


@dataclass(frozen=True, slots=True, eq=False)
class PosePrior:
    """Another reading of the poses, to which the joints are pulled in place of rest.

    Attributes:
        rotations: (T, 24, 3, 3) local, in the axes of the surface.
        spread: (T, 24) radians, standard deviation of each joint from this reading; of the root it is not asked.
    """

    rotations: Float
    spread: Float

    def at(self, rows: slice) -> PosePrior:
        """Some of the frames."""
        return PosePrior(self.rotations[rows], self.spread[rows])


def fit_bones(vertices: Float, body: Body, betas: Float | None = None, prior: PosePrior | None = None) -> BoneFit:
    """Body shape, local rotations and translation behind (T, 6890, 3) vertices, metres, in any axes.

    Args:
        vertices: (T, 6890, 3).
        body: the body whose vertices these are.
        betas: (10,) a shape that is known already, or None.
        prior: another reading of the poses; None pulls weakly towards rest.

    Raises:
        ValueError: not this body's number of vertices, no frame, or a number that is not finite.
    """
    if vertices.ndim != 3 or vertices.shape[1:] != body.v_template.shape or not len(vertices):
        raise ValueError(f"expected vertices (T >= 1, {len(body.v_template)}, 3), got {vertices.shape}")
    if not np.isfinite(vertices).all():
        raise ValueError("the vertices hold numbers that are not finite")
    fit = fit_coarse(vertices[:, body.index_431], body, betas, prior)
    error_mm = np.empty(len(vertices))
    for start in range(0, len(vertices), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        fitted = body.pose(matrices_of(fit.rotations[part]), fit.betas[None], fit.transl[part]).vertices
        error_mm[part] = 1e3 * np.linalg.norm(fitted - vertices[part], axis=2).mean(1)
    return replace(fit, error_mm=error_mm)


def fit_coarse(surface: Float, body: Body, betas: Float | None = None, prior: PosePrior | None = None) -> BoneFit:
    """As `fit_bones`, from the 431 vertices that it looks at, and with no error told.

    Args:
        surface: (T, 431, 3) of the 6890 vertices those of `body.index_431`.
        body: the body whose vertices these are.
        betas: (10,) a shape that is known already, or None.
        prior: as for `fit_bones`.

    Raises:
        ValueError: a number that is not finite, or a prior of other frames.
    """
    if prior is not None and len(prior.rotations) != len(surface):
        raise ValueError(f"expected a prior of {len(surface)} frames, got {len(prior.rotations)}")
    if not np.isfinite(surface).all():
        raise ValueError("the vertices hold numbers that are not finite")
    coarse = _Coarse.of(body)
    centre = surface.astype(np.float64).mean(1)  # near the origin float32 is enough for the big products
    if betas is None:
        chosen = np.unique(np.linspace(0, len(surface) - 1, SHAPE_FRAMES).round().astype(int))
        betas = _fit_shape(coarse, surface[chosen].astype(np.float64) - centre[chosen, None])
    matrices, transl = np.empty((len(surface), 24, 3, 3)), np.empty((len(surface), 3))
    for start in range(0, len(surface), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        target, believed = surface[part].astype(np.float64) - centre[part, None], prior and prior.at(part)
        pose = _start(coarse, target, betas)
        for _ in range(STEPS):
            pose = _step(coarse, target, betas, pose, believed)
        matrices[part], transl[part] = _local(pose.world, body.parents), pose.transl + centre[part]
    nothing = np.zeros(len(surface))
    return BoneFit(betas.astype(np.float32), continuous_quaternions(matrices), transl.astype(np.float32), nothing)


def surface_error_mm(surface: Float, body: Body, betas: Float, rotations: Float) -> Float:
    """(T,) mean distance, mm, of a body's 431 vertices to (T, 431, 3) given ones, each frame moved onto its middle.

    Args:
        surface: (T, 431, 3) metres, of the 6890 vertices those of `body.index_431`.
        body: the body whose vertices these are.
        betas: (10,) its shape.
        rotations: (T, 24, 4) local rotations, wxyz.
    """
    coarse, error_mm = _Coarse.of(body), np.empty(len(surface))
    for start in range(0, len(surface), FRAMES_AT_ONCE):
        part = slice(start, start + FRAMES_AT_ONCE)
        local = matrices_of(np.asarray(rotations[part], np.float64))
        world, _ = forward_kinematics(local, coarse.joints[None], coarse.parents)
        drawn = np.swapaxes(_forward(coarse, betas, _Pose(world, np.zeros((len(local), 3)))).vertices, 1, 2)
        apart = drawn - surface[part]
        error_mm[part] = 1e3 * np.linalg.norm(apart - apart.mean(1, keepdims=True), axis=2).mean(1)
    return error_mm


def continuous_quaternions(matrices: Float) -> Float:
    """(T, J, 4) quaternions wxyz of (T, J, 3, 3) rotations, the sign nearer to the frame before."""
    xyzw = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_quat().reshape(*matrices.shape[:2], 4)
    wxyz = np.roll(xyzw, 1, axis=-1)
    wxyz[0] *= np.where(wxyz[:1, :, :1] < 0, -1.0, 1.0)[0]
    flips = np.where((wxyz[1:] * wxyz[:-1]).sum(-1) < 0, -1.0, 1.0)
    wxyz[1:] *= np.cumprod(flips, axis=0)[..., None]
    return np.asarray(wxyz, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Coarse:
    """The body on its 431 vertices, float64."""

    template: Float  # (431, 3)
    shapedirs: Float  # (431, 3, 10)
    posedirs: Float  # (1293, 207)
    weights: Float  # (431, 24)
    joints: Float  # (24, 3)
    joint_dirs: Float  # (24, 3, 10)
    parents: Int
    descendants: Float  # (24, 24) [j, k]: 1 where k is j or below it
    prior: Float  # (24,) weight of each joint's pull towards rest

    @classmethod
    def of(cls, body: Body) -> _Coarse:
        index = body.index_431
        regressor = csr_matrix(body.joint_regressor.astype(np.float64))
        descendants = np.eye(24)
        for k in range(23, 0, -1):
            descendants[body.parents[k]] += descendants[k]
        spread = np.full(24, LOOSE)
        spread[list(STIFF_JOINTS)] = STIFF
        prior = (NOISE / spread) ** 2
        prior[0] = 0.0
        return cls(
            body.v_template[index].astype(np.float64),
            body.shapedirs[index].astype(np.float64),
            body.posedirs[index].reshape(-1, body.posedirs.shape[2]).astype(np.float64),
            body.skin_weights[index].astype(np.float64),
            regressor @ body.v_template,
            (regressor @ body.shapedirs.reshape(len(body.v_template), -1)).reshape(24, 3, -1),
            body.parents,
            descendants,
            prior,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Pose:
    world: Float  # (T, 24, 3, 3)
    transl: Float  # (T, 3)


def _local(world: Float, parents: Int) -> Float:
    local = world.copy()
    local[:, 1:] = np.swapaxes(world[:, parents[1:]], -1, -2) @ world[:, 1:]
    return local


def _start(coarse: _Coarse, target: Float, betas: Float) -> _Pose:
    """World rotation of every part by Kabsch: its coarse vertices, weighted by how much they belong to it."""
    rest = coarse.template + coarse.shapedirs @ betas
    weights = (coarse.weights**2).T + 1e-9  # (24, 431)
    total = weights.sum(1)
    rest_mean = (weights @ rest) / total[:, None]
    mean = (weights @ target) / total[:, None]
    moment = np.einsum("jv,tva,vb->tjab", weights, target, rest, optimize=True)
    moment -= np.einsum("j,tja,jb->tjab", total, mean, rest_mean)
    for j in range(23, 0, -1):  # parts with few vertices lean on their neighbours
        moment[:, coarse.parents[j]] += 0.02 * moment[:, j]
    for j in range(1, 24):
        moment[:, j] += 0.05 * moment[:, coarse.parents[j]]
    world = _nearest_rotation(moment)
    predicted = _forward(coarse, betas, _Pose(world, np.zeros((len(target), 3))))
    return _Pose(world, target.mean(1) - predicted.vertices.mean(2))


def _nearest_rotation(moment: Float) -> Float:
    u, _, vt = np.linalg.svd(moment)
    sign = np.linalg.det(u @ vt)
    u[..., 2] *= sign[..., None]
    return np.asarray(u @ vt)


@dataclass(frozen=True, slots=True, eq=False)
class _Predicted:
    local: Float  # (T, 24, 3, 3)
    posed: Float  # (T, 24, 3) joints
    carried: Float  # (T, 24, 3, 431) vertices as each joint alone would carry them, times the skin weight
    vertices: Float  # (T, 3, 431)


def _forward(coarse: _Coarse, betas: Float, pose: _Pose) -> _Predicted:
    local = _local(pose.world, coarse.parents)
    joints = coarse.joints + coarse.joint_dirs @ betas
    _, posed = forward_kinematics(local, joints[None], coarse.parents)
    posed = posed + pose.transl[:, None]
    rest = coarse.template + coarse.shapedirs @ betas
    rest = rest + (pose_features(local) @ coarse.posedirs.T).reshape(len(local), -1, 3)
    offset = posed - (pose.world @ joints[None, :, :, None])[..., 0]
    upright = np.swapaxes(rest, 1, 2).astype(np.float32)
    carried = pose.world.astype(np.float32) @ upright[:, None]
    carried += offset.astype(np.float32)[..., None]
    carried *= coarse.weights.T.astype(np.float32)[None, :, None]
    return _Predicted(local, posed, carried, carried.sum(1))


def _pose_jacobian(coarse: _Coarse, predicted: _Predicted) -> Float:
    """(T, 75, 3 * 431) derivatives of the vertices by 24 turns (world axes) and the translation, transposed.

    A turn of joint j about itself moves what hangs below it: d v = omega x lever.
    """
    frames, _, _, count = predicted.carried.shape
    descendants = coarse.descendants.astype(np.float32)
    below = (descendants @ predicted.carried.reshape(frames, 24, -1)).reshape(predicted.carried.shape)
    share = descendants @ coarse.weights.T.astype(np.float32)
    below -= share[None, :, None] * predicted.posed.astype(np.float32)[..., None]
    jacobian = np.zeros((frames, 75, 3, count), np.float32)
    turns = jacobian[:, :72].reshape(frames, 24, 3, 3, count)
    for axis in range(3):
        second, third = (axis + 1) % 3, (axis + 2) % 3
        turns[:, :, axis, third] = below[:, :, second]
        np.negative(below[:, :, third], out=turns[:, :, axis, second])
        jacobian[:, 72 + axis, axis] = 1
    return jacobian.reshape(frames, 75, -1)


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    normal: Float  # (T, 75, 75)
    right: Float  # (T, 75)
    jacobian: Float  # (T, 75, 1293)
    residual: Float  # (T, 1293)


def _linearise(
    coarse: _Coarse, target: Float, predicted: _Predicted, pose: _Pose, prior: PosePrior | None = None
) -> _System:
    """Normal equations of one Gauss-Newton step, with the pull towards rest or the prior; target (T, 431, 3)."""
    jacobian = _pose_jacobian(coarse, predicted)
    residual = (np.swapaxes(target, 1, 2).astype(np.float32) - predicted.vertices).reshape(len(target), -1)
    normal = (jacobian @ np.swapaxes(jacobian, 1, 2)).astype(np.float64)
    right = (jacobian @ residual[..., None])[..., 0].astype(np.float64)
    diagonal = np.arange(72)
    away, pull = predicted.local, np.tile(coarse.prior, (len(target), 1))
    if prior is not None:
        away, pull = away @ np.swapaxes(prior.rotations, -1, -2), (NOISE / prior.spread) ** 2
        pull[:, 0] = 0.0
    pull = np.repeat(pull, 3, axis=1)
    rotvec = Rotation.from_matrix(away.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 24, 3)
    in_parent = pose.world[:, np.maximum(coarse.parents, 0)]
    in_parent[:, 0] = np.eye(3)
    in_world = (in_parent @ rotvec[..., None])[..., 0]
    normal[:, diagonal, diagonal] += pull + REGULAR
    right[:, :72] -= pull * in_world.reshape(len(target), 72)
    return _System(normal, right, jacobian, residual)


def _step(coarse: _Coarse, target: Float, betas: Float, pose: _Pose, prior: PosePrior | None = None) -> _Pose:
    """One Gauss-Newton step on all rotations and the translation."""
    system = _linearise(coarse, target, _forward(coarse, betas, pose), pose, prior)
    return _moved(coarse, pose, np.linalg.solve(system.normal, system.right[..., None])[..., 0])


def _moved(coarse: _Coarse, pose: _Pose, change: Float) -> _Pose:
    """The pose after each joint was turned about itself, its descendants with it; change (T, 75)."""
    turned = rotation_matrices(change[:, :72].reshape(-1, 24, 3))
    total, world = turned.copy(), np.empty_like(pose.world)
    world[:, 0] = turned[:, 0] @ pose.world[:, 0]
    for j in range(1, 24):
        total[:, j] = total[:, coarse.parents[j]] @ turned[:, j]
        world[:, j] = total[:, j] @ pose.world[:, j]
    return _Pose(world, pose.transl + change[:, 72:])


def _fit_shape(coarse: _Coarse, target: Float) -> Float:
    """(10,) betas that explain the chosen frames (T, 431, 3): Gauss-Newton on shape and poses together.

    The poses are eliminated frame by frame (Schur complement): a step costs little more than one of poses.
    """
    betas = np.zeros(coarse.shapedirs.shape[2])
    pose = _step(coarse, target, betas, _start(coarse, target, betas))
    for _ in range(SHAPE_ROUNDS):
        predicted = _forward(coarse, betas, pose)
        system = _linearise(coarse, target, predicted, pose)
        by_shape = _shape_jacobian(coarse, pose)
        mixed = system.jacobian.astype(np.float64) @ np.swapaxes(by_shape, 1, 2)
        solved = np.linalg.solve(system.normal, np.concatenate([mixed, system.right[..., None]], 2))
        eliminated = np.swapaxes(mixed, 1, 2) @ solved
        own = np.concatenate(
            [by_shape @ np.swapaxes(by_shape, 1, 2), by_shape @ system.residual[..., None]], 2
        )
        reduced = (own - eliminated).sum(0)
        prior = NOISE**2 * len(target) * np.eye(len(betas))
        change = np.linalg.solve(reduced[:, :-1] + prior, reduced[:, -1] - prior @ betas)
        pose = _moved(coarse, pose, solved[..., -1] - solved[..., :-1] @ change)
        betas = np.clip(betas + change, -BETA_LIMIT, BETA_LIMIT)
    return betas


def _shape_jacobian(coarse: _Coarse, pose: _Pose) -> Float:
    """(T, 10, 3 * 431) derivatives of the posed vertices by the betas, transposed."""
    moved = np.zeros((len(pose.world), 24, *coarse.joint_dirs.shape[1:]))
    for j in range(1, 24):
        parent = coarse.parents[j]
        moved[:, j] = moved[:, parent] + pose.world[:, parent] @ (
            coarse.joint_dirs[j] - coarse.joint_dirs[parent]
        )
    moved -= pose.world @ coarse.joint_dirs
    blended = np.einsum("vj,tjab->tvab", coarse.weights, pose.world, optimize=True)
    jacobian = blended @ coarse.shapedirs + np.einsum("vj,tjab->tvab", coarse.weights, moved, optimize=True)
    return np.asarray(jacobian.transpose(0, 3, 2, 1).reshape(len(jacobian), jacobian.shape[3], -1))

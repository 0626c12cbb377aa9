"""One random person in front of one random camera, from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_matrix

from core.body.model import Body
from training.motions.figure import Figure
from training.motions.rotation_vectors import PARENTS, Float, global_rotations, to_matrix, to_rotvec
from training.motions.sampler import PoseSampler
from training.pictures import garments, noise
from training.pictures.environments import Environment, Light, light_of, made_up_light
from training.pictures.gbuffer import Surface
from training.pictures.landmarks import Landmarks
from training.pictures.looks import Look, sample_look

CANVAS_MARGIN = 1.03
LONG_STRIDE, STRIDES_ALONG = 0.55, 0.4
"""Metres between the ankles over the floor from which a stride is long; share of such that run along the sight."""
# Camera axes (x right, y down, z forward) in a y-up world, for a camera that looks along +z.
LOOKS_ALONG_Z = np.diag([-1.0, -1.0, 1.0]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A pinhole camera whose axis meets the middle of a square canvas.

    Attributes:
        camera_to_world: (3, 3) rotation; the world is y up.
        focal: focal length over the canvas' side.
    """

    camera_to_world: Float
    focal: float


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A posed and dressed person, camera frame.

    Attributes:
        betas: (10,)
        pose: (24, 3) rotation vectors, the root's in the camera frame.
        vertices: (6890, 3) naked body, metres, relative to the root (mid-hip).
        transl: (3,) the root in the camera frame.
        surface: what is drawn, camera frame.
        forward: (3,) unit, where the trunk faces, camera frame.
    """

    betas: Float
    pose: Float
    vertices: Float
    transl: Float
    surface: Surface
    forward: Float


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Everything one picture is made from."""

    person: Person
    look: Look
    camera: Camera
    light: Light
    environment: str


@lru_cache(maxsize=4)
def _weights(body: Body) -> csr_matrix:
    return csr_matrix(body.skin_weights)


@lru_cache(maxsize=4)
def _correctives(body: Body) -> csr_matrix:
    """Pose correctives (3 V, 207), sparse: one in twenty is not zero."""
    return csr_matrix(body.posedirs.reshape(-1, body.posedirs.shape[2]))


def sample_betas(rng: np.random.Generator) -> Float:
    """A body shape (10,): normal, within three deviations."""
    return np.clip(rng.normal(0, 1, 10) * 1.05, -3, 3).astype(np.float32)


@lru_cache(maxsize=4)
def _figure(body: Body, marks: Landmarks) -> tuple[Float, float, Float]:
    """What shape components do to the chest's depth (10,); half the shoulders' width, and they to it (10,); metres."""
    chest = (np.abs(body.v_template[:, 1] - marks.chest_y) < 0.04) & (np.abs(body.v_template[:, 0]) < 0.15)
    chest &= body.v_template[:, 2] > 0.05
    row = np.asarray(body.joint_regressor)[16]
    width = float(row @ body.v_template[:, 0])
    return body.shapedirs[chest, 2].mean(0).astype(np.float32), width, np.asarray(row @ body.shapedirs[:, 0])


def looks_feminine(body: Body, marks: Landmarks, betas: Float, rng: np.random.Generator) -> bool:
    """A guess from the shape: more chest and hip against shoulders than the mean, and some luck."""
    chest, width, wider = _figure(body, marks)
    narrow = (marks.shoulder_x - width - float(wider @ betas)) / 0.02
    return bool(float(chest @ betas) / 0.02 + narrow + rng.normal(0, 0.6) > 0)


def sample_camera(rng: np.random.Generator) -> tuple[Float, float]:
    """Camera rotation (3, 3) to the world, and the angle of view over the person (radians).

    Pitch is mostly a few degrees downwards, one time in ten anything; the angle 10 to 55 degrees, one time in
    ten up to 85.
    """
    pitch = np.radians(rng.normal(7, 13) if rng.random() < 0.9 else rng.uniform(-60, 80))
    roll = np.radians(rng.normal(0, 4))
    yaw = rng.uniform(-np.pi, np.pi)
    turn = to_matrix(np.array([[0, yaw, 0], [pitch, 0, 0], [0, 0, roll]], np.float32))
    wide = rng.random() < 0.1
    angle = np.radians(rng.uniform(55, 85) if wide else rng.uniform(10, 55))
    # A positive turn about the world's x tips a camera that looks along +z downwards.
    return (turn[0] @ turn[1] @ LOOKS_ALONG_Z @ turn[2]).astype(np.float32), float(angle)


def along_the_sight(pose: Float, camera_to_world: Float, yaw: float, rng: np.random.Generator) -> float:
    """The yaw to show a pose at: some long strides are turned to run along the line of sight.

    Args:
        pose: (24, 3), y up.
        camera_to_world: (3, 3).
        yaw: radians, kept for all other poses.
        rng: random numbers.
    """
    is_turned, off = rng.random() < STRIDES_ALONG, rng.normal(0, np.radians(12))
    ankles = Figure.of(pose).joints[[7, 8]] @ to_matrix(pose[0]).T
    stride = ankles[0] - ankles[1]
    if not is_turned or float(np.hypot(stride[0], stride[2])) < LONG_STRIDE:
        return yaw
    sight = camera_to_world[:, 2]
    turned = float(np.arctan2(sight[0], sight[2]) - np.arctan2(stride[0], stride[2]) + off)
    return turned + (np.pi if rng.random() < 0.5 else 0.0)


def place(points: Float, angle: float) -> tuple[Float, float]:
    """Where to put points so that they fill the canvas of a camera.

    Args:
        points: (N, 3) metres, camera axes, about the root.
        angle: angle of view that the points shall fill, radians.

    Returns:
        translation (3,) and the focal length over the canvas' side.
    """
    low, high = points.min(0), points.max(0)
    extent = float(max(high[0] - low[0], high[1] - low[1]))
    shift = np.array([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, 0], np.float32)
    shift[2] = max(extent / 2 / np.tan(angle / 2) - float(low[2] + high[2]) / 2, 0.25 - float(low[2]))
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    depth = points[:, 2] + shift[2]
    inverse = 1 / depth
    flat = x * inverse, y * inverse
    for _ in range(4):
        for axis, along in enumerate((x, y)):
            on_axis = flat[axis] + inverse * shift[axis]
            first, last = int(on_axis.argmin()), int(on_axis.argmax())
            near, far = along[first] + shift[axis], along[last] + shift[axis]
            shift[axis] -= (near * depth[last] + far * depth[first]) / (depth[first] + depth[last])
    widest = max(float(np.abs(f + inverse * shift[axis]).max()) for axis, f in enumerate(flat))
    return shift.astype(np.float32), float(0.5 / (widest * CANVAS_MARGIN))


def pose_person(
    body: Body, marks: Landmarks, look: Look, pose: Float, betas: Float, seed: int
) -> tuple[Float, Surface]:
    """The naked body (6890, 3) about its root, and the dressed surface about the same point.

    Args:
        body: the body.
        marks: its landmarks.
        look: what it wears.
        pose: (24, 3) rotation vectors, the root's in the camera frame.
        betas: (10,)
        seed: of folds and hair; the same seed keeps them over the frames of a clip.
    """
    rng = np.random.default_rng(seed)
    turns = global_rotations(to_matrix(pose))
    shaped, joints = (found[0] for found in body.shape(betas[None]))
    posed = posed_joints(turns, joints)
    # One blended affine map a vertex serves the body and the clothes on it.
    affine = np.concatenate([turns.reshape(24, 9), posed - np.einsum("jab,jb->ja", turns, joints)], 1)
    blended = (_weights(body) @ affine).astype(np.float32)
    turn, offset = blended[:, :9].reshape(-1, 3, 3), blended[:, 9:]
    features = (to_matrix(pose)[1:] - np.eye(3, dtype=np.float32)).reshape(-1)
    corrected = shaped + (_correctives(body) @ features).reshape(-1, 3)
    vertices = (np.einsum("vab,vb->va", turn, corrected) + offset).astype(np.float32)
    root = (body.lsp_regressor[2:4] @ vertices).mean(0).astype(np.float32)
    out = _rest_normals(body) * garments.displacement(body.v_template, marks, look, rng)[:, None]
    dressed = [vertices + np.einsum("vab,vb->va", turn, out)]
    rests, faces, materials, parts = [body.v_template], [body.faces], [np.zeros(6890, np.int32)], [body.part + 1]
    count = len(vertices)
    for piece in garments.pieces_of(body.v_template, marks, look, rng):
        near = _nearest(body, piece.vertices)
        fitted = piece.vertices + (shaped - body.v_template)[near].mean(1)
        moved = piece.weights @ affine
        dressed.append(np.einsum("vab,vb->va", moved[:, :9].reshape(-1, 3, 3), fitted) + moved[:, 9:])
        rests.append(piece.vertices)
        faces.append(piece.faces + count)
        materials.append(np.full(len(piece.vertices), piece.material, np.int32))
        parts.append(body.part[near[:, 0]] + 1)
        count += len(piece.vertices)
    surface = Surface(
        np.ascontiguousarray(np.concatenate(dressed) - root, dtype=np.float32),
        np.concatenate(faces).astype(np.int32), np.concatenate(rests).astype(np.float32),
        np.concatenate(materials), np.concatenate(parts).astype(np.int32),
    )  # fmt: skip
    return vertices - root, surface


def posed_joints(turns: Float, joints: Float) -> Float:
    """Joints (24, 3) moved along the chain by global rotations (24, 3, 3) from rest joints (24, 3)."""
    posed = joints.copy()
    for joint, parent in enumerate(PARENTS[1:], start=1):
        posed[joint] = posed[parent] + turns[parent] @ (joints[joint] - joints[parent])
    return posed


@lru_cache(maxsize=4)
def _rest_normals(body: Body) -> Float:
    from training.pictures.raster import vertex_normals

    normals = vertex_normals(body.v_template.astype(np.float32), body.faces.astype(np.int32))
    # Fingers, toes, nose and ears would meet their neighbours: normals are smoothed before clothes use them.
    from scipy.sparse import coo_matrix

    rows = np.concatenate([body.faces[:, [0, 1, 2]].ravel(), body.faces[:, [1, 2, 0]].ravel()])
    columns = np.concatenate([body.faces[:, [1, 2, 0]].ravel(), body.faces[:, [0, 1, 2]].ravel()])
    around = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(6890, 6890)).tocsr()
    for _ in range(6):
        normals = normals + around @ normals
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    return normals.astype(np.float32)


@lru_cache(maxsize=4)
def _tree(body: Body) -> object:
    from scipy.spatial import cKDTree

    return cKDTree(body.v_template)


def _nearest(body: Body, points: Float) -> npt.NDArray[np.int64]:
    """The eight vertices of the rest pose nearest to each point, (K, 8)."""
    return np.asarray(_tree(body).query(points, k=8)[1])  # type: ignore[attr-defined]


def sample_scene(
    rng: np.random.Generator,
    body: Body,
    marks: Landmarks,
    poses: PoseSampler,
    environments: list[Environment],
    split: str,
) -> Scene:
    """A random scene; everything in it follows from the generator."""
    betas = sample_betas(rng)
    look = sample_look(rng, marks, split, looks_feminine(body, marks, betas, rng))
    pose = poses.sample(rng)
    camera_to_world, angle = sample_camera(rng)
    angle_of_yaw = rng.uniform(-np.pi, np.pi)
    if poses.made_share > 0:
        angle_of_yaw = along_the_sight(pose, camera_to_world, angle_of_yaw, rng)
    yaw = to_matrix(np.array([0, angle_of_yaw, 0], np.float32))
    root = camera_to_world.T @ yaw @ to_matrix(pose[0])
    pose = pose.copy()
    pose[0] = to_rotvec(root)
    vertices, surface = pose_person(body, marks, look, pose, betas, int(rng.integers(2**31)))
    transl, focal = place(surface.vertices, angle)
    moved = Surface(surface.vertices + transl, surface.faces, surface.rest, surface.material, surface.part)
    environment = environments[int(rng.integers(len(environments)))] if environments and rng.random() < 0.55 else None
    light = light_of(environment, camera_to_world) if environment else made_up_light(rng, camera_to_world)
    turns = global_rotations(to_matrix(pose))
    forward = (turns[0] + turns[9]) @ np.array([0, 0, 1], np.float32)
    forward = (forward / (np.linalg.norm(forward) + 1e-6)).astype(np.float32)
    person = Person(betas, pose, vertices, transl, moved, forward)
    return Scene(person, look, Camera(camera_to_world, focal), light, environment.name if environment else "")


def warm_up() -> None:
    """Builds the tables that are shared by all pictures, so that forked workers share them."""
    noise.volume()
    torch.set_num_threads(1)

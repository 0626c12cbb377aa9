"""The fast step, from take to Motion: one body a person, steady, without gaps, on its feet.

    coarse vertices -> fine ones -> one shape and 24 rotations a frame (`fit`)   the body is locked
    -> every frame, gaps between their ends                                      `is_filled` marks them
    -> the frame's camera, depth steadier than the image's axes                  the network's scale is noisy
    -> bones turned to the joints in the picture (`refine`)                      they are nearer to the pixel
    -> smoothing -> feet -> the rate asked for -> posed vertices

Mesh, joints and bones come from one solve, so they agree to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import median_filter
from scipy.sparse import csr_matrix

from .body import Body, load_body
from .camera import project, translation_to_pixels, weak_project
from .crop import BOX_FACTOR
from .errors import BodyError, TakeError
from .feet import anchors, faded, find_contacts, foot_points, reach, root_shift
from .fit import continuous_quaternions, fit_bones
from .refine import Seen, refine
from .rotations import at_times, continuous, matrices_of, smooth_rotations, without_spikes
from .settings import SolveSettings
from .smooth import savitzky_golay
from .take import Take
from .types import LSP_JOINTS, ROOT_LSP, Bool, Estimates, Float, Int, Motion, PersonMotion, PersonTake
from .upsample import LearnedSampler, upsample

CUTOFF_HZ = (20.0, 0.4)
"""Of the One-Euro filter on rotations, at smooth 0 and 1; 2.8 Hz at a half keeps a step, not a tremor."""
OPENNESS = (4.0, 0.5)
"""Hz more per unit of a quaternion's speed: half a radian a second."""
IMAGE_WINDOW_S = (0.05, 0.5)
DEPTH_WINDOW_S = (0.2, 2.0)
"""Windows of the Savitzky-Golay filter on the root's direction and on its depth."""
DRAWN_WEIGHT = 0.15
"""Of a joint as mesh and camera place it, against one that the picture shows with full confidence."""
TRUSTED_SHARE = 0.06
"""Distance, against the crop's side, at which a joint of the picture counts a quarter."""
ROOT_ROUNDS = 4
SPIKE_FRAMES = 5
"""Median over depth before smoothing: single readings are far off when a limb is missed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """A person between the fit and the posing.

    Attributes:
        frame_index: (T,).
        time_s: (T,).
        rotations: (T, 24, 4) wxyz, local.
        root: (T, 3) the mid-hip in the frame's camera, metres.
        confidence: (T, 14).
        is_filled: (T,).
    """

    frame_index: Int
    time_s: Float
    rotations: Float
    root: Float
    confidence: Float
    is_filled: Bool


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """One body: its betas (10,), its joints at rest (24, 3), the body model."""

    betas: Float
    rest_joints: Float
    body: Body


def solve(take: Take | Path, settings: SolveSettings | None = None) -> Motion:
    """All people of a take, solved; runs no network.

    Args:
        take: a take, or its folder.
        settings: None for the defaults.

    Raises:
        TakeError: the take is damaged or holds nobody yet.
        BodyError: the body is not the one that the take's weights predict.
    """
    settings = settings or SolveSettings()
    take = take if isinstance(take, Take) else Take.open(Path(take))
    if not take.people:
        raise TakeError(f"{take.path}: nobody in it yet; run the same reconstruct command again to go on")
    header = take.header
    body = load_body(settings.body)
    if body.digest != header.body_digest:
        raise BodyError(
            f"{take.path}: made for the body {header.body_name!r} ({header.body_digest[:8]}), not for "
            f"{body.name!r} ({body.digest[:8]}); give that body's file with --body"
        )
    clip = header.footage
    view = _View(header.focal_px, (clip.width, clip.height))
    step = int(header.settings.get("step", 1))
    persons = [_solve_person(p, body, header.learned_sampler, view, step, settings) for p in take.persons()]
    fps = settings.fps or clip.fps
    return Motion(persons, body.faces, fps, header.focal_px, clip.width, clip.height, clip.path)


@dataclass(frozen=True, slots=True)
class _View:
    """The frame's camera: focal length in pixels, width and height."""

    focal_px: float
    size_px: tuple[int, int]


def _solve_person(
    person: PersonTake,
    body: Body,
    learned: LearnedSampler | None,
    view: _View,
    step: int,
    settings: SolveSettings,
) -> PersonMotion:
    shape, rotations = _locked(person, body, learned)
    path = _smoothed_pose(_every_frame(person, rotations, step), settings.smooth)
    path = _refined(_placed(path, person, shape, view), person, shape, view)
    path = _smoothed_root(_smoothed_pose(path, settings.smooth), settings.smooth)
    path = _on_its_feet(path, shape, settings)
    if settings.fps is not None:
        path = _resampled(path, settings.fps)
    return _finished(person.person_id, path, shape)


def _locked(person: PersonTake, body: Body, learned: LearnedSampler | None) -> tuple[_Shape, Float]:
    """One shape for the clip, and local rotations (T, 24, 4) of the frames in which the person was seen."""
    bones = fit_bones(upsample(_same_size(person.estimates.coarse_vertices, body), body, learned), body)
    _, rest = body.shape(bones.betas[None])
    return _Shape(bones.betas, rest[0].astype(np.float64), body), np.asarray(bones.rotations, np.float64)


def _every_frame(person: PersonTake, rotations: Float, step: int) -> _Path:
    """All frames from the first to the last, gaps filled on the shortest way and marked; nobody has a place yet."""
    frame_index = np.arange(person.frame_index[0], person.frame_index[-1] + 1, step)
    time_s = np.interp(frame_index, person.frame_index, person.time_s)
    confidence = np.zeros((len(frame_index), len(LSP_JOINTS)))
    is_seen = np.isin(frame_index, person.frame_index)
    confidence[is_seen] = person.estimates.joint_confidence
    filled = at_times(rotations, person.time_s, time_s)
    return _Path(frame_index, time_s, filled, np.zeros((len(time_s), 3)), confidence, ~is_seen)


def _placed(path: _Path, person: PersonTake, shape: _Shape, view: _View) -> _Path:
    """The path with the root where the network saw the person; straight through gaps, as the picture shows it."""
    is_seen = ~path.is_filled
    root = _root(_pose(path.rotations[is_seen], shape).joints, person.estimates, view)
    between = _interpolated(_to_ray_depth(root), path.time_s[is_seen], path.time_s)
    return replace(path, root=_from_ray_depth(between))


def _refined(path: _Path, person: PersonTake, shape: _Shape, view: _View) -> _Path:
    """The path with bones and root turned to the joints in the picture, where the person was seen."""
    is_seen, seen = ~path.is_filled, person.estimates
    bones = _pose(path.rotations[is_seen], shape).bones
    picture = Seen(
        joints_px=seen.joints_px,
        weights=np.asarray(seen.joint_confidence, np.float64) ** 2,
        size_px=np.asarray(seen.crop_side_px, np.float64) / BOX_FACTOR,
        focal_px=view.focal_px,
        centre_px=np.array(view.size_px) / 2,
    )
    pelvis = path.root[is_seen] + bones[:, 0]
    rest_joints = shape.body.lsp_regressor @ shape.body.shape(shape.betas[None])[0][0]
    matrices, pelvis = refine(
        matrices_of(path.rotations[is_seen]), pelvis, shape.rest_joints, rest_joints, shape.body.parents, picture
    )
    refined = continuous_quaternions(matrices).astype(np.float64)
    root = pelvis - _pose(refined, shape).bones[:, 0]
    seen_s, time_s = path.time_s[is_seen], path.time_s
    between = _interpolated(_to_ray_depth(root), seen_s, time_s)
    return replace(path, rotations=at_times(refined, seen_s, time_s), root=_from_ray_depth(between))


def _root(joints: Float, seen: Estimates, view: _View) -> Float:
    """(T, 3) the translation with which the locked joints (T, 14, 3) land where the network saw them.

    It saw them twice: by its mesh and camera, which are always whole, and joint by joint in the picture,
    which is nearer to the pixel but may take a wall for a hand. The second reading counts by its confidence
    and less the further it is from the body (Geman-McClure weights, reweighted a few times).
    """
    centre = seen.box_px[:, :2] + seen.box_px[:, 2:] / 2
    drawn_px = weak_project(seen.joints, seen.weak_camera, centre, seen.crop_side_px)
    seen_px = np.asarray(seen.joints_px, np.float64)
    points, pixels = np.concatenate([joints, joints], axis=1), np.concatenate([drawn_px, seen_px], axis=1)
    steady, sure = np.full(drawn_px.shape[:2], DRAWN_WEIGHT), np.asarray(seen.joint_confidence, np.float64)
    weights = np.concatenate([steady, sure], axis=1)
    for _ in range(ROOT_ROUNDS):
        root = translation_to_pixels(points, pixels, weights, view.focal_px, view.size_px)
        off_px = np.linalg.norm(project(joints + root[:, None], view.focal_px, view.size_px) - seen_px, axis=2)
        far = off_px / (TRUSTED_SHARE * seen.crop_side_px[:, None])
        weights = np.concatenate([steady, sure / (1 + far**2) ** 2], axis=1)
    return root


def _same_size(coarse: Float, body: Body) -> Float:
    """The coarse meshes (T, 431, 3), each scaled to the clip's usual size.

    A body that is drawn too small would else be fitted by one that crouches. Edges don't change with the pose.
    """
    a, b = np.nonzero(np.triu(body.adjacency_431, 1))
    lengths = np.linalg.norm(coarse[:, a] - coarse[:, b], axis=2)
    size = np.median(lengths / np.maximum(np.median(lengths, axis=0), 1e-6), axis=1)
    return np.asarray(coarse / np.maximum(size, 1e-3)[:, None, None])


def _resampled(path: _Path, fps: float) -> _Path:
    """The path on the whole frames of another rate."""
    first, last = np.ceil(path.time_s[0] * fps - 1e-6), np.floor(path.time_s[-1] * fps + 1e-6)
    frame_index = np.arange(int(first), max(int(last), int(first)) + 1)
    return replace(_at(path, frame_index / fps), frame_index=frame_index, time_s=frame_index / fps)


def _at(path: _Path, time_s: Float) -> _Path:
    """The path at other times; directions and log depth are straight between frames."""
    nearest = np.clip(np.searchsorted(path.time_s, time_s), 0, len(path.time_s) - 1)
    return replace(
        path,
        rotations=at_times(path.rotations, path.time_s, time_s),
        root=_from_ray_depth(_interpolated(_to_ray_depth(path.root), path.time_s, time_s)),
        confidence=_interpolated(path.confidence, path.time_s, time_s),
        is_filled=path.is_filled[nearest],
    )


def _interpolated(values: Float, time_s: Float, wanted_s: Float) -> Float:
    """(N, C) of values (T, C), straight between their times."""
    return np.stack([np.interp(wanted_s, time_s, column) for column in values.T], axis=1)


def _smoothed_pose(path: _Path, smooth: float) -> _Path:
    if smooth == 0 or len(path.time_s) < 3:
        return path
    cutoff_hz, openness = _geometric(CUTOFF_HZ, smooth), _geometric(OPENNESS, smooth)
    rotations = without_spikes(continuous(path.rotations))
    return replace(path, rotations=smooth_rotations(rotations, path.time_s, cutoff_hz, openness))


def _smoothed_root(path: _Path, smooth: float) -> _Path:
    """The root's direction a little steadier, its depth much: one camera sees it by the body's size alone."""
    if smooth == 0 or len(path.time_s) < 3:
        return path
    ray_depth = _to_ray_depth(path.root)
    ray_depth[:, 2] = median_filter(ray_depth[:, 2], SPIKE_FRAMES, mode="nearest")
    rays = savitzky_golay(ray_depth[:, :2], path.time_s, _geometric(IMAGE_WINDOW_S, smooth))
    depth = savitzky_golay(ray_depth[:, 2:], path.time_s, _geometric(DEPTH_WINDOW_S, smooth), degree=1)
    return replace(path, root=_from_ray_depth(np.concatenate([rays, depth], axis=1)))


def _on_its_feet(path: _Path, shape: _Shape, settings: SolveSettings) -> _Path:
    """Standing feet stay: `auto` moves the root a little, `lock` then bends the legs too."""
    if settings.feet == "off" or len(path.time_s) < 3:
        return path
    posed = _pose(path.rotations, shape)
    bones = posed.bones + path.root[:, None]
    feet, contacts = foot_points(bones), find_contacts(bones, path.time_s)
    if not contacts.any():
        return path
    wanted = anchors(feet, contacts)
    shift = root_shift(feet, wanted, path.time_s)
    path = replace(path, root=path.root + shift)
    if settings.feet == "auto":
        return path
    off = faded(wanted - (feet + shift[:, None]), contacts, path.time_s)
    matrices = reach(matrices_of(path.rotations), shape.rest_joints, off, shape.body.parents)
    return replace(path, rotations=continuous_quaternions(matrices).astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class _Posed:
    """The locked body in T poses, metres, camera axes, relative to the mid-hip.

    Attributes:
        vertices: (T, 6890, 3).
        joints: (T, 14, 3) LSP.
        bones: (T, 24, 3) SMPL's joints.
        bone_transl: (T, 3) with which `Body.pose` lands on `vertices`.
    """

    vertices: Float
    joints: Float
    bones: Float
    bone_transl: Float


def _pose(rotations: Float, shape: _Shape) -> _Posed:
    posed = shape.body.pose(matrices_of(rotations), shape.betas[None])
    flat = posed.vertices.transpose(1, 0, 2).reshape(posed.vertices.shape[1], -1)
    joints = (csr_matrix(shape.body.lsp_regressor) @ flat).reshape(len(LSP_JOINTS), -1, 3).transpose(1, 0, 2)
    root = joints[:, list(ROOT_LSP)].mean(1)
    return _Posed(posed.vertices - root[:, None], joints - root[:, None], posed.joints - root[:, None], -root)


def _finished(person_id: str, path: _Path, shape: _Shape) -> PersonMotion:
    posed = _pose(path.rotations, shape)
    return PersonMotion(
        person_id=person_id,
        frame_index=path.frame_index,
        time_s=path.time_s,
        vertices=posed.vertices,
        joints=posed.joints,
        transl=path.root.astype(np.float32),
        bone_rotations=continuous(path.rotations).astype(np.float32),
        bone_transl=posed.bone_transl,
        betas=shape.betas,
        confidence=path.confidence.astype(np.float32),
        is_filled=path.is_filled,
    )


def _to_ray_depth(root: Float) -> Float:
    """(T, 3) x / z, y / z, log z: what a camera sees well, and what it sees badly."""
    return np.concatenate([root[:, :2] / root[:, 2:], np.log(root[:, 2:])], axis=1)


def _from_ray_depth(ray_depth: Float) -> Float:
    depth = np.exp(ray_depth[:, 2:])
    return np.concatenate([ray_depth[:, :2] * depth, depth], axis=1)


def _geometric(ends: tuple[float, float], share: float) -> float:
    """From one end at 0 to the other at 1 in equal ratios."""
    return float(ends[0] * (ends[1] / ends[0]) ** share)

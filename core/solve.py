"""The fast step, from take to Motion: one body a person, steady, without gaps, on its feet.

    coarse vertices -> fine ones -> one shape and 24 rotations a frame (`fit`)   the body is locked
    -> every frame, gaps between their ends                                      `is_filled` marks them
    -> the frame's camera, depth steadier than the image's axes                  the network's scale is noisy
    -> bones turned to the joints in the picture (`refine`)                      they are nearer to the pixel
    -> smoothing -> feet -> the rate asked for -> posed vertices -> the self-check

Mesh, joints and bones come from one solve, so they agree to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .body import Body, load_body
from .camera import project, translation_to_pixels, weak_project
from .contacts import ContactRanges, read_contacts, with_given
from .crop import BOX_FACTOR
from .errors import BodyError, TakeError
from .feet import MOST_M, find_contacts, planted
from .fit import continuous_quaternions, fit_bones
from .refine import Seen, refine
from .rotations import at_times, continuous, matrices_of
from .selfcheck import check_person
from .settings import Feet, SolveSettings
from .steady import smoothed_pose, smoothed_root
from .take import Take
from .trajectory import LockedBody, Posed, Trajectory, every_frame, posed, resampled, root_between
from .types import Estimates, Float, Motion, PersonCheck, PersonMotion, PersonTake
from .upsample import LearnedSampler, upsample

DRAWN_WEIGHT = 0.15
"""Of a joint as mesh and camera place it, against one that the picture shows with full confidence."""
TRUSTED_SHARE = 0.06
"""Distance, against the crop's side, at which a joint of the picture counts a quarter."""
ROOT_ROUNDS = 4


def solve(take: Take | Path, settings: SolveSettings | None = None) -> Motion:
    """All people of a take, solved; runs no network.

    Args:
        take: a take, or its folder.
        settings: None for the defaults.

    Raises:
        TakeError: the take is damaged or holds nobody yet.
        BodyError: the body is not the one that the take's weights predict.
        ContactsError: the file of contacts is not usable.
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
    given = read_contacts(settings.contacts, take.people, clip.fps) if settings.contacts else {}
    sampler = header.learned_sampler
    solved = [_solve_person(p, body, sampler, view, step, settings, given.get(p.person_id, {})) for p in take.persons()]
    persons, checks = [person for person, _ in solved], tuple(check for _, check in solved)
    fps = settings.fps or clip.fps
    return Motion(persons, body.faces, fps, header.focal_px, clip.width, clip.height, clip.path, checks)


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
    given: ContactRanges,
) -> tuple[PersonMotion, PersonCheck]:
    shape, rotations = _locked(person, body, learned)
    path = smoothed_pose(every_frame(person, rotations, step), settings)
    path = _refined(_placed(path, person, shape, view), person, shape, view)
    path = smoothed_root(smoothed_pose(path, settings), settings)
    path = _on_its_feet(path, shape, settings.feet, given)
    if settings.fps is not None:
        path = resampled(path, settings.fps)
    whole = posed(path.rotations, shape)
    solved = _finished(person.person_id, path, shape, whole)
    bones = whole.bones + path.root[:, None]
    return solved, check_person(solved, bones, person, body, view.focal_px, view.size_px)


def _locked(person: PersonTake, body: Body, learned: LearnedSampler | None) -> tuple[LockedBody, Float]:
    """One shape for the clip, and local rotations (T, 24, 4) of the frames in which the person was seen."""
    bones = fit_bones(upsample(_same_size(person.estimates.coarse_vertices, body), body, learned), body)
    _, rest = body.shape(bones.betas[None])
    return LockedBody(bones.betas, rest[0].astype(np.float64), body), np.asarray(bones.rotations, np.float64)


def _placed(path: Trajectory, person: PersonTake, shape: LockedBody, view: _View) -> Trajectory:
    """The path with the root where the network saw the person; straight through gaps, as the picture shows it."""
    is_seen = ~path.is_filled
    root = _root(posed(path.rotations[is_seen], shape).joints, person.estimates, view)
    return replace(path, root=root_between(root, path.time_s[is_seen], path.time_s))


def _refined(path: Trajectory, person: PersonTake, shape: LockedBody, view: _View) -> Trajectory:
    """The path with bones and root turned to the joints in the picture, where the person was seen."""
    is_seen, seen = ~path.is_filled, person.estimates
    bones = posed(path.rotations[is_seen], shape).bones
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
    root = pelvis - posed(refined, shape).bones[:, 0]
    seen_s, time_s = path.time_s[is_seen], path.time_s
    between = root_between(root, seen_s, time_s)
    return replace(path, rotations=at_times(refined, seen_s, time_s), root=between)


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


def _on_its_feet(path: Trajectory, shape: LockedBody, feet: Feet, given: ContactRanges) -> Trajectory:
    """The path with its contacts, and with legs that hold the standing feet."""
    bones = posed(path.rotations, shape).bones + path.root[:, None]
    contacts = with_given(find_contacts(bones, path.time_s), path.frame_index, given)
    path = replace(path, contacts=contacts)
    if feet == "off" or not contacts.any():
        return path
    return planted(path, shape, MOST_M[feet])


def _finished(person_id: str, path: Trajectory, shape: LockedBody, whole: Posed) -> PersonMotion:
    return PersonMotion(
        person_id=person_id,
        frame_index=path.frame_index,
        time_s=path.time_s,
        vertices=whole.vertices,
        joints=whole.joints,
        transl=path.root.astype(np.float32),
        bone_rotations=continuous(path.rotations).astype(np.float32),
        bone_transl=whole.bone_transl,
        betas=shape.betas,
        confidence=path.confidence.astype(np.float32),
        is_filled=path.is_filled,
        contacts=path.contacts,
    )

"""The fast step, from take to Motion: one body a person, steady, without gaps, on its feet.

    coarse vertices -> fine ones -> one shape and 24 rotations a frame (`bones`) the body is locked
    -> half turns and back in a moment are not believed (`flips`)
    -> every frame, gaps between their ends                                      `is_filled` marks them
    -> the frame's camera, depth steadier than the image's axes                  the network's scale is noisy
    -> bones turned to the joints in the picture (`refine`)                      they are nearer to the pixel
    -> smoothing -> poses that somebody has chosen (`chosen`)                    nothing but the feet moves these
    -> feet -> one floor for everybody, where it is asked for (`grounded`)
    -> the rate asked for -> long gaps left out (`gaps`) -> posed vertices -> the self-check, plausibility

Mesh, joints and bones come from one solve, so they agree to the last digit. Of a moving shot the camera's way is given
(`moving`): people turn, walk and stand in its world then, in metres that their feet tell (`world_scale`), and come back
to the frames' cameras at the end.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np

from ..body.model import load_body
from ..errors import BodyError, TakeError
from ..geometry.camera import Size, project, translation_to_pixels, weak_project
from ..geometry.crops import BOX_FACTOR
from ..geometry.rotations import at_times, continuous, matrices_of
from ..geometry.skinning import forward_kinematics
from ..settings import SolveSettings
from ..take.take import Take
from ..types import CameraPath, Estimates, Float, Floor, Motion, PersonCheck, PersonMotion, PersonTake
from .bone_source import bones_of, locked_bones
from .chosen_alternatives import ChosenPose, read_chosen, with_chosen
from .contacts import ContactRanges, read_contacts, with_given
from .feet import AT_ORIGIN, MOST_M, find_contacts, foot_points, planted
from .front_back_flips import without_flips
from .gaps import is_inside, long_gaps, without_gaps
from .mesh_fit import continuous_quaternions
from .moving_camera import (
    at_rate,
    covering,
    level,
    person_in_world,
    read_camera,
    sampled,
    scaled,
    to_camera,
    to_world,
    turned_to_camera,
    turned_to_world,
)
from .picture_fit import Seen, refine
from .plausibility import plausibility_mm
from .pose_vocabulary import PoseVocabulary, vocabulary_of
from .self_check import check_person
from .smoothing import smoothed_pose, smoothed_root
from .solid_floor import common_floor, on_floor
from .trajectory import LockedBody, Posed, Trajectory, every_frame, interpolated, posed, resampled, root_between
from .world_scale import FeetSeen, camera_scale

logger = logging.getLogger(__name__)
DRAWN_WEIGHT = 0.15
"""Of a joint as mesh and camera place it, against one that the picture shows with full confidence."""
TRUSTED_SHARE = 0.06
"""Distance, against the crop's side, at which a joint of the picture counts a quarter."""
ROOT_ROUNDS = 4
ANKLES, HEAD = (7, 8), 15
"""SMPL's joints."""


def solve(take: Take | Path, settings: SolveSettings | None = None) -> Motion:
    """All people of a take, solved; runs no network. The arguments and errors are those of `solve_rows`."""
    motion = solve_rows(take, settings)
    return replace(motion, persons=[replace(one, vertices=np.asarray(one.vertices)) for one in motion.persons])


def solve_rows(take: Take | Path, settings: SolveSettings | None = None) -> Motion:
    """As `solve`, but `vertices` are `stored.MadeRows`: posed a window at a time when they are read or written.

    Args:
        take: a take, or its folder.
        settings: None for the defaults.

    Raises:
        TakeError: the take is damaged or holds nobody yet.
        BodyError: the body is not the one that the take's weights predict.
        ContactsError: the file of contacts is not usable.
        ReadingsError: the file of chosen readings is not usable.
        CameraError: the file of the camera is not usable, or about other frames.
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
    step = int(header.settings.get("step", 1))
    given = read_contacts(settings.contacts, take.people, clip.fps) if settings.contacts else {}
    chosen = read_chosen(settings.readings, take.people) if settings.readings else {}
    bones, people = bones_of(take, settings.bones), take.persons()
    locked = [locked_bones(person, body, header.learned_sampler, bones) for person in people]
    people, locked = _without_flips(people, locked)
    view = _view_of(take, people, locked, settings, step)
    paths = [
        _with_readings(_as_seen(person, shape, rotations, view, step, settings), person, chosen, settings)
        for person, (shape, rotations) in zip(people, locked, strict=True)
    ]
    shapes = [shape for shape, _ in locked]
    view = _in_metres(view, paths, shapes)
    paths = [
        _on_its_feet(_steady_root(path, settings, view), shape, settings, given.get(person.person_id, {}), view)
        for person, path, shape in zip(people, paths, shapes, strict=True)
    ]
    floor = common_floor(paths, shapes) if settings.floor == "solid" else None
    vocabulary = vocabulary_of(header)
    solved = [
        _solve_person(person, path, shape, view, settings, floor, vocabulary)
        for person, path, shape in zip(people, paths, shapes, strict=True)
    ]
    persons, checks = [person for person, _ in solved], tuple(check for _, check in solved)
    camera = view.camera if view.camera is None or settings.fps is None else at_rate(view.camera, settings.fps)
    fps, focal_px = settings.fps or clip.fps, view.focal_px
    return Motion(persons, body.faces, fps, focal_px, clip.width, clip.height, clip.path, checks, camera, floor)


def _without_flips(
    people: list[PersonTake], locked: list[tuple[LockedBody, Float]]
) -> tuple[list[PersonTake], list[tuple[LockedBody, Float]]]:
    """All people, with another pose where they were read the wrong way round."""
    read = [without_flips(person, rotations) for person, (_, rotations) in zip(people, locked, strict=True)]
    bodies = [(shape, rotations) for (shape, _), (_, rotations) in zip(locked, read, strict=True)]
    return [person for person, _ in read], bodies


@dataclass(frozen=True, slots=True)
class _View:
    """The frame's camera: focal length in pixels, twice its centre, and its way where it moves."""

    focal_px: float
    size_px: Size
    camera: CameraPath | None = None

    def focal_at(self, time_s: Float) -> float | Float:
        """(T, 1, 1) focal lengths, or the one of a camera that stands."""
        if self.camera is None:
            return self.focal_px
        return np.interp(time_s, self.camera.time_s, self.camera.focal_px)[:, None, None]

    def at(self, time_s: Float) -> Float:
        """(T, 4, 4) from the frames' cameras to the world: nothing where it stands."""
        if self.camera is None:
            return np.tile(np.eye(4), (len(time_s), 1, 1))
        return sampled(self.camera, time_s).camera_to_world


def _view_of(
    take: Take,
    people: list[PersonTake],
    locked: list[tuple[LockedBody, Float]],
    settings: SolveSettings,
    step: int,
) -> _View:
    """The camera, in its file's unit, upright."""
    clip = take.header.footage
    if settings.camera is None:
        return _View(take.header.focal_px, (clip.width, clip.height))
    camera = read_camera(settings.camera, (clip.width, clip.height), clip.fps)
    stamps = {int(frame): time for p in people for frame, time in zip(p.frame_index, p.time_s, strict=True)}
    frames = np.array(sorted(stamps))
    camera, note = covering(camera, frames, np.array([stamps[frame] for frame in frames]), step)
    if note:
        logger.warning("%s: %s", settings.camera, note)
    upright = [
        _upright(turned_to_world(rotations, sampled(camera, person.time_s).camera_to_world), shape)
        for person, (shape, rotations) in zip(people, locked, strict=True)
    ]
    centre = (2 * float(camera.centre_px[0]), 2 * float(camera.centre_px[1]))
    return _View(float(np.median(camera.focal_px)), centre, level(camera, upright))


def _upright(rotations: Float, shape: LockedBody) -> Float:
    """(T, 3) from the ankles to the head."""
    bones = forward_kinematics(matrices_of(rotations), shape.rest_joints[None], shape.body.parents)[1]
    return np.asarray(bones[:, HEAD] - bones[:, list(ANKLES)].mean(1))


def _as_seen(
    person: PersonTake, shape: LockedBody, rotations: Float, view: _View, step: int, settings: SolveSettings
) -> Trajectory:
    """The path as the picture shows it: turned in the world, its root in the frame's camera."""
    if view.camera is not None:
        rotations = turned_to_world(rotations, view.at(person.time_s))
    path = smoothed_pose(every_frame(person, rotations, step), settings)
    path = _refined(_placed(path, person, shape, view), person, shape, view)
    return smoothed_pose(path, settings)


def _with_readings(
    path: Trajectory, person: PersonTake, chosen: dict[str, list[ChosenPose]], settings: SolveSettings
) -> Trajectory:
    """The path with the poses that somebody has chosen: nothing but the feet's grip on the floor moves them after."""
    poses = chosen.get(person.person_id, [])
    return with_chosen(path, poses, f"{settings.readings}: person {person.person_id!r}")


def _in_metres(view: _View, paths: list[Trajectory], shapes: list[LockedBody]) -> _View:
    """The camera with its way in metres, as standing feet tell them."""
    if view.camera is None:
        return view
    seen = []
    for path, shape in zip(paths, shapes, strict=True):
        matrices = view.at(path.time_s)
        turns, centre = matrices[:, :3, :3], matrices[:, :3, 3]
        root = (turns @ path.root[..., None])[..., 0]
        feet = foot_points(posed(path.rotations, shape).bones) + root[:, None]
        seen.append(FeetSeen(path.time_s, feet, centre, turns[:, :, 2]))
    scale = camera_scale(seen)
    if scale.note:
        logger.warning(scale.note)
    return replace(view, camera=scaled(view.camera, scale.metres))


def _solve_person(
    person: PersonTake,
    path: Trajectory,
    shape: LockedBody,
    view: _View,
    settings: SolveSettings,
    floor: Floor | None,
    vocabulary: PoseVocabulary | None,
) -> tuple[PersonMotion, PersonCheck]:
    is_moving = view.camera is not None
    gaps = long_gaps(path, settings.gaps)
    if floor is not None:
        path = on_floor(path, shape, floor, bends_legs=settings.feet != "off")
    if settings.fps is not None:
        path = resampled(path, settings.fps, is_in_world=is_moving)
    path, gap_after = without_gaps(path, gaps)
    matrices = view.at(path.time_s)
    if is_moving:
        rotations, root = turned_to_camera(path.rotations, matrices), to_camera(path.root, matrices)
        path = replace(path, rotations=rotations, root=root)
    whole = posed(path.rotations, shape)
    solved = replace(_finished(person.person_id, path, shape, whole), gap_after=gap_after, flips=person.flips)
    if vocabulary is not None:
        solved = replace(solved, plausibility_mm=plausibility_mm(path.rotations, shape, vocabulary))
    bones, walked = whole.bones + path.root[:, None], solved
    if is_moving:
        bones, walked = to_world(bones, matrices), person_in_world(solved, matrices, shape.rest_joints[0])
    focal_px = view.focal_at(person.time_s)
    stood_on: Floor | Literal["found"] | None = "found" if settings.floor == "found" else floor
    return solved, check_person(walked, bones, person, shape, focal_px, view.size_px, solved, stood_on)


def _steady_root(path: Trajectory, settings: SolveSettings, view: _View) -> Trajectory:
    """The path with a steady root; of a moving shot in the world, and straight there through gaps."""
    if view.camera is None:
        return smoothed_root(path, settings)
    camera, is_seen = sampled(view.camera, path.time_s), ~path.is_filled
    walked = to_world(path.root, camera.camera_to_world)
    walked = interpolated(walked[is_seen], path.time_s[is_seen], path.time_s)
    path = smoothed_root(replace(path, root=to_camera(walked, camera.camera_to_world)), settings, camera)
    return replace(path, root=to_world(path.root, camera.camera_to_world))


def _placed(path: Trajectory, person: PersonTake, shape: LockedBody, view: _View) -> Trajectory:
    """The path with the root where the network saw the person; straight through gaps, as the picture shows it."""
    is_seen = ~path.is_filled
    rotations = _before_camera(path.rotations[is_seen], path.time_s[is_seen], view)
    focal_px = view.focal_at(path.time_s[is_seen])
    root = _root(posed(rotations, shape).joints, person.estimates, focal_px, view.size_px)
    return replace(path, root=root_between(root, path.time_s[is_seen], path.time_s))


def _refined(path: Trajectory, person: PersonTake, shape: LockedBody, view: _View) -> Trajectory:
    """The path with bones and root turned to the joints in the picture, where the person was seen."""
    is_seen, seen = ~path.is_filled, person.estimates
    seen_s, time_s = path.time_s[is_seen], path.time_s
    rotations = _before_camera(path.rotations[is_seen], seen_s, view)
    bones = posed(rotations, shape).bones
    picture = Seen(
        joints_px=seen.joints_px,
        weights=np.asarray(seen.joint_confidence, np.float64) ** 2,
        size_px=np.asarray(seen.crop_side_px, np.float64) / BOX_FACTOR,
        focal_px=view.focal_at(seen_s),
        centre_px=np.array(view.size_px) / 2,
    )
    pelvis = path.root[is_seen] + bones[:, 0]
    rest_joints = shape.body.lsp_regressor @ shape.body.shape(shape.betas[None])[0][0]
    matrices, pelvis = refine(
        matrices_of(rotations), pelvis, shape.rest_joints, rest_joints, shape.body.parents, picture
    )
    refined = continuous_quaternions(matrices).astype(np.float64)
    root = pelvis - posed(refined, shape).bones[:, 0]
    between = root_between(root, seen_s, time_s)
    if view.camera is not None:
        refined = turned_to_world(refined, view.at(seen_s))
    return replace(path, rotations=at_times(refined, seen_s, time_s), root=between)


def _before_camera(rotations: Float, time_s: Float, view: _View) -> Float:
    """Rotations (T, 24, 4) of a path, the first against the frame's camera."""
    return rotations if view.camera is None else turned_to_camera(rotations, view.at(time_s))


def _root(joints: Float, seen: Estimates, focal_px: float | Float, size_px: Size) -> Float:
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
        root = translation_to_pixels(points, pixels, weights, focal_px, size_px)
        off_px = np.linalg.norm(project(joints + root[:, None], focal_px, size_px) - seen_px, axis=2)
        far = off_px / (TRUSTED_SHARE * seen.crop_side_px[:, None])
        weights = np.concatenate([steady, sure / (1 + far**2) ** 2], axis=1)
    return root


def _on_its_feet(
    path: Trajectory, shape: LockedBody, settings: SolveSettings, given: ContactRanges, view: _View
) -> Trajectory:
    """The path with its contacts, none in gaps that stay empty, and with legs that hold the standing feet."""
    bones = posed(path.rotations, shape).bones + path.root[:, None]
    eye = AT_ORIGIN if view.camera is None else view.at(path.time_s)[:, :3, 3]
    contacts = with_given(find_contacts(bones, path.time_s, eye), path.frame_index, given)
    contacts &= ~is_inside(path.time_s, long_gaps(path, settings.gaps))[:, None]
    path = replace(path, contacts=contacts)
    if settings.feet == "off" or not contacts.any():
        return path
    return planted(path, shape, MOST_M[settings.feet])


def _finished(person_id: str, path: Trajectory, shape: LockedBody, whole: Posed) -> PersonMotion:
    return PersonMotion(
        person_id=person_id,
        frame_index=path.frame_index,
        time_s=path.time_s,
        vertices=cast(Float, whole.vertices),
        joints=whole.joints,
        transl=path.root.astype(np.float32),
        bone_rotations=continuous(path.rotations).astype(np.float32),
        bone_transl=whole.bone_transl,
        betas=shape.betas,
        confidence=path.confidence.astype(np.float32),
        is_filled=path.is_filled,
        contacts=path.contacts,
    )

"""The fast step, from take to Motion: one body a person, steady, without gaps, on its feet.

    sightings that tell nothing of anybody are left out (`sightings`)            nobody was seen there
    -> coarse vertices -> fine ones -> one shape and 24 rotations a frame (`bones`) the body is locked
    -> half turns and back in a moment are not believed (`flips`)
    -> every frame, gaps between their ends                                      `is_filled` marks them
    -> the frame's camera, depth steadier than the image's axes                  the network's scale is noisy
    -> sightings without a depth are left out too (`sightings`)                  one misread frame spoils no other
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

from ..body.model import Body, load_body
from ..errors import BodyError, MocapError, TakeError
from ..geometry.camera import Size
from ..geometry.crops import BOX_FACTOR
from ..geometry.rotations import at_times, continuous, matrices_of
from ..settings import SolveSettings
from ..take.take import Take
from ..types import CameraPath, Float, Floor, Motion, PersonMotion, PersonTake
from .body_size import heights_of
from .bone_source import bones_of, locked_bones
from .checks import PersonCheck
from .chosen_alternatives import ChosenPose, read_chosen, with_chosen
from .contacts import FEET, ContactRanges, read_contacts, with_given
from .edge_of_picture import kept_size
from .feet import AT_ORIGIN, find_contacts, foot_points
from .feet_in_picture import InPicture, planted_in_picture
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
    upright_of,
)
from .one_by_one import OneByOne
from .picture_fit import Seen, refine
from .plausibility import plausibility_mm
from .pose_vocabulary import PoseVocabulary, vocabulary_of
from .root_in_picture import root_in_picture
from .self_check import check_person
from .sightings import has_depth, sightings_at, usable
from .smoothing import smoothed_pose, smoothed_root
from .solid_floor import common_floor, on_floor
from .trajectory import LockedBody, Posed, Trajectory, every_frame, interpolated, posed, resampled, root_between
from .world_scale import FeetSeen, camera_scale

logger = logging.getLogger(__name__)


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
        ContactsError, ReadingsError, CameraError: their file is not usable, or about other frames.
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
    given = read_contacts(settings.contacts, take.people, header.footage.fps) if settings.contacts else {}
    chosen = read_chosen(settings.readings, take.people) if settings.readings else {}
    heights = heights_of(settings.heights, take.header.heights, take.people)
    people = OneByOne(take.path)
    names = {name: name for name in take.people}
    locked = people.each(names, lambda name: _locked(take, name, body, settings, heights))
    step = int(header.settings.get("step", 1))
    view = _view_of(take, list(locked.values()), settings, step)
    walking = people.each(locked, lambda one: _with_readings(_as_seen(one, view, step, settings), chosen, settings))
    view = _in_metres(view, list(walking.values()))
    walking = people.each(walking, lambda one: _on_its_feet(_steady_root(one, settings, view), settings, given, view))
    floor = _floor(list(walking.values())) if settings.floor == "solid" else None
    vocabulary = vocabulary_of(header)
    solved = people.each(walking, lambda one: _solve_person(one, view, settings, floor, vocabulary))
    return _motion_of(take, body, view, settings, list(solved.values()), floor, people.faults)


@dataclass(frozen=True, slots=True, eq=False)
class _Locked:
    """A person's sightings that are believed, their local rotations (T, 24, 4), and the one body of all."""

    person: PersonTake
    rotations: Float
    shape: LockedBody


@dataclass(frozen=True, slots=True, eq=False)
class _Walking:
    """A person's sightings that are believed, their body, and its path."""

    person: PersonTake
    shape: LockedBody
    path: Trajectory


def _locked(take: Take, person_id: str, body: Body, settings: SolveSettings, heights: dict[str, float]) -> _Locked:
    """The person's body and poses, another pose where they were read the wrong way round."""
    seen = usable(take.person(person_id), take.header, take.next_frame)
    bones, height_m = bones_of(take, settings.bones), heights.get(person_id)
    shape, rotations = locked_bones(seen, body, take.header.learned_sampler, bones, height_m)
    return _Locked(*without_flips(seen, rotations), shape)


def _motion_of(
    take: Take,
    body: Body,
    view: _View,
    settings: SolveSettings,
    solved: list[tuple[PersonMotion, PersonCheck]],
    floor: Floor | None,
    faults: list[tuple[str, MocapError]],
) -> Motion:
    clip, camera = take.header.footage, view.camera
    if camera is not None and settings.fps is not None:
        camera = at_rate(camera, settings.fps)
    return Motion(
        persons=[person for person, _ in solved],
        faces=body.faces,
        fps=settings.fps or clip.fps,
        focal_px=view.focal_px,
        width=clip.width,
        height=clip.height,
        footage=clip.path,
        self_check=tuple(check for _, check in solved),
        camera=camera,
        floor=floor,
        faults=tuple(faults),
        film_fps=clip.fps,
        slowdown=clip.slowdown,
    )


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


def _view_of(take: Take, people: list[_Locked], settings: SolveSettings, step: int) -> _View:
    """The camera, in its file's unit, upright."""
    clip = take.header.footage
    if settings.camera is None:
        return _View(take.header.focal_px, (clip.width, clip.height))
    camera = read_camera(settings.camera, (clip.width, clip.height), clip.fps)
    seen = [one.person for one in people]
    stamps = {int(frame): time for p in seen for frame, time in zip(p.frame_index, p.time_s, strict=True)}
    frames = np.array(sorted(stamps))
    camera, note = covering(camera, frames, np.array([stamps[frame] for frame in frames]), step)
    if note:
        logger.warning("%s: %s", settings.camera, note)
    upright = [
        upright_of(turned_to_world(one.rotations, sampled(camera, one.person.time_s).camera_to_world), one.shape)
        for one in people
    ]
    centre = (2 * float(camera.centre_px[0]), 2 * float(camera.centre_px[1]))
    return _View(float(np.median(camera.focal_px)), centre, level(camera, upright))


def _as_seen(one: _Locked, view: _View, step: int, settings: SolveSettings) -> _Walking:
    """The path as the picture shows it: turned in the world, its root in the frame's camera.

    Sightings that turn out to have no depth are left out, and the path is made again from the others.
    """
    while True:
        person, rotations = one.person, one.rotations
        if view.camera is not None:
            rotations = turned_to_world(rotations, view.at(person.time_s))
        path = smoothed_pose(every_frame(person, rotations, step), settings)
        root = _seen_root(path, person, one.shape, view)
        is_there = has_depth(root, person.estimates, view.focal_at(person.time_s))
        if is_there.all():
            path = replace(path, root=root_between(root, path.time_s[~path.is_filled], path.time_s))
            path, pelvis = _refined(path, person, one.shape, view)
            is_there = has_depth(pelvis, person.estimates, view.focal_at(person.time_s))
        if is_there.all():
            return _Walking(person, one.shape, smoothed_pose(path, settings))
        one = replace(one, person=sightings_at(person, is_there), rotations=one.rotations[is_there])


def _with_readings(one: _Walking, chosen: dict[str, list[ChosenPose]], settings: SolveSettings) -> _Walking:
    """The path with the poses that somebody has chosen: nothing but the feet's grip on the floor moves them after."""
    person_id = one.person.person_id
    poses = chosen.get(person_id, [])
    return replace(one, path=with_chosen(one.path, poses, f"{settings.readings}: person {person_id!r}"))


def _in_metres(view: _View, people: list[_Walking]) -> _View:
    """The camera with its way in metres, as standing feet tell them."""
    if view.camera is None:
        return view
    seen = []
    for path, shape in ((one.path, one.shape) for one in people):
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
    one: _Walking, view: _View, settings: SolveSettings, floor: Floor | None, vocabulary: PoseVocabulary | None
) -> tuple[PersonMotion, PersonCheck]:
    person, path, shape, is_moving = one.person, one.path, one.shape, view.camera is not None
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
    check = check_person(
        walked, bones, person, shape, focal_px, view.size_px, solved, stood_on, path.is_held, path.let_go
    )
    return solved, check


def _steady_root(one: _Walking, settings: SolveSettings, view: _View) -> _Walking:
    """The path with a steady root; of a moving shot in the world, and straight there through gaps."""
    path = one.path
    if view.camera is None:
        return replace(one, path=smoothed_root(path, settings))
    camera, is_seen = sampled(view.camera, path.time_s), ~path.is_filled
    walked = to_world(path.root, camera.camera_to_world)
    walked = interpolated(walked[is_seen], path.time_s[is_seen], path.time_s)
    path = smoothed_root(replace(path, root=to_camera(walked, camera.camera_to_world)), settings, camera)
    return replace(one, path=replace(path, root=to_world(path.root, camera.camera_to_world)))


def _seen_root(path: Trajectory, person: PersonTake, shape: LockedBody, view: _View) -> Float:
    """(sightings, 3) the root where the network saw the person, in the frame's camera."""
    is_seen = ~path.is_filled
    rotations = _before_camera(path.rotations[is_seen], path.time_s[is_seen], view)
    focal_px = view.focal_at(path.time_s[is_seen])
    joints, seen = posed(rotations, shape).joints, person.estimates
    root = root_in_picture(joints, seen, focal_px, view.size_px)
    return kept_size(root, joints, seen, person.time_s, focal_px, view.size_px)


def _refined(path: Trajectory, person: PersonTake, shape: LockedBody, view: _View) -> tuple[Trajectory, Float]:
    """The path with bones and root turned to the joints in the picture, and its roots (sightings, 3) there."""
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
    if not (root[:, 2] > 0).all():
        return path, root
    between = root_between(root, seen_s, time_s)
    if view.camera is not None:
        refined = turned_to_world(refined, view.at(seen_s))
    return replace(path, rotations=at_times(refined, seen_s, time_s), root=between), root


def _before_camera(rotations: Float, time_s: Float, view: _View) -> Float:
    """Rotations (T, 24, 4) of a path, the first against the frame's camera."""
    return rotations if view.camera is None else turned_to_camera(rotations, view.at(time_s))


def _on_its_feet(one: _Walking, settings: SolveSettings, given: dict[str, ContactRanges], view: _View) -> _Walking:
    """The path with its contacts, none in gaps that stay empty, and with legs that hold the standing feet."""
    path, shape = one.path, one.shape
    bones = posed(path.rotations, shape).bones + path.root[:, None]
    eye = AT_ORIGIN if view.camera is None else view.at(path.time_s)[:, :3, 3]
    own = given.get(one.person.person_id, {})
    contacts = with_given(find_contacts(bones, path.time_s, eye), path.frame_index, own)
    contacts &= ~is_inside(path.time_s, long_gaps(path, settings.gaps))[:, None]
    path = replace(path, contacts=contacts)
    if settings.feet != "off" and contacts.any():
        is_given = np.array([foot in own for foot in FEET])
        path = planted_in_picture(path, shape, settings.feet, _in_picture(one, view), is_given)
    return replace(one, path=path)


def _in_picture(one: _Walking, view: _View) -> InPicture:
    """What the picture shows of a person, for a path in the axes that they walk in."""
    seen = one.person.estimates
    return InPicture(
        joints_px=seen.joints_px,
        weights=np.asarray(seen.joint_confidence, np.float64),
        size_px=np.asarray(seen.crop_side_px, np.float64) / BOX_FACTOR,
        focal_px=view.focal_at(one.person.time_s),
        centre_px=np.array(view.size_px) / 2,
        to_camera=np.linalg.inv(view.at(one.person.time_s)),
    )


def _floor(people: list[_Walking]) -> Floor | None:
    return common_floor([one.path for one in people], [one.shape for one in people])


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

"""A short clip of one or two moving people with the truth beside it: for demos and for tests of the pipeline.

World: y up, metres, the floor at 0, the camera at 1.5 m. The camera turns about its own centre, so that a
panorama behind it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from core.geometry.boxes import BOX_MARGIN
from training.motions import MotionClip, MotionLibrary
from training.motions.rotation_vectors import Float, to_matrix, to_rotvec
from training.pictures import gbuffer, labels, photometry, scene
from training.pictures.environments import (
    Environment,
    light_of,
    load_environments,
    made_up_light,
    panorama_crop,
    to_srgb,
)
from training.pictures.looks import Look, sample_look
from training.pictures.render import Studio
from training.pictures.settings import RenderSettings

MOTION_FPS = 30
TRUTH = "truth.npz"
CAMERA_HEIGHT, DISTANCE = 1.5, 3.9
HALF_VIEW = 0.5  # tangent of half the horizontal angle of view: 53 degrees

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """What a clip shows; see `python -m training.pictures clip --help`."""

    motions: Path
    clip: str
    second: str | None = None
    seconds: float = 3.0
    fps: int = 30
    width: int = 640
    height: int = 480
    seed: int = 0
    travel: float = 0.3
    panorama: str | None = None
    heading_deg: float | None = None
    distance: float = DISTANCE
    """Metres from the camera to the middle of the path."""
    turn_deg: float | None = None
    """By which the motions are turned about the vertical; None: towards the camera, give or take 34 degrees."""
    start: int = 0
    """First frame of the motions."""
    split: str = "all"
    """Of the motions and panoramas: train, test or all."""


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """One person of a clip: who, wearing what, and where in the world in every frame.

    `pose` (T, 24, 3) with the root's turn in the world; `root` (T, 3) is where the pelvis is put, metres.
    """

    betas: Float
    look: Look
    pose: Float
    root: Float
    seed: int


def _actor(studio: Studio, motion: MotionClip, settings: ClipSettings, number: int) -> Actor:
    rng = np.random.default_rng([settings.seed, number])
    count = round(settings.seconds * settings.fps)
    frames = settings.start + np.arange(count) * MOTION_FPS // settings.fps
    frames = frames[frames < len(motion.pose)]
    betas = scene.sample_betas(rng) * np.float32(0.6)
    look = sample_look(rng, studio.marks, "test", scene.looks_feminine(studio.body, studio.marks, betas, rng))
    yaw = np.pi + rng.uniform(-0.6, 0.6) if settings.turn_deg is None else np.radians(settings.turn_deg)
    turn = to_matrix(np.array([0, yaw, 0], np.float32))
    pose = motion.pose[frames].copy()
    pose[:, 0] = to_rotvec(turn @ to_matrix(pose[:, 0]))
    root = (motion.root[frames] - motion.root[frames].mean(0)) @ turn.T
    posed = studio.body.pose(pose, betas[None])
    lowest = (posed.vertices[..., 1].min(1) - posed.joints[:, 0, 1] + root[:, 1]).min()
    root = root + np.array([(number - 0.0) * 0.95, -lowest, settings.distance + 0.35 * number], np.float32)
    return Actor(betas, look, pose, root.astype(np.float32), int(rng.integers(2**31)))


def _find(library: MotionLibrary, name: str) -> MotionClip:
    for clip in library.clips:
        if clip.name == name:
            return clip
    known = sorted({clip.name for clip in library.clips})
    raise ValueError(f"no clip {name!r} in the motion file; it has {', '.join(known[:8])} ...")


def _panorama(settings: ClipSettings) -> Environment | None:
    """The panorama of that name, or one that the seed chooses; None without panoramas."""
    splits = ("train", "test") if settings.split == "all" else (settings.split,)
    known = [environment for split in splits for environment in load_environments(split)]
    if settings.panorama is None:
        return known[settings.seed % len(known)] if known else None
    found = [environment for environment in known if environment.name == settings.panorama]
    if not found:
        raise ValueError(f"no panorama {settings.panorama!r}; there is {', '.join(e.name for e in known) or 'none'}")
    return found[0]


def _turned(environment: Environment | None, heading: Float) -> Environment | None:
    """The panorama as the world of the clip has it, turned so that the camera's heading comes to 0."""
    if environment is None:
        return None
    turn = np.eye(4, dtype=np.float32)
    turn[:3, :3] = heading
    soft = np.einsum("ji,cjk,kl->cil", turn, environment.soft, turn).astype(np.float32)
    return replace(environment, soft=soft, sun_direction=heading.T @ environment.sun_direction)


def _camera(settings: ClipSettings, count: int, heading: float) -> tuple[Float, float]:
    """Rotations to the world (T, 3, 3) of a camera that pans a little, and its focal length in pixels."""
    phase = np.linspace(-0.5, 0.5, count)
    rotvec = np.zeros((count, 3), np.float32)
    rotvec[:, 1] = heading + settings.travel * phase / settings.distance
    pitch = to_matrix(np.array([0.08, 0, 0], np.float32))
    return (to_matrix(rotvec) @ pitch @ scene.LOOKS_ALONG_Z).astype(np.float32), settings.width / 2 / HALF_VIEW


def _backdrop(environment: Environment | None, turn: Float, settings: ClipSettings, exposure: float) -> Bytes:
    side = settings.width
    if environment is None:
        line = np.linspace(0.75, 0.35, side, dtype=np.float32)[:, None, None]
        picture = np.broadcast_to(line, (side, side, 3)).astype(np.float32) * np.float32(0.4)
    else:
        picture = panorama_crop(environment, turn, HALF_VIEW, side)
    middle = slice((side - settings.height) // 2, (side + settings.height) // 2)
    return np.clip(to_srgb(picture[middle] * np.float32(exposure)) * 255 + 0.5, 0, 255).astype(np.uint8)


def _draw_actor(
    studio: Studio, actor: Actor, frame: int, turn: Float, environment: Environment | None, settings: ClipSettings
) -> tuple[Bytes, Bytes, dict[str, Any]]:
    """One person in one frame: RGBA and floor shadow on the square canvas, and the truth."""
    pose = actor.pose[frame].copy()
    pose[0] = to_rotvec(turn.T @ to_matrix(pose[0]))
    pelvis = turn.T @ (actor.root[frame] - np.array([0, CAMERA_HEIGHT, 0], np.float32))
    vertices, surface = scene.pose_person(studio.body, studio.marks, actor.look, pose, actor.betas, actor.seed)
    joints = studio.body.joint_regressor[:1] @ vertices
    transl = (pelvis - joints[0]).astype(np.float32)
    moved = replace(surface, vertices=surface.vertices + transl)
    if environment is None:
        light = made_up_light(np.random.default_rng(settings.seed), turn)
    else:
        light = light_of(environment, turn)
    camera = scene.Camera(turn, 0.5 / HALF_VIEW)
    forward = np.zeros(3, np.float32)
    person = scene.Person(actor.betas, pose, vertices, transl, moved, forward)
    one = scene.Scene(person, actor.look, camera, light, environment.name if environment else "")
    side = 2 * settings.width
    buffer = gbuffer.draw(moved, camera.focal * side, side, light.key_direction)
    colour = studio.colour([one], [buffer])[0].numpy()
    body, focal = studio.body, settings.width / 2 / HALF_VIEW
    truth: dict[str, Any] = {"transl": transl, "pose": pose, "betas": actor.betas}
    for name, regressor in (("lsp", body.lsp_regressor), ("coco", body.coco_regressor)):
        points = (regressor @ vertices).astype(np.float32)
        there = points + transl
        truth[f"{name}_3d"] = points
        truth[f"{name}_px"] = there[:, :2] / there[:, 2:] * focal + [settings.width / 2, settings.height / 2]
    both = np.concatenate([truth["lsp_px"], truth["coco_px"]])
    low, high = both.min(0), both.max(0)
    truth["box_px"] = np.concatenate([(low + high) / 2 - (high - low) * BOX_MARGIN / 2, (high - low) * BOX_MARGIN])
    return colour, labels.floor_shadow(one, settings.width // 2), truth


def render_clip(settings: ClipSettings) -> tuple[list[Bytes], dict[str, Any]]:
    """Frames (H, W, 3) RGB and the truth.

    Returns:
        frames, and arrays by name: `frame_index` (T,), `time_s` (T,), `camera_to_world` (T, 3, 3), `focal_px`,
        `width`, `height`, `fps`, and per person `pI_transl` (T, 3), `pI_pose` (T, 24, 3), `pI_betas` (T, 10),
        `pI_lsp_3d` (T, 14, 3), `pI_lsp_px` (T, 14, 2), `pI_coco_3d`, `pI_coco_px`, `pI_box_px` (T, 4) xywh.

    Raises:
        ValueError: an unknown clip, or a frame that is higher than wide.
    """
    if settings.height > settings.width:
        raise ValueError(f"expected a clip at least as wide as high, got {settings.width} x {settings.height}")
    torch.set_num_threads(1)
    studio = Studio.build(RenderSettings(1, "test", settings.seed, settings.width, str(settings.motions)))
    library = MotionLibrary.load(settings.motions, settings.split)
    names = [settings.clip] + ([settings.second] if settings.second else [])
    actors = [_actor(studio, _find(library, name), settings, number) for number, name in enumerate(names)]
    count = min(len(actor.pose) for actor in actors)
    rng = np.random.default_rng([settings.seed, 99])
    environment = _panorama(settings)
    turns, focal = _camera(settings, count, 0.0)
    azimuth = rng.uniform(-np.pi, np.pi) if settings.heading_deg is None else np.radians(settings.heading_deg)
    heading = to_matrix(np.array([0, azimuth, 0], np.float32))
    frames, truths = [], []
    lit_by = _turned(environment, heading)
    middle = float(np.median(_backdrop(environment, heading @ turns[0], settings, 1.0))) / 255
    exposure = 0.28 / max(middle**2.2, 0.02)
    for frame in range(count):
        picture = _backdrop(environment, heading @ turns[frame], settings, min(exposure, 2.5))
        drawn = [_draw_actor(studio, actor, frame, turns[frame], lit_by, settings) for actor in actors]
        frames.append(_finish(picture, drawn, settings, frame))
        truths.append([truth for _, _, truth in drawn])
    result: dict[str, Any] = {
        "frame_index": np.arange(count), "time_s": np.arange(count) / settings.fps, "camera_to_world": turns,
        "focal_px": focal, "width": settings.width, "height": settings.height, "fps": settings.fps,
    }  # fmt: skip
    for number in range(len(actors)):
        for name in truths[0][0]:
            result[f"p{number}_{name}"] = np.stack([truth[number][name] for truth in truths])
    return frames, result


def _finish(
    picture: Bytes, drawn: list[tuple[Bytes, Bytes, dict[str, Any]]], settings: ClipSettings, frame: int
) -> Bytes:
    """Shadows and people, far ones first, over the background; a little noise."""
    top = (settings.width - settings.height) // 2
    rows = slice(top, top + settings.height)
    for _, shadow, _ in drawn:
        large = cv2.resize(shadow, (settings.width, settings.width), interpolation=cv2.INTER_LINEAR)
        photometry.darken(picture, np.ascontiguousarray(large[rows]), 0.8)
    for colour, _, _ in sorted(drawn, key=lambda one: -float(one[2]["transl"][2])):
        photometry.lay_over(picture, np.ascontiguousarray(colour[rows]), np.ones(3, np.float32))
    noise = np.random.default_rng([settings.seed, 7, frame]).normal(0, 1.0, (*picture.shape[:2], 1))
    return np.clip(picture + noise + 0.5, 0, 255).astype(np.uint8)


def write_clip(settings: ClipSettings, out: Path) -> None:
    """Writes a video (.mp4) or a folder of pictures, and the truth as .npz beside it.

    Raises:
        OSError: the video cannot be written.
    """
    frames, truth = render_clip(settings)
    if out.suffix == ".mp4":
        out.parent.mkdir(parents=True, exist_ok=True)
        code = cv2.VideoWriter.fourcc(*"mp4v")
        video = cv2.VideoWriter(str(out), code, settings.fps, (settings.width, settings.height))
        if not video.isOpened():
            raise OSError(f"cannot write {out}: OpenCV has no encoder for it")
        for frame in frames:
            video.write(np.ascontiguousarray(frame[..., ::-1]))
        video.release()
    else:
        out.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames):
            cv2.imwrite(str(out / f"{number:05d}.png"), frame[..., ::-1])
    np.savez_compressed(out.with_suffix(".truth.npz") if out.suffix else out / TRUTH, **truth)

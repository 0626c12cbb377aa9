"""The picture and the body on one frame: a film that flashes, a body that is there in the flashes, both rendered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import cv2
import numpy as np
import pytest

from blender_addon.scene.build import BuildSettings, build_take
from core.footage.reader import open_footage
from core.types import Motion
from tests.fixtures import clips, motions
from tests.fixtures.graphs import write_clip

SIZE = (64, 48)
FLASHES = np.random.default_rng(3).random(60) < 0.5
AWAY_M = 500.0
"""Behind the camera's edge, from one frame to the next."""
FPS = 25.0


def _flash(frame: int) -> np.ndarray:
    """The left half is white in a flash; (48, 64, 3)."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    image[:, : SIZE[0] // 2] = 255 * FLASHES[frame]
    return image


def _video(folder: Path) -> Path:
    return write_clip(folder / "flash.mp4", 24, _flash, FPS)


def _variable(folder: Path) -> Path:
    return clips.with_variable_rate(_video(folder), first_count=8)


def _trimmed(folder: Path) -> Path:
    return clips.trimmed(_video(folder), 5, FPS)


def _sequence(folder: Path) -> Path:
    for frame in (*range(6), *range(9, 20)):
        cv2.imwrite(str(folder / f"shot.{1001 + frame}.png"), _flash(frame))
    return folder


def _one_of_two(folder: Path) -> Path:
    _sequence(folder)
    for number in range(1, 9):
        cv2.imwrite(str(folder / f"other.{number:04d}.png"), _flash(0))
    return folder / "shot.1004.png"


Footage = Callable[[Path], Path]


@pytest.mark.parametrize(
    ("footage", "told_fps", "clip_at", "scene_fps"),
    [
        (_video, None, None, None),
        (_variable, None, None, None),
        (_trimmed, None, None, None),
        (_sequence, None, None, None),
        (_sequence, 12.5, None, None),
        (_one_of_two, None, None, None),
        (_video, None, (101, 10), None),
        (_variable, None, (40, -3), 24),
        (_one_of_two, None, (11, 2), 60),
        (_video, None, None, 24),
        (_video, 250.0, None, None),
    ],
)
def test_picture_and_body_when_rendered_are_on_the_same_frame(
    scene: Any,
    tmp_path: Path,
    footage: Footage,
    told_fps: float | None,
    clip_at: tuple[int, int] | None,
    scene_fps: int | None,
) -> None:
    film = footage(tmp_path)
    clip, was = None, None
    if clip_at is not None:
        clip = bpy.data.movieclips.load(str(film))
        clip.frame_start, clip.frame_offset = clip_at
        was = (clip.name, clip.frame_start, clip.frame_offset)
    if scene_fps is not None:
        scene.render.fps = scene_fps
    motion = _there_in_flashes(film, told_fps)
    built = build_take(scene, motion, BuildSettings("take", matches_scene=scene_fps is None))
    shown = bpy.data.objects[built.camera].data.background_images[0].clip
    if clip is not None:
        assert shown == clip and was == (clip.name, clip.frame_start, clip.frame_offset)
        assert len(bpy.data.movieclips) == 1
    _prepare(scene, shown, bpy.data.objects[built.camera])
    frames = _keyed(motion, built.film, scene)
    seen = [_seen(scene, frame, tmp_path / "seen.png") for frame in frames]
    assert [picture for picture, _ in seen] == [body for _, body in seen]
    assert len({picture for picture, _ in seen}) == 2  # or nothing was compared


def _there_in_flashes(film: Path, told_fps: float | None) -> Motion:
    footage = open_footage(film, told_fps)
    decoded = list(footage.frames())
    flashes = np.array([frame.image[:, :8].mean() > 128 for frame in decoded])
    person = motions.person(frame_count=len(decoded))
    transl = np.tile([0.35, 0.0, 3.0], (len(decoded), 1))
    transl[~flashes, 0] = AWAY_M
    person = replace(
        person,
        frame_index=np.array([frame.frame_index for frame in decoded]),
        time_s=np.array([frame.time_s for frame in decoded]),
        transl=transl,
    )
    info = footage.info
    motion = motions.motion([person], info.fps, film)
    return replace(motion, focal_px=64.0, width=SIZE[0], height=SIZE[1], film_fps=info.fps, slowdown=info.slowdown)


def _keyed(motion: Motion, film: Any, scene: Any) -> list[int]:
    keys = film.frames_of(motion.persons[0].time_s)
    assert np.array_equal(keys, np.round(keys))
    return [int(key) for key in keys if key >= scene.frame_start or film.start < 0][:14]


def _prepare(scene: Any, clip: Any, camera: Any) -> None:
    """The picture on the left, the body on the right: the clip behind what the camera sees."""
    scene.camera = camera
    render = scene.render
    render.engine, render.film_transparent = "CYCLES", True
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", 1, False
    render.resolution_x, render.resolution_y, render.resolution_percentage = *SIZE, 100
    render.image_settings.file_format = "PNG"
    scene.view_settings.view_transform = "Standard"
    world = bpy.data.worlds.new("Light")
    if world.node_tree is None:
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Strength"].default_value = 5.0
    scene.world = world
    tree, out = _compositor(scene)
    seen, film = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeMovieClip")
    over = tree.nodes.new("CompositorNodeAlphaOver")
    film.clip = clip
    images = [socket for socket in over.inputs if socket.type == "RGBA"]
    tree.links.new(film.outputs["Image"], images[0])
    tree.links.new(seen.outputs["Image"], images[1])
    tree.links.new(over.outputs[0], out.inputs[0])


def _compositor(scene: Any) -> tuple[Any, Any]:
    if bpy.app.version < (5, 0, 0):
        scene.use_nodes = True
        scene.node_tree.nodes.clear()
        return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite")
    tree: Any = bpy.data.node_groups.new("Over the footage", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    scene.compositing_node_group = tree
    return tree, tree.nodes.new("NodeGroupOutput")


def _seen(scene: Any, frame: int, path: Path) -> tuple[bool, bool]:
    """Whether the picture flashes, and whether the body is there."""
    scene.frame_set(frame)
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return bool(image[4:-4, 2:12].mean() > 128), bool(image[16:32, 36:60].max() > 64)

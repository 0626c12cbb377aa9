"""A contact sheet: renders of the take over its footage, to see at a glance where it fits and where not.

Rendered by Cycles on the CPU: the one engine that needs neither a window nor OpenGL.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import cv2
import numpy as np
import numpy.typing as npt

from .. import bridge
from ..scene.build import counted_people
from ..scene.film_frames import sequence_of

if TYPE_CHECKING:
    from ..bridge import Motion
    from ..scene.build import BuiltTake

CELLS = 12
COLUMNS = {True: 4, False: 6}
"""Of cells that are wider than high, and of the others."""
CELL_LONGER_SIDE_PX = 480
BODY_OPACITY = 0.8  # the person stays visible beneath the body
SAMPLES = 6  # noise is below what a cell shows
SUN_STRENGTH, SKY_STRENGTH = 2.0, 0.4
SUN_EULER = (0.9, 0.2, -0.5)  # from above, behind the camera's left shoulder
GAP_PX, LABEL_PX = 4, 22

Picture = npt.NDArray[np.uint8]


def write_sheet(scene: bpy.types.Scene, built: BuiltTake, motion: Motion, path: Path) -> None:
    """Write a PNG with up to twelve frames, evenly over the footage.

    Lights, and the scene's render settings, are changed and stay so: save the scene before.

    Raises:
        FootageError: the footage can't be decoded any more.
        OutputError: the picture can't be written.
    """
    size = cell_size(motion.width, motion.height)
    _prepare_render(scene, size)
    light = _make_sun(bpy.data.collections[built.collection])
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        for index, time_s, picture in _footage_frames(motion, size):
            at = float(built.film.frames_of(np.array(time_s)))
            body = _render(scene, at, Path(folder) / "body.png")
            people = sum(_is_there(motion, person, time_s) for person in range(len(motion.persons)))
            label = f"frame {index}   {time_s:.2f} s   {counted_people(people)}"
            cells.append(labelled(overlaid(picture, body), label))
    bpy.data.objects.remove(light)
    _, encoded = cv2.imencode(".png", grid(cells, COLUMNS[motion.width >= motion.height]))
    with bridge.written_whole(path) as file:
        file.write(encoded.tobytes())


def cell_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of a cell that shows a picture of this size."""
    scale = min(1.0, CELL_LONGER_SIDE_PX / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def overlaid(picture: Picture, body: Picture) -> Picture:
    """(H, W, 3) BGR: the body (H, W, 4) BGRA over the picture (H, W, 3) BGR."""
    alpha = body[..., 3:].astype(np.float32) / 255 * BODY_OPACITY
    return np.asarray(np.round(picture * (1 - alpha) + body[..., :3] * alpha), np.uint8)


def labelled(cell: Picture, text: str) -> Picture:
    """The cell with a line of text beneath."""
    strip = np.full((LABEL_PX, cell.shape[1], 3), 32, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(strip, text, (6, LABEL_PX - 7), font, 0.42, (230, 230, 230), 1, cv2.LINE_AA)
    return np.concatenate([cell, strip])


def grid(cells: list[Picture], columns: int) -> Picture:
    """Cells of one size in rows."""
    if not cells:
        raise ValueError("expected at least one cell, got none")
    height, width = cells[0].shape[:2]
    columns = min(columns, len(cells))
    rows = math.ceil(len(cells) / columns)
    sheet = np.full((rows * (height + GAP_PX) + GAP_PX, columns * (width + GAP_PX) + GAP_PX, 3), 16, np.uint8)
    for number, cell in enumerate(cells):
        top = GAP_PX + number // columns * (height + GAP_PX)
        left = GAP_PX + number % columns * (width + GAP_PX)
        sheet[top : top + height, left : left + width] = cell
    return sheet


def _footage_frames(motion: Motion, size: tuple[int, int]) -> Iterator[tuple[int, float, Picture]]:
    """Number, time and picture at the cell's size of frames spread over the footage."""
    is_told = motion.slowdown != 1 or sequence_of(motion.footage) is not None
    told_fps = motion.film_fps if is_told else None
    footage = bridge.open_footage(motion.footage, told_fps)
    last_seen = max(int(person.frame_index[-1]) for person in motion.persons)
    count = max(footage.info.announced_frames or 0, last_seen + 1)
    wanted = set(np.linspace(0, count - 1, min(CELLS, count)).round().astype(int).tolist())
    for frame in footage.frames():
        if frame.frame_index in wanted:
            small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
            yield frame.frame_index, frame.time_s, np.asarray(small, np.uint8)


def _is_there(motion: Motion, person: int, time_s: float) -> bool:
    times = motion.persons[person].time_s
    half_frame_s = 0.5 / motion.fps
    return bool(times[0] - half_frame_s <= time_s <= times[-1] + half_frame_s)


def _prepare_render(scene: bpy.types.Scene, size: tuple[int, int]) -> None:
    render: Any = scene.render
    render.engine = "CYCLES"
    cycles: Any = scene.cycles  # type: ignore[attr-defined]
    cycles.device, cycles.samples, cycles.use_denoising = "CPU", SAMPLES, False
    render.film_transparent = True
    render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    scene.view_settings.view_transform = "Standard"  # type: ignore[union-attr]
    world: Any = bpy.data.worlds.new("Sheet")
    if world.node_tree is None:
        world.use_nodes = True  # always on, and deprecated, from 5.0
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (SKY_STRENGTH, SKY_STRENGTH, SKY_STRENGTH, 1.0)
    scene.world = world


def _make_sun(collection: bpy.types.Collection) -> bpy.types.Object:
    data: Any = bpy.data.lights.new("Sheet sun", "SUN")
    data.energy = SUN_STRENGTH
    sun = bpy.data.objects.new("Sheet sun", data)
    sun.rotation_euler = SUN_EULER
    collection.objects.link(sun)
    return sun


def _render(scene: bpy.types.Scene, at: float, path: Path) -> Picture:
    """(H, W, 4) uint8 BGRA: what the camera sees at a scene frame, without the footage."""
    scene.frame_set(math.floor(at), subframe=at - math.floor(at))
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)

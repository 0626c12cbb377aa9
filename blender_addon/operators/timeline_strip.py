"""The timeline fills while a run goes: a row for each person, green where the network was sure, red where it was not.

Above it, of the chosen take and once it is solved, a thinner row for each person: green where the pose is plausible,
red where the vocabulary of poses knows none like it. Drawn over the Timeline and the Dope Sheet at their frames, over
the Movie Clip Editor along its lower edge; there the joints of the shown frame lie over the picture too. Drawn from
what the run has read, and from the report of the solve, which is read when it has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import bpy
import numpy as np

from .. import bridge
from ..axes import Float
from ..choices.properties import film_frames_of, settings_of
from ..engine import session
from ..engine.live_take import Filling
from ..engine.take_folder import plausibility
from ..scene import take_records
from ..scene.film_frames import FilmFrames, clip_path, shown_film
from ..scene.turned_clip import to_clip, turn_of, upright_size

ROW_PX, THIN_PX, GAP_PX = 4.0, 2.0, 1.0
BASE_PX = {"DOPESHEET_EDITOR": 24.0, "CLIP_EDITOR": 14.0}
"""Above the scroll bar, and above the line of cached frames."""
SURE, UNSURE = 0.7, 0.3
"""Mean confidence of the joints that is all green, and all red; below the second a frame gets its marker at the end
(`mark_unsure`)."""
PLAUSIBLE_MM, IMPLAUSIBLE_MM = 20.0, 50.0
"""Distance of a pose to its own re-encoding that is all green, as in the self-check, and all red."""
LEVELS = 8
ALPHA = 0.85
LINE_RGBA = (0.2, 0.9, 1.0, 0.9)

Runs: TypeAlias = list[tuple[float, float, int]]
"""First and last edge in scene frames, and level from 0 (red) to LEVELS - 1, of stretches of one colour."""

_handlers: list[tuple[Any, Any]] = []


def add_strips() -> None:
    """Draw from now on; a Blender without windows has nothing to draw on."""
    if bpy.app.background or _handlers:
        return
    for space in (bpy.types.SpaceDopeSheetEditor, bpy.types.SpaceClipEditor):
        _handlers.append((space, space.draw_handler_add(_draw, (), "WINDOW", "POST_PIXEL")))


def remove_strips() -> None:
    """Draw no more."""
    while _handlers:
        space, handler = _handlers.pop()
        space.draw_handler_remove(handler, "WINDOW")


def runs_of(filling: Filling, person: str, film: FilmFrames) -> Runs:
    """How sure the network was.

    Args:
        filling: what is done.
        person: one of its people.
        film: where the footage lies in the scene.
    """
    found: Runs = []
    last_frame = None
    seen = filling.people[person]
    pace = _pace_s(seen) * film.rate
    for frame in sorted(seen):
        time_s, sure, _ = seen[frame]
        level = int(np.clip((sure - UNSURE) / (SURE - UNSURE) * LEVELS, 0, LEVELS - 1))
        begins = film.start + time_s * film.rate - 0.5
        ends = begins + pace * filling.step
        if last_frame is not None and frame - last_frame <= filling.step and found[-1][2] == level:
            found[-1] = (found[-1][0], ends, level)
        else:
            found.append((begins, ends, level))
        last_frame = frame
    return found


def plausible_runs(told: list[tuple[float, float]], film: FilmFrames) -> Runs:
    """How plausible the poses are; `told` is seconds and millimetres of each frame."""
    found: Runs = []
    begins = [film.start + time_s * film.rate - 0.5 for time_s, _ in told]
    pace = float(np.median(np.diff(begins))) if len(begins) > 1 else 1.0
    for (_, off_mm), begin, end in zip(told, begins, [*begins[1:], *[b + pace for b in begins[-1:]]], strict=True):
        share = (IMPLAUSIBLE_MM - off_mm) / (IMPLAUSIBLE_MM - PLAUSIBLE_MM)
        level = int(np.clip(share * LEVELS, 0, LEVELS - 1))
        if found and found[-1][2] == level:
            found[-1] = (found[-1][0], end, level)
        else:
            found.append((begin, end, level))
    return found


def _pace_s(seen: dict[int, tuple[float, float, Float]]) -> float:
    """Seconds from one frame of the footage to the next."""
    first, last = min(seen), max(seen)
    return (seen[last][0] - seen[first][0]) / (last - first) if last > first else 1 / 30


def colour_of(level: int) -> tuple[float, float, float, float]:
    """From red over amber to green."""
    share = level / (LEVELS - 1)
    return (min(1.0, 2 - 2 * share) * 0.9, min(1.0, 2 * share) * 0.8, 0.1, ALPHA)


def rectangles(
    rows: list[tuple[Runs, float]], to_x: Callable[[float], float], base_px: float, scale: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float, float, float]], list[tuple[int, int, int]]]:
    """Corners, their colours and triangles of the strip, in a region's pixels.

    Args:
        rows: from the lowest up, each with its height in unscaled pixels.
        to_x: from a scene frame to the region's x.
        base_px: height of the first row.
        scale: of the interface.
    """
    corners: list[tuple[float, float]] = []
    colours: list[tuple[float, float, float, float]] = []
    triangles: list[tuple[int, int, int]] = []
    high = (base_px - GAP_PX) * scale
    for runs, height_px in rows:
        low = high + GAP_PX * scale
        high = low + height_px * scale
        for begins, ends, level in runs:
            left, right = to_x(begins), to_x(ends)
            first = len(corners)
            corners += [(left, low), (right, low), (right, high), (left, high)]
            colours += [colour_of(level)] * 4
            triangles += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return corners, colours, triangles


def bones_at(filling: Filling, frame: int) -> list[Float]:
    """(2, 2) ends of the drawn bones of everybody on a frame of the footage, its pixels; y down."""
    edges = bridge.LSP_EDGES
    shown = [seen[frame][2] for seen in filling.people.values() if frame in seen]
    return [joints[list(edge)] for joints in shown for edge in edges]


def redraw_strips(context: Any) -> None:
    """Redraw what carries a strip."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in BASE_PX:
                for region in area.regions:
                    if region.type == "WINDOW":
                        region.tag_redraw()


def rows_of(context: Any, filling: Filling | None) -> list[tuple[Runs, float]]:
    """What is to be drawn, from the lowest row up: of the run, then of the chosen take."""
    film = film_frames_of(settings_of(context.scene), context.scene)
    people = [] if filling is None else list(filling.people)
    rows = [(runs_of(filling, person, film), ROW_PX) for person in people]  # type: ignore[arg-type]
    collection = take_records.active_take(context)
    record = take_records.record_of(collection) if collection is not None else None
    told = plausibility(record.motion) if record is not None else {}
    shown = record.built.film if record is not None else film
    return [*rows, *((plausible_runs(frames, shown), THIN_PX) for frames in told.values())]


def _draw() -> None:
    running = session.current()
    filling = running.filling if running is not None else None
    context: Any = bpy.context
    region, space, scene = context.region, context.space_data, context.scene
    rows = rows_of(context, filling)
    if not rows:
        return
    if space.type == "CLIP_EDITOR":
        span = max(1, scene.frame_end - scene.frame_start + 1)
        to_x = lambda frame: (frame - scene.frame_start + 0.5) / span * region.width  # noqa: E731
        if filling is not None:
            _draw_bones(filling, region, space)
    else:
        to_x = lambda frame: region.view2d.view_to_region(frame, 0, clip=False)[0]  # noqa: E731
    scale = context.preferences.system.ui_scale
    _draw_rectangles(*rectangles(rows, to_x, BASE_PX[space.type], scale))


def _draw_rectangles(corners: Any, colours: Any, triangles: Any) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    shader = gpu.shader.from_builtin("FLAT_COLOR")
    flat = [(x, y, 0.0) for x, y in corners]
    batch = batch_for_shader(shader, "TRIS", {"pos": flat, "color": colours}, indices=triangles)
    gpu.state.blend_set("ALPHA")
    batch.draw(shader)
    gpu.state.blend_set("NONE")


def _draw_bones(filling: Filling, region: Any, space: Any) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    clip = space.clip
    running = session.current()
    if clip is None or running is None or not running.is_of(bpy.path.abspath(clip.filepath)):
        return
    width, height = upright_size(clip)
    bones = bones_at(filling, shown_film(clip, clip_path(clip)).frame_at(space.clip_user.frame_current))
    if not bones or not width:
        return
    to_region = region.view2d.view_to_region
    turn_deg = turn_of(clip)
    drawn = [to_clip((x / width, 1 - y / height), turn_deg) for bone in bones for x, y in bone]
    ends = [to_region(x, y, clip=False) for x, y in drawn]
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": [(x, y, 0.0) for x, y in ends]})
    shader.bind()
    shader.uniform_float("color", LINE_RGBA)
    batch.draw(shader)

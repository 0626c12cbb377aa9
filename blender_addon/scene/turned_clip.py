"""Phone footage that Blender shows sideways: up to 4.2 it doesn't read the turn that the file asks for.

Then the background behind the camera is turned, and what is drawn and dragged in the Movie Clip Editor goes through
`to_upright` and `to_clip`. Points are those of the editor's view: 0 to 1 from the lower left.
"""

from __future__ import annotations

import math
from typing import Any

import bpy

from .. import bridge
from .film_frames import clip_path

TURNED_SINCE = (4, 3, 0)
"""For turns that leave the size as it is; the others are seen by the clip's size. Only 4.2 is known not to turn."""


def turn_of(clip: Any) -> int:
    """Degrees, clockwise, by which a clip must still be turned to be upright: 0, 90, 180 or 270."""
    track = bridge.mp4_track(clip_path(clip)) if clip.source == "MOVIE" else None
    if track is None or track.turn_deg == 0:
        return 0
    width, height = track.stored_px
    if track.turn_deg == 180 or width == height:
        return int(track.turn_deg) if bpy.app.version < TURNED_SINCE else 0
    return int(track.turn_deg) if tuple(clip.size) == (width, height) else 0


def upright_size(clip: Any) -> tuple[int, int]:
    """Width and height of a clip's picture once it is upright."""
    width, height = (int(side) for side in clip.size)
    return (height, width) if turn_of(clip) % 180 else (width, height)


def turn_background(background: Any, clip: Any) -> None:
    """Set a camera's background upright.

    The picture is fitted into the frame before it is turned: its longer side then lies on the frame's shorter one.
    """
    turn_deg = turn_of(clip)
    background.rotation = math.radians(turn_deg)
    if turn_deg % 180:
        background.frame_method = "FIT"
        background.scale = max(clip.size) / min(clip.size)


def to_upright(point: tuple[float, float], turn_deg: int) -> tuple[float, float]:
    """Where a point of the clip lies once the clip is turned clockwise."""
    x, y = point
    return {0: (x, y), 90: (y, 1 - x), 180: (1 - x, 1 - y), 270: (1 - y, x)}[turn_deg]


def to_clip(point: tuple[float, float], turn_deg: int) -> tuple[float, float]:
    """Where a point of the upright picture lies in the clip."""
    return to_upright(point, -turn_deg % 360)

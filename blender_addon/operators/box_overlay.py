"""The box that is being drawn, over the frame in the Movie Clip Editor."""

from __future__ import annotations

from typing import Any

import bpy

from ..choices.people import box_corners, box_from_corners
from ..scene.turned_clip import to_clip, to_upright, turn_of, upright_size

LINE_RGBA = (1.0, 0.6, 0.1, 1.0)


class BoxOverlay:
    """Draws one box in a region while it is dragged."""

    def __init__(self, area: Any, region: Any, clip: Any) -> None:
        """Set up.

        Args:
            area: to redraw.
            region: the editor's main one.
            clip: that the editor shows.
        """
        self.size, self._turn_deg = upright_size(clip), turn_of(clip)
        self._area, self._region = area, region
        self._box: list[int] | None = None
        self._handler: Any = None

    def show(self) -> None:
        """Draw from now on."""
        draw = bpy.types.SpaceClipEditor.draw_handler_add
        self._handler = draw(self._draw, (), "WINDOW", "POST_PIXEL")

    def hide(self) -> None:
        """Draw no more."""
        if self._handler is not None:
            bpy.types.SpaceClipEditor.draw_handler_remove(self._handler, "WINDOW")
            self._handler = None
        self._area.tag_redraw()

    def view_at(self, mouse_x: int, mouse_y: int) -> tuple[float, float]:
        """Where the mouse is in the upright picture, 0 to 1 from the lower left; arguments are the window's pixels."""
        view = self._region.view2d.region_to_view(mouse_x - self._region.x, mouse_y - self._region.y)
        return to_upright((float(view[0]), float(view[1])), self._turn_deg)

    def draw_to(self, a: tuple[float, float], b: tuple[float, float]) -> None:
        """Show the box between two corners in the picture."""
        self._box = box_from_corners(a, b, self.size)
        self._area.tag_redraw()

    def _draw(self) -> None:
        if self._box is None or bpy.context.region != self._region:  # other editors show the clip otherwise
            return
        import gpu
        from gpu_extras.batch import batch_for_shader

        to_region = self._region.view2d.view_to_region
        drawn = [to_clip(corner, self._turn_deg) for corner in box_corners(self._box, self.size)]
        corners = [to_region(x, y, clip=False) for x, y in drawn]
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        around = [(x, y, 0.0) for x, y in (*corners, corners[0])]
        batch = batch_for_shader(shader, "LINE_STRIP", {"pos": around})
        shader.bind()
        shader.uniform_float("color", LINE_RGBA)
        batch.draw(shader)

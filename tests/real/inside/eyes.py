"""The person's eyes: where in a region a button is.

Blender tells no script where it drew a button. It does know which button lies under the mouse, and two of its
own operators name it: *Copy Python Command* and *Copy Full Data Path*. So the mouse goes down the region line
by line, as an eye would, until the button is under it.
"""

import bpy

LINE_PX = 16
"""Less than a button's height, so that none is stepped over."""
NOTCH_PX = 40
"""What one notch of the wheel moves a region, roughly: what it did move is looked up."""
SCREENS = 12


class NotFoundError(LookupError):
    """The button is nowhere in the region."""


def region_of(area, kind):
    """The region of a kind."""
    return next(region for region in area.regions if region.type == kind)


def under_mouse(window, area, region):
    """The button under the mouse, as Python would write it; empty where there is none."""
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=window, area=area, region=region):  # a screen may be a temporary one
        for ask, options in ((bpy.ops.ui.copy_python_command_button, {}),
                             (bpy.ops.ui.copy_data_path_button, {"full_path": True})):  # fmt: skip
            manager.clipboard = ""
            try:
                ask(**options)
            except RuntimeError:  # its poll says that there is no such button
                continue
            if manager.clipboard:
                return manager.clipboard
    return ""


class Eyes:
    """Find buttons with the hands that hold the mouse; where one was seen last is where to look first."""

    def __init__(self, hands):
        self.hands = hands
        self._seen_at = {}

    def find(self, window, area, wanted, *, kind="UI", at=0.4):
        """Where a button is, scrolling to it.

        Args:
            window: Blender's.
            area: that shows it.
            wanted: part of its Python command or data path.
            kind: of region.
            at: share of the region's width at which to look.

        Returns:
            x and y in the window.

        Raises:
            NotFoundError: it is not there.
        """
        look = _Look(window, area, region_of(area, kind), at)
        place = yield from self._where_it_was(look, wanted)
        if place is None:
            place = yield from self._over(look, wanted, look.lines())
        if place is None:
            place = yield from self._further_down(look, wanted)
        if place is None:
            yield from self._scroll(look, SCREENS * look.region.height)
            place = yield from self._over(look, wanted, look.lines())
        if place is None:
            place = yield from self._further_down(look, wanted)
        if place is None:
            seen = [name for key, name in self._seen_at if key == look.key]
            raise NotFoundError(f"no button {wanted!r}; seen so far: {', '.join(seen)}")
        return place

    def _where_it_was(self, look, wanted):
        """Scroll to where it was seen last, and look around there."""
        key = next((key for key in self._seen_at if key[0] == look.key and wanted in key[1]), None)
        if key is None:
            return None
        yield from self._scroll_to(look, self._seen_at[key])
        middle = look.y_of(self._seen_at[key])
        near = [middle + sign * off for off in range(0, 100, LINE_PX) for sign in (1, -1)]
        return (yield from self._over(look, wanted, [y for y in near if look.shows(y)]))

    def _further_down(self, look, wanted):
        """Screen by screen down to the end."""
        for _ in range(SCREENS):
            before = look.content_y(look.region.y)
            yield from self._scroll(look, -0.8 * look.region.height)
            if abs(look.content_y(look.region.y) - before) < 1:
                break
            place = yield from self._over(look, wanted, look.lines())
            if place:
                return place
        return None

    def _over(self, look, wanted, lines):
        """The mouse over these lines; the place of the button, or None."""
        for y in lines:
            yield from self.hands.move(look.window, look.x, y)
            name = under_mouse(look.window, look.area, look.region)
            if name:
                self._seen_at[look.key, name] = look.content_y(y)
            if wanted in name:
                return look.x, y
        return None

    def _scroll_to(self, look, content_y):
        """Bring a height of the content into the middle of the region, as far as it goes."""
        off = look.y_of(content_y) - (look.region.y + look.region.height / 2)
        if abs(off) > 0.35 * look.region.height:
            yield from self._scroll(look, off)

    def _scroll(self, look, pixels):
        """Turn the wheel: upwards for more than 0."""
        notches = round(pixels / NOTCH_PX)
        if notches:
            yield from self.hands.wheel(look.window, look.x, look.region.y + look.region.height / 2, notches)


class _Look:
    """A column of a region to look down at."""

    def __init__(self, window, area, region, at):
        self.window, self.area, self.region, self.at = window, area, region, at
        self.key = (area.type, region.type)

    @property
    def x(self):
        """Of the column, in the window."""
        return self.region.x + self.at * self.region.width

    def lines(self):
        """Heights in the window from top to bottom."""
        return range(self.region.y + self.region.height - 4, self.region.y + 2, -LINE_PX)

    def shows(self, y):
        """Whether a height of the window is inside."""
        return self.region.y + 2 < y < self.region.y + self.region.height - 2

    def content_y(self, y):
        """A height of the window as one of the content, which scrolling leaves."""
        return self.region.view2d.region_to_view(0, y - self.region.y)[1]

    def y_of(self, content_y):
        """And back."""
        return self.region.y + content_y - self.content_y(self.region.y)

"""What all steps of the story share: the window, the hands, the eyes, and what was measured.

The story is the clicks of a person who goes through the add-on once, and what must be true after each:
`capturing`, `result`, `afterwards`. Every step is a generator of seconds to wait. `flow` runs them in order; each
raises AssertionError or `NotFoundError` where something is not as it should be. What is asked is Blender's
state, never the picture.
"""

import importlib
import subprocess
import time
from pathlib import Path

import bpy
from eyes import Eyes, region_of, under_mouse

NAME = "bl_ext.user_default.footage_mocap"
TAB = "Footage Mocap"
OUT = Path("/tmp/gui")
BUSY_S = 400
"""A machine that trains a network meanwhile may take so long for a few seconds of footage."""


class Story:
    """What all steps share: the window, the hands, the clip, and what was measured."""

    def __init__(self, hands, footage):
        self.hands, self.eyes, self.footage = hands, Eyes(hands), footage
        self.measured = {}

    @property
    def window(self):
        """Blender's first window."""
        return bpy.context.window_manager.windows[0]

    @property
    def area(self):
        """The largest 3D view."""
        views = [area for area in self.window.screen.areas if area.type == "VIEW_3D"]
        return max(views, key=lambda area: area.width * area.height)

    @property
    def settings(self):
        """The scene's choices."""
        return self.window.scene.mocap

    def part(self, name):
        """A module of the add-on."""
        return importlib.import_module(f"{NAME}.{name}")

    def run(self):
        """The engine's run, or None."""
        return self.part("engine.session").current()

    def middle(self):
        """The middle of the 3D view."""
        region = region_of(self.area, "WINDOW")
        return region.x + region.width / 2, region.y + region.height / 2

    def press(self, wanted, *, at=0.4, area=None, **held):
        """Find a button of the sidebar and click it, once it stands still: a panel that shrinks moves those below."""
        area = area or self.area
        for _ in range(4):
            x, y = yield from self.eyes.find(self.window, area, wanted, at=at)
            yield 0.4
            yield from self.hands.move(self.window, x, y)
            if wanted in under_mouse(self.window, area, region_of(area, "UI")):
                break
        yield from self.hands.click(self.window, x, y, **held)

    def until(self, is_so, what, seconds=60.0):
        """Wait until something is so."""
        began = time.monotonic()
        while not is_so():
            assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}"
            yield 0.1

    def until_ended(self, state="done"):
        """Wait until the engine's run has ended as it should."""
        yield from self.until(lambda: self.run().state != "running", "the run ends", BUSY_S)
        assert self.run().state == state, f"{self.run().state}: {self.run().error}"
        yield 1.0  # drawn

    def aside(self, window=None):
        """The mouse away from all buttons: the one under it stays as it was drawn, grey where it was grey."""
        yield from self.hands.move(window or self.window, 100, 90)

    def shot(self, name):
        """Keep a picture of the screen, once Blender has drawn."""
        yield 0.6
        taking = subprocess.Popen([OUT / "shot", name], stdout=subprocess.DEVNULL)
        while taking.poll() is None:
            yield 0.05

    def in_picture(self, area, x, y):
        """Where a pixel of the clip, from its upper left corner, is in a Movie Clip Editor; the window's pixels."""
        region, (width, height) = region_of(area, "WINDOW"), self.settings.clip.size
        across, up = region.view2d.view_to_region(x / width, 1 - y / height, clip=False)
        return region.x + across, region.y + up

    def over_view(self):
        """The mouse over the 3D view, where keys mean what they usually mean."""
        yield from self.hands.move(self.window, *self.middle())

"""The person's hands: mouse and keys that reach Blender as a window's events do, never as calls of operators.

Two pairs: `XHands` by xdotool, whose events come from the X server; `SimulatedHands` by Blender's own event
simulation (`--enable-event-simulate`). All moves are generators of seconds to wait, since they run in a timer
of the Blender that they drive. Places are pixels of the window, from its lower left corner.
"""

import subprocess

SETTLE_S = 0.25
"""After a click, until Blender has drawn what it did; without a GPU."""
MOVED_S = 0.08
"""After a move, until Blender knows which button is under the mouse."""
KEYS = {"ESC": "Escape", "RET": "Return", "BACK_SPACE": "BackSpace"}
"""Names of keys: Blender's, X's."""


class XHands:
    """xdotool: real events of the X server."""

    name = "xdotool"
    can_hold_shift = True

    def move(self, window, x, y):
        """Put the mouse there."""
        yield from _xdotool("mousemove", window.x + int(x), self._down(window, y))
        yield MOVED_S

    def click(self, window, x, y, *, shift=False, ctrl=False, button=1):
        """Press and release."""
        yield from self.move(window, x, y)
        held = [name for name, is_held in (("shift", shift), ("ctrl", ctrl)) if is_held]
        for name in held:
            yield from _xdotool("keydown", name)
            yield SETTLE_S
        yield from _xdotool("click", button)
        yield SETTLE_S  # the button asks whether Shift is held when Blender comes to it, which may be busy
        for name in held:
            yield from _xdotool("keyup", name)
        yield SETTLE_S

    def wheel(self, window, x, y, notches):
        """Turn the wheel: upwards for more than 0."""
        yield from self.move(window, x, y)
        yield from _xdotool("click", "--repeat", abs(notches), "--delay", 15, 4 if notches > 0 else 5)
        yield 2 * SETTLE_S

    def drag(self, window, start, end, then=()):
        """Press, move, do something `then`, release."""
        yield from self.move(window, *start)
        yield from _xdotool("mousedown", 1)
        yield SETTLE_S
        for share in (0.3, 0.6, 0.9, 1.0):
            at = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
            yield from self.move(window, *at)
        yield from then
        yield from _xdotool("mouseup", 1)
        yield SETTLE_S

    def key(self, window, key, *, shift=False, ctrl=False):
        """Press and release a key, by Blender's name of it."""
        name = KEYS.get(key, key.lower())
        yield from _xdotool("key", "+".join([*(["ctrl"] if ctrl else []), *(["shift"] if shift else []), name]))
        yield SETTLE_S

    def type(self, window, text):
        """Type a text."""
        yield from _xdotool("type", "--delay", "30", text)
        yield 2 * SETTLE_S

    def _down(self, window, y):
        screen_height = 800
        return screen_height - 1 - window.y - int(y)


class SimulatedHands:
    """`window.event_simulate`: one event a step, each at the mouse's last place."""

    name = "event simulation"
    can_hold_shift = False
    """A simulated event has Shift; the window's own state, which buttons of several choices ask, has not."""

    def __init__(self):
        self._at = (0, 0)

    def move(self, window, x, y):
        """Put the mouse there."""
        self._at = (int(x), int(y))
        self._send(window, "MOUSEMOVE", "NOTHING")
        yield MOVED_S

    def click(self, window, x, y, *, shift=False, ctrl=False, button=1):
        """Press and release."""
        yield from self.move(window, x, y)
        kind = {1: "LEFTMOUSE", 3: "RIGHTMOUSE"}[button]
        for value in ("PRESS", "RELEASE"):
            self._send(window, kind, value, shift=shift, ctrl=ctrl)
            yield SETTLE_S

    def wheel(self, window, x, y, notches):
        """Turn the wheel: upwards for more than 0."""
        yield from self.move(window, x, y)
        for _ in range(abs(notches)):
            self._send(window, "WHEELUPMOUSE" if notches > 0 else "WHEELDOWNMOUSE", "PRESS")
            yield 0.03
        yield SETTLE_S

    def drag(self, window, start, end, then=()):
        """Press, move, do something `then`, release."""
        yield from self.move(window, *start)
        self._send(window, "LEFTMOUSE", "PRESS")
        yield SETTLE_S
        for share in (0.3, 0.6, 0.9, 1.0):
            at = [a + share * (b - a) for a, b in zip(start, end, strict=True)]
            yield from self.move(window, *at)
        yield from then
        self._send(window, "LEFTMOUSE", "RELEASE")
        yield SETTLE_S

    def key(self, window, key, *, shift=False, ctrl=False):
        """Press and release a key, by Blender's name of it."""
        for value in ("PRESS", "RELEASE"):
            self._send(window, key, value, shift=shift, ctrl=ctrl)
            yield SETTLE_S

    def type(self, window, text):
        """Type a text; of a key that writes, Blender reads the letter alone."""
        for letter in text:
            self._send(window, "G", "PRESS", unicode=letter)
            yield 0.03
            self._send(window, "G", "RELEASE")
            yield 0.03
        yield SETTLE_S

    def _send(self, window, kind, value, **more):
        window.event_simulate(type=kind, value=value, x=self._at[0], y=self._at[1], **more)


def _xdotool(*words):
    """Waited for without blocking: Blender must be free to take the events."""
    process = subprocess.Popen(["xdotool", *map(str, words)], stdin=subprocess.DEVNULL)
    while process.poll() is None:
        yield 0.02

"""A clip's frames, decoded ahead of whoever looks at them, in a thread of its own and within a bound of memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from queue import SimpleQueue
from threading import Event, Semaphore, Thread

from ..types import Frame
from .reader import Footage

AHEAD_BYTES = 48 * 2**20
"""Of pictures that are decoded and not looked at yet: 8 frames of 1920 x 1080, one of 4096 x 2160."""


def frames_ahead(
    clip: Footage,
    start: int = 0,
    end: int | None = None,
    step: int = 1,
    most_bytes: int = AHEAD_BYTES,
    prepared: Callable[[Frame], Frame] = lambda frame: frame,
) -> Generator[Frame, None, None]:
    """As `clip.frames`, each `prepared`, while the next frames are being decoded; close it, and no thread is left.

    The frames, their order and the errors are those of `clip.frames`, each error behind the frames before it. A clip
    of which no frame fits into `most_bytes` is decoded frame by frame, without a thread.
    """
    room = most_bytes // (clip.info.width * clip.info.height * 3)
    if room < 1:
        yield from map(prepared, clip.frames(start, end, step))
        return
    decoder = _Decoder(clip, map(prepared, clip.frames(start, end, step)), room)
    try:
        while (frame := decoder.next()) is not None:
            yield frame
    finally:
        decoder.stop()


class _Decoder:
    """The thread, and `room` places: a frame takes one before it is decoded and gives it back when it is fetched."""

    def __init__(self, clip: Footage, frames: Iterator[Frame], room: int) -> None:
        self._clip, self._frames = clip, frames
        self._places = Semaphore(room)
        self._ready: SimpleQueue[Frame | Exception | None] = SimpleQueue()
        self._is_stopped = Event()
        self._thread = Thread(target=self._decode, name="decode", daemon=True)
        self._thread.start()

    def next(self) -> Frame | None:
        """The next frame; None at the end; raises what decoding raised."""
        met = self._ready.get()
        self._places.release()
        if isinstance(met, Exception):
            raise met
        return met

    def stop(self) -> None:
        """Let the thread end, within a frame, and wait for it."""
        self._is_stopped.set()
        self._clip.stop()
        self._places.release()
        self._thread.join()

    def _decode(self) -> None:
        try:
            while True:
                self._places.acquire()
                frame = None if self._is_stopped.is_set() else next(self._frames, None)
                self._ready.put(frame)
                if frame is None:
                    return
        except Exception as error:  # told by the thread that asks for frames
            self._ready.put(error)

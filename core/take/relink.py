"""A take whose footage has moved: check that a file is the same clip, and write its new place into the take."""

from __future__ import annotations

from pathlib import Path

from ..errors import FootageError
from ..footage.film_time import told_fps
from ..footage.reader import open_footage
from ..types import FootageInfo
from .header import bytes_of
from .take import Take, TakeWriter

FPS_TOLERANCE = 0.01


def relink(take: Path, footage: Path) -> list[str]:
    """Let a take have its footage in another place; nothing is written where it is another clip.

    Args:
        take: the folder, NAME.take.
        footage: video file, folder of pictures or one picture; where the take is of a folder, a picture stands for it.

    Returns:
        Sentences about what differs and does no harm.

    Raises:
        MocapError: the take or the footage can't be read, it is another clip, or the take can't be written to.
    """
    header = Take.open(Path(take)).header
    footage = Path(footage)
    if header.footage.kind == "images" and footage.is_file() and not header.footage.path.suffix:
        footage = footage.parent
    clip = open_footage(footage, told_fps(header.footage)).info
    differences = _differences(header.footage, clip)
    if differences:
        raise FootageError(
            f"{footage}: another clip than the take's {header.footage.path.name} ({', '.join(differences)}); "
            "choose the file that the take was made from"
        )
    size = bytes_of(footage)
    TakeWriter.move_footage(Path(take), footage, size)
    if size == header.footage_bytes:
        return []
    return [
        f"{footage.name} has the frames and the size of {header.footage.path.name}, but {size} bytes and not "
        f"{header.footage_bytes}: fine for the same clip exported again, wrong for another one"
    ]


def _differences(was: FootageInfo, clip: FootageInfo) -> list[str]:
    told = []
    if clip.kind != was.kind:
        told.append(f"{clip.kind}, not {was.kind}")
    if (clip.width, clip.height) != (was.width, was.height):
        told.append(f"{clip.width} x {clip.height} pixels, not {was.width} x {was.height}")
    if clip.announced_frames != was.announced_frames:
        told.append(f"{clip.announced_frames} frames, not {was.announced_frames}")
    if abs(clip.fps - was.fps) > FPS_TOLERANCE:
        told.append(f"{clip.fps:.5g} frames a second, not {was.fps:.5g}")
    return told

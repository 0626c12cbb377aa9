"""Which pictures are one sequence, by their names alone: frame = number - first number, holes stay holes.

A picture's number is the last run of digits in its name; pictures whose names differ in nothing else are a sequence,
written as Blender does: shot.####.png. One of them stands for them all. A folder stands for its one sequence; pictures
without numbers are taken in natural order, 2 before 10, where a folder holds nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..errors import FootageError

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}
HIGH_RANGE = {".exr": "OpenEXR", ".hdr": "Radiance HDR", ".dpx": "DPX", ".cin": "Cineon"}
OTHER_PICTURES = {
    **HIGH_RANGE,
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"), "raw camera"),
    **dict.fromkeys((".heic", ".heif"), "HEIF"),
    **{".avif": "AVIF", ".jxl": "JPEG XL", ".jp2": "JPEG 2000", ".tga": "Targa", ".psd": "Photoshop"},
    **{".xcf": "GIMP", ".sgi": "SGI", ".rgb": "SGI", ".iff": "IFF", ".pic": "PIC"},
}
"""Kinds that are told by name, with what to do."""
MOST_HOLES = 20
"""Numbers a picture: beyond, names hold the time of day or an address, not frames."""
MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class PictureNames:
    """The pictures of a sequence.

    Attributes:
        files: by frame, ascending.
        pattern: such as shot.####.png; a picture's or a folder's own name where nothing is numbered.
        first_number: of frame 0; None where nothing is numbered.
        warnings: sentences about what is left out.
    """

    files: dict[int, Path]
    pattern: str
    first_number: int | None
    warnings: tuple[str, ...] = ()

    @property
    def last(self) -> int:
        """The last frame."""
        return max(self.files)


def picture_names(path: Path) -> PictureNames:
    """The sequence that a picture or a folder stands for.

    Raises:
        FootageError: no pictures, several sequences in a folder, or a kind that can't be read; says what to do.
    """
    if path.is_file():
        return _around(path)
    files = _pictures_in(path)
    sequences = {name: group for name, group in _grouped(files).items() if len(group) > 1}
    if len(sequences) > 1:
        raise FootageError(
            f"{path}: holds {len(sequences)} sequences ({_listed(_told(*item) for item in sequences.items())}); "
            "choose one picture of the sequence that you mean, or give each a folder of its own"
        )
    if not sequences:
        return PictureNames(dict(enumerate(files)), path.name, None)
    ((name, group),) = sequences.items()
    others = [file.name for file in files if file not in group.values()]
    warnings = (f"{path}: {_listed(others)} left out, not of {name}",) if others else ()
    return _sequence(path, name, group, warnings)


def picture_refusal(path: Path) -> str:
    """Why pictures of this kind can't be read, with what to do; empty for all other files."""
    kind = OTHER_PICTURES.get(path.suffix.lower())
    if kind is None:
        return ""
    colours = ", with the colours that the view shows" if path.suffix.lower() in HIGH_RANGE else ""
    return f"{path}: {kind} pictures can't be read; save them as PNG or JPEG under the same numbers{colours}"


def _around(picture: Path) -> PictureNames:
    name = _pattern(picture.name)[0]
    try:
        group = _grouped(_pictures_in(picture.parent)).get(name, {})
    except FootageError:
        group = {}
    if len(group) < 2 or picture.name not in {file.name for file in group.values()}:
        return PictureNames({0: picture}, picture.name, None)
    return _sequence(picture, name, group, ())


def _sequence(path: Path, name: str, group: dict[int, Path], warnings: tuple[str, ...]) -> PictureNames:
    numbers = sorted(group)
    if numbers[-1] - numbers[0] >= MOST_HOLES * len(numbers):
        said = (
            f"{path}: the numbers of {name} leap too far for frames, so its pictures follow one another without holes"
        )
        return PictureNames({n: group[number] for n, number in enumerate(numbers)}, name, None, (*warnings, said))
    if holes := [_range(a + 1, b - 1) for a, b in pairwise(numbers) if b > a + 1]:
        warnings = (*warnings, f"{name} has no picture {_listed(holes)}: these frames are empty")
    return PictureNames({number - numbers[0]: group[number] for number in numbers}, name, numbers[0], warnings)


def _pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder in natural order."""
    try:
        names = [file for file in folder.iterdir() if not file.name.startswith(".")]
    except OSError as error:
        raise FootageError(f"{folder}: can't be opened ({error.strerror}); check the folder") from error
    found = sorted((file for file in names if file.suffix.lower() in PICTURE_SUFFIXES), key=_natural_order)
    if found:
        return found
    if told := next(filter(None, map(picture_refusal, sorted(names))), ""):
        raise FootageError(told)
    kinds = ", ".join(sorted(suffix[1:] for suffix in PICTURE_SUFFIXES))
    raise FootageError(f"{folder}: no pictures in this folder ({kinds}); choose another folder")


def _grouped(files: list[Path]) -> dict[str, dict[int, Path]]:
    """The numbered pictures by the pattern of their names, then by number."""
    groups: dict[str, dict[int, Path]] = {}
    for file in files:
        name, number = _pattern(file.name)
        if number is None:
            continue
        same = groups.setdefault(name, {}).setdefault(number, file)
        if same != file:
            raise FootageError(f"{file}: has the number of {same.name}; remove one of the two")
    return groups


def _pattern(name: str) -> tuple[str, int | None]:
    """A name with # for its number, and the number."""
    stem, dot, suffix = name.rpartition(".")
    match = re.fullmatch(r"(.*?)([0-9]{1,15})([^0-9]*)", stem, re.DOTALL)
    if match is None:
        return name, None
    return f"{match[1]}####{match[3]}{dot}{suffix}", int(match[2])


def _told(name: str, group: dict[int, Path]) -> str:
    return f"{name} {_range(min(group), max(group))}"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _listed(names: Iterable[str]) -> str:
    told = list(names)
    more = [f"{len(told) - MOST_NAMED} more"] if len(told) > MOST_NAMED else []
    return ", ".join([*told[:MOST_NAMED], *more])


def _natural_order(file: Path) -> list[tuple[int, str]]:
    """2 before 10: numbers by value, the rest by letters."""
    parts = re.split(r"([0-9]+)", file.name.lower())
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts]

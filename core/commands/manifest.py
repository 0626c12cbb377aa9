"""A manifest of clips, one JSON object a line, and the part of it that is this process's.

    {"footage": "a.mp4"}
    {"footage": "shots/b.mov", "output": "b.take", "people": "all", "start": 10, "end": 99}

Footage, output and boxes are relative to the manifest. A key other than `footage` and `output` is an option of
`reconstruct` by its name there, with `_` for `-`, and wins over the command line's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ManifestError
from ..files.untrusted import parsed_json, shortened
from ..settings import FASTEST_FPS, ReconstructSettings

LARGEST_BYTES = 256 * 2**20
"""A manifest of a million clips has a fifth of it."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One unit of work.

    Attributes:
        footage: what is read.
        take: what is written; no two clips of a manifest share one.
        settings: the command line's, with the line's own on top.
        line: of the manifest, from 1.
    """

    footage: Path
    take: Path
    settings: ReconstructSettings
    line: int


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `count`-th clip, from number `index` on, both counted from 0."""

    index: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of(self, clips: list[Clip]) -> list[Clip]:
        """Its part; the parts of all shards are the whole, and no clip is in two."""
        return clips[self.index :: self.count]


def shard_of(text: str | None, environment: Mapping[str, str]) -> Shard:
    """The shard that was asked for, else that of a Slurm array's task, else everything.

    Args:
        text: "i/N", i from 0 to N - 1; None where it was not given.
        environment: the process's.

    Raises:
        ValueError: no such shard.
    """
    if text is not None:
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match is None or not int(match[1]) < int(match[2]):
            raise ValueError(f"expected i/N with i from 0 to N - 1, got {text!r}")
        return Shard(int(match[1]), int(match[2]))
    if "SLURM_ARRAY_TASK_ID" not in environment:
        return Shard()
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_COUNT")
    try:
        task, first, last, count = (int(environment[name]) for name in names)
    except (KeyError, ValueError) as error:
        raise ValueError(f"Slurm's array variables are not complete ({error}); give --shard i/N") from error
    if last - first + 1 != count or not first <= task <= last:
        raise ValueError(f"the Slurm array {first} to {last} has gaps or steps ({count} tasks); give --shard i/N")
    return Shard(task - first, count)


def read_manifest(path: Path, settings: ReconstructSettings, takes: Path | None = None) -> list[Clip]:
    """The clips of a manifest, in its order.

    Args:
        path: of the manifest.
        settings: for what a line does not say.
        takes: folder for takes that a line does not name; the manifest's own where None.

    Raises:
        ManifestError: it can't be read, a line is not what it should be, or two lines write one take.
    """
    lines = _lines(path)
    folder = path.parent
    clips: list[Clip] = []
    first_line: dict[Path, int] = {}
    for number, text in lines:
        where = f"{path}, line {number}"
        clip = _clip(_object(text, where), where, number, settings, folder, folder if takes is None else takes)
        place = clip.take.absolute()
        if place in first_line:
            raise ManifestError(
                f"{where}: writes {clip.take.name}, which line {first_line[place]} writes already; "
                'give one of them another "output"'
            )
        first_line[place] = number
        clips.append(clip)
    if not clips:
        raise ManifestError(f'{path}: has no clips; write one line for each, as {{"footage": "a.mp4"}}')
    return clips


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ManifestError(f"{path}: is larger than {LARGEST_BYTES >> 20} MB; cut it into several manifests")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ManifestError(f"{path}: can't be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: is not text in UTF-8; write one JSON object a line") from error
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        said = parsed_json(text)
    except ValueError as error:
        raise ManifestError(f'{where}: is not JSON; write it as {{"footage": "a.mp4"}}') from error
    if not isinstance(said, dict) or not _is_name(said.get("footage")):
        raise ManifestError(f'{where}: names no footage; write it as {{"footage": "a.mp4"}}')
    return said


def _clip(
    said: dict[str, Any], where: str, number: int, settings: ReconstructSettings, folder: Path, takes: Path
) -> Clip:
    footage = folder / said.pop("footage")
    output = said.pop("output", None)
    if output is not None and not _is_name(output):
        text = shortened(json.dumps(output))
        raise ManifestError(f'{where}: "output" is no path but {text}; name a take, as "a.take"')
    for name, value in said.items():
        if name not in OPTIONS:
            text = shortened(name)
            raise ManifestError(f'{where}: has no option "{text}"; there are {", ".join(OPTIONS)}')
        is_right, expected = OPTIONS[name]
        if not is_right(value):
            got = shortened(json.dumps(value))
            raise ManifestError(f'{where}: expected "{name}" to be {expected}, got {got}')
    chosen: dict[str, Any] = dict(said)
    if "people" in said:
        chosen["people"] = str(said["people"])
    if "boxes" in said:
        chosen["boxes"] = folder / said["boxes"]
    own = replace(settings, **chosen)
    if own.end is not None and own.end < (own.start or 0):
        raise ManifestError(f"{where}: its end {own.end} comes before its start {own.start or 0}")
    return Clip(footage, takes / f"{footage.stem}.take" if output is None else folder / output, own, number)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_positive(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value and value.isprintable()


def _is_length(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e7


def _is_rate(value: Any) -> bool:
    return _is_length(value) and value <= FASTEST_FPS


def _is_people(value: Any) -> bool:
    if isinstance(value, str):
        return value in ("all", "main") or (value.isdecimal() and len(value) < 10 and int(value) > 0)
    return _is_positive(value)


OPTIONS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "people": (_is_people, '"all", "main" or a number above 0'),
    "detector": (_is_name, "a name or a file"),
    "boxes": (_is_name, "a file"),
    "start": (_is_count, "a frame from 0"),
    "end": (_is_count, "a frame from 0"),
    "step": (_is_positive, "a number above 0"),
    "fps": (_is_rate, "frames a second, above 0 and up to 10000"),
    "focal_px": (_is_length, "a length in pixels"),
    "weights": (_is_name, "a name or a folder"),
}
"""What a line may say of its clip, with a check and what it expects in words."""

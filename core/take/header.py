"""What a take was made from, and how that is written into its `take.json`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files.untrusted import told
from ..footage.picture_names import PICTURE_SUFFIXES, picture_names
from ..settings import ReconstructSettings
from ..types import FootageInfo, FootageReport
from ..weights.rotation_tokens import RotationTokens, sizes_from_json, sizes_to_json

if TYPE_CHECKING:
    from ..body.upsample import LearnedSampler
    from ..weights.bundle import WeightsBundle

TAKE_FILE = "take.json"
NOT_IN_THE_QUESTION = ("weights", "device", "runtime", "threads", "focal_px", "boxes", "track")
"""Settings that don't change the result, or that are kept in another form."""


HEIGHTS = "heights"
"""Among a take's settings, where its boxes told how tall somebody is: metres by person."""
SMALLEST, LARGEST = 1e-3, 1e7
"""Of frames a second and of a focal length in pixels: beyond them are no cameras."""


@dataclass(frozen=True, slots=True, eq=False)
class TakeHeader:
    """What a take was made from; a run resumes a take only where all of it is the same, the path apart.

    Attributes:
        footage: the clip.
        footage_bytes: size of the video file, or of all pictures together.
        settings: those that change the result, plain JSON types, by name.
        focal_px: of the frame's camera.
        learned_sampler: of weights that bring their own 431 -> 1723 step; None is the body's.
        rotation_tokens: of weights that read bones; None of all others, and in takes from before there were any.
        weights_folder: where the weights lay; None in takes from before it was told.
    """

    footage: FootageInfo
    footage_bytes: int
    settings: dict[str, Any]
    weights_name: str
    weights_digest: str
    body_name: str
    body_digest: str
    focal_px: float
    learned_sampler: LearnedSampler | None = None
    rotation_tokens: RotationTokens | None = None
    weights_folder: Path | None = None

    @property
    def heights(self) -> dict[str, float]:
        """Metres by person, as the boxes of the run told them."""
        told = self.settings.get(HEIGHTS, {})
        return {str(name): float(metres) for name, metres in told.items()}

    def question(self) -> dict[str, Any]:
        """All that must be the same for a rerun to resume, by the name that the person knows it by."""
        clip = self.footage
        shape = [clip.kind, clip.width, clip.height, clip.announced_frames, self.footage_bytes]
        known = {"footage": shape, "weights": self.weights_digest, "body": self.body_digest}
        return {**known, "focal_px": self.focal_px, **self.settings}


def header_for(
    footage: FootageInfo,
    settings: ReconstructSettings,
    bundle: WeightsBundle,
    focal_px: float,
    heights: dict[str, float] | None = None,
) -> TakeHeader:
    """The header of a run's take; a boxes file counts by its content, not by its name."""
    plain = {k: v for k, v in asdict(settings).items() if k not in NOT_IN_THE_QUESTION}
    plain |= asdict(settings.track)
    boxes = settings.boxes
    plain["boxes"] = None if boxes is None else hashlib.sha256(boxes.read_bytes()).hexdigest()
    if heights:
        plain[HEIGHTS] = heights
    return TakeHeader(
        footage=footage,
        footage_bytes=bytes_of(footage.path),
        settings=plain,
        weights_name=bundle.name,
        weights_digest=bundle.digest,
        body_name=bundle.body_name,
        body_digest=bundle.body_digest,
        focal_px=focal_px,
        learned_sampler=bundle.learned_sampler(),
        rotation_tokens=bundle.rotation_tokens,
        weights_folder=bundle.folder.absolute(),
    )


def differences(old: TakeHeader, new: TakeHeader) -> list[str]:
    """What a rerun has otherwise than the take that it would resume, each with both values in few words."""
    before, now = old.question(), new.question()  # by their JSON: one of them was read from a file
    changed = [name for name in sorted({*before, *now}) if json.dumps(before.get(name)) != json.dumps(now.get(name))]
    return [f"{name} ({_short(name, before)}, now {_short(name, now)})" for name in changed]


def _short(name: str, question: dict[str, Any]) -> str:
    """One of a question's values in few words; a clip by what tells it from others."""
    value = question.get(name)
    if name == "footage" and isinstance(value, list):
        _, width, height, frames, size_bytes = value
        return f"{width} x {height} px, {'?' if frames is None else frames} frames, {size_bytes} bytes"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else text[:12] + "..."


def bytes_of(footage: Path) -> int:
    """Size of a video, or of all pictures of a sequence; 0 where nothing is there."""
    if footage.is_dir() or footage.suffix.lower() in PICTURE_SUFFIXES:
        return sum(file.stat().st_size for file in picture_names(footage).files.values())
    return footage.stat().st_size if footage.is_file() else 0


def header_to_json(header: TakeHeader) -> dict[str, Any]:
    """The header as `take.json` has it; the learned sampler has a file of its own."""
    footage = {
        **asdict(header.footage),
        "path": str(header.footage.path.absolute()),
        "bytes": header.footage_bytes,
    }
    return {
        "footage": footage,
        "settings": header.settings,
        "weights": {
            "name": header.weights_name,
            "digest": header.weights_digest,
            "rotation_tokens": sizes_to_json(header.rotation_tokens),
            "folder": None if header.weights_folder is None else str(header.weights_folder),
        },
        "body": {"name": header.body_name, "digest": header.body_digest},
        "focal_px": header.focal_px,
    }


def header_from_json(document: dict[str, Any], learned_sampler: LearnedSampler | None) -> TakeHeader:
    """The header that `header_to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, OverflowError: it is another one's.
    """
    footage = dict(document["footage"])
    footage_bytes = int(footage.pop("bytes"))
    weights, body, settings = document["weights"], document["body"], dict(document["settings"])
    _check_whole("step", settings.get("step", 1), 1)
    for name, metres in settings.get(HEIGHTS, {}).items():
        _positive(f"height of {name}", metres)
    return TakeHeader(
        footage=_footage_from_json(footage),
        footage_bytes=footage_bytes,
        settings=settings,
        weights_name=str(weights["name"]),
        weights_digest=str(weights["digest"]),
        body_name=str(body["name"]),
        body_digest=str(body["digest"]),
        focal_px=_positive("focal_px", document["focal_px"]),
        learned_sampler=learned_sampler,
        rotation_tokens=sizes_from_json(weights.get("rotation_tokens")),
        weights_folder=_folder(weights.get("folder")),
    )


def _footage_from_json(stored: dict[str, Any]) -> FootageInfo:
    footage = FootageInfo(**{**stored, "path": Path(stored["path"]), "fps": _positive("fps", stored["fps"])})
    _positive("slowdown", footage.slowdown)
    if footage.kind not in ("video", "images") or "\0" in str(footage.path):
        raise ValueError("footage of no kind or without a path")
    for name in ("width", "height"):
        _check_whole(name, getattr(footage, name), 1)
    if footage.announced_frames is not None:
        _check_whole("announced_frames", footage.announced_frames, 0)
    return footage


def _folder(stored: Any) -> Path | None:
    if stored is not None and (not isinstance(stored, str) or not stored or "\0" in stored):
        raise ValueError(f"the weights' folder is {told(stored)}")
    return None if stored is None else Path(stored)


def _check_whole(name: str, value: Any, least: int) -> None:
    if type(value) is not int or not least <= value < 2**31:
        raise ValueError(f"{name} is {told(value)}")


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not SMALLEST < value < LARGEST:
        raise ValueError(f"{name} is {told(value)}")
    return float(value)


def person_from_json(stored: dict[str, Any], row: int) -> dict[str, Any]:
    """A person of `take.json`, checked; format 1 numbers people by their row."""
    person = {**stored, "id": str(stored["id"]), "number": count_from_json(stored.get("number", row))}
    person |= {"chunks": count_from_json(stored["chunks"]), "rows": count_from_json(stored["rows"])}
    if not 0 < person["chunks"] <= max(person["rows"], 1):  # a chunk without a row is never written
        raise ValueError(f"{person['chunks']} chunks of {person['rows']} rows")
    return person


def count_from_json(value: Any) -> int:
    """A whole number from 0 on, and nothing else."""
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError(f"expected a number from 0, got {told(value)}")
    return value


def report_from_json(stored: dict[str, Any] | None) -> FootageReport | None:
    """How decoding went; None while it goes."""
    if stored is None:
        return None
    lost = tuple(count_from_json(index) for index in stored["lost"])
    warnings = tuple(str(warning) for warning in stored["warnings"])
    return FootageReport(count_from_json(stored["decoded"]), lost, count_from_json(stored["missing_at_end"]), warnings)


def one_name_a_line(document: dict[str, Any]) -> str:
    """JSON with a line for each name: whole indentation takes 20 ms a commit, since Python itself then writes it."""
    lines = (f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in document.items())
    return "{\n " + ",\n ".join(lines) + "\n}\n"

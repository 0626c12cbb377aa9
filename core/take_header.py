"""What a take was made from, and how that is written into its `take.json`."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .settings import ReconstructSettings
from .types import FootageInfo
from .upsample import LearnedSampler

if TYPE_CHECKING:
    from .weights import WeightsBundle

NOT_IN_THE_QUESTION = ("weights", "device", "runtime", "threads", "focal_px", "boxes", "track")
"""Settings that don't change the result, or that are kept in another form."""


@dataclass(frozen=True, slots=True, eq=False)
class TakeHeader:
    """What a take was made from; a run resumes a take only where all of it is the same, the path apart.

    Attributes:
        footage: the clip.
        footage_bytes: size of the video file, or of all pictures together.
        settings: those that change the result, plain JSON types, by name.
        focal_px: of the frame's camera.
        learned_sampler: of weights that bring their own 431 -> 1723 step; None is the body's.
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

    def question(self) -> dict[str, Any]:
        """All that must be the same for a rerun to resume, by the name that the person knows it by."""
        clip = self.footage
        shape = [clip.kind, clip.width, clip.height, clip.announced_frames, self.footage_bytes]
        known = {"footage": shape, "weights": self.weights_digest, "body": self.body_digest}
        return {**known, "focal_px": self.focal_px, **self.settings}


def header_for(
    footage: FootageInfo, settings: ReconstructSettings, bundle: WeightsBundle, focal_px: float
) -> TakeHeader:
    """The header of a run's take; a boxes file counts by its content, not by its name."""
    plain = {k: v for k, v in asdict(settings).items() if k not in NOT_IN_THE_QUESTION}
    plain |= asdict(settings.track)
    boxes = settings.boxes
    plain["boxes"] = None if boxes is None else hashlib.sha256(boxes.read_bytes()).hexdigest()
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
    )


def bytes_of(footage: Path) -> int:
    """Size of a file, or of all files in a folder; 0 for a pattern."""
    if footage.is_dir():
        return sum(file.stat().st_size for file in footage.iterdir() if file.is_file())
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
        "weights": {"name": header.weights_name, "digest": header.weights_digest},
        "body": {"name": header.body_name, "digest": header.body_digest},
        "focal_px": header.focal_px,
    }


def header_from_json(document: dict[str, Any], learned_sampler: LearnedSampler | None) -> TakeHeader:
    """The header that `header_to_json` wrote."""
    footage = dict(document["footage"])
    footage_bytes = int(footage.pop("bytes"))
    footage["path"] = Path(footage["path"])
    weights, body = document["weights"], document["body"]
    return TakeHeader(
        footage=FootageInfo(**footage),
        footage_bytes=footage_bytes,
        settings=dict(document["settings"]),
        weights_name=weights["name"],
        weights_digest=weights["digest"],
        body_name=body["name"],
        body_digest=body["digest"],
        focal_px=float(document["focal_px"]),
        learned_sampler=learned_sampler,
    )

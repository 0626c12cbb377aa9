"""What a person may choose, with the defaults. Every number says where it comes from."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Feet = Literal["off", "auto", "lock"]
Floors = Literal["off", "found", "solid"]
Bones = Literal["fit", "tokens", "both"]
HEIGHT_M = (0.5, 2.5)
"""The smallest and the largest height of a person that is believed."""


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """When a person counts as found, followed and lost; times in seconds of footage."""

    min_person_score: float = 0.5
    """The network's own reading of "is there a person in this crop"."""
    min_confidence: float = 0.2
    """Mean confidence of the 2D joints below which a frame does not count as seen."""
    new_person_score: float = 0.9
    new_confidence: float = 0.4
    """Both for somebody new, found in a search: higher, since a search looks at hundreds of crops. On six clips
    people have a score of 0.99 to 1 and a confidence of 0.5 to 0.9, most other things less of one of them."""
    found_score: float = 0.22
    """Person score times mean confidence of somebody new in a detector's box of just its threshold: surer boxes ask for
    less, unsure ones for more. Chosen on everyday photographs with two pose networks, see `docs/results.md`."""
    believed_confidence: float = 0.3
    """Mean confidence of the sightings from which on a track that a detector began is believed; one that a search began
    asks for `new_confidence`."""
    max_misses_s: float = 0.35
    """A person unseen for longer is lost; shorter gaps are bridged and marked."""
    relink_s: float = 1.0
    """A person found again within this time and near the last place is the same person."""
    search_every_s: float = 0.75
    """Pause between searches of the whole frame while somebody is missing; what lies between is looked at
    backwards."""
    new_people_every_s: float = 1.5
    """Pause between searches for newcomers while others are being followed."""
    detect_every_s: float = 0.2
    """Pause between looks of a detector over the whole frame, in place of both: it is cheap."""
    confirm_frames: int = 4
    """Sightings before a track is believed and written: a face in the wallpaper lasts shorter."""
    cut_threshold: float = 0.5
    """Histogram distance of neighbouring frames (0 equal, 1 disjoint) that is a scene cut."""


@dataclass(frozen=True, slots=True)
class ReconstructSettings:
    """The slow step: footage to take."""

    weights: str | None = None
    """Name, folder or `owner/name@revision` on Hugging Face; None is the bundle that ships."""
    device: str = "auto"
    runtime: Literal["onnx", "torch"] = "onnx"
    people: str = "main"
    """`main` the most prominent, so many of that order at a time, `all`, or `all+` with things (`take.ranking`)."""
    detector: str | Path | None = None
    """What finds people: None is the detector that ships, or the search where none does; "search", "frame" (a
    person fills it), a folder or an .onnx file."""
    boxes: Path | None = None
    start: int | None = None
    """First frame, counted from 0."""
    end: int | None = None
    """Last frame, included."""
    step: int = 1
    fps: float | None = None
    """Frames a second at which the film was shot; None for what the file says, and 24 for pictures."""
    focal_px: float | None = None
    """None: the diagonal of the frame, a diagonal angle of view of 53 degrees (a usual guess, as in CLIFF)."""
    threads: int | None = None
    """CPU threads of the network; None leaves it to the runtime."""
    track: TrackSettings = field(default_factory=TrackSettings)


@dataclass(frozen=True, slots=True)
class SolveSettings:
    """The fast step: take to motion."""

    smooth: float = 0.5
    """0 leaves the raw estimates, 1 is the strongest smoothing."""
    feet: Feet = "auto"
    """Of feet that stand: `off` leaves them, `auto` moves them by 10 cm at most, `lock` holds them wholly."""
    gaps: float | None = None
    """Seconds: the longest stretch in which nobody saw the person that is filled; longer ones stay empty. None: any."""
    floor: Floors = "found"
    """`found` under the standing feet, for the self-check: it moves nobody. `solid`: one for everybody, feet that stand
    are set on it and nobody sinks through it; see `grounded.py`. `off`: there is none."""
    fps: float | None = None
    """None keeps the footage's frames; a number resamples the motion to that rate."""
    body: Path | None = None
    """None is the body of the take's weights (the open body)."""
    smooth_body: float | None = None
    """Of pelvis, spine and head; None is as `smooth`, so for the next two."""
    smooth_limbs: float | None = None
    smooth_root: float | None = None
    """Of the body's place, its depth always steadier than its direction."""
    contacts: Path | None = None
    """A file of frame ranges in which feet stand, in place of those that are found; see `contacts.py`."""
    camera: Path | None = None
    """A file of a camera that moves, as solved in Blender; see `moving.py`. None: the camera stands."""
    bones: Bones | None = None
    """From the mesh (`fit`), from the network's rotation head (`tokens`), or the fit led by the head (`both`). None is
    the best that the take has; see `bones.py`."""
    heights: tuple[tuple[str, float], ...] = ()
    """How tall people are, where it is known: person and metres. Of all others it is what the network draws."""
    readings: Path | None = None
    """A file of poses that a person has chosen for single frames; see `chosen.py`."""


FASTEST_FPS = 10_000.0
"""Of film; faster cameras are for bullets."""


def film_rate(text: str) -> float:
    """What `--fps` says of footage: frames a second.

    Raises:
        argparse.ArgumentTypeError: no such rate.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= FASTEST_FPS:
        raise argparse.ArgumentTypeError(f"{text!r}: expected frames a second, above 0 and up to {FASTEST_FPS:g}")
    return value


def longest_gap(text: str) -> float | None:
    """What `--gaps` says: seconds, or None for `all`.

    Raises:
        argparse.ArgumentTypeError: neither.
    """
    try:
        value = None if text == "all" else float(text)
    except ValueError:
        value = -1.0
    if value is not None and not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected all, or seconds from 0 on")
    return value


def height_told(text: str) -> tuple[str, float]:
    """What `--height` says: a person's id and metres, as `1=1.82`.

    Raises:
        argparse.ArgumentTypeError: it is of another form, or nobody is so tall.
    """
    person_id, separator, metres = text.rpartition("=")
    try:
        height_m = float(metres)
    except ValueError:
        height_m = -1.0
    if not separator or not person_id or not HEIGHT_M[0] <= height_m <= HEIGHT_M[1]:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a person and metres from {HEIGHT_M[0]:g} to {HEIGHT_M[1]:g}, as 1=1.82"
        )
    return person_id, height_m

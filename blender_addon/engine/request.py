"""What the person asked for, and the engine's commands for it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ..scene.build import BuildSettings
from ..scene.film_frames import sequence_of
from .licences import CONFIG, OWN_DETECTOR, weights_folder
from .readiness import DEFAULT_WEIGHTS
from .take_folder import fingerprint, report_of

QUICK_STEP = 4
"""Every so many frames are looked at when people are only to be found: about six a second of usual footage."""
PROGRESS = ("--progress", "json")


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Settings of the fast step, which never runs the network.

    Attributes:
        smooth: 0 to 1.
        feet: off, auto or lock.
        smooth_body: 0 to 1, of pelvis, spine and head; None is as `smooth`, so for the next two.
        smooth_limbs: of arms and legs.
        smooth_root: of the body's place.
        contacts: file of the frames in which feet stand; None has them found.
        camera: file of a camera that moves; None where it stands.
        bones: fit, tokens or both; empty for what the take is best at.
        readings: file of the poses that were chosen for single frames; None where none was.
        floor: off, found or solid.
        heights: of the people whose height is known, person and metres.
        gaps: seconds of the longest gap that is filled, longer ones stay empty; None fills all.
    """

    smooth: float = 0.5
    feet: str = "auto"
    smooth_body: float | None = None
    smooth_limbs: float | None = None
    smooth_root: float | None = None
    contacts: Path | None = None
    camera: Path | None = None
    bones: str = ""
    readings: Path | None = None
    gaps: float | None = None
    floor: str = "found"
    heights: tuple[tuple[str, float], ...] = ()

    def command(self, take: Path, motion: Path) -> list[str]:
        """The engine's command."""
        parts = {"body": self.smooth_body, "limbs": self.smooth_limbs, "root": self.smooth_root}
        given = {f"--smooth-{name}": value for name, value in parts.items() if value is not None}
        strengths = [word for name, value in given.items() for word in (name, f"{value:g}")]
        command = ["solve", str(take), "-o", str(motion), "--smooth", f"{self.smooth:g}", "--feet", self.feet]
        command += ["--report", str(report_of(motion)), "--keep-going", *PROGRESS]
        files = {"--contacts": self.contacts, "--camera": self.camera, "--readings": self.readings}
        given_files = [word for name, file in files.items() if file for word in (name, str(file))]
        bones = ["--bones", self.bones] if self.bones else []
        gaps = [] if self.gaps is None else ["--gaps", f"{self.gaps:g}"]
        floor = [] if self.floor == "found" else ["--floor", self.floor]
        heights = [word for name, metres in self.heights for word in ("--height", f"{name}={metres:.4g}")]
        return [*command, *strengths, *gaps, *floor, *bones, *heights, *given_files]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run of the engine is for.

    Attributes:
        commands: of the engine, one after the other.
        title: what happens, for the panel.
        runs: what runs, for the buttons that wait for it.
        take: that the commands write or read; None where there is none.
        motion: that they leave; None where there is none.
        build: what to make of the motion; None leaves the scene as it is.
        replaces: name of the collection whose place the new one takes; empty for none.
        python: a Python of the user's choice; empty for Blender's own.
        footage: that the commands read; None where they read a take alone.
        lost: people of the collection `replaces` whose mesh cache is to be written again; nothing is replaced then.
    """

    commands: list[list[str]]
    title: str = "Reconstructing"
    runs: str = "A reconstruction"
    take: Path | None = None
    motion: Path | None = None
    build: BuildSettings | None = None
    replaces: str = ""
    python: str = ""
    footage: Path | None = None
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A reconstruction that the person asked for.

    Attributes:
        footage: video file or folder of pictures.
        takes: folder for the take and the motion.
        people: main, all or a number.
        build: what to make of it.
        clean_up: settings of the fast step.
        weights: name or folder; empty for the one that ships.
        detector: as `--detector`; empty for the one that ships.
        device: auto, cpu, cuda, ...
        threads: of the network; 0 leaves it to the engine.
        python: a Python of the user's choice with the engine's packages; empty for Blender's own.
        start: first frame of the footage, from 0; None for the first.
        end: last frame, included; None for the last.
        step: every so many frames.
        fps: at which it was shot; 0 for what the file says.
        focal_px: None lets the engine estimate it.
        boxes: text of boxes.json; empty for none.
        is_commercial_only: refuse what may not be used commercially.
    """

    footage: Path
    takes: Path
    people: str
    build: BuildSettings
    clean_up: CleanUp = field(default_factory=CleanUp)
    weights: str = ""
    detector: str = ""
    device: str = "auto"
    threads: int = 0
    python: str = ""
    start: int | None = None
    end: int | None = None
    step: int = 1
    fps: float = 0.0
    focal_px: float | None = None
    boxes: str = ""
    is_commercial_only: bool = False

    @property
    def take(self) -> Path:
        """The take's folder: the same question finds the same take again, wherever the footage is, and resumes it."""
        settings = (self.people, self.weights, self.detector, self.start, self.end, self.step, self.focal_px)
        nets = (_config_in(self.weights, DEFAULT_WEIGHTS), _config_in(self.detector, OWN_DETECTOR))
        question = f"{fingerprint(self.footage)}|{settings}|{self.boxes}|{nets}"
        question += f"|{self.fps:g}" if self.fps else ""
        key = f"-{hashlib.sha256(question.encode()).hexdigest()[:8]}.take"
        named = self.takes / f"{title_of(self.footage)}{key}"
        return named if named.exists() else next(self.takes.glob(f"*{key}"), named)

    @property
    def motion(self) -> Path:
        """The solved motion, beside the take."""
        return self.take.with_suffix(".npz")

    @property
    def portraits(self) -> Path:
        """Folder of small pictures of the people, beside the take."""
        return portraits_of(self.take)

    @property
    def boxes_file(self) -> Path:
        """Where the boxes are written for the engine, beside the take."""
        return self.take.with_suffix(".boxes.json")

    @property
    def camera_file(self) -> Path:
        """Where the camera of a moving shot is written for the engine, beside the take."""
        return camera_of(self.take)

    def plan(self) -> Plan:
        """The slow step, the fast one, and the objects."""
        commands = [self._reconstruct(), self.clean_up.command(self.take, self.motion)]
        return Plan(
            commands,
            take=self.take,
            motion=self.motion,
            build=self.build,
            python=self.python,
            footage=self.footage,
        )

    def find_people(self) -> Request:
        """The quick pass: everybody, a few frames a second, nothing built."""
        return replace(self, people="all", boxes="", step=QUICK_STEP)

    def find_people_plan(self) -> Plan:
        """The slow step, and small pictures of everybody; no fast step."""
        return Plan(
            [self._reconstruct(), ["portraits", str(self.take), "-o", str(self.portraits), *PROGRESS]],
            title="Finding people",
            runs="Find people",
            take=self.take,
            python=self.python,
            footage=self.footage,
        )

    def _reconstruct(self) -> list[str]:
        options = {
            "--weights": self.weights,
            "--detector": self.detector,
            "--device": "" if self.device == "auto" else self.device,
            "--threads": self.threads or "",
            "--start": self.start,
            "--end": self.end,
            "--step": "" if self.step == 1 else self.step,
            "--fps": f"{self.fps:.6g}" if self.fps else "",
            "--focal-px": None if self.focal_px is None else f"{self.focal_px:.6g}",
            "--boxes": self.boxes_file if self.boxes else "",
        }
        given = [word for name, value in options.items() if value not in ("", None) for word in (name, str(value))]
        command = ["reconstruct", str(self.footage), "-o", str(self.take), "--people", self.people]
        return [*command, *given, *PROGRESS]


def title_of(footage: Path) -> str:
    """A name for what is made of footage: the file's, the folder's, or what the names of a sequence begin with."""
    names = None if footage.is_dir() else sequence_of(footage)
    if names is None or names.first_number is None:
        return footage.stem
    return names.pattern.partition("#")[0].rstrip("._- ") or footage.parent.name


def portraits_of(take: Path) -> Path:
    """Folder of small pictures of a take's people."""
    return take.with_suffix(".people")


def request_to_json(request: Request) -> str:
    """A request as text, for the queue."""
    return json.dumps(asdict(request), default=str)


def request_from_json(text: str) -> Request:
    """The request that `request_to_json` wrote."""
    held = json.loads(text)
    build, chosen = held.pop("build"), held.pop("clean_up")
    files = {name: Path(chosen[name]) for name in ("contacts", "camera", "readings") if chosen.get(name)}
    heights = tuple((str(name), float(metres)) for name, metres in chosen.get("heights", ()))
    clean_up = CleanUp(**{**chosen, **files, "heights": heights})
    settings = BuildSettings(**{**build, "outputs": tuple(build["outputs"])})
    footage, takes = Path(held.pop("footage")), Path(held.pop("takes"))
    return Request(footage, takes, build=settings, clean_up=clean_up, **held)


def camera_of(take: Path) -> Path:
    """The file of the camera that moves, beside a take."""
    return take.with_suffix(".camera.npz")


def _config_in(chosen: str, shipped: str) -> bytes:
    """The config.json of weights or a detector: an update of the extension that brings others begins a take anew."""
    file = (Path(chosen) if chosen else weights_folder() / shipped) / CONFIG
    return file.read_bytes() if file.is_file() else b""

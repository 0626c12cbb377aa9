"""The one reconstruction that runs now: which footage, how far, and what came of it.

The panel reads it, the operator steps it, a test steps it without either.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import bridge
from .engine import EngineJob, State, child_environment, own_python
from .scene import BuildSettings, BuiltTake, build_take

if TYPE_CHECKING:
    import bpy

STAGE_NAMES = {
    "starting": "Starting the engine",
    "estimate": "Reading the footage",
    "track": "Following people",
    "solve": "Solving the motion",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the person asked for.

    Attributes:
        footage: video file or folder of pictures.
        takes: folder for the take and the motion.
        people: main, all or a number.
        smooth: 0 to 1.
        build: what to make of it.
        weights: name or folder; empty for the one that ships.
        threads: of the network; 0 leaves it to the engine.
        python: a Python of the user's choice with the engine's packages; empty for Blender's own.
    """

    footage: Path
    takes: Path
    people: str
    smooth: float
    build: BuildSettings
    weights: str = ""
    threads: int = 0
    python: str = ""

    @property
    def take(self) -> Path:
        """The take's folder: the same question finds the same take again, and resumes it."""
        written = self.footage.stat() if self.footage.exists() else None
        version = (written.st_size, written.st_mtime_ns) if written else ()
        question = f"{self.footage.resolve()}|{version}|{self.people}|{self.weights}"
        return self.takes / f"{self.footage.stem}-{hashlib.sha256(question.encode()).hexdigest()[:8]}.take"

    @property
    def motion(self) -> Path:
        """The solved motion, beside the take."""
        return self.take.with_suffix(".npz")

    def commands(self) -> list[list[str]]:
        """The engine's commands: the slow step, then the fast one."""
        reconstruct = ["reconstruct", str(self.footage), "-o", str(self.take), "--people", self.people]
        if self.weights:
            reconstruct += ["--weights", self.weights]
        if self.threads:
            reconstruct += ["--threads", str(self.threads)]
        solve = ["solve", str(self.take), "-o", str(self.motion), "--smooth", f"{self.smooth:g}"]
        return [[*reconstruct, "--progress", "json"], [*solve, "--progress", "json"]]


@dataclass(slots=True)
class Session:
    """One reconstruction, from the click to the objects in the scene."""

    request: Request
    job: EngineJob
    state: State = "running"
    error: str = ""
    built: BuiltTake | None = field(default=None)

    def step(self, scene: bpy.types.Scene) -> State:
        """Move on without waiting; builds the objects once the engine is done."""
        if self.state != "running":
            return self.state
        state = self.job.poll()
        if state == "done":
            self._build(scene)
        else:
            self.state, self.error = state, self.job.error
        return self.state

    def _build(self, scene: bpy.types.Scene) -> None:
        try:
            motion = bridge.read_motion(self.request.motion)
            self.built = build_take(scene, motion, self.request.build)
        except bridge.MocapError as error:
            self.state, self.error = "failed", str(error)
        else:
            self.state = "done"

    @property
    def stage_text(self) -> str:
        """What happens now, for the panel."""
        if self.job.is_cancelling:
            return "Cancelling"
        progress = self.job.progress
        counted = f" {progress.done} / {progress.total}" if progress.total else ""
        return STAGE_NAMES.get(progress.stage, progress.stage.capitalize()) + counted


_current: Session | None = None


def current() -> Session | None:
    """The reconstruction that runs, or the last one."""
    return _current


def is_running() -> bool:
    """Whether a reconstruction runs."""
    return _current is not None and _current.state == "running"


def start(request: Request) -> Session:
    """Start the engine on a request.

    Raises:
        MocapError: another one runs, the footage is gone, or the folder for takes can't be made.
    """
    global _current  # noqa: PLW0603 one run at a time, seen by operator and panel
    if is_running():
        raise bridge.MocapError("a reconstruction is running; wait for it or cancel it first")
    if not request.footage.exists():
        raise bridge.MocapError(f"{request.footage}: no such file; choose the footage again")
    try:
        request.takes.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise bridge.MocapError(
            f"{request.takes}: {error.strerror}; choose another folder for takes in the preferences"
        ) from error
    python = Path(request.python) if request.python else own_python()
    environment = child_environment(bridge.core_root(), is_own_python=not request.python)
    _current = Session(request, EngineJob(python, request.commands(), environment))
    return _current


def close() -> None:
    """End what runs, and forget the last one."""
    global _current  # noqa: PLW0603
    if _current is not None:
        _current.job.close()
    _current = None

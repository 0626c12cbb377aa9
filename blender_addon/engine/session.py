"""The one run of the engine that there is now: what for, how far, and what came of it.

The panel reads it, an operator steps it, a test steps it without either. It keeps names, never references:
the person may undo, delete or load a file meanwhile.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from .. import bridge
from ..scene import take_records
from ..scene.build import BuiltTake, build_steps
from ..scene.cache_repair import rebuild_steps
from ..scene.steps import SLICE_S, Stepped, Steps, found
from . import readiness
from .live_take import Filling
from .process import SILENCE_S, EngineJob, State, child_environment, own_python
from .request import Plan, Request

MEGABYTE = 1e6
engine_report: list[str] = []
"""What the engine said of itself when it was last checked."""
STAGE_NAMES = {
    "starting": "Starting the engine",
    "estimate": "Reading the footage",
    "estimate backwards": "Reading backwards",
    "track": "Following people",
    "solve": "Solving the motion",
    "download": "Downloading",
    "portraits": "Cutting out small pictures",
    "readings": "Looking for other readings",
}


@dataclass(slots=True)
class Session:
    """One run, from the click to the objects in the scene."""

    plan: Plan
    job: EngineJob
    state: State = "running"
    error: str = ""
    built: BuiltTake | None = field(default=None)
    filling: Filling | None = field(default=None)
    """What the take holds so far; None where the run writes no take."""
    building: Stepped[BuiltTake] | None = field(default=None)

    def step(self, scene: bpy.types.Scene, slice_s: float = SLICE_S) -> State:
        """Move on without waiting; once the engine is done, builds the objects for that long.

        Whatever goes wrong ends the run with one sentence: it never seems to go on for ever, and a queue goes on.
        """
        if self.state != "running":
            return self.state
        try:
            state = self.job.poll()
            if self.filling is not None:
                self.filling.advance()
            if state == "done":
                self._build(scene, slice_s)
            else:
                self.state, self.error = state, self.job.error
        except Exception as error:  # a bug: its traceback is in the log that the sentence names
            self.job.close()
            what = "The people could not be built" if self.building else f"{self.plan.title} failed"
            self.state, self.error = "failed", _told(error, what, self.plan)
        return self.state

    def cancel(self) -> None:
        """Ask the engine to end, or give up building, which leaves nothing of it."""
        if self.building is None:
            self.job.cancel()
        elif self.state == "running":
            self.building.close()
            self.state = "cancelled"

    def close(self) -> None:
        """End the engine now, and give up building."""
        self.cancel()
        self.job.close()

    def _build(self, scene: bpy.types.Scene, slice_s: float) -> None:
        plan = self.plan
        if plan.motion is not None and (plan.build is not None or plan.lost):
            self.building = self.building or Stepped(_build_steps(scene, plan, plan.motion))
            if not self.building.step(slice_s):
                return
            self.built = self.building.result
        self.state = "done"

    def is_of(self, footage: str) -> bool:
        """Whether the run reads this file, or the folder that it lies in."""
        chosen = self.plan.footage
        return chosen is not None and chosen in (Path(footage), Path(footage).parent)

    @property
    def stage_text(self) -> str:
        """What happens now, for the panel."""
        if self.job.is_cancelling:
            return "Cancelling"
        if self.building is not None:
            return f"Building the people {self.building.share:.0%}"
        progress = self.job.progress
        counted = f" {progress.done} / {progress.total}" if progress.total else ""
        if progress.stage == "download" and progress.total:
            done, total = progress.done / MEGABYTE, progress.total / MEGABYTE
            counted = f" {done:.1f} / {total:.1f} MB, {progress.fraction:.0%}"
        return STAGE_NAMES.get(progress.stage, progress.stage.capitalize()) + counted

    @property
    def fraction(self) -> float:
        """How far what happens now is, 0 to 1."""
        return self.job.progress.fraction if self.building is None else self.building.share

    @property
    def silence_text(self) -> str:
        """What to say of a child that may hang; empty for one that was heard of lately."""
        silent_s = self.job.silent_s
        if self.state != "running" or self.building is not None or silent_s < SILENCE_S:
            return ""
        said = f" Its last line: {self.job.last_lines[-1]}" if self.job.last_lines else ""
        return f"No word from the engine for {silent_s:.0f} s. Cancel keeps what is done, and the button resumes.{said}"


def _told(error: Exception, what: str, plan: Plan) -> str:
    """One sentence; the traceback of what nobody foresaw goes to a log beside the take."""
    place = plan.motion or plan.take or Path(tempfile.gettempdir(), "footage-mocap")
    return bridge.sentence_with_log(error, what, bridge.log_beside(place))


def _build_steps(scene: bpy.types.Scene, plan: Plan, file: Path) -> Steps[BuiltTake]:
    """The objects of a plan's motion, in place of those that it replaces; or just their mesh caches."""
    if plan.build is None:
        return (yield from _repair_steps(plan, file))
    motion = bridge.open_motion(file)
    with take_records.replaced(plan.replaces) as place:
        built = yield from build_steps(scene, motion, plan.build, file)
        take_records.mark(built, plan.take, file)
        place.give_to(built)
    return built


def _repair_steps(plan: Plan, file: Path) -> Steps[BuiltTake]:
    record = take_records.record_of(found(bpy.data.collections, plan.replaces))
    if record is None:
        raise bridge.MocapError(f"{plan.replaces} is no take any more: build it again")
    return (yield from rebuild_steps(record.built, list(plan.lost), file))


_current: Session | None = None


def current() -> Session | None:
    """The run that goes on, or the last one."""
    return _current


def is_running() -> bool:
    """Whether anything runs."""
    return _current is not None and _current.state == "running"


def what_runs() -> str:
    """What runs now, as the buttons say that wait for it; empty where nothing does."""
    return f"{_current.plan.runs} is running" if _current is not None and is_running() else ""


def start(request: Request, plan: Plan | None = None) -> Session:
    """Start the engine on a request.

    Args:
        request: what was asked for.
        plan: what to do of it; None is all of it.

    Raises:
        MocapError: another run goes on, something needed is missing or refused, the footage is gone, or the
            folder for takes can't be written to.
    """
    if is_running():
        raise bridge.MocapError(f"{what_runs()}; wait for it or cancel it first")
    status = readiness.check(request.python, request.weights, request.detector, request.is_commercial_only)
    if status.problem:
        raise bridge.MocapError(status.problem)
    if not request.footage.exists():
        raise bridge.MocapError(f"{request.footage}: no such file; choose the footage again")
    try:
        request.takes.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise bridge.MocapError(
            f"{request.takes}: {error.strerror}; choose another folder for takes in the preferences"
        ) from error
    if request.boxes:
        with bridge.written_whole(request.boxes_file) as file:
            file.write(request.boxes.encode())
    return begin(plan or request.plan())


def begin(plan: Plan) -> Session:
    """Start the engine's commands.

    Raises:
        MocapError: another run goes on.
    """
    global _current  # noqa: PLW0603 one run at a time, seen by operator and panel
    if is_running():
        raise bridge.MocapError(f"{what_runs()}; wait for it or cancel it first")
    python = Path(plan.python) if plan.python else own_python()
    environment = child_environment(bridge.core_root(), is_own_python=not plan.python)
    filling = Filling(plan.take) if plan.take is not None and plan.footage is not None else None
    _current = Session(plan, EngineJob(python, plan.commands, environment), filling=filling)
    return _current


def close() -> None:
    """End what runs, and forget the last one."""
    global _current  # noqa: PLW0603
    if _current is not None:
        _current.close()
    _current = None

"""The engine itself: have it examined by its doctor, copy a report for a bug."""

import platform
from typing import Any

import bpy

from ..choices.preferences import preference, readiness_now
from ..engine import readiness, session
from ..engine.request import Plan
from .engine_steps import StepsEngine, allowed

CHECK = "Checking the engine"


class MOCAP_OT_check_engine(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Have the engine say what it has, where the network runs and what is missing."""

    bl_idname = "mocap.check_engine"
    bl_label = "Check the engine"

    @classmethod
    def poll(cls, _context: Any) -> bool:
        """Whether nothing else runs."""
        return allowed(cls, session.what_runs())

    def begin(self, _context: Any) -> session.Session:
        """Start the doctor, and look again at what is there."""
        readiness.check.cache_clear()
        python = preference("python", "")
        return session.begin(Plan([doctor_command()], title=CHECK, runs="The check of the engine", python=python))

    def done(self, _context: Any, ended: session.Session) -> set[Any]:
        """Keep what it said."""
        session.engine_report[:] = ended.job.last_lines
        self.report({"INFO"}, "The engine is ready")
        return {"FINISHED"}

    def failed(self, context: Any, ended: session.Session) -> set[Any]:
        """Keep what it said, and say that it is not ready."""
        session.engine_report[:] = ended.job.last_lines
        return super().failed(context, ended)


class MOCAP_OT_copy_report(bpy.types.Operator):  # noqa: N801
    """Copy versions, settings and the engine's last lines, to be pasted into a bug report."""

    bl_idname = "mocap.copy_report"
    bl_label = "Copy report for a bug"

    def execute(self, context: Any) -> set[Any]:
        """Copy it."""
        context.window_manager.clipboard = bug_report()
        self.report({"INFO"}, "Copied: paste it into the bug report")
        return {"FINISHED"}


def doctor_command() -> list[str]:
    """The engine's command that examines it, with the preferences' weights, device and detector."""
    options = {"--weights": preference("weights", ""), "--detector": preference("detector", "")}
    device = preference("device", "auto")
    words = [word for name, value in options.items() if value for word in (name, value)]
    return ["doctor", *words, "--device", device]


def engine_line(what: str) -> str:
    """What the engine's doctor said of something, such as the network; empty where it was not asked yet."""
    found = (line.removeprefix("ok").split(maxsplit=1) for line in session.engine_report)
    return next((words[1] for words in found if len(words) == 2 and words[0] == what), "")


def bug_report() -> str:
    """Versions, settings, what the engine said of itself, and how the last run ended."""
    status = readiness_now()
    lines = [
        f"Blender {bpy.app.version_string}, Python {platform.python_version()}, {platform.platform()}",
        f"weights {status.weights} ({status.licence}); {status.problem or 'ready'}",
        f"engine {preference('python', '') or 'own'}, device {preference('device', 'auto')}, "
        f"threads {preference('threads', 0)}",
        "",
        *(session.engine_report or ["The engine was not checked yet."]),
    ]
    last = session.current()
    if last is not None and last.plan.title != CHECK:
        commands = [" ".join(command) for command in last.plan.commands]
        lines += ["", f"Last run: {last.plan.title}, {last.state}", *commands, last.error, *last.job.last_lines]
    return "\n".join(lines)


CLASSES = (MOCAP_OT_check_engine, MOCAP_OT_copy_report)

"""A mesh cache that is missing: look for it, or write it again."""

from typing import Any

import bpy

from ..engine import session
from ..engine.request import Plan
from ..scene.cache_repair import missing_caches, relink
from .engine_steps import UNDOABLE, StepsEngine, allowed
from .takes import NO_TAKE, active_record

NOTHING_MISSING = "No mesh cache of this take is missing"


class MOCAP_OT_repair_cache(StepsEngine, bpy.types.Operator):  # noqa: N801
    """Look for the mesh cache beside the .blend and the take; where it is not there, write it again from the motion."""

    bl_idname = "mocap.repair_cache"
    bl_label = "Find or rebuild the mesh cache"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether a cache is missing."""
        return allowed(cls, why_not_repair(context))

    def begin(self, context: Any) -> session.Session:
        """Look for it; what is found needs no more."""
        record = active_record(context)
        assert record is not None
        lost = tuple(relink(record.built, record.motion))
        name = record.built.collection
        return session.begin(Plan([], "Rebuilding", "Rebuilding", motion=record.motion, replaces=name, lost=lost))

    def done(self, _context: Any, ended: session.Session) -> set[Any]:
        """Say what became of it."""
        is_found = not ended.plan.lost
        self.report({"INFO"}, "The mesh cache is found" if is_found else "The mesh cache is written again")
        return {"FINISHED"}


def why_not_repair(context: Any) -> str:
    """Why there is nothing to repair now; empty when there is."""
    if session.is_running():
        return session.what_runs()
    record = active_record(context)
    if record is None:
        return NO_TAKE
    return "" if missing_caches(record.built) else NOTHING_MISSING


def missing_text(context: Any) -> str:
    """Which cache of the chosen take is missing, and what to do; empty when none is."""
    record = active_record(context)
    missing = missing_caches(record.built) if record else []
    if not missing or record is None:
        return ""
    return f"The mesh cache {missing[0]} is missing, so the body stands still: find or rebuild it"


CLASSES = (MOCAP_OT_repair_cache,)

"""What nobody foresaw, told in one sentence: an operator that fails says what and where its log is, no traceback."""

from __future__ import annotations

from collections.abc import Iterable
from functools import wraps
from pathlib import Path
from typing import Any

from .. import bridge
from ..choices.preferences import takes_folder

LOG = "footage-mocap.log"


def log_file() -> Path:
    """Where tracebacks go: beside the takes."""
    return takes_folder() / LOG


def sentence(error: BaseException, what: str) -> str:
    """One sentence about any error; of one that nobody foresaw the traceback is in the log that it names."""
    return bridge.sentence_with_log(error, what, log_file())


def guard(operators: Iterable[Any]) -> None:
    """Have operators report what they raise as one sentence, and end; classes that are no operators are left."""
    for operator in operators:
        for name, guarded in (("execute", _execute), ("invoke", _on_event), ("modal", _on_event)):
            function = getattr(operator, name, None)
            if function is not None and not hasattr(function, "is_guarded"):
                setattr(operator, name, guarded(function))


def _execute(function: Any) -> Any:
    @wraps(function)
    def execute(self: Any, context: Any) -> Any:
        try:
            return function(self, context)
        except Exception as error:
            return _reported(self, error)

    execute.is_guarded = True  # type: ignore[attr-defined]
    return execute


def _on_event(function: Any) -> Any:
    @wraps(function)
    def on_event(self: Any, context: Any, event: Any) -> Any:
        try:
            return function(self, context, event)
        except Exception as error:
            return _reported(self, error)

    on_event.is_guarded = True  # type: ignore[attr-defined]
    return on_event


def _reported(operator: Any, error: Exception) -> set[str]:
    operator.report({"ERROR"}, sentence(error, operator.bl_label))
    return {"CANCELLED"}

"""Measurements: what they print goes into the documents with the command beside it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure; `goal` says in words what would be good enough, where a goal is set."""

    what: str
    value: float
    unit: str
    goal: str = ""

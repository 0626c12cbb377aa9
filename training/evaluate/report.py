"""Scores of a set as a table, for people, and as JSON, for model cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.types import Bool, Float, Int
from training.evaluate.metrics import bootstrap_interval


@dataclass(frozen=True, slots=True)
class Score:
    """A mean over people with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Float | Bool, weights: Float | Int | None = None, factor: float = 1.0) -> Score:
        """The mean of one value a person.

        Args:
            values: (N,) numbers, nan where a person has none, or claims.
            weights: (N,) such as visible joints; all alike where None.
            factor: on the result, such as 1000 for metres to millimetres.
        """
        values = np.asarray(values, np.float64)
        weights = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
        counted = np.isfinite(values) & (weights > 0)
        values, weights = values[counted], weights[counted]
        if not len(values):
            return cls(float("nan"), float("nan"), float("nan"))
        low, high = bootstrap_interval(values, weights)
        return cls(factor * float(np.average(values, weights=weights)), factor * low, factor * high)


@dataclass(frozen=True, slots=True)
class SetScores:
    """One set: a row for every way to answer, the ways that know nothing among them.

    Attributes:
        name: of the set.
        about: what it is and how it was made, one sentence.
        people: in the set.
        rows: scores by column, by row.
    """

    name: str
    about: str
    people: int
    rows: Mapping[str, Mapping[str, Score]]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, rounded to what the intervals bear."""
        rows = {
            row: {
                column: {"value": round(s.value, 2), "low": round(s.low, 2), "high": round(s.high, 2)}
                for column, s in scores.items()
            }
            for row, scores in self.rows.items()
        }
        return {"about": self.about, "people": self.people, "rows": rows}

    @classmethod
    def from_dict(cls, name: str, values: Mapping[str, Any]) -> SetScores:
        """What `to_dict` wrote."""
        rows = {
            row: {column: Score(**score) for column, score in scores.items()} for row, scores in values["rows"].items()
        }
        return cls(name, values["about"], values["people"], rows)

    def text(self) -> str:
        """The table for a terminal; `value low-high`."""
        return self._table(lambda cells: "  ".join(cells).rstrip(), is_ruled=False)

    def markdown(self) -> str:
        """The table for a model card."""
        return self._table(lambda cells: "| " + " | ".join(cells) + " |", is_ruled=True)

    def _table(self, join: Callable[[list[str]], str], is_ruled: bool) -> str:
        columns = list(dict.fromkeys(column for scores in self.rows.values() for column in scores))
        lines = [["", *columns]]
        for row, scores in self.rows.items():
            lines.append([row, *(_cell(scores.get(column)) for column in columns)])
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns) + 1)]
        padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
        if is_ruled:
            padded.insert(1, ["-" * width for width in widths])
        return "\n".join([f"{self.name}: {self.people} people. {self.about}", "", *map(join, padded)])


def _cell(score: Score | None) -> str:
    if score is None or not np.isfinite(score.value):
        return "-"
    return f"{score.value:.1f} ({score.low:.1f}-{score.high:.1f})"

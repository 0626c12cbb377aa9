"""Stretches in which nobody saw the person: filled in `trajectory`, or left empty where they last too long."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from ..types import Bool, Float, PersonMotion
from .contacts import runs
from .trajectory import Trajectory

SAME_S = 1e-6
"""Between two times that are one."""


def long_gaps(path: Trajectory, longest_s: float | None) -> Float:
    """(N, 2) seconds of the last frame before and of the first one after each gap that is to stay empty.

    Args:
        path: on every frame, gaps filled and marked.
        longest_s: the longest gap that stays filled; a gap lasts as long as the frames that it lacks, give or take half
            a frame. None: any.
    """
    if longest_s is None or not path.is_filled.any():
        return np.zeros((0, 2))
    time_s = path.time_s
    step_s = float(np.median(np.diff(time_s)))
    ends = [
        (time_s[first - 1], time_s[last + 1])
        for first, last in runs(path.is_filled)
        if time_s[last] - time_s[first] + step_s / 2 > longest_s
    ]
    return np.array(ends, np.float64).reshape(-1, 2)


def is_inside(time_s: Float, gaps: Float) -> Bool:
    """(T,) whether a time lies in one of the gaps (N, 2), their ends not included."""
    return np.asarray(((gaps[:, :1] + SAME_S < time_s) & (time_s < gaps[:, 1:] - SAME_S)).any(0))


def without_gaps(path: Trajectory, gaps: Float) -> tuple[Trajectory, Bool]:
    """The path without its frames in the gaps (N, 2), and after which of the rest (T,) a gap comes; one frame stays."""
    is_kept = ~is_inside(path.time_s, gaps)
    if not is_kept.any():  # of another rate, between two sightings of one frame each
        is_kept[0] = True
    arrays = {field.name: getattr(path, field.name) for field in fields(path)}
    path = replace(path, **{name: array[is_kept] for name, array in arrays.items() if array is not None})
    before, after = path.time_s[:-1], path.time_s[1:]
    is_over = (before <= gaps[:, :1] + SAME_S) & (after >= gaps[:, 1:] - SAME_S)
    return path, np.append(is_over.any(0), False)


def stretches(person: PersonMotion) -> list[slice]:
    """The rows of a solved person between gaps that were left empty."""
    ends = [*np.flatnonzero(person.gap_after[:-1]).tolist(), len(person.time_s) - 1]
    return [slice(first, last + 1) for first, last in zip([0, *(end + 1 for end in ends)], ends, strict=False)]

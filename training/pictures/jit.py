"""Compiled functions: numba's njit with a type that mypy understands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """The function compiled by numba on first use; kept on disk, runs without the GIL."""
    return cast(Function, numba.njit(cache=True, nogil=True, fastmath=True)(function))

"""Preset tiny in torch, eager against torch.compile, which takes a compiler of C++ and minutes."""

from collections.abc import Iterable

from core.nets import preset

from . import Row
from .runtimes import compiled_rows_of


def measure() -> Iterable[Row]:
    """Rows of the table."""
    yield from compiled_rows_of(preset("tiny"))

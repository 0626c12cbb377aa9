"""Preset tiny in every way of running it, on the crops that it ships for and on larger ones."""

from collections.abc import Iterable

from core.nets import preset

from . import Row
from .runtimes import at_size, rows_of

SIZES = (128, 160)


def measure() -> Iterable[Row]:
    """Rows of the table."""
    for size in SIZES:
        yield from rows_of(at_size(preset("tiny"), size))

"""Preset resnet50 in every way of running it: eight people together once, since that takes half a minute."""

from collections.abc import Iterable

from core.nets import preset

from . import Row
from .runtimes import rows_of


def measure() -> Iterable[Row]:
    """Rows of the table."""
    yield from rows_of(preset("resnet50"), rounds=1)

"""Pictures by matplotlib without a screen; it is asked for only when something is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import MocapError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(path: Path, size: tuple[float, float]) -> Figure:
    """An empty figure to draw on and to save.

    Args:
        path: that it will be saved as, for the message.
        size: in hundreds of pixels.

    Raises:
        MocapError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MocapError(f"{path} was not drawn: it needs matplotlib (pip install matplotlib)") from error
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure

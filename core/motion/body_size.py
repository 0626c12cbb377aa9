"""How tall a body is, and the body of a height that somebody has told.

One camera can't tell a child who is near from a grown person who is far, and a network draws both of middle height.
The shape space of a body knows how people of other heights are built: its components are turned, as little as will
do, until the height is right, so that a child gets a child's large head and short legs.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..body.model import Body
from ..types import Float

logger = logging.getLogger(__name__)
ROUNDS, STEP = 4, 0.5
"""Of Newton's method, and the step of its differences: the height is nearly straight in the components."""


def height_of(betas: Float, body: Body) -> float:
    """Metres from the soles to the top of the head, of a body (10,) at rest."""
    return float(np.ptp(body.shape(np.asarray(betas, np.float32)[None])[0][0, :, 1]))


def with_height(betas: Float, body: Body, height_m: float) -> Float:
    """(10,) the shape that is nearest to betas (10,) among those of a height."""
    shape = np.asarray(betas, np.float64).copy()
    for _ in range(ROUNDS):
        here = height_of(shape, body)
        slopes = np.array([height_of(shape + step, body) - here for step in STEP * np.eye(len(shape))]) / STEP
        shape += slopes * (height_m - here) / max(float(slopes @ slopes), 1e-12)
    return shape.astype(np.float32)


def heights_of(
    told: Iterable[tuple[str, float]], in_take: Mapping[str, float], people: Sequence[str]
) -> dict[str, float]:
    """Metres by person: those told for this solve, then those told with the boxes of the take.

    Args:
        told: person and metres, of the settings.
        in_take: metres by person, of the take's header.
        people: ids of the people in the take; a height of somebody else is passed over, and said.
    """
    heights = dict((*in_take.items(), *told))
    for name in heights.keys() - set(people):
        logger.warning("a height is told of %r, but the people in this take are %s", name, ", ".join(people))
    return {name: metres for name, metres in heights.items() if name in people}

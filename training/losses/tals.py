"""Threshold-Adaptive Loss Scaling: full weight above a threshold of each joint, a small one below.

The idea is TokenHMR's (CVPR 2024); what follows is written from the idea, with numbers of our own. A weak-perspective
camera cannot fit a perspective picture: with the true pose its best projection still misses the true 2D joints by
some distance (`training.studies.tals_thresholds` measures it). A 2D loss that goes on pulling below that distance
bends the
pose to make up for the camera. The same holds for pseudo-ground-truth 3D, which was fitted through such a camera.

Two shapes, for d a joint's distance, t its threshold, p the power (1 distance, 2 squared distance), `below` the small
weight:

    hard   d^p above t, below * d^p under it. The value jumps at t; the gradient's weight is below or 1.
    ramp   the integral of a gradient whose weight is `below` up to .3 t, rises in a straight line to 1 at t and stays.
           Value and gradient are continuous, and the gradient is never larger than the plain loss's. (A weight that
           multiplies the value instead would, by the product rule, pull hardest just where the ramp is.)
           Above t the value is the plain loss less a constant; the gradient is the plain one.

`below` is not 0: without any pull the camera of a picture whose joints are all near would be left undetermined.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from core.errors import MocapError

Shape = Literal["hard", "ramp"]
Power = Literal[1, 2]
SHIPPED = Path(__file__).with_name("tals_thresholds.json")
RAMP_FROM = 0.3
"""Where the ramp starts, of the threshold: the medians of the shipped table are .27 to .34 of its 90th percentiles."""
JOINTS = 14


def scaled(distance: Tensor, threshold: Tensor, shape: Shape, power: Power = 1, below: float = 0.1) -> Tensor:
    """The scaled loss of each joint.

    Args:
        distance: (..., J) not negative, any unit.
        threshold: broadcasts to the distance, the same unit, not negative; 0 gives the plain loss.
        shape: see the module.
        power: 1 for the distance, 2 for its square.
        below: weight below the threshold, 0 to 1; 1 gives the plain loss.

    Returns:
        (..., J), the unit to the power.

    Raises:
        ValueError: `below`, `power` or `shape` is none of these.
    """
    if not 0 <= below <= 1:
        raise ValueError(f"expected a weight below the threshold in [0, 1], got {below}")
    if power not in (1, 2) or shape not in ("hard", "ramp"):
        raise ValueError(f"expected power 1 or 2 and shape hard or ramp, got {power} and {shape}")
    plain = distance**power
    if shape == "hard":
        return torch.where(distance > threshold, plain, below * plain)
    return below * plain + (1 - below) * _ramp(distance, threshold, power)


def _ramp(distance: Tensor, threshold: Tensor, power: Power) -> Tensor:
    """Integral of a gradient whose weight rises from 0 at RAMP_FROM * threshold to 1 at the threshold."""
    start = RAMP_FROM * threshold
    inside = torch.minimum(torch.maximum(distance, start), threshold)
    along = inside - start
    width = (threshold - start).clamp_min(torch.finfo(distance.dtype).tiny)
    rising = along**2 / (2 * width)
    if power == 2:  # of 2 u (u - start) / width
        rising = along**2 * (2 * inside + start) / (3 * width)
    return rising + (torch.maximum(distance, threshold) ** power - threshold**power)


def tals_loss(
    predicted: Tensor,
    true: Tensor,
    weight: Tensor,
    threshold: Tensor,
    shape: Shape,
    power: Power = 1,
    below: float = 0.1,
) -> Tensor:
    """Mean scaled loss over the joints that count, on the Euclidean distance.

    For 2D: projections against 2D joints, crop units, `Thresholds.points`. For 3D pseudo-ground-truth: joints relative
    to their own mid-hip (`losses.mid_hip_centred`), metres, `Thresholds.joints_m`; true 3D needs no scaling.

    Args:
        predicted: (B, J, D), D 2 or 3.
        true: (B, J, D), the same unit and frame.
        weight: (B, J) in [0, 1]; 0 leaves a joint out of the mean.
        threshold: (J,) or (B, J), the same unit.
        shape: see the module.
        power: 1 for the distance, 2 for its square.
        below: weight below the threshold.

    Returns:
        Scalar; 0 where nothing counts.
    """
    counts = weight > 0
    apart = torch.where(counts[..., None], predicted.float() - true.float(), 0.0)  # an unlabelled joint may be nan
    each = scaled(torch.linalg.vector_norm(apart, dim=-1), threshold, shape, power, below)
    return (weight * each).sum() / weight.sum().clamp_min(1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """Distances below which a joint's error cannot be told from the camera's.

    Attributes:
        points: (14,) LSP order, crop units.
        joints_m: (14,) the same joints in 3D relative to mid-hip, metres.
    """

    points: Tensor
    joints_m: Tensor


def load_thresholds(path: Path | None = None) -> Thresholds:
    """Thresholds that `python -m training.studies.tals_thresholds` wrote; the ones beside this file where none is
    named.

    Raises:
        MocapError: the file is missing or holds something else.
    """
    path = path or SHIPPED
    again = "make it with python -m training.studies.tals_thresholds --store STORE -o FILE"
    try:
        stored = json.loads(path.read_text())
        found = Thresholds(*(torch.tensor(stored[name], dtype=torch.float32) for name in ("points", "joints_m")))
    except OSError as error:
        raise MocapError(f"the TALS thresholds {path} cannot be read ({error.strerror}): {again}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise MocapError(f"{path} holds no TALS thresholds: {again}") from error
    for values in (found.points, found.joints_m):
        if values.shape != (JOINTS,) or not bool((values >= 0).all()):
            raise MocapError(f"{path} should hold {JOINTS} thresholds, none negative: {again}")
    return found

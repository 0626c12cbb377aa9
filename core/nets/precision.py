"""Keeping metres and pixels out of bfloat16.

Under autocast a Linear answers in bfloat16, whose eight bits are 4 mm at one metre; the last layers run in
float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """A context without autocast; nothing at all where there is none, so that exports stay clean."""
    device = like.device.type
    if torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()


def working_type(x: Tensor) -> Tensor:
    """`x` in autocast's type: a residual stream that starts there is not cast to and fro in each layer."""
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x

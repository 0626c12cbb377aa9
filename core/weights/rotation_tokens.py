"""Tokens of 3D pose as weights and takes name them: how many, of how many codes, and the arrays that come of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..files.untrusted import told

LIKELIEST = 4
"""Codes told of each token, best first."""
MOST_TOKENS, MOST_CODES = 512, 2**16
"""The paper's vocabulary has 160 and 2048; a take keeps ids in 16 bits."""


@dataclass(frozen=True, slots=True)
class RotationTokens:
    """Sizes of a vocabulary of 3D poses: M `tokens` a pose, each one of `codes` entries."""

    tokens: int
    codes: int


def network_shapes(sizes: RotationTokens | None) -> dict[str, tuple[int, ...]]:
    """What a network's rotation head gives for one crop, by the names of `NetworkOutput`; {} without a head."""
    return _shapes(sizes, (24, 3, 3))


def take_shapes(sizes: RotationTokens | None) -> dict[str, tuple[int, ...]]:
    """The same as a take keeps it, by the names of `Estimates`: rotations are quaternions."""
    return _shapes(sizes, (24, 4))


def _shapes(sizes: RotationTokens | None, rotations: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    if sizes is None:
        return {}
    likeliest = (sizes.tokens, LIKELIEST)
    return {
        "bone_rotations": rotations,
        "bone_betas": (10,),
        "bone_token_ids": likeliest,
        "bone_token_probability": likeliest,
    }


def sizes_to_json(sizes: RotationTokens | None) -> dict[str, int] | None:
    """As config.json and take.json have them."""
    return None if sizes is None else asdict(sizes)


def sizes_from_json(held: Any) -> RotationTokens | None:
    """What `sizes_to_json` made, checked.

    Raises:
        ValueError, KeyError, TypeError: it is another one's.
    """
    if held is None:
        return None
    for name, least, most in (("tokens", 1, MOST_TOKENS), ("codes", LIKELIEST, MOST_CODES)):
        if type(held[name]) is not int or not least <= held[name] <= most:
            raise ValueError(f"rotation_tokens: {name} is {told(held[name])}")
    return RotationTokens(held["tokens"], held["codes"])

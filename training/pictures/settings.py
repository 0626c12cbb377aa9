"""What a store of pictures is made from; `render.py` makes it."""

from __future__ import annotations

from dataclasses import dataclass

from training.motions import MADE_SHARE


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """What a store is made from.

    Attributes:
        count: pictures.
        split: "train" or "test": which motions, outfits, panoramas and scenes are used.
        seed: of everything.
        size: pixels a side; 2 x 2 samples each.
        motions: motion file; None draws all poses from joint limits.
        device: where shading runs.
        poses: "mixed" with joint limits, recombined and turned; "captured" takes the motion file's as they are,
            all activities alike; "filmed" too, long recordings more often.
        made: share of made poses in "mixed"; None takes `MADE_SHARE` to train on and none to test on, so that test
            stores stay the pictures that they were.
    """

    count: int
    split: str
    seed: int
    size: int = 192
    motions: str | None = None
    device: str = "cpu"
    poses: str = "mixed"
    made: float | None = None

    @property
    def made_share(self) -> float:
        """Share of made poses."""
        if self.poses != "mixed":
            return 0.0
        return (MADE_SHARE if self.split == "train" else 0.0) if self.made is None else self.made

"""What can be chosen of the ablations, and which arms there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from core.nets import NetConfig, preset
from training.trainer.throughput import PrecisionChoice, precision_on

PRESET = "tiny"
TRAIN = "train"
SETS = ("rendered-clear", "rendered-object-occluded", "rendered-person-occluded", "rendered")
"""Test sets of `training.evaluate.rendered`, drawn as `training.evaluate` draws them."""
OCCLUDED = SETS[1:3]
FULL = "both"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to feed the transformers.

    Attributes:
        about: for people.
        image_tokens: whether they see the image features.
        pose: "tokens" of the classifier, "true" tokens of the labels, "coordinates" of 17 keypoints, or "none".
        modulator: between pose tokens and transformers.
        mixers: mixer blocks in it; None takes the preset's.
    """

    about: str
    image_tokens: bool = True
    pose: Literal["tokens", "true", "coordinates", "none"] = "tokens"
    modulator: Literal["mixer", "linear"] = "mixer"
    mixers: int | None = None

    def network(self) -> NetConfig:
        """The preset with this arm's switches; coordinates take the linear modulator's place."""
        base = preset(PRESET)
        return replace(
            base,
            image_tokens=self.image_tokens,
            pose_tokens=self.pose != "none",
            modulator=self.modulator,
            modulator_layers=self.mixers or base.modulator_layers,
        )


ARMS = {
    "image": Arm("image tokens alone", pose="none"),
    "pose": Arm("pose tokens alone", image_tokens=False),
    FULL: Arm(f"image and pose tokens, {preset(PRESET).modulator_layers} mixer blocks"),
    "true-tokens": Arm("image tokens and the true pose tokens", pose="true"),
    "linear": Arm("linear modulator", modulator="linear"),
    "mixers-1": Arm("1 mixer block", mixers=1),
    "mixers-4": Arm("4 mixer blocks", mixers=4),
    "mixers-8": Arm("8 mixer blocks", mixers=8),
    "coordinates": Arm("image tokens and 2D coordinates", pose="coordinates", modulator="linear"),
}
TABLES = {
    "Table 5: what the transformers see": ("image", "pose", FULL),
    "Table 6: true pose tokens": (FULL, "true-tokens"),
    "Table 7: modulator": ("linear", FULL),
    "Table 8: mixer blocks": ("mixers-1", FULL, "mixers-4", "mixers-8"),
    "Table 11: 2D coordinates in place of tokens": ("coordinates", FULL),
}
MIXER_BLOCKS = {1: "mixers-1", preset(PRESET).modulator_layers: FULL, 4: "mixers-4", 8: "mixers-8"}


@dataclass(frozen=True)
class AblationConfig:
    """One budget for all arms."""

    output: Path
    """Folder of the cache, of one run for each arm, and of the tables."""
    weights: Path = Path("assets/weights/open-tiny")
    """Whose backbone, heatmaps, classifier and tokenizer all arms share: a bundle, its .safetensors, or a run."""
    store: Path = Path("stores/train")
    """Store of rendered people to learn from."""
    test_store: Path = Path("stores/test")
    """Store of rendered people to score."""
    samples: int = 30_000
    """Every arm's training, in samples."""
    crops: int = 30_720
    """Training pictures in the cache, about 55 kB each."""
    people: int = 1024
    """Crops in each of the four tests; the few without anybody are left out."""
    arms: tuple[str, ...] = tuple(ARMS)
    """Which arms to train; the tables show those that are there."""
    processes: int = 2
    """Single-thread processes; each trains one arm at a time."""
    batch: int = 16
    """Samples a step. Of equal numbers of samples 16 a step learn more than 32, for 13 % more time a sample."""
    lr: float = 2e-3
    """Peak learning rate of Muon and AdamW."""
    size: int = 128
    """Pixels a side of the crops."""
    difficulty: float = 0.75
    """Of the training pictures, 0 clean to 1 hard."""
    covered: float = 0.2
    """Share of the training pictures whose people are all hidden in part, as in `training.train`."""
    tumbled: float = 0.15
    """Share of training people turned in the picture by any angle."""
    noise: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    """Standard deviations of the noise on the token logits of the arm that has both (Fig. 8)."""
    maps: int = 6
    """People whose occlusion sensitivity is drawn with the whole network of the bundle; 0 draws no such picture."""
    precision: PrecisionChoice = "auto"
    """bf16 autocast is three to four times as fast where the processor has it; "auto" asks the processor."""
    seed: int = 1
    """Of the first weights and of everything drawn."""

    @property
    def cache(self) -> Path:
        """Folder of what the trunk said."""
        return self.output / "cache"

    def arm_folder(self, arm: str) -> Path:
        """An arm's run."""
        return self.output / "arms" / arm

    def checked(self) -> AblationConfig:
        """These settings, the precision as this processor wants it.

        Raises:
            ValueError: they make no sense.
        """
        unknown = [arm for arm in self.arms if arm not in ARMS]
        if unknown or not self.arms:
            raise ValueError(f"expected --arms among {', '.join(ARMS)}, got {', '.join(unknown) or 'none'}")
        counts = {"samples": self.samples, "crops": self.crops, "people": self.people, "batch": self.batch}
        for name, count in {**counts, "processes": self.processes}.items():
            if count < 1:
                raise ValueError(f"expected --{name} from 1, got {count}")
        if self.size < 32 or self.size % 32:
            raise ValueError(f"expected --size to be a multiple of 32, got {self.size}")
        for name, share in {"difficulty": self.difficulty, "covered": self.covered, "tumbled": self.tumbled}.items():
            if not 0 <= share <= 1:
                raise ValueError(f"expected --{name} in [0, 1], got {share}")
        if self.lr <= 0 or self.maps < 0 or any(deviation <= 0 for deviation in self.noise):
            raise ValueError("expected --lr and every --noise above 0 and --maps from 0")
        return replace(self, precision=precision_on(torch.device("cpu"), self.precision))

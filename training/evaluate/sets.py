"""What a weights bundle scores, beside answers that know nothing, with 95 % intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.body.model import Body, load_body
from core.inference.runtime import Runtime, open_runtime
from core.weights.bundle import WeightsBundle
from core.weights.find import find_weights
from training.evaluate.clips import CLIPS, score_clips
from training.evaluate.cycles import score_cycles
from training.evaluate.photographs import EVERYDAY, EVERYDAY_HIDDEN, score_everyday, score_photographs
from training.evaluate.rendered import DIFFICULTY, score_rendered
from training.evaluate.report import SetScores
from training.pictures import PictureStore

SETS = (*DIFFICULTY, CLIPS, "cycles", "lspet", EVERYDAY, EVERYDAY_HIDDEN)
OF_EVERYDAY = ("everyday", "a folder with images.tar and people.json")
NEEDS = {
    "lspet": ("lspet", "the folder with images.tar, joints.npz, split.json"),
    EVERYDAY: OF_EVERYDAY,
    EVERYDAY_HIDDEN: OF_EVERYDAY,
    "cycles": ("cycles", "a folder of python -m training.pictures cycles"),
    CLIPS: ("clips", "a folder of python -m training.pictures clips"),
}
"""Option and folder of each set; all others are drawn of --store."""


def evaluate(
    weights: Path | str,
    sets: list[str],
    store: Path | None,
    lspet: Path | None,
    people: int,
    runtime: str = "onnx",
    cycles: Path | None = None,
    clips: Path | None = None,
    has_bones: bool = False,
    everyday: Path | None = None,
) -> list[SetScores]:
    """Scores of a bundle on sets.

    Args:
        weights: name or folder.
        sets: of SETS.
        store: people of the test split, for the rendered sets.
        lspet: folder of the photographs, for "lspet".
        people: to draw of the store.
        runtime: "onnx" or "torch".
        cycles: folder of the second renderer's pictures, for "cycles".
        clips: folder of rendered clips, for "rendered-clips".
        has_bones: on the rendered sets, score bones in place of the rest.
        everyday: folder of everyday photographs, for "everyday" and "everyday-hidden".

    Raises:
        ValueError: a set lacks its folder.
        MocapError: the bundle cannot be used.
    """
    folders = Folders(store, lspet, everyday, cycles, clips)
    for name in sets:
        folders.check(name)
    body, bundle = load_body(), find_weights(weights)
    network = open_runtime(bundle, runtime, "cpu", threads=1)
    return [_scored(name, network, bundle, body, folders, people, has_bones) for name in sets]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the sets lie; None for those that are not at hand. The fields are those of `evaluate`."""

    store: Path | None
    lspet: Path | None
    everyday: Path | None
    cycles: Path | None
    clips: Path | None

    def check(self, name: str) -> None:
        """Raises a ValueError where a set lacks its folder."""
        option, what = NEEDS.get(name, ("store", "a test split of python -m training.pictures render"))
        if getattr(self, option) is None:
            raise ValueError(f"the set {name} needs --{option}, {what}")


def _scored(
    name: str, network: Runtime, bundle: WeightsBundle, body: Body, folders: Folders, people: int, has_bones: bool
) -> SetScores:
    """Scores of one set, whose folder is there."""
    if name == "lspet" and folders.lspet is not None:
        return score_photographs(network, bundle, body, folders.lspet)
    if name in (EVERYDAY, EVERYDAY_HIDDEN) and folders.everyday is not None:
        return score_everyday(network, bundle, body, folders.everyday, name)
    if name == "cycles" and folders.cycles is not None:
        return score_cycles(network, bundle, body, folders.cycles)
    if name == CLIPS and folders.clips is not None:
        return score_clips(network, bundle, body, folders.clips)
    assert folders.store is not None
    return score_rendered(network, bundle, body, PictureStore.open(folders.store), name, people, has_bones)

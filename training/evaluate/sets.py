"""What a weights bundle scores, beside answers that know nothing, with 95 % intervals."""

from __future__ import annotations

from pathlib import Path

from core.body.model import load_body
from core.inference.runtime import open_runtime
from core.weights.find import find_weights
from training.evaluate.clips import CLIPS, score_clips
from training.evaluate.cycles import score_cycles
from training.evaluate.photographs import score_photographs
from training.evaluate.rendered import DIFFICULTY, score_rendered
from training.evaluate.report import SetScores
from training.pictures import PictureStore

SETS = (*DIFFICULTY, CLIPS, "cycles", "lspet")


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

    Raises:
        ValueError: a set lacks its folder.
        MocapError: the bundle cannot be used.
    """
    if "lspet" in sets and lspet is None:
        raise ValueError("the set lspet needs --lspet, the folder with images.tar, joints.npz, split.json")
    if "cycles" in sets and cycles is None:
        raise ValueError("the set cycles needs --cycles, a folder of python -m training.pictures cycles")
    if CLIPS in sets and clips is None:
        raise ValueError("the set rendered-clips needs --clips, a folder of python -m training.pictures clips")
    if store is None and set(sets) & set(DIFFICULTY):
        raise ValueError("rendered sets need --store, a test split of python -m training.pictures render")
    body, bundle = load_body(), find_weights(weights)
    network = open_runtime(bundle, runtime, "cpu", threads=1)
    found = []
    for name in sets:
        if name == "lspet" and lspet is not None:
            found.append(score_photographs(network, bundle, body, lspet))
        elif name == "cycles" and cycles is not None:
            found.append(score_cycles(network, bundle, body, cycles))
        elif name == CLIPS and clips is not None:
            found.append(score_clips(network, bundle, body, clips))
        elif store is not None:
            found.append(score_rendered(network, bundle, body, PictureStore.open(store), name, people, has_bones))
    return found

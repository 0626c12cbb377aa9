"""What a weights bundle scores, beside answers that know nothing, with 95 % intervals.

python -m training.evaluate --weights assets/weights/open-tiny --set rendered --store stores/test
python -m training.evaluate --weights DIR --set rendered rendered-clear lspet --store DIR --lspet DIR --json F
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from core.body.model import load_body
from core.errors import MocapError
from core.inference.runtime import open_runtime
from core.weights.bundle import find_weights
from training.evaluation.clips import CLIPS, score_clips
from training.evaluation.photographs import score_photographs
from training.evaluation.rendered import DIFFICULTY, score_rendered
from training.evaluation.report import SetScores
from training.evaluation.second_renderer import score_cycles
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


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--weights", default="open-tiny", help="name or folder of a bundle")
    parser.add_argument("--set", dest="sets", action="extend", nargs="+", choices=SETS, required=True)
    parser.add_argument("--store", type=Path, help="rendered people of the test split")
    parser.add_argument("--lspet", type=Path, help="folder of the LSPET photographs")
    parser.add_argument("--cycles", type=Path, help="folder of python -m training.pictures cycles")
    parser.add_argument("--clips", type=Path, help="folder of python -m training.pictures clips")
    parser.add_argument("--people", type=int, default=1024, help="crops to draw of the store")
    parser.add_argument("--bones", action="store_true", help="on the rendered sets, score bones instead")
    parser.add_argument("--runtime", choices=("onnx", "torch"), default="onnx")
    parser.add_argument("--json", type=Path, help="write the scores there as well")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        found = evaluate(
            given.weights,
            given.sets,
            given.store,
            given.lspet,
            given.people,
            given.runtime,
            given.cycles,
            given.clips,
            given.bones,
        )
    except (MocapError, ValueError, OSError) as error:
        print(f"training.evaluate: {error}", file=sys.stderr)
        return 1
    for scores in found:
        print(scores.text(), end="\n\n")
    if given.json:
        given.json.write_text(json.dumps({scores.name: scores.to_dict() for scores in found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

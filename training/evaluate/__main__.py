"""The command `python -m training.evaluate`: what a weights bundle scores on sets.

python -m training.evaluate --weights assets/weights/open-tiny --set rendered --store stores/test
python -m training.evaluate --weights DIR --set rendered rendered-clear lspet --store DIR --lspet DIR --json F
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from core.errors import MocapError
from training.evaluate.sets import SETS, evaluate


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--weights", default="open-tiny", help="name or folder of a bundle")
    parser.add_argument("--set", dest="sets", action="extend", nargs="+", choices=SETS, required=True)
    parser.add_argument("--store", type=Path, help="rendered people of the test split")
    parser.add_argument("--lspet", type=Path, help="folder of the LSPET photographs")
    parser.add_argument("--everyday", type=Path, help="folder of everyday photographs: images.tar, people.json")
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
            given.everyday,
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

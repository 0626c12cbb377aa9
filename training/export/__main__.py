"""The command `python -m training.export`: a run as a weights bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.export.network import Other, export, told


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--name", help="name of the bundle; the folder's where not given")
    parser.add_argument("--scores", type=Path, nargs="*", default=[], help="JSON of training.evaluate, _paper")
    parser.add_argument("--average", type=Path, help="bundle that the run started from, to average its weights with")
    parser.add_argument("--share", type=float, default=0.5, help="that bundle's part of the mean; default 0.5")
    given = parser.parse_args(arguments)
    other = Other(given.average, given.share) if given.average else None
    name = given.name or given.output.name
    return told("training.export", lambda: export(given.run, given.output, name, given.scores, other))


if __name__ == "__main__":
    raise SystemExit(main())

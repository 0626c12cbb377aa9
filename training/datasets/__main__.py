"""Published datasets: what there is, whether yours is all there, 3DPW's occlusion subsets as lists.

python -m training.datasets names
python -m training.datasets check 3dpw-test /data/3DPW
python -m training.datasets lists /data/3DPW -o /data/3DPW/lists
python -m training.datasets smpl /data/smpl
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.body.smpl_file import read_smpl
from core.errors import BodyError, MocapError
from training.datasets.bodies import find_smpl
from training.datasets.catalogue import ENTRIES
from training.datasets.check import check
from training.datasets.threedpw import SPLITS, ThreeDpw
from training.datasets.threedpw_lists import SUBSETS, rows_of, write_list


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.datasets", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("names", help="every set, with its page and its terms")
    checked = commands.add_parser("check", help="which file of a set is missing or broken, and where to get it")
    checked.add_argument("name")
    checked.add_argument("folder", type=Path)
    checked.add_argument("--pictures", type=int, default=200, help="pictures to decode, evenly spread; 0 for all")
    lists = commands.add_parser("lists", help="3DPW-OCC, -PC, -Non-OC and -ALL as lists of people, from 3DPW")
    lists.add_argument("folder", type=Path)
    lists.add_argument("-o", "--out", type=Path, required=True)
    smpl = commands.add_parser("smpl", help="which of SMPL's files a folder holds, and whether they are whole")
    smpl.add_argument("folder", type=Path)
    return parser


def _names() -> int:
    for entry in ENTRIES:
        print(f"{entry.name}\n    {entry.title}; {entry.licence}\n    {entry.page}\n    needs {', '.join(entry.files)}")
    return 0


def _check(name: str, folder: Path, pictures: int) -> int:
    entry, findings = check(name, folder, pictures)
    print("\n".join(findings.lines(entry, folder)))
    return 0 if findings.is_good else 1


def _lists(folder: Path, out: Path) -> int:
    everybody = ThreeDpw(folder, "3dpw-all", SPLITS).rows
    out.mkdir(parents=True, exist_ok=True)
    for subset in SUBSETS:
        rows = rows_of(everybody, subset)
        write_list(out / f"{subset}.json", rows, subset)
        print(f"{subset}: {len(rows)} people in {len({row.sequence for row in rows})} sequences")
    return 0


def _smpl(folder: Path) -> int:
    for gender, path in find_smpl(folder).items():
        try:
            read_smpl(path)
        except BodyError as error:
            raise MocapError(f"SMPL {gender}: {error}") from error
        print(f"{gender}: {path}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "names":
            return _names()
        if given.command == "check":
            return _check(given.name, given.folder, given.pictures)
        return _lists(given.folder, given.out) if given.command == "lists" else _smpl(given.folder)
    except (MocapError, OSError) as error:
        print(f"training.datasets: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())

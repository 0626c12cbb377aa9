"""Do our networks compute what the reference code computed?

    python -m training.parity DIR [DIR...]

Every DIR is a fixture (meta.json, keys.json, expected.npz) or a folder of them. Each array's largest
deviation is printed; the exit status is 1 when one is beyond 1e-4 + 1e-4 * max|reference|, or integers
differ.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.parity.filling_rule import Array
from training.parity.networks import Fixture, run_fixture

ABSOLUTE = RELATIVE = 1e-4  # float32 noise against float64 is 1e-5 to 4e-5, HRNet 8e-5 relative


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far one of our arrays is from the reference's.

    Attributes:
        name: of the array.
        largest: absolute difference; inf where shapes differ, or the array is missing.
        allowed: what is tolerated; 0 for integers.
    """

    name: str
    largest: float
    allowed: float

    @property
    def agrees(self) -> bool:
        """Is it within the tolerance?"""
        return self.largest <= self.allowed


def deviation(name: str, ours: Array | None, reference: Array) -> Deviation:
    """Compare one array with the reference's."""
    is_integer = np.issubdtype(reference.dtype, np.integer)
    allowed = 0.0 if is_integer else ABSOLUTE + RELATIVE * float(np.abs(reference).max(initial=0.0))
    if ours is None or ours.shape != reference.shape:
        return Deviation(name, float("inf"), allowed)
    difference = np.abs(ours.astype(np.float64) - reference.astype(np.float64))
    largest = float(np.nan_to_num(difference, nan=np.inf).max(initial=0.0))
    return Deviation(name, largest, allowed)


def read_fixture(folder: Path) -> Fixture:
    """A fixture from its folder."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    keys_file = folder / "keys.json"
    keys = json.loads(keys_file.read_text(encoding="utf-8")) if keys_file.exists() else {}
    with np.load(folder / "expected.npz", allow_pickle=False) as arrays:
        return Fixture(meta, keys, {name: arrays[name] for name in arrays.files})


def check_fixture(folder: Path) -> list[Deviation]:
    """Every array of one fixture."""
    fixture = read_fixture(folder)
    ours = run_fixture(fixture)
    return [deviation(name, ours.get(name), value) for name, value in fixture.expected.items()]


def fixtures_in(folders: Sequence[Path]) -> list[Path]:
    """Every fixture among folders and their children.

    Raises:
        ValueError: a folder holds none.
    """
    found: list[Path] = []
    for folder in folders:
        here = [folder]
        if not (folder / "meta.json").exists():
            here = sorted(file.parent for file in folder.glob("*/meta.json"))
        if not here:
            raise ValueError(f"{folder}: no fixture here; expected meta.json, or folders that hold one")
        found += here
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see the module."""
    parser = argparse.ArgumentParser(prog="python -m training.parity", description="Check our networks.")
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="a fixture or a folder of them")
    try:
        folders = fixtures_in(parser.parse_args(arguments).folders)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    agreeing = [_report(folder) for folder in folders]
    print(f"{sum(agreeing)} of {len(folders)} fixtures agree")
    return 0 if all(agreeing) else 1


def _report(folder: Path) -> bool:
    """Print every array of one fixture; do all of them agree?"""
    start = time.perf_counter()
    deviations = check_fixture(folder)
    agrees = all(each.agrees for each in deviations)
    seconds = time.perf_counter() - start
    verdict = "agrees" if agrees else "DISAGREES"
    print(f"{folder.name}: {verdict} ({len(deviations)} arrays, {seconds:.1f} s)", flush=True)
    for each in deviations:
        mark = "" if each.agrees else "  <-- beyond"
        print(f"  {each.name:<26} {each.largest:9.2e} of {each.allowed:9.2e}{mark}")
    return agrees


if __name__ == "__main__":
    sys.exit(main())

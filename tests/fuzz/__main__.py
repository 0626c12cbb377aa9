"""Damages files of every kind and counts what becomes of them.

    python -m tests.fuzz --count 2000 --seed 0

A case is one damaged file, read in a child process with a limit of time and of memory. It is read, whole or in part,
or refused with one sentence. Anything else is a fault: a traceback, a crash, a hang. The table counts all; `--keep`
keeps the files of the faults. Case N of a seed is always the same file.
"""

import argparse
import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.targets import Target, make_targets
from tests.fuzz.worker import MEMORY_BYTES

ROOT = Path(__file__).parents[2]
LIMIT_S = 30.0
START_S = 300.0
FINE = ("read", "refused")


@dataclass(slots=True)
class Row:
    """What became of the cases of one kind of file."""

    outcomes: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    faults: list[tuple[int, str, str]] = field(default_factory=list)

    def take_in(self, number: int, told: dict[str, Any]) -> None:
        self.outcomes[told["outcome"]] += 1
        self.longest_s = max(self.longest_s, told.get("time_s", 0.0))
        if told["outcome"] not in FINE:
            self.faults.append((number, told["outcome"], told.get("said", "")))


class Worker:
    """A child process; `ask` gives None where it hangs, and what it died of where it dies."""

    def __init__(self, folder: Path, seed: int) -> None:
        command = [sys.executable, "-m", "tests.fuzz.worker", str(folder), str(seed)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "SILENT", "OPENBLAS_NUM_THREADS": "1"}
        self._child = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer(START_S)

    def ask(self, number: int) -> dict[str, Any]:
        """What becomes of a case."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{number}\n")
        self._child.stdin.flush()
        return self._answer(LIMIT_S)

    @property
    def is_there(self) -> bool:
        return self._child.poll() is None

    def end(self) -> None:
        self._child.kill()
        self._child.wait()
        for stream in (self._child.stdin, self._child.stdout):
            assert stream is not None
            stream.close()

    def _answer(self, limit_s: float) -> dict[str, Any]:
        assert self._child.stdout is not None
        ready, _, _ = select.select([self._child.stdout], [], [], limit_s)
        line = self._child.stdout.readline() if ready else ""
        if line:
            return dict(json.loads(line))
        self._child.kill()
        code = self._child.wait()
        return {"outcome": "crash" if ready else "hang", "said": f"exit code {code}"}


def fuzz(folder: Path, numbers: range, seed: int, only: str = "") -> tuple[dict[str, Row], float, int]:
    """Rows by kind of file, the greatest memory of a worker in MB, and how many workers there were.

    Args:
        folder: for the files.
        numbers: of the cases.
        seed: of the damage.
        only: a part of the name of the kinds of file that are wanted.
    """
    (folder / "samples").mkdir()
    targets = make_targets(folder / "samples")
    rows: dict[str, Row] = defaultdict(Row)
    worker, workers, peak_mb = Worker(folder, seed), 1, 0.0
    try:
        for number in numbers:
            name = targets[number % len(targets)].name
            if only not in name:
                continue
            if not worker.is_there:
                worker.end()
                worker, workers = Worker(folder, seed), workers + 1
            told = worker.ask(number)
            rows[name].take_in(number, told)
            peak_mb = max(peak_mb, told.get("peak_mb", 0.0))
    finally:
        worker.end()
    return dict(rows), peak_mb, workers


def table(rows: dict[str, Row]) -> list[str]:
    """Lines of Markdown."""
    lines = [
        "| file | cases | read, whole or in part | refused with a sentence | tracebacks | crashes | hangs | longest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    total = Row()
    for name, row in rows.items():
        total.outcomes.update(row.outcomes)
        total.longest_s = max(total.longest_s, row.longest_s)
        lines.append(_line(name, row))
    return [*lines, _line("**all**", total)]


def _line(name: str, row: Row) -> str:
    count = row.outcomes
    cells = [count["read"], count["refused"], count["traceback"] + count["no sentence"], count["crash"], count["hang"]]
    told = " | ".join(str(cell) for cell in cells)
    return f"| {name} | {count.total()} | {told} | {row.longest_s:.1f} s |"


def write_case(targets: list[Target], number: int, seed: int, file: Path) -> Path:
    """The damaged file of a case."""
    target, rng = targets[number % len(targets)], random.Random(f"{seed} {number}")
    sample = rng.choice(target.samples)
    file = file.with_suffix(sample.suffix)
    file.write_bytes(target.damage(sample.read_bytes(), rng))
    return file


def main() -> int:
    """Print the table and the faults; 1 where there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Damage files and count what becomes.")
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="part of the name of a kind of file")
    parser.add_argument("--keep", type=Path, help="folder for the files of the faults")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, peak_mb, workers = fuzz(folder, range(options.count), options.seed, options.only)
        print("\n".join(table(rows)))
        print(f"\nAt most {peak_mb:.0f} MB in a child, which may take {MEMORY_BYTES >> 20} MB above its start; "
              f"{LIMIT_S:.0f} s a case; {workers} children.")  # fmt: skip
        faults = [fault for row in rows.values() for fault in row.faults]
        for number, outcome, said in faults:
            print(f"\ncase {number}: {outcome}\n{said}")
        if options.keep is not None and faults:
            options.keep.mkdir(parents=True, exist_ok=True)
            targets = make_targets(folder / "samples")
            for number, _, _ in faults:
                shutil.copy(write_case(targets, number, options.seed, folder / "again"), options.keep / f"case{number}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())

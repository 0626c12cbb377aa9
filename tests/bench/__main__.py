"""`python -m tests.bench [NAME...]`: every measurement as rows of one table, with the machine stated.

A module `tests/bench/bench_NAME.py` has `measure() -> Iterable[Row]`. Goals are ratios within one run;
nothing here is a test, since times on shared machines prove nothing by themselves.
"""

import argparse
import importlib
import os
import platform
from pathlib import Path

from . import Row

HERE = Path(__file__).parent


def main() -> int:
    """Run the named measurements, or all, and print their rows."""
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *names], default=[], help=f"{', '.join(names)}; default: all")
    chosen = parser.parse_args().names or names
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'what':<58}{'value':>12}  unit")
    for name in chosen:
        for row in importlib.import_module(f"{__package__}.bench_{name}").measure():
            print_row(row)
    return 0


def print_row(row: Row) -> None:
    """One line of the table; the goal, where there is one, is said beside the value."""
    goal = f"  (goal {row.goal})" if row.goal else ""
    print(f"{row.what:<58}{row.value:>12.2f}  {row.unit}{goal}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())

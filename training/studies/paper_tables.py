"""The paper's tables with ours beside them: `python -m training.studies.paper_tables --table 1 [--results results]
[--commands]`.

Ours come from the files that `training.evaluate_paper --json` wrote into a folder; what nobody ran says "not run".
Which file belongs to which row is read from what the file says of its network and its training, not from its name.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import MocapError
from core.nets import preset as sizes
from training.studies.paper_table_rows import TABLES, Row, Table, commands

NOT_RUN, SEE = "not run", "see the paper"
PROTOCOLS = ("METRO", "SPIN")
MIXERS = 4
SETS_BESIDE = {"3dpw-test": ("3dpw-test", "metro-3dpw-test")}
"""The same people in another file: METRO's TSV."""


def read_results(folder: Path) -> list[dict[str, Any]]:
    """What `training.evaluate_paper` wrote, by file name.

    Raises:
        MocapError: a file is damaged, or not of that command.
    """
    results = []
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            results.append({key: content[key] for key in ("preset", "tokens", "modulator", "mixers", "scores", "fps",
                                                          "learned_from", "regressor", "machine")}
                           | {"training_hours": content.get("training_hours"), "file": file.name})  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise MocapError(
                f"{file} is no result of training.evaluate_paper ({error}); take it out of the folder"
            ) from error
    return results


def is_of(row: Row, result: dict[str, Any], stand_in: str | None) -> bool:
    """Whether a result is the row's network, trained as the row says.

    Args:
        row: of a table.
        result: of `read_results`.
        stand_in: preset that fills the rows of "resnet50"; its own count of mixers is what four are there.
    """
    preset, mixers = row.preset, row.mixers
    if stand_in and preset == "resnet50":
        preset = stand_in
        mixers = mixers * sizes(stand_in).modulator_layers // MIXERS
    has_mixers = row.tokens in ("both", "pose", "true") and row.modulator == "mixer"
    learned = result["learned_from"]
    tuned = "3dpw" if any("3dpw" in name for name in learned) else None
    tuned = "3doh" if any("3doh" in name for name in learned) else tuned
    is_same = result["preset"] == preset and result["tokens"] == row.tokens and tuned == row.tuned_on
    if row.tokens in ("image", "coordinates"):
        return is_same
    return is_same and result["modulator"] == row.modulator and (not has_mixers or result["mixers"] == mixers)


def _three(numbers: Sequence[float | None]) -> str:
    return " / ".join("-" if number is None else f"{number:.1f}" for number in numbers)


def _scores(result: dict[str, Any], name: str, protocol: str) -> str | None:
    """A result's three numbers on a set, whose people are counted where the set was not read whole."""
    for beside in SETS_BESIDE.get(name, (name,)):
        found = result["scores"].get(beside, {}).get(protocol)
        if found is not None:
            return f"{_three([found[key] for key in ('mpvpe', 'mpjpe', 'pa_mpjpe')])} ({found['people']} people)"
    return None


def ours(row: Row, results: Sequence[dict[str, Any]], name: str, protocol: str, stand_in: str | None) -> str:
    """The cell of one row, set and protocol; of several results the last file's."""
    if not row.is_ours:
        return "-"
    cells = [_scores(result, name, protocol) for result in results if is_of(row, result, stand_in)]
    return next((cell for cell in reversed(cells) if cell), NOT_RUN)


def table_lines(number: int, results: Sequence[dict[str, Any]], stand_in: str | None = None) -> list[str]:
    """A table in Markdown.

    Args:
        number: 1 to 11.
        results: of `read_results`.
        stand_in: as `is_of`.
    """
    table = TABLES[number]
    told = [f"Table {number}: {table.title or 'see the paper'}"]
    told += [f"({table.doubt})"] if table.doubt else []
    told += [f"(rows of resnet50 are filled by {stand_in}: they show that the commands work, nothing else)"] * bool(
        stand_in
    )
    if table.is_speed:
        return told + _speed(table, results, stand_in)
    for name in table.sets if table.rows else ():
        told += [f"\n{name.upper()}, MPVPE / MPJPE / PA-MPJPE, mm", f"| network | paper | {' | '.join(PROTOCOLS)} |",
                 "|---|---|---|---|"]  # fmt: skip
        for row in table.rows:
            paper = SEE if row.paper is None else " / ".join(f"{number:g}" for number in row.paper)
            cells = " | ".join(ours(row, results, name, protocol, stand_in) for protocol in PROTOCOLS)
            told.append(f"| {row.name} | {paper} | {cells} |")
    return told


def _speed(table: Table, results: Sequence[dict[str, Any]], stand_in: str | None) -> list[str]:
    told = ["| network | paper | ours: training hours | ours: frames a second | on |", "|---|---|---|---|---|"]
    for row in table.rows:
        found = next((result for result in reversed(results) if is_of(row, result, stand_in)), None)
        if found is None:
            told.append(f"| {row.name} | {SEE} | {NOT_RUN} | {NOT_RUN} | |")
            continue
        hours = found["training_hours"]
        said = "unknown" if hours is None else f"{hours:.3g}"
        told.append(f"| {row.name} | {SEE} | {said} | {found['fps']:.1f} | {found['machine']} |")
    return told


def command_lines(number: int) -> list[str]:
    """The commands behind a table's rows, each once."""
    table = TABLES[number]
    told: list[str] = []
    for row in table.rows:
        told += [line for line in commands(row, table.sets) if row.is_ours and line not in told]
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.studies.paper_tables", description=__doc__)
    parser.add_argument("--table", type=int, nargs="+", choices=sorted(TABLES), default=sorted(TABLES), metavar="N")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of evaluate_paper's files")
    parser.add_argument("--commands", action="store_true", help="the commands behind the rows in place of the tables")
    parser.add_argument("--stand-in", metavar="PRESET", help="preset whose results fill the rows of resnet50")
    given = parser.parse_args(arguments)
    try:
        results = read_results(given.results)
        parts = [
            command_lines(number) if given.commands else table_lines(number, results, given.stand_in)
            for number in given.table
        ]
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.paper_tables: {error}", file=sys.stderr)
        return 1
    print("\n\n".join("\n".join(part) for part in parts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

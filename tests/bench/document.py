"""`python -m tests.bench.document NAME=FILE...`: what measurements printed, as sections of docs/performance.md.

FILE holds the output of `python -m tests.bench NAME`; it goes in word for word, beneath the measurement's own words.
Sections of other measurements stay as they are.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
TABLE = re.compile(r"^what +value +unit\n.+", re.MULTILINE)


def section(name: str, printed: str) -> str:
    """One section: title, what it measures, the command, what it printed.

    Raises:
        ValueError: no measurement of that name, or no row was printed.
    """
    try:
        about = (importlib.import_module(f"{__package__}.bench_{name}").__doc__ or "").strip()
    except ModuleNotFoundError as error:
        raise ValueError(f"no measurement {name!r}; see python -m tests.bench --help") from error
    if not TABLE.search(printed):
        raise ValueError(f"{name}: expected the table that python -m tests.bench {name} prints, got {printed[:40]!r}")
    return f"## {name}\n\n{about}\n\n```\n$ python -m tests.bench {name}\n{printed.strip()}\n```\n"


def with_sections(document: str, sections: dict[str, str]) -> str:
    """The document with these sections in place of older ones of the same name, or at its end."""
    head, *old = re.split(r"^(?=## )", document, flags=re.MULTILINE)
    named = {part.splitlines()[0].removeprefix("## "): part.strip() + "\n" for part in old}
    return "\n".join([head.strip() + "\n", *(named | sections).values()])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.document", description=__doc__)
    parser.add_argument("printed", nargs="+", metavar="NAME=FILE", help="a measurement and what it printed")
    parser.add_argument("-o", "--output", type=Path, default=DOCUMENT, help="the document")
    given = parser.parse_args(arguments)
    try:
        pairs = dict(pair.split("=", 1) for pair in given.printed)
        sections = {name: section(name, Path(file).read_text(encoding="utf-8")) for name, file in pairs.items()}
        text = with_sections(given.output.read_text(encoding="utf-8"), sections)
    except (ValueError, OSError) as error:
        print(f"tests.bench.document: {error}", file=sys.stderr)
        return 1
    given.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

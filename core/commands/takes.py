"""Commands about takes that are there, without the network: portraits, readings, relink."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from ..types import ProgressFunction
from .console import Bar, StopRequest


def add_take_commands(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the commands to the others'; returns the parsers that take `--progress`."""
    portraits = commands.add_parser("portraits", help="take to small pictures of its people")
    portraits.add_argument("take", type=Path)
    portraits.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    portraits.set_defaults(command=_portraits, is_stopped_between_frames=True)

    readings = commands.add_parser("readings", help="take to other readings of the frames in which somebody is unsure")
    readings.add_argument("take", type=Path)
    readings.add_argument("-o", "--output", type=Path, required=True, metavar="readings.npz")
    readings.set_defaults(command=_readings, is_stopped_between_frames=False)

    relink = commands.add_parser("relink", help="tell a take that its footage has moved; another clip is refused")
    relink.add_argument("take", type=Path)
    relink.add_argument("footage", type=Path, help="where the same clip is now")
    relink.set_defaults(command=_relink, is_stopped_between_frames=False)
    return [portraits, readings]


def _portraits(options: argparse.Namespace, printer: ProgressFunction | None, stop: StopRequest) -> None:
    from ..take.portraits import write_portraits
    from ..take.take import Take

    written = write_portraits(Take.open(options.take), options.output, printer, stop)
    if isinstance(printer, Bar):
        printer.end()
    print(f"{options.output}: {len(written)} pictures")


def _readings(options: argparse.Namespace, printer: ProgressFunction | None, _stop: StopRequest) -> None:
    from ..motion.alternatives import readings_of, write_readings
    from ..take.take import Take

    readings = readings_of(Take.open(options.take), printer)
    write_readings(readings, options.output)
    if isinstance(printer, Bar):
        printer.end()
    counted = [f"{name}: {len(found.frame_index)} frames" for name, found in readings.items()]
    print(f"{options.output}: other readings of {'; '.join(counted) or 'nobody'}")


def _relink(options: argparse.Namespace, _printer: ProgressFunction | None, _stop: StopRequest) -> None:
    from ..take.relink import relink

    for note in relink(options.take, options.footage):
        logging.warning(note)
    print(f"{options.take}: its footage is {options.footage}")

"""Options of `solve` by which a person tells what they know of the shot: feet, floor, camera, heights, poses."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..settings import height_told, longest_gap

CONTACTS_HELP = 'frames in which feet stand: {"1": {"left": [[first, last], ...], "right": [...]}}; or a report'
FLOOR_HELP = (
    "solid: feet are set on one floor and nobody sinks through it; found: measured alone; off: there is none"
)
GAPS_HELP = "the longest gap, in which nobody saw the person, that is filled; longer ones stay empty"
CAMERA_HELP = "a camera that moves: frame_index, camera_to_world (N, 4, 4), focal_px; see core/motion/moving_camera.py"
BONES_HELP = "from the mesh, from the network's rotation tokens, or the fit led by them; default: the take's best"
HEIGHT_HELP = "how tall a person is, in metres, as 1=1.82; may be given for each; default: as the network draws them"
READINGS_HELP = 'poses chosen for single frames: {"1": [{"frame": 47, "rotations": [[w, x, y, z], ... 21 joints]}]}'


def add_knowledge_options(command: argparse.ArgumentParser) -> None:
    """Add them to the command."""
    command.add_argument("--contacts", type=Path, metavar="contacts.json", help=CONTACTS_HELP)
    command.add_argument("--floor", choices=["off", "found", "solid"], default="found", help=FLOOR_HELP)
    command.add_argument("--gaps", type=longest_gap, metavar="all|SECONDS", help=GAPS_HELP)
    command.add_argument("--camera", type=Path, metavar="camera.npz", help=CAMERA_HELP)
    command.add_argument("--bones", choices=["fit", "tokens", "both"], help=BONES_HELP)
    command.add_argument("--height", type=height_told, action="append", default=[], metavar="ID=M", help=HEIGHT_HELP)
    command.add_argument("--readings", type=Path, metavar="readings.json", help=READINGS_HELP)

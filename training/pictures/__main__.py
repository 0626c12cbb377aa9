"""python -m training.pictures render | sheet | clip | clips | cycles: pictures of people with labels, from a seed."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.pictures", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="render a store of people; resumes where it was interrupted")
    render.add_argument("--motions", type=Path, help="motion file (.npz); without one, poses from joint limits")
    render.add_argument("--count", type=int, required=True, help="pictures")
    render.add_argument("--split", choices=("train", "test"), default="train")
    render.add_argument("--seed", type=int, default=0)
    render.add_argument("--size", type=int, default=192, help="pixels a side")
    render.add_argument("--workers", type=int, default=2)
    render.add_argument(
        "--poses", choices=["mixed", "captured", "filmed"], default="mixed",
        help="mixed: also joint limits, recombined and turned poses (to train on); captured: the motions as they are, "
        "all activities alike; filmed: long recordings more often",
    )  # fmt: skip
    render.add_argument(
        "--made", type=float, help="share of made poses (hands at faces, folded arms, kneeling, serves ...) in mixed; "
        "without it 0.35 to train on and 0 to test on",
    )  # fmt: skip
    render.add_argument("--device", default="cpu", help="where shading runs: cpu or cuda")
    render.add_argument("-o", "--out", type=Path, required=True, help="folder of the store")
    sheet = commands.add_parser("sheet", help="a contact sheet of finished pictures with their labels")
    sheet.add_argument("store", type=Path)
    sheet.add_argument("--seed", type=int, default=0)
    sheet.add_argument("--size", type=int, default=160)
    sheet.add_argument("--difficulty", type=float, default=1.0, help="0 clean to 1 hard")
    sheet.add_argument("--cut", type=float, default=0.0, help="share of people cut as real boxes are")
    sheet.add_argument("--plain", action="store_true", help="without labels")
    sheet.add_argument("--rows", type=int, default=6)
    sheet.add_argument("--columns", type=int, default=8)
    sheet.add_argument("-o", "--out", type=Path, required=True, help="picture file")
    cycles = commands.add_parser("cycles", help="a test set by another renderer, Blender's Cycles; needs bpy")
    cycles.add_argument("--motions", type=Path, required=True)
    cycles.add_argument("--count", type=int, default=1000)
    cycles.add_argument("--seed", type=int, default=7)
    cycles.add_argument("--workers", type=int, default=2)
    cycles.add_argument("-o", "--out", type=Path, required=True, help="folder of pictures")
    clips = commands.add_parser("clips", help="a test set of short clips of unseen motions with truth files")
    clips.add_argument("--motions", type=Path, required=True)
    clips.add_argument("--count", type=int, default=24)
    clips.add_argument("--seed", type=int, default=3)
    clips.add_argument(
        "-o", "--out", type=Path, required=True, help="folder of clips; goes on where it was interrupted"
    )
    clip = commands.add_parser("clip", help="a short clip of moving people with a truth file")
    clip.add_argument("--motions", type=Path, required=True)
    clip.add_argument("--clip", required=True, help="name of a clip in the motion file")
    clip.add_argument("--second", help="clip of a second person")
    clip.add_argument("--seconds", type=float, default=3.0)
    clip.add_argument("--fps", type=int, default=30)
    clip.add_argument("--width", type=int, default=640)
    clip.add_argument("--height", type=int, default=480)
    clip.add_argument("--seed", type=int, default=0)
    clip.add_argument("--travel", type=float, default=0.3, help="metres the camera moves over the clip")
    clip.add_argument("--panorama", help="name of the panorama behind; chosen by the seed without it")
    clip.add_argument("--heading", type=float, help="where in the panorama the camera looks, degrees")
    clip.add_argument("-o", "--out", type=Path, required=True, help=".mp4, or a folder for pictures")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        if options.command == "render":
            from training.pictures.render import render
            from training.pictures.settings import RenderSettings

            motions = str(options.motions) if options.motions else None
            settings = RenderSettings(
                options.count, options.split, options.seed, options.size, motions, options.device,
                options.poses, options.made,
            )  # fmt: skip
            render(settings, options.out, options.workers)
        elif options.command == "cycles":
            from training.pictures import cycles

            cycles.render(options.motions, options.count, options.seed, options.out, options.workers)
        elif options.command == "clips":
            from training.pictures.clips import render_clips

            render_clips(options.motions, options.count, options.seed, options.out)
        elif options.command == "sheet":
            from training.pictures.sheet import write_sheet

            write_sheet(
                options.store, options.out, options.rows, options.columns, options.size, options.seed,
                options.difficulty, not options.plain, options.cut,
            )  # fmt: skip
        else:
            from training.pictures.clip import ClipSettings, write_clip

            write_clip(
                ClipSettings(
                    options.motions, options.clip, options.second, options.seconds, options.fps, options.width,
                    options.height, options.seed, options.travel, options.panorama, options.heading,
                ),
                options.out,
            )  # fmt: skip
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The command line: reconstruct, solve, stills, portraits, readings, relink, doctor, weights.

Exit codes: 0 done, 1 one sentence about what is wrong, 2 wrong usage, 130 cancelled (the take stays and can
be resumed). What nobody foresaw is one sentence too, which names a log file with the traceback.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from .commands.arguments import count, device, people, positive, positive_float, share
from .commands.console import Bar, StopRequest, progress_printer
from .commands.solve_options import add_knowledge_options
from .commands.stills import run_stills
from .commands.takes import add_take_commands
from .commands.weights import add_weights_command
from .errors import Cancelled, MocapError
from .settings import ReconstructSettings, SolveSettings, film_rate
from .types import Motion, ProgressFunction

DONE, FAILED, USAGE, CANCELLED = 0, 1, 2, 130
BOXES_FORM = 'boxes.json: {"file.jpg": [{"id": "a", "box_xywh": [x, y, width, height]}]}, frame pixels'
DETECTOR_HELP = (
    "what finds people: the detector that ships, an .onnx file (D-FINE, RT-DETR, YOLOX) or a folder; search: the "
    "pose network itself, slow; frame: one person fills it"
)
MANIFEST_HELP = (
    'many clips, a line each: {"footage": "a.mp4"}, and where it differs "output", "people", "start", ...; clips that '
    "are done are left as they are"
)
FOOTAGE_HELP = "video file, folder of pictures, or one picture, which stands for its numbered sequence"
FILM_FPS_HELP = "frames a second at which it was shot: of pictures, 24 by default, and of slow motion"
KEEP_GOING_HELP = "exit code 0 as long as anybody could be solved; the others are warnings, and listed in the report"

Command = Callable[[argparse.Namespace, ProgressFunction | None, StopRequest], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    for stream in (sys.stdout, sys.stderr):  # a file's name may have letters that the console lacks
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    options = _options(arguments)
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # its failures are told in our words
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    printer = progress_printer(options.progress) if hasattr(options, "progress") else None
    stop = StopRequest()
    if options.is_stopped_between_frames:
        stop.listen()
    else:
        stop.interrupt()
    command: Command = options.command
    try:
        command(options, printer, stop)
    except (Cancelled, KeyboardInterrupt) as error:
        return _ended(printer, f"cancelled: {error or 'by Ctrl-C'}", CANCELLED)
    except Exception as error:  # a fault of the program is one sentence too, its traceback in a log
        return _ended(printer, f"error: {_told(error, options)}", FAILED)
    return DONE


def _told(error: Exception, options: argparse.Namespace) -> str:
    """One sentence, and a log beside what was to be written where the error was not foreseen."""
    from .files.fault_log import log_beside, sentence_with_log

    place = getattr(options, "output", None) or getattr(options, "manifest", None)
    what = getattr(options, "take", None) or getattr(options, "footage", None) or place or "the command"
    output = Path(place) if place else Path(tempfile.gettempdir(), "footage-mocap")
    return sentence_with_log(error, str(what), log_beside(output))


def _ended(printer: ProgressFunction | None, sentence: str, code: int) -> int:
    if isinstance(printer, Bar):
        printer.end()
    print(" ".join(sentence.split()), file=sys.stderr, flush=True)
    return code


def _settings(options: argparse.Namespace) -> ReconstructSettings:
    return ReconstructSettings(
        weights=options.weights,
        device=options.device,
        runtime=options.runtime,
        people=options.people,
        detector=options.detector,
        boxes=options.boxes,
        start=options.start,
        end=options.end,
        step=options.step,
        fps=options.fps,
        focal_px=options.focal_px,
        threads=options.threads,
    )


def _reconstruct_manifest(options: argparse.Namespace, printer: ProgressFunction | None, stop: StopRequest) -> None:
    from .commands.manifest import read_manifest
    from .commands.shard import raise_failures, run_shard, summary

    clips = options.shard.of(read_manifest(options.manifest, _settings(options), options.output))
    if options.executor == "ray":
        from .commands.ray import connected, run_on_ray

        with connected(options.ray_address) as ray:
            stop.listen()  # Ray takes SIGTERM over
            results = run_on_ray(ray, clips, options.shard, options.report, printer, stop)
    else:
        results = run_shard(clips, options.shard, options.report, printer, stop)
    if isinstance(printer, Bar):
        printer.end()
    for result in results:
        if result.sentence:
            print(f"{result.footage}: {result.state}: {' '.join(result.sentence.split())}")
    print(f"shard {options.shard}: {summary(results)}")
    raise_failures(results)


def _reconstruct(options: argparse.Namespace, printer: ProgressFunction | None, stop: StopRequest) -> None:
    from .pipeline import reconstruct

    if options.manifest is not None:
        return _reconstruct_manifest(options, printer, stop)
    settings = _settings(options)
    take = reconstruct(options.footage, options.output, settings, printer, stop)
    if isinstance(printer, Bar):
        printer.end()
    counted = [f"{name}: {count} frames" for name, count in take.frame_counts().items()]
    print(f"{take.path}: {len(counted)} {'person' if len(counted) == 1 else 'people'} ({'; '.join(counted)})")
    if take.report is not None:
        lost = len(take.report.lost) + take.report.missing_at_end
        print(f"{take.report.decoded} frames decoded, {lost} lost")
        for warning in take.report.warnings:
            logging.warning(warning)  # the panel shows these lines too
    for note in take.notes:
        print(note)
    if options.check:
        from .motion.report import check_table
        from .motion.solver import solve

        motion = solve(take)
        print("\n".join(check_table(motion.self_check)))
        _raise_missing(_faults_told(motion, options), len(motion.persons))


def _solve(options: argparse.Namespace, printer: ProgressFunction | None, _stop: StopRequest) -> None:
    from .motion.motion_file import write_motion
    from .motion.report import check_table, frames_text, write_report
    from .motion.solver import solve_rows
    from .take.take import Take
    from .types import Progress

    take = Take.open(options.take)
    if not take.is_complete:
        logging.warning("%s is not complete: frames up to %d are solved", take.path, take.next_frame - 1)
    if printer is not None:
        printer(Progress("solve", 0, 1, take.path.name))
    settings = SolveSettings(
        smooth=options.smooth,
        feet=options.feet,
        gaps=options.gaps,
        floor=options.floor,
        fps=options.fps,
        body=options.body,
        smooth_body=options.smooth_body,
        smooth_limbs=options.smooth_limbs,
        smooth_root=options.smooth_root,
        contacts=options.contacts,
        camera=options.camera,
        bones=options.bones,
        readings=options.readings,
        heights=tuple(options.height),
    )
    motion = solve_rows(take, settings)
    write_motion(motion, options.output)
    faults = _faults_told(motion, options)
    if options.report is not None:
        write_report(motion, options.report, faults)
    if printer is not None:
        printer(Progress("solve", 1, 1, take.path.name))
    if isinstance(printer, Bar):
        printer.end()
    counted = [f"{person.person_id}: {frames_text(person)}" for person in motion.persons]
    print(f"{options.output}: {'; '.join(counted)}, {motion.fps:g} frames a second")
    if motion.camera is not None:
        camera = motion.camera
        print(f"camera: {len(camera.frame_index)} frames, a unit of {options.camera} is {camera.scale:.3g} m")
    print("\n".join(check_table(motion.self_check)))
    if options.keep_going:
        for sentence in faults.values():
            logging.warning(sentence)
    else:
        _raise_missing(faults, len(motion.persons))


def _faults_told(motion: Motion, options: argparse.Namespace) -> dict[str, str]:
    """The sentence of each person who could not be solved."""
    return {person_id: _told(error, options) for person_id, error in motion.faults}


def _raise_missing(faults: dict[str, str], solved: int) -> None:
    """Raises a MocapError where people are missing; the others are written by then."""
    if faults:
        count = f"{len(faults)} of {len(faults) + solved} people could not be solved, the others are done"
        raise MocapError(f"{count}: {'; '.join(faults.values())}")


def _doctor(options: argparse.Namespace, _printer: ProgressFunction | None, _stop: StopRequest) -> None:
    from .commands.doctor import examine, report

    lines, is_fine = report(examine(options.weights, options.device, options.detector))
    print("\n".join(lines))
    if not is_fine:
        raise MocapError("something that is needed is missing; the lines above say what to do")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    start, end = getattr(options, "start", None), getattr(options, "end", None)
    if end is not None and end < (start or 0):
        parser.error(f"--end {end} comes before --start {start or 0}")
    if hasattr(options, "manifest"):
        _check_reconstruct(parser, options)
    return options


def _check_reconstruct(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """One clip or a manifest of them; `options.shard` becomes a `Shard`."""
    from .commands.manifest import shard_of

    if options.manifest is None:
        if options.footage is None or options.output is None:
            parser.error("reconstruct wants footage and -o NAME.take, or --manifest clips.jsonl")
        if options.shard is not None or options.report is not None:
            parser.error("--shard and --report go with --manifest")
        if options.executor != "here":
            parser.error("--executor goes with --manifest")
        return
    if options.ray_address is not None and options.executor != "ray":
        parser.error("--ray-address goes with --executor ray")
    if options.footage is not None:
        parser.error("give footage or --manifest, not both")
    if options.check:
        parser.error("--check goes with one clip, not with --manifest")
    try:
        options.shard = shard_of(options.shard, os.environ)
    except ValueError as error:
        parser.error(f"--shard: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m core", description="Footage in, motion out.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("reconstruct", help="footage to take: the network, once")
    command.add_argument("footage", type=Path, nargs="?", help=FOOTAGE_HELP)
    command.add_argument("-o", "--output", type=Path, metavar="NAME.take", help="with --manifest: folder of the takes")
    command.add_argument("--manifest", type=Path, metavar="clips.jsonl", help=MANIFEST_HELP)
    command.add_argument(
        "--shard", metavar="i/N", help="every N-th clip from number i on, from 0; a Slurm array's task"
    )
    command.add_argument("--report", type=Path, metavar="report.json", help="what became of each clip of the manifest")
    command.add_argument("--executor", choices=["here", "ray"], default="here", help="clips in turn, or as Ray tasks")
    command.add_argument("--ray-address", metavar="HOST:PORT", help="default: RAY_ADDRESS, or this machine's cluster")
    _add_network_options(command)
    command.add_argument("--people", type=people, default="main", metavar="all|all+|main|N")
    command.add_argument("--detector", metavar="NAME|FILE|search|frame", help=DETECTOR_HELP)
    command.add_argument("--boxes", type=Path, metavar="boxes.json", help="where people are in some frames")
    _add_frame_options(command)
    command.add_argument("--focal-px", type=positive_float, help="focal length in pixels, if known")
    command.add_argument("--check", action="store_true", help="solve it as well, for the self-check's table alone")
    command.set_defaults(command=_reconstruct, is_stopped_between_frames=True)

    command = commands.add_parser("solve", help="take to motion: in seconds, as often as you like")
    command.add_argument("take", type=Path)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="motion.npz")
    command.add_argument("--smooth", type=share, default=SolveSettings().smooth, metavar="0..1")
    for part in ("body", "limbs", "root"):
        command.add_argument(f"--smooth-{part}", type=share, metavar="0..1", help="where it is to differ")
    command.add_argument("--feet", choices=["off", "auto", "lock"], default=SolveSettings().feet)
    add_knowledge_options(command)
    command.add_argument("--report", type=Path, metavar="report.json", help="the self-check and the contacts")
    command.add_argument("--fps", type=positive_float, metavar="N", help="resample to that rate")
    command.add_argument("--body", type=Path, help="body file in SMPL's format; the open body by default")
    _add_progress(command).add_argument("--keep-going", action="store_true", help=KEEP_GOING_HELP)
    command.set_defaults(command=_solve, is_stopped_between_frames=False)

    command = commands.add_parser("stills", help="the people in pictures to arrays", epilog=BOXES_FORM)
    command.add_argument("folder", type=Path, metavar="IMAGE_DIR")
    command.add_argument("--boxes", type=Path, metavar="boxes.json", help="of whom; without it whoever is found")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="out.npz")
    _add_network_options(command)
    command.set_defaults(command=run_stills, is_stopped_between_frames=True)

    takers = add_take_commands(commands)

    command = commands.add_parser("doctor", help="what is installed, what is missing and what to do")
    command.add_argument("--weights", metavar="NAME|DIR")
    command.add_argument("--device", type=device, default="auto")
    command.add_argument("--detector", metavar="NAME|FILE|search|frame")
    command.set_defaults(command=_doctor, is_stopped_between_frames=False)
    for command in (*takers, *add_weights_command(commands)):
        _add_progress(command)
    return parser


def _add_frame_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--start", type=count, metavar="F", help="first frame, from 0")
    command.add_argument("--end", type=count, metavar="F", help="last frame, included")
    command.add_argument("--step", type=positive, default=1, metavar="N", help="every N-th frame")
    command.add_argument("--fps", type=film_rate, metavar="N", help=FILM_FPS_HELP)


def _add_network_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--weights", metavar="NAME|DIR", help="or owner/name@revision on Hugging Face")
    command.add_argument("--device", type=device, default="auto", metavar="auto|cpu|cuda|...")
    command.add_argument("--runtime", choices=["onnx", "torch"], default="onnx")
    command.add_argument("--threads", type=positive, metavar="N", help="CPU threads of the network")
    _add_progress(command)


def _add_progress(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument(
        "--progress", choices=["auto", "json", "none"], default="auto", help="auto: a bar on a terminal"
    )
    return command


if __name__ == "__main__":
    sys.exit(main())

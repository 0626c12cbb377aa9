"""What `batch.py` runs: each clip to its own files, and a report of them all."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from . import bridge
from .engine.licences import detector_refusal, refusal
from .engine.request import title_of
from .exports.contact_sheet import write_sheet
from .exports.export import check_format, export_take
from .exports.presets import PRESETS
from .scene.build import OUTPUTS, BuildSettings, BuiltTake, build_take, counted_people
from .scene.mesh_cache import cache_of

DONE, FAILED, CANCELLED = 0, 1, 130
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class ClipReport:
    """What became of one clip; this is what the report file holds.

    `status` is "done", "incomplete" where a person, an export or the sheet is missing, "failed" or "cancelled"; `error`
    the first sentence of `failures`, which has one for each thing that failed.
    """

    footage: str
    name: str
    status: str = "failed"
    error: str | None = None
    failures: list[dict[str, str]] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)
    footage_facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    self_check: list[dict[str, Any]] = field(default_factory=list)
    check_lines: list[str] = field(default_factory=list)
    """The self-check as a terminal shows it; not in the file."""


def main(arguments: Sequence[str]) -> int:
    """Run the batch; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if "bvh" in options.export and "armature" not in options.output:
        parser.error("--export bvh needs a skeleton: --output mesh,armature")
    if options.camera is not None and len(options.clips) > 1:
        parser.error("--camera is one clip's: give that clip alone")
    names = clip_names(options.clips, options.name)
    try:
        for key in options.export:
            check_format(PRESETS[key].kind)
        if options.commercial:
            check_licences(options.weights, options.detector)
        bridge.make_folder(options.output_folder)
    except bridge.MocapError as error:
        return _said(f"error: {error}", FAILED)
    stop = bridge.StopRequest()
    stop.listen()
    reports = []
    for clip, name in zip(options.clips, names, strict=True):
        reports.append(run_clip(clip, name, options, stop))
        if stop():
            break
    try:
        write_report(reports, options.report or options.output_folder / "report.json")
    except bridge.MocapError as error:
        return _said(f"error: {error}", FAILED)
    if stop():
        return _said("cancelled: the same command resumes", CANCELLED)
    return FAILED if any(report.status != "done" for report in reports) else DONE


def clip_names(clips: Sequence[Path], name: str | None) -> list[str]:
    """Names of the results: the clips' own, numbered where two clips share one."""
    names: list[str] = []
    for clip in clips:
        base = name or title_of(clip) or clip.name
        taken = sum(1 for other in names if other == base or other.startswith(f"{base}_"))
        names.append(f"{base}_{taken + 1}" if taken else base)
    return names


def check_licences(weights: str | None, detector: str | None) -> None:
    """Raises MocapError where the weights or the detector may not be used commercially, or don't say so."""
    folder = bridge.find_weights(weights).folder
    problem = refusal(folder) or detector_refusal(detector)
    if problem:
        raise bridge.MocapError(problem)


def run_clip(clip: Path, name: str, options: argparse.Namespace, stop: bridge.StopRequest) -> ClipReport:
    """One clip from footage to files; what goes wrong is in the report, and said in one sentence."""
    report = ClipReport(str(clip), name)
    try:
        _make_clip(clip, report, options, stop)
    except bridge.Cancelled as error:
        report.status, report.error = "cancelled", str(error)
    except Exception as error:  # whatever it is, the other clips get their turn
        _note_failure(report, str(clip), error, options)
    else:
        report.status = "incomplete" if report.failures else "done"
        frames = ", ".join(f"{person['id']}: {person['frames']} frames" for person in report.people)
        print(f"{report.files['blend']}: {counted_people(len(report.people))} ({frames})", flush=True)
        print("\n".join(report.check_lines), flush=True)
    return report


@contextmanager
def _kept_going(report: ClipReport, what: str, options: argparse.Namespace) -> Iterator[None]:
    """A part of a clip: what goes wrong with it is noted, and the other parts are made."""
    try:
        yield
    except bridge.Cancelled:
        raise
    except Exception as error:  # of this part alone
        _note_failure(report, what, error, options)


def _note_failure(report: ClipReport, what: str, error: Exception, options: argparse.Namespace) -> None:
    """Note and say one sentence; the traceback of what nobody foresaw goes to a log beside the results."""
    log = options.output_folder / f"{report.name}.log"
    sentence = bridge.sentence_with_log(error, what, log)
    report.failures.append({"what": what, "sentence": sentence})
    report.error = report.failures[0]["sentence"]
    _said(f"error: {sentence}", FAILED)


def write_report(reports: list[ClipReport], path: Path) -> None:
    """Write the report file, whole or not at all.

    Raises:
        OutputError: the place can't be written to.
    """
    document = {
        "format_version": 1,
        "blender": bpy.app.version_string,
        "clips": [
            {name: getattr(report, name) for name in ClipReport.__slots__ if name != "check_lines"}
            for report in reports
        ],
    }
    with bridge.written_whole(path) as file:
        file.write((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def _make_clip(clip: Path, report: ClipReport, options: argparse.Namespace, stop: bridge.StopRequest) -> None:
    folder, name = options.output_folder, report.name
    with _timed(report, "reconstruct"):
        take = _reconstruct(clip, folder / f"{name}.take", options, stop)
    report.notes += list(take.notes)
    with _timed(report, "solve"):
        settings = bridge.SolveSettings(
            smooth=options.smooth,
            feet=options.feet,
            gaps=options.gaps,
            floor=options.floor,
            camera=options.camera,
            bones=options.bones,
            heights=tuple(options.height),
        )
        motion = bridge.solve(take, settings)
        bridge.write_motion(motion, folder / f"{name}.npz")
    for person_id, fault in motion.faults:
        _note_failure(report, f"{clip}: person {person_id}", fault, options)
    _describe(report, motion, take)
    with _timed(report, "build"):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        is_cached, is_grounded = options.storage == "cache", options.floor != "off"
        wanted = BuildSettings(name, options.output, is_cached=is_cached, is_grounded=is_grounded)
        built = build_take(_scene(), motion, wanted, folder / f"{name}.npz")
        _save(folder / f"{name}.blend")
    report.files |= {"take": str(take.path), "motion": f"{folder / name}.npz", "blend": f"{folder / name}.blend"}
    with _timed(report, "export"):
        _export(built, report, options)
    with _timed(report, "sheet"), _kept_going(report, f"{clip}: contact sheet", options):
        write_sheet(_scene(), built, motion, folder / f"{name}.png")
        report.files["sheet"] = f"{folder / name}.png"


def _reconstruct(clip: Path, take: Path, options: argparse.Namespace, stop: bridge.StopRequest) -> bridge.Take:
    printer = bridge.progress_printer(options.progress)
    settings = bridge.ReconstructSettings(
        weights=options.weights,
        device=options.device,
        people=options.people,
        detector=options.detector,
        boxes=options.boxes,
        start=options.start,
        end=options.end,
        step=options.step,
        fps=options.fps,
        threads=options.threads,
    )
    try:
        return bridge.reconstruct(clip, take, settings, printer, stop)
    finally:
        if isinstance(printer, bridge.Bar):
            printer.end()


def _describe(report: ClipReport, motion: bridge.Motion, take: bridge.Take) -> None:
    """What the report says of the people, of how the footage was read, and of what the result is worth."""
    report.self_check = bridge.checks_to_json(motion.self_check)
    report.check_lines = bridge.check_table(motion.self_check)
    report.footage_facts = {
        "width": motion.width,
        "height": motion.height,
        "fps": motion.fps,
        "focal_px": motion.focal_px,
    }
    if take.report is not None:
        report.footage_facts |= {
            "frames_decoded": take.report.decoded,
            "frames_lost": list(take.report.lost),
            "frames_missing_at_end": take.report.missing_at_end,
        }
        report.notes += list(take.report.warnings)
    for person in motion.persons:
        report.people.append(
            {
                "id": person.person_id,
                "frames": len(person.frame_index),
                "frames_filled": int(person.is_filled.sum()),
                "gaps_left_empty": int(person.gap_after.sum()),
                "first_frame": int(person.frame_index[0]),
                "last_frame": int(person.frame_index[-1]),
                "mean_confidence": round(float(person.confidence[~person.is_filled].mean()), 3),
                "mean_distance_m": round(float(person.transl[:, 2].mean()), 2),
            }
        )


def _save(path: Path) -> None:
    """Save the scene; footage and mesh caches are named relative to the .blend, so that all can move together."""
    for body in bpy.data.objects:
        modifier = cache_of(body)
        if modifier is not None:
            modifier.filepath = str(Path(modifier.filepath).resolve())
    try:  # Blender itself makes all paths relative in a file's first save; to do it before loses what a sequence is
        bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), compress=True, relative_remap=True)
    except RuntimeError as error:
        raise bridge.OutputError(
            f"{path}: can't be written ({' '.join(str(error).split())}); free space or choose another folder"
        ) from error


def _export(built: BuiltTake, report: ClipReport, options: argparse.Namespace) -> None:
    for key in options.export:
        with _kept_going(report, f"{report.footage}: export {key}", options):
            preset = PRESETS[key]
            name = f"{report.name}_{key}" if preset.for_engine else report.name
            exported = export_take(built, options.output_folder / f"{name}.{preset.kind}", preset)
            is_one = len(exported.files) == 1
            report.files |= {key if is_one else f"{key} {file.stem}": str(file) for file in exported.files}
            report.notes += exported.notes


def _scene() -> bpy.types.Scene:
    scene: bpy.types.Scene = bpy.context.scene  # type: ignore[assignment]
    return scene


class _timed:  # noqa: N801 used like a function
    """Adds the seconds that the block took to the report."""

    def __init__(self, report: ClipReport, stage: str) -> None:
        self._report, self._stage = report, stage

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._report.seconds[self._stage] = round(time.monotonic() - self._began, 2)


def _said(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr, flush=True)
    return code


def _one_of(allowed: Sequence[str]) -> Any:
    def parse(text: str) -> tuple[str, ...]:
        words = tuple(word for word in text.split(",") if word)
        unknown = [word for word in words if word not in allowed]
        if unknown or not words:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a list of {', '.join(allowed)}")
        return words

    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="batch.py --", description="Footage to .blend, without a window.")
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP", help="video file or folder of pictures")
    parser.add_argument("-o", "--output-folder", type=Path, required=True, metavar="OUT")
    parser.add_argument("--output", type=_one_of(OUTPUTS), default=("mesh",), metavar="mesh,armature")
    parser.add_argument("--storage", choices=["keys", "cache"], default="keys", help="cache: a file beside the .blend")
    parser.add_argument("--export", type=_one_of(tuple(PRESETS)), default=(), metavar=",".join(PRESETS))
    parser.add_argument("--report", type=Path, metavar="FILE", help="OUT/report.json by default")
    parser.add_argument("--name", help="of the results; the clip's own by default")
    parser.add_argument("--people", default="main", metavar="main|all|all+|N")
    parser.add_argument("--detector", metavar="NAME|FILE|search|frame")
    parser.add_argument("--boxes", type=Path, metavar="boxes.json")
    parser.add_argument("--weights", metavar="NAME|DIR")
    parser.add_argument("--commercial", action="store_true", help="refuse what may not be used commercially")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, metavar="N")
    parser.add_argument("--start", type=int, metavar="F")
    parser.add_argument("--end", type=int, metavar="F")
    parser.add_argument("--step", type=int, default=1, metavar="N")
    fps_help = "at which it was shot: of pictures, and of slow motion"
    parser.add_argument("--fps", type=bridge.film_rate, metavar="N", help=fps_help)
    parser.add_argument("--smooth", type=float, default=0.5, metavar="0..1")
    parser.add_argument("--camera", type=Path, metavar="camera.npz", help="see core/motion/moving_camera.py")
    parser.add_argument("--feet", choices=["off", "auto", "lock"], default="auto")
    as_solve, longest_gap = "as of `python -m core solve`", bridge.longest_gap
    parser.add_argument("--floor", choices=["off", "found", "solid"], default="found", help=as_solve)
    parser.add_argument("--height", type=bridge.height_told, action="append", default=[], metavar="ID=M", help=as_solve)
    parser.add_argument("--gaps", type=longest_gap, metavar="all|SECONDS", help=as_solve)
    parser.add_argument("--bones", choices=["fit", "tokens", "both"], help=as_solve)
    parser.add_argument("--progress", choices=["auto", "json", "none"], default="auto")
    return parser

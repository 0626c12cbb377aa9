"""Thousands of clips: one shard of a manifest, clip by clip, each idempotent, with one report.

A clip whose take is complete is not touched again; one that was stopped goes on where it stopped; one that fails gets
its sentence, and the others go on. So the same job line may run as often as a farm's manager likes, on any machine
that sees the files.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from ..errors import Cancelled, ManifestError, MocapError, TakeBusyError
from ..files.fault_log import log_beside, sentence_with_log
from ..files.written_whole import make_folder, written_whole
from ..take.take import Take
from ..types import CancelFunction, Progress, ProgressFunction
from .manifest import Clip, Shard

State = Literal["waiting", "done", "was done", "busy", "failed", "cancelled"]
Reconstruct = Callable[[Clip, ProgressFunction | None, CancelFunction | None], Take]


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What became of a clip.

    Attributes:
        footage: as the manifest names it, with its folder.
        take: where it is.
        line: of the manifest.
        state: "was done" before this run; "busy" where another run is writing it.
        sentence: what is wrong and what to do; "" where nothing is.
        people: frames of each person.
        time_s: that this run spent on it.
    """

    footage: str
    take: str
    line: int
    state: State = "waiting"
    sentence: str = ""
    people: dict[str, int] | None = None
    time_s: float = 0.0


def reconstruct_clip(
    clip: Clip, progress: ProgressFunction | None = None, is_cancelled: CancelFunction | None = None
) -> Take:
    """The take of a clip, with its folder made where it lacks."""
    from ..pipeline import reconstruct

    try:
        clip.take.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MocapError(f"{clip.take.parent}: can't be made ({error.strerror}); choose another folder") from error
    return reconstruct(clip.footage, clip.take, clip.settings, progress, is_cancelled)


def run_clip(
    clip: Clip,
    progress: ProgressFunction | None = None,
    is_cancelled: CancelFunction | None = None,
    reconstruct: Reconstruct = reconstruct_clip,
) -> ClipResult:
    """Does one clip, and says what became of it instead of raising; `Cancelled` alone goes on."""
    start = time.monotonic()
    frames = 0

    def tell(said: Progress) -> None:
        nonlocal frames
        frames += 1
        if progress is not None:
            progress(said)

    try:
        people = reconstruct(clip, tell, is_cancelled).frame_counts()
    except Cancelled:
        raise
    except TakeBusyError as error:
        return _result(clip, "busy", start, sentence=str(error))
    except Exception as error:  # whatever it is, the other clips get their turn
        return failed(clip, error, start)
    return _result(clip, "done" if frames else "was done", start, people=people)


def run_shard(
    clips: Sequence[Clip],
    shard: Shard,
    report: Path | None,
    progress: ProgressFunction | None = None,
    is_cancelled: CancelFunction | None = None,
    reconstruct: Reconstruct = reconstruct_clip,
) -> list[ClipResult]:
    """Does the clips one after another; the report is written anew after each.

    Args:
        clips: of the shard.
        shard: for the report.
        report: a JSON file; None writes none.
        progress: told of every frame, with the clip's number and name.
        is_cancelled: asked before every frame.
        reconstruct: what makes a take of a clip.

    Raises:
        Cancelled: the clip at hand can be resumed; the report says which clips wait.
        OutputError: the report can't be written.
    """
    results = [waiting(clip) for clip in clips]
    write_report(report, shard, results)
    for row, clip in enumerate(clips):
        try:
            if is_cancelled is not None and is_cancelled():
                raise Cancelled(f"stopped before {clip.footage}; the same command goes on")
            told = _numbered(progress, f"{row + 1}/{len(clips)} {clip.footage.name}")
            results[row] = run_clip(clip, told, is_cancelled, reconstruct)
        except Cancelled as error:
            results[row] = replace(results[row], state="cancelled", sentence=str(error))
            write_report(report, shard, results)
            raise
        write_report(report, shard, results)
    return results


def summary(results: Sequence[ClipResult]) -> str:
    """How many clips are in which state, as a sentence."""
    counts = Counter(result.state for result in results)
    return f"{len(results)} clips: " + ", ".join(f"{count} {state}" for state, count in counts.items())


def raise_failures(results: Sequence[ClipResult]) -> None:
    """Raises a ManifestError that counts the clips that are not done, where there are any.

    Busy clips count too: another run may yet fail on them.
    """
    left = [result for result in results if result.state not in ("done", "was done")]
    if left:
        one = " ".join(left[0].sentence.split())
        raise ManifestError(f"{len(left)} of {len(results)} clips are not done, the first since: {one}")


def waiting(clip: Clip) -> ClipResult:
    """The result of a clip that nothing has been done about yet."""
    return _result(clip, "waiting", time.monotonic())


def failed(clip: Clip, error: Exception, start_s: float) -> ClipResult:
    """The result of a clip that failed: one sentence, with a log beside the take where nobody foresaw the error."""
    return _result(clip, "failed", start_s, sentence=sentence_with_log(error, str(clip.footage), log_beside(clip.take)))


def _result(
    clip: Clip, state: State, start_s: float, sentence: str = "", people: dict[str, int] | None = None
) -> ClipResult:
    spent_s = round(time.monotonic() - start_s, 3)
    return ClipResult(str(clip.footage), str(clip.take), clip.line, state, sentence, people, spent_s)


def _numbered(progress: ProgressFunction | None, name: str) -> ProgressFunction | None:
    if progress is None:
        return None

    def tell(said: Progress) -> None:
        progress(replace(said, message=f"{name}  {said.message}".rstrip()))

    return tell


def write_report(report: Path | None, shard: Shard, results: Sequence[ClipResult]) -> None:
    """Write what became of each clip, whole or not at all, in a folder that is made; None writes nothing.

    Raises:
        OutputError: the place can't be written to.
    """
    if report is None:
        return
    document = {
        "shard": str(shard),
        "counts": dict(Counter(result.state for result in results)),
        "clips": [asdict(result) for result in results],
    }
    make_folder(report.parent)
    with written_whole(report) as file:
        file.write(json.dumps(document, indent=1, ensure_ascii=False).encode())

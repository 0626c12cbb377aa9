"""Runs that are killed by SIGKILL and resumed, again and again: what they leave, and how often they look at a frame.

A run is a fork of a process that has loaded everything, so that it costs little. Half of the kills come at a random
time, half at a random operation on the file system inside the take: between a file and its rename, between a chunk
and `take.json`.

`python -m tests.killed --kills N` prints the counts.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.errors import MocapError
from core.pipeline import reconstruct
from core.settings import ReconstructSettings
from core.take import background_writer
from core.take.take import COMMIT_ROWS, Take
from tests.fixtures.graphs import walking_blob, write_bundle, write_clip

FRAMES = 300
OPERATIONS = {"open", "os.rename", "os.remove", "os.mkdir"}
MOST_OPERATIONS = 40
"""Of a run from the start to its end, about."""
MOST_REDONE = 2 * COMMIT_ROWS
"""Frames that are looked at again after a kill: those that are being written, and those since."""
FAILED, DONE = 3, 0


@dataclass(frozen=True, slots=True)
class Kills:
    """What became of the kills.

    Attributes:
        kills: how many runs were killed.
        at_operation: of them at an operation on the file system.
        takes: finished ones.
        same_bytes: of them with all files equal to the undisturbed take's, byte by byte.
        redone: frames that were looked at again, for each kill.
        left_over: names of files in finished takes that are not in the undisturbed one.
        failures: what a run said that could not go on.
    """

    kills: int
    at_operation: int
    takes: int
    same_bytes: int
    redone: list[int]
    left_over: list[str]
    failures: list[str]


def kill_and_resume(folder: Path, kills: int, seed: int = 0) -> Kills:
    """Kill runs until there were so many kills, and let the last take come to its end.

    Chunks end by their rows alone, since those that end by time lie elsewhere in every run.
    """
    background_writer.COMMIT_EVERY_S = float("inf")
    clip, weights = folder / "clip.mp4", folder / "weights"
    cv2.setNumThreads(0)  # no threads before a fork: a fork of a process with threads may wait for ever
    child = os.fork()
    if child == 0:
        write_clip(clip, FRAMES, _there_and_back)
        write_bundle(weights)
        os._exit(0)
    os.waitpid(child, 0)
    begun_s = time.monotonic()
    assert _run(clip, folder / "whole.take", weights, folder / "whole.log") == DONE
    lasts_s = time.monotonic() - begun_s
    random_ = random.Random(seed)
    at_operation = takes = same = 0
    redone: list[int] = []
    left_over: list[str] = []
    failures: list[str] = []
    while len(redone) < kills:
        take, log = folder / f"{takes}.take", folder / f"{takes}.log"
        code: int | None = None
        reached = -1
        while code is None:
            is_operation = random_.random() < 0.5
            operation = random_.randrange(1, MOST_OPERATIONS) if is_operation else None
            after_s = None if is_operation or len(redone) >= kills else random_.uniform(0, lasts_s)
            log.write_bytes(b"")  # of this run alone
            code = _run(clip, take, weights, log, after_s, operation if len(redone) < kills else None)
            if code is None:
                at_operation += is_operation
                reached = max(reached, *_looked_at(log), -1)
                redone.append(reached + 1 - _kept(take))
        if code != DONE:
            failures.append(log.with_suffix(".error").read_text(encoding="utf-8"))
            takes += 1
            continue
        same += _files(take) == _files(folder / "whole.take")
        left_over += sorted(_files(take).keys() - _files(folder / "whole.take").keys())
        takes += 1
    return Kills(len(redone), at_operation, takes, same, redone, left_over, failures)


def _there_and_back(index: int) -> np.ndarray:
    phase = index % 160
    return walking_blob(min(phase, 160 - phase))


def _run(
    clip: Path, take: Path, weights: Path, log: Path, after_s: float | None = None, operation: int | None = None
) -> int | None:
    """The exit code of a run, None where it was killed; `log` gets the number of every frame that it looked at."""
    child = os.fork()
    if child == 0:
        os._exit(_child(clip, take, weights, log, operation))
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _child(clip: Path, take: Path, weights: Path, log: Path, operation: int | None) -> int:
    if operation is not None:
        _kill_at(operation, str(take))
    looked_at = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    settings = ReconstructSettings(weights=str(weights), detector="search", threads=1)
    try:
        reconstruct(clip, take, settings, lambda told: os.write(looked_at, b"%d\n" % (told.done - 1)) and None)
    except MocapError as error:
        log.with_suffix(".error").write_text(str(error), encoding="utf-8")
        return FAILED
    return DONE


def _kill_at(operation: int, folder: str) -> None:
    """Let this process die before its `operation`-th opening, renaming, removing or making of something in a folder."""
    left = operation

    def hook(event: str, arguments: Sequence[object]) -> None:
        nonlocal left
        if event in OPERATIONS and str(arguments[0]).startswith(folder):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _looked_at(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().splitlines()]


def _kept(take: Path) -> int:
    """The first frame that the next run has to look at."""
    return Take.open(take).next_frame if (take / "take.json").is_file() else 0


def _files(take: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in take.iterdir()}


def table(found: Kills) -> list[str]:
    """Lines of Markdown."""
    return [
        "| | |",
        "|---|---|",
        f"| runs killed by SIGKILL | {found.kills} |",
        f"| of them at a random operation on a file, the others at a random time | {found.at_operation} |",
        f"| takes that came to their end | {found.takes - len(found.failures)} of {found.takes} |",
        f"| of them equal to the undisturbed take, byte by byte | {found.same_bytes} |",
        f"| most frames looked at again after a kill (allowed: {MOST_REDONE}) | {max(found.redone)} |",
        f"| files left over | {len(found.left_over)} |",
    ]


def main() -> int:
    """Print the counts; 1 where a take differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.killed", description="Kill runs and resume them.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_and_resume(Path(folder), options.kills, options.seed)
    print("\n".join(table(found)), *found.failures, sep="\n")
    return int(found.same_bytes < found.takes or max(found.redone) > MOST_REDONE)


if __name__ == "__main__":
    sys.exit(main())

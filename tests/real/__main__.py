"""The add-on in a real window: a Blender in a chroot, the zip with its wheels, and somebody who clicks.

    python -m tests.real [trixie|sid] [--folder FOLDER] [--zip FILE] [--clip FILE] [--shots FOLDER] [--limit S] [--all]

trixie is Blender 4.3 driven by xdotool, sid is Blender 5.2 driven by its own event simulation. Needs Linux,
root and `real_blender.sh` in the folder that MOCAP_SHARED names; without them it says what it skips, and exits 77,
as it does when `--limit` seconds are over. What is clicked and asked stands in `tests/real/inside/story.py`.
Exit 1: a step failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
INSIDE = Path("tests/real/inside")
STEP = '{"step"'
"""How a line of the story's steps begins."""
SKIPPED = 77
NO_LIMIT_S = 3600.0
GAVE_UP = 124
"""As `timeout` ends, and `real_blender.sh` with it."""
PYTHONS = {"trixie": "3.13", "sid": "3.14"}
"""Debian's Blenders run on the distribution's Python."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the chroot and the zip where they are not given, run the story; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suite", nargs="?", choices=PYTHONS, default="trixie")
    parser.add_argument("--folder", type=Path, help="of the chroot, kept; none: a temporary one, deleted")
    parser.add_argument("--zip", type=Path, help="the extension; none: built with wheels for that Blender's Python")
    parser.add_argument("--clip", type=Path, default=ROOT / "assets" / "demo" / "clip.mp4")
    parser.add_argument("--all", action="store_true", help="also the queue, the bug report, and leaving Blender")
    parser.add_argument("--shots", type=Path, help="where screenshots go, one a step")
    parser.add_argument("--limit", type=float, help="seconds for all of it; what is not done then is skipped, told")
    chosen = parser.parse_args(arguments)
    ends_at = time.monotonic() + (chosen.limit or NO_LIMIT_S)
    if problem := why_not():
        print(f"skipped: {problem}")
        return SKIPPED
    with folder_for(chosen.suite, chosen.folder, ends_at) as folder:
        if folder is None:
            return SKIPPED
        code = tell(chosen, folder, ends_at)
        if chosen.shots:
            keep_shots(folder, chosen.shots)
    return code


def why_not() -> str:
    """Why no real Blender can be had here; empty when one can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "a real Blender in a chroot needs Linux and root"
    if not script().is_file():
        return "no real_blender.sh: MOCAP_SHARED names no folder that has it"
    return "" if shutil.which("debootstrap") else "debootstrap is not installed, so no real Blender can be made"


def script() -> Path:
    """The script that makes and runs the chroot."""
    return Path(os.environ.get("MOCAP_SHARED", "")) / "real_blender.sh"


@contextmanager
def folder_for(suite: str, chosen: Path | None, ends_at: float) -> Iterator[Path | None]:
    """The chroot: a given one is made once and kept; None where it can't be made in time."""
    kept = chosen.resolve() if chosen else Path(tempfile.mkdtemp()) / suite
    try:
        made = (kept / "usr" / "bin" / "blender").exists() or make(suite, kept, ends_at)
        yield kept if made else None
    finally:
        if chosen is None:
            subprocess.run(["bash", script(), "umount", suite, kept, "--delete"], check=False, capture_output=True)
            kept.parent.rmdir()


def make(suite: str, folder: Path, ends_at: float) -> bool:
    """Whether the chroot could be made; says why not."""
    command = ["timeout", "-k", "10", seconds_to(ends_at), "bash", script(), "make", suite, folder]
    code = subprocess.run(command, check=False).returncode
    if code:
        why = "could not be made in the time" if code == GAVE_UP else "could not be made: see above"
        print(f"skipped: all real windows, since the Blender with its window {why}")
    return not code


def seconds_to(ends_at: float) -> str:
    """Whole seconds that are left, one at least."""
    return str(max(1, round(ends_at - time.monotonic())))


def tell(chosen: argparse.Namespace, folder: Path, ends_at: float) -> int:
    """Install the zip and run the story, its steps printed as they come; returns the exit code."""
    zipped = chosen.zip or build(PYTHONS[chosen.suite])
    shutil.rmtree(folder / "root" / ".config" / "blender", ignore_errors=True)  # of an earlier story
    clips = folder / "tmp" / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    shutil.copy(chosen.clip, clips / chosen.clip.name)
    simulate = ["--enable-event-simulate"] if chosen.suite == "sid" else []
    command = [
        "bash", script(), "gui", chosen.suite, folder, "--zip", zipped, "--seconds", seconds_to(ends_at),
        "--setup", INSIDE / "setup.py", "--driver", INSIDE / "driver.sh",
        "--", *simulate, "--", f"/tmp/clips/{chosen.clip.name}", *(["--all"] if chosen.all else []),
    ]  # fmt: skip
    told = 0
    with subprocess.Popen([*map(str, command)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            told += line.startswith(STEP)
            print(in_words(line.rstrip()), flush=True)
    print_measured(folder / "tmp" / "gui" / "measured.json")
    if running.returncode == GAVE_UP and chosen.limit:
        print(f"skipped: what comes after {told} steps of the real windows, since {chosen.limit:g} s were over")
        return SKIPPED
    print(f"real windows: {'ok' if not running.returncode else 'FAILED'}")
    return int(running.returncode != 0)


def print_measured(file: Path) -> None:
    """What the story measured on its way."""
    if file.is_file():
        for name, value in json.loads(file.read_text(encoding="utf-8")).items():
            print(f"  {name}: {value}")


def in_words(line: str) -> str:
    """A step's line of JSON in words; other lines as they are."""
    if not line.startswith(STEP):
        return line
    step = json.loads(line)
    ends = "ok" if step["ok"] else f"failed: {step['problem']}"
    return f"{step['step'].replace('_', ' ')} ({step['seconds']:g} s): {ends}"


def build(python: str) -> Path:
    """The extension with wheels for one Python."""
    output = ROOT / "dist" / f"python-{python}"
    words = ["build_addon.py", "--platform", "linux-x64", "--python", python, "-o", str(output)]
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True)
    return next(iter(output.glob("*-linux-x64.zip"))).resolve()


def keep_shots(folder: Path, target: Path) -> None:
    """Copy the screenshots, one a step."""
    target.mkdir(parents=True, exist_ok=True)
    for shot in (folder / "tmp" / "gui").glob("*.png"):
        shutil.copy(shot, target / shot.name)


if __name__ == "__main__":
    sys.exit(main())

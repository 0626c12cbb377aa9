"""The job lines of docs/farm.md, run as they stand there with what each manager would put in."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from core.take.take import Take
from core.weights.bundle import WEIGHTS_FOLDER
from core.weights.find import DEFAULT_WEIGHTS
from tests.fixtures.commands import ROOT, environment

PAGE = (ROOT / "docs" / "farm.md").read_text(encoding="utf-8")
JOB_TYPE = ROOT / "docs" / "farm" / "footage-mocap.js"
FRAMES, CLIPS = 6, 2
TIMEOUT_S = 300
COMPILED = """
const text = require("fs").readFileSync(process.argv[1], "utf8");
const job = {settings: JSON.parse(process.argv[2]), addTask: (task) => console.log(JSON.stringify(task.command))};
const author = {
    Task: () => ({addCommand(command) { this.command = command; }}),
    Command: (name, given) => [name, given],
};
new Function("author", "job", text + "; compileJob(job);")(author, job);
"""
"""Stands in for Flamenco's Manager: prints each task's command."""
pytestmark = [
    pytest.mark.skipif(not (WEIGHTS_FOLDER / DEFAULT_WEIGHTS).is_dir(), reason="the default weights are missing"),
    pytest.mark.skipif(os.name != "posix", reason="the page has lines for a shell"),
]


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """A folder that all machines see."""
    lines = [{"footage": str(ROOT / "assets" / "demo" / "clip.mp4"), "end": FRAMES - 1, "output": f"takes/{n}.take"}
             for n in range(CLIPS)]  # fmt: skip
    (tmp_path / "clips.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def run(command: list[str], farm: Path, **variables: str) -> None:
    """As the manager's worker: in the farm's folder, with a Python that knows this package."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = {**environment(), "PATH": path, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(command, cwd=farm, env=known, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr


def assert_all_done(farm: Path) -> None:
    for number in range(CLIPS):
        assert Take.open(farm / "takes" / f"{number}.take").is_complete
        (clip,) = json.loads((farm / "reports" / f"{number}.json").read_text())["clips"]
        assert clip["state"] == "done"


def lines_of(title: str) -> str:
    """The indented lines under a title."""
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    return textwrap.dedent("\n".join(re.findall(r"^ {4}.*$", section, flags=re.MULTILINE)))


def test_slurm_script_does_its_shard(farm: Path) -> None:
    script = lines_of("Slurm")
    assert script.startswith("#!/bin/bash\n#SBATCH --array=")
    (farm / "job.sh").write_text(script)
    for task in range(CLIPS):
        known = {"ID": task, "MIN": 0, "MAX": CLIPS - 1, "COUNT": CLIPS}
        run(["bash", "job.sh"], farm, **{f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in known.items()})
    assert_all_done(farm)


def test_deadline_line_does_its_shards(farm: Path) -> None:
    words = shlex.split(lines_of("Deadline"))
    given = dict(zip(words[2::2], words[3::2], strict=True))
    assert words[:2] == ["deadlinecommand", "-SubmitCommandLineJob"] and given["-startupdirectory"] == "FARM"
    last = int(given["-frames"].removeprefix("0-"))
    assert f"<STARTFRAME>/{last + 1} " in given["-arguments"] and given["-chunksize"] == "1"
    for task in range(CLIPS):
        arguments = given["-arguments"].replace("<STARTFRAME>", str(task)).replace("FARM", str(farm))
        run([given["-executable"], *shlex.split(arguments)], farm)
    assert_all_done(farm)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed, to compile Flamenco's job type")
def test_flamenco_job_type_makes_a_task_a_shard(farm: Path) -> None:
    settings = json.dumps({"folder": str(farm), "python": sys.executable, "tasks": CLIPS})
    told = subprocess.run(
        ["node", "-e", COMPILED, str(JOB_TYPE), settings], capture_output=True, text=True, timeout=TIMEOUT_S, check=True
    )
    commands = [json.loads(line) for line in told.stdout.splitlines()]
    assert [name for name, _ in commands] == ["exec"] * CLIPS
    for _, given in commands:
        run([given["exe"], *given["args"]], farm)
    assert_all_done(farm)


def test_line_for_other_managers_does_its_shards(farm: Path) -> None:
    line = lines_of("Others").replace("{tasks}", str(CLIPS)).replace("FARM", str(farm))
    for task in range(CLIPS):
        run(shlex.split(line.replace("{task}", str(task))), farm)
    assert_all_done(farm)

"""The paper's protocol without its data: `make paper-smoke`, `python -m training.studies.paper_smoke -o DIR
[--people 2000]`.

Renders people, writes them in METRO's TSV, CLIFF's npz, 3DPW's, 3DOH's, COCO's and MPII's formats, and runs the very
commands that a researcher runs on the real sets, with preset `resnet50-debug`: three stages, fine-tuning on both sets,
scores under both protocols, tables. The body is the open one, so the truth has no gender and Human3.6M's regressor is a
stand-in of the body's own joints: the numbers compare with nothing published. They show that the commands work.
"""

from __future__ import annotations

import argparse
import resource
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import MocapError
from training import evaluate_paper, train
from training.datasets import writers
from training.datasets.catalogue import METRO_STEMS
from training.pictures import PictureStore
from training.pictures import __main__ as pictures
from training.studies import paper_tables

PEOPLE, LEAST_PEOPLE, SIZE = 2000, 24, 256
SHARES = {"metro": 0.5, "cliff": 0.2, "3dpw-train": 0.12, "3doh-train": 0.06}
"""Of the people; the rest is 3DPW's validation and test and 3DOH's test, in three equal parts."""
HELD_OUT = ("3dpw-validation", "3dpw-test", "3doh-test")
SEQUENCES = {"train": "downtown_walking_00", "validation": "downtown_arguing_00", "test": "flat_guitar_00"}
"""Names of 3DPW's own; the test's is one of 3DPW-OCC."""
MIXES = {
    "poses": ("coco-keypoints-train2017", "mpii-keypoints-train"),
    "mixed": ("metro-mixed", "coco-cliff"),
    "3dpw": ("3dpw-train",),
    "3doh": ("3doh-train",),
    "3dpw-validation": ("3dpw-validation",),
    "places": ("3dpw-test", "3dpw-occ", "3doh-test"),
}
FOLDERS = {"coco": "coco", "mpii": "mpii", "metro": "metro", "3dpw": "3DPW", "3doh": "3DOH"}


@dataclass(frozen=True)
class Length:
    """How long each stage trains, in rounds; the recipes' own numbers are for 512,000 people."""

    tokenizer: float = 30
    classifier: float = 4
    mesh: float = 5
    tuning: float = 5


def split(people: int) -> dict[str, int]:
    """How many people each set gets.

    Raises:
        MocapError: too few for all sets.
    """
    if people < LEAST_PEOPLE:
        raise MocapError(f"expected --people from {LEAST_PEOPLE}, so that every set has some, got {people}")
    counts = {name: max(1, int(share * people)) for name, share in SHARES.items()}
    rest = people - sum(counts.values())
    return counts | {name: (rest + number) // len(HELD_OUT) for number, name in enumerate(HELD_OUT)}


def write_sets(store: Path, folder: Path, people: int) -> None:
    """Rendered people in the formats of the published sets, nobody in two parts; and the mix files."""
    everybody = writers.rendered_people(PictureStore.open(store), people, SIZE, seed=1)
    parts = {name: [next(everybody) for _ in range(count)] for name, count in split(people).items()}
    stems = []
    for number, stem in enumerate(METRO_STEMS):
        own = parts["metro"][number :: len(METRO_STEMS)]
        path = folder / "metro" / stem
        writers.write_metro(path.parent, path.name, own)
        stems.append((stem, len(own)))
    writers.write_metro_composite(folder / "metro/Tax-H36m-coco40k-Muco-UP-Mpii", stems)
    writers.write_cliff(folder / "coco", "coco2014part_cliffGT.npz", parts["cliff"])
    writers.write_coco(folder / "coco", "train2017", parts["metro"])
    writers.write_mpii(folder / "mpii", "train", parts["cliff"])
    for name, sequence in SEQUENCES.items():
        writers.write_3dpw(folder / "3DPW", name, sequence, parts[f"3dpw-{name}"])
    for name in ("train", "test"):
        writers.write_3doh(folder / "3DOH", name, parts[f"3doh-{name}"])
    for name, sets in MIXES.items():
        rows = [f"  - {{name: {each}, folder: {FOLDERS[each.split('-')[0]]}}}\n" for each in sets]
        (folder / f"{name}.yaml").write_text("sets:\n" + "".join(rows))


Command = tuple[str, Callable[[list[str]], int], list[str]]


def commands(out: Path, people: int, processes: int, device: str, preset: str, length: Length) -> list[Command]:
    """The commands in order: module, function, arguments."""
    sets, runs, results = out / "sets", out / "runs", out / "results"
    shared = ["--preset", preset, "--processes", str(processes), "--device", device, "--resume", "--log-steps", "10"]
    total = ["--total-batch", str(_batch(people, processes))]
    held_out = ["--validation", str(sets / "3dpw-validation.yaml"), "--validation-people", "100"]

    def stage(name: str, run: str, epochs: float, lr: str, *more: str) -> Command:
        given = [name, "--output", str(runs / run), *shared, "--epochs", f"{epochs:g}", "--lr", lr, *more]
        return "training.train", train.main, given

    def scores(run: str, *names: str) -> Command:
        given = ["--weights", str(runs / run), "--places", str(sets / "places.yaml"), "--device", device]
        given += ["--json", str(results / f"{run}.json"), "--set", *names]
        return "training.evaluate_paper", evaluate_paper.main, given

    def mix(name: str) -> list[str]:
        return ["--mix", str(sets / f"{name}.yaml"), *total]

    # PCT's own learning rate; its 500 steps of warm-up would be most of so short a run.
    codes = ["--keypoints", str(sets / "poses.yaml"), "--batch", str(min(16, people // 4)), "--warmup-steps", "30",
             "--test-bank", "200"]  # fmt: skip
    # Dropout is against rote learning, which so short a run is far from; its random numbers cost a tenth of a step.
    start, tuned = (["--dropout", "0", "--init", str(runs / name)] for name in ("classifier", "mesh"))
    return [
        stage("paper-tokenizer", "codes", length.tokenizer, "1e-2", *codes),
        stage("paper-classifier", "classifier", length.classifier, "1e-3", *mix("mixed"), "--init", str(runs / "codes"),
              "--warmup-steps", "50", "--clip", "2", *held_out),
        stage("paper-mesh", "mesh", length.mesh, "1e-3", *mix("mixed"), *start, *held_out),
        stage("paper-3dpw", "mesh-3dpw", length.tuning, "2e-4", *mix("3dpw"), *tuned, *held_out),
        stage("paper-3doh", "mesh-3doh", length.tuning, "2e-4", *mix("3doh"), *tuned),
        scores("mesh", "3DPW-TEST", "3DPW-OCC"),
        scores("mesh-3dpw", "3DPW-TEST"),
        scores("mesh-3doh", "3DOH"),
        ("training.studies.paper_tables", paper_tables.main, ["--results", str(results), "--stand-in", preset]),
    ]  # fmt: skip


def _batch(people: int, processes: int) -> int:
    """Samples a step: small sets want many steps."""
    return processes * max(2, min(16, people // 32) // processes)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def smoke(out: Path, people: int, processes: int, device: str, preset: str, length: Length) -> None:
    """Everything, one command after the other; what was there before is gone on with.

    Raises:
        MocapError: too few people, or a command failed.
    """
    split(people)
    store = out / "store"
    render = ["render", "--count", str(people), "--seed", "3", "--size", "192", "--workers", str(processes),
              "-o", str(store)]  # fmt: skip
    started = time.monotonic()
    _run("training.pictures", pictures.main, render)
    if not (out / "sets/places.yaml").is_file():
        write_sets(store, out / "sets", people)
    for module, function, arguments in commands(out, people, processes, device, preset, length):
        _run(module, function, arguments)
    print(f"paper-smoke: {people} people, {time.monotonic() - started:.0f} s, {_cpu_seconds():.0f} CPU seconds")


def _run(module: str, function: Callable[[list[str]], int], arguments: list[str]) -> None:
    before, started = _cpu_seconds(), time.monotonic()
    print(f"\n$ python -m {module} {shlex.join(arguments)}", flush=True)
    if function(arguments) != 0:
        raise MocapError(f"python -m {module} {arguments[0]} failed; its own line says why")
    print(f"# {time.monotonic() - started:.0f} s, {_cpu_seconds() - before:.0f} CPU seconds", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.studies.paper_smoke", description=__doc__)
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder; goes on where it was stopped")
    parser.add_argument("--people", type=int, default=PEOPLE, help="rendered people in all sets together")
    parser.add_argument("--processes", type=int, default=2, help="single-thread processes, one a core")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--preset", default="resnet50-debug", help="resnet50 at full size wants a GPU")
    parser.add_argument("--rounds", type=float, default=1.0, help="factor on how long every stage trains")
    given = parser.parse_args(arguments)
    plain = Length()
    length = Length(*(given.rounds * each for each in (plain.tokenizer, plain.classifier, plain.mesh, plain.tuning)))
    try:
        smoke(given.out, given.people, given.processes, given.device, given.preset, length)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.paper_smoke: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

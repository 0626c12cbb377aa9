"""A few made-up people in the formats that the paper's stages read, and runs of those stages of two steps each."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from tests.training.people import made_up_people
from training.datasets import writers
from training.train import main

SMALL = ("--preset", "resnet50-debug", "--precision", "fp32", "--log-steps", "1")
PLACES = (("3dpw-test", "3DPW"), ("3dpw-occ", "3DPW"), ("3doh-test", "3DOH"), ("metro-coco", "metro"))
MIXES = {
    "mixed": "sets:\n  - {name: metro-coco, folder: metro, share: 1}\n  - {name: coco-cliff, folder: coco, share: 1}\n",
    "poses": "sets:\n  - {name: coco-keypoints-train2017, folder: coco}\n",
    "3dpw": "sets:\n  - {name: 3dpw-train, folder: 3DPW}\n",
    "validation": "sets:\n  - {name: 3dpw-validation, folder: 3DPW}\n",
    "places": "sets:\n" + "".join(
        f"  - {{name: {name}, folder: {folder}}}\n"
        for name, folder in PLACES
    ),
}  # fmt: skip


@lru_cache(maxsize=1)
def paper_sets() -> Path:
    """Folder with the sets and one mix file for each of MIXES."""
    folder = Path(mkdtemp(prefix="paper-"))
    people = made_up_people(10)
    writers.write_metro(folder / "metro/coco_smpl", "train", people)
    writers.write_cliff(folder / "coco", "coco2014part_cliffGT.npz", people[:4])
    writers.write_coco(folder / "coco", "train2017", people)
    for split, sequence in (("train", "downtown_a_00"), ("validation", "downtown_b_00"), ("test", "flat_guitar_00")):
        writers.write_3dpw(folder / "3DPW", split, sequence, people[:5])
    writers.write_3doh(folder / "3DOH", "test", people[:3])
    for name, content in MIXES.items():
        (folder / f"{name}.yaml").write_text(content)
    return folder


def mix(name: str) -> str:
    """Path of a mix file."""
    return str(paper_sets() / f"{name}.yaml")


def train(stage: str, run: Path, *arguments: str) -> int:
    """A stage's command."""
    return main([stage, "--output", str(run), *SMALL, *arguments])


@lru_cache(maxsize=1)
def runs() -> Path:
    """Folder with runs of all three stages and of a fine-tuning, two steps each."""
    folder = Path(mkdtemp(prefix="paper-runs-"))
    short = ("--samples", "4", "--total-batch", "2")
    codes = ("--keypoints", mix("poses"), "--samples", "16", "--batch", "8", "--test-bank", "20")
    assert train("paper-tokenizer", folder / "codes", *codes) == 0
    held_out = ("--validation", mix("validation"), "--validation-people", "2")
    for stage, run, init in (("paper-classifier", "classifier", "codes"), ("paper-mesh", "mesh", "classifier")):
        given = ("--mix", mix("mixed"), *short, "--init", str(folder / init), *held_out)
        assert train(stage, folder / run, *given) == 0
    assert train("paper-3dpw", folder / "tuned", "--mix", mix("3dpw"), *short, "--init", str(folder / "mesh")) == 0
    return folder

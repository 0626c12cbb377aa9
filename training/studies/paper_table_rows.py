"""PostoMETRO's tables as rows: which network stands in each, trained and scored how, and what the paper reaches.

Only numbers that this repository knows are here (network.md, C2); for all others the row says "see the paper".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Numbers = tuple[float, float, float]
"""MPVPE, MPJPE, PA-MPJPE in mm."""


@dataclass(frozen=True, slots=True)
class Row:
    """One network of a table.

    Attributes:
        name: for people.
        preset: "resnet50" or "hrnet_w48".
        tokens: what its transformers see.
        modulator: between pose tokens and transformers.
        mixers: blocks in it.
        tuned_on: the set that it is fine-tuned on; None for the mixed sets alone.
        paper: on the table's first set; None where this repository does not know it.
        is_ours: False for another method's row.
    """

    name: str
    preset: str = "resnet50"
    tokens: str = "both"
    modulator: Literal["mixer", "linear"] = "mixer"
    mixers: int = 4
    tuned_on: Literal["3dpw", "3doh"] | None = "3dpw"
    paper: Numbers | None = None
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the paper.

    Attributes:
        title: what it shows.
        sets: columns.
        rows: in order.
        doubt: what this repository does not know about it.
        is_speed: hours and frames a second stand in the place of errors.
    """

    title: str
    sets: tuple[str, ...] = ("3dpw-test",)
    rows: tuple[Row, ...] = ()
    doubt: str = ""
    is_speed: bool = False


R50 = Row("PostoMETRO, ResNet-50", paper=(78.0, 68.4, 40.8))
R50_IMAGE = Row("ResNet-50, image tokens alone", tokens="image", paper=(82.5, 72.4, 44.4))
HRNET = Row("PostoMETRO, HRNet-W48", preset="hrnet_w48", paper=(76.8, 67.7, 39.8))
HRNET_IMAGE = Row("HRNet-W48, image tokens alone", preset="hrnet_w48", tokens="image", paper=(78.6, 68.9, 41.5))
FASTMETRO = Row("FastMETRO-L-H64, released", is_ours=False, paper=(82.95, 73.54, 44.58))
UNTUNED = Row("ResNet-50, not trained on 3DPW", tuned_on=None)
OUR_READING = "that this is what the paper's table shows is read from the sets it reports on; check it there"

TABLES: dict[int, Table] = {
    1: Table("3DPW-TEST", rows=(FASTMETRO, R50_IMAGE, R50, HRNET_IMAGE, HRNET)),
    2: Table(
        "occlusion subsets of 3DPW, without training on 3DPW", ("3dpw-occ", "3dpw-pc", "3dpw-all", "3dpw-non-occ"),
        (UNTUNED, Row("HRNet-W48, not trained on 3DPW", preset="hrnet_w48", tuned_on=None)), OUR_READING,
    ),
    3: Table("3DOH", ("3doh-test",), (Row("ResNet-50", tuned_on="3doh"),
                                      Row("HRNet-W48", preset="hrnet_w48", tuned_on="3doh")), OUR_READING),
    4: Table("training hours and frames a second", rows=(R50_IMAGE, R50, HRNET_IMAGE, HRNET), is_speed=True),
    5: Table("what the transformers see", rows=(
        Row("image tokens", tokens="image"), Row("pose tokens", tokens="pose"), Row("both"))),
    6: Table("true pose tokens", rows=(Row("tokens of the classifier"), Row("true tokens", tokens="true"))),
    7: Table("linear against mixer modulator", rows=(Row("linear", modulator="linear"), Row("mixer"))),
    8: Table("mixer blocks", rows=tuple(Row(f"{count} blocks", mixers=count) for count in (1, 2, 4, 8))),
    9: Table("", doubt="this repository does not know what the table shows"),
    10: Table("", doubt="this repository does not know what the table shows"),
    11: Table("2D coordinates in place of tokens; no training on 3DPW", rows=(
        Row("2D coordinates", tokens="coordinates"), Row("pose tokens"),
        Row("pose tokens, not trained on 3DPW", tuned_on=None, paper=(91.6, 84.9, 48.9)))),
}  # fmt: skip


def switches(row: Row) -> str:
    """What the training command of a row says beyond the recipe."""
    said = [f"--preset {row.preset}"] if row.preset != "resnet50" else []
    said += [f"--tokens {row.tokens}"] if row.tokens != "both" else []
    said += [f"--modulator {row.modulator}"] if row.modulator != "mixer" else []
    said += [f"--mixers {row.mixers}"] if row.mixers != 4 else []
    return " ".join(said)


def run_name(row: Row) -> str:
    """Folder of a row's run on the mixed sets."""
    parts = [row.preset, row.tokens if row.tokens != "both" else "", "linear" if row.modulator == "linear" else ""]
    return "-".join([part for part in parts if part] + ([f"mixers{row.mixers}"] if row.mixers != 4 else []))


def commands(row: Row, sets: tuple[str, ...]) -> list[str]:
    """The row's training and scoring, from the classifier and the imported backbone on."""
    name = run_name(row)
    backbone = f"init/{row.preset}"
    pose = "" if row.tokens == "image" else "runs/classifier "
    told = [f"python -m training.train paper-mesh --output runs/{name} --mix mixed.yaml {switches(row)} "
            f"--init {pose}{backbone} --validation 3dpw-validation.yaml --regressor J_regressor_h36m.npy"]  # fmt: skip
    final = name
    if row.tuned_on is not None:
        final = f"{name}-{row.tuned_on}"
        held_out = "--validation 3dpw-validation.yaml " if row.tuned_on == "3dpw" else ""
        told.append(f"python -m training.train paper-{row.tuned_on} --output runs/{final} --mix {row.tuned_on}.yaml "
                    f"{switches(row)} --init runs/{name} {held_out}--regressor J_regressor_h36m.npy")  # fmt: skip
    told.append(f"python -m training.evaluate_paper --weights runs/{final} --places places.yaml "
                f"--set {' '.join(sets)} --regressor J_regressor_h36m.npy --json results/{final}.json")  # fmt: skip
    return [" ".join(line.split()) for line in told]

"""Is a set all there? Files, labels, pictures; what is missing, where to get it, and counts of the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.datasets.catalogue import Entry, entry_of
from training.datasets.decoding import decode
from training.datasets.sample import DatasetError, Reader, Sample

SHOWN = 5
COUNTED = (
    "people",
    "2D joints",
    "3D joints",
    "SMPL",
    "pseudo-ground-truth",
    "neutral",
    "male",
    "female",
    "films' frames",
)


@dataclass(slots=True)
class Findings:
    """What a check found.

    Attributes:
        missing: files that are not there.
        faults: a sentence each, of labels.
        broken: pictures that are missing or do not decode.
        pictures: how many were looked at.
        counts: by `COUNTED`.
    """

    missing: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    pictures: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.faults or self.broken)

    def lines(self, entry: Entry, folder: Path) -> list[str]:
        """The report."""
        counts = ", ".join(f"{self.counts[name]} {name}" for name in COUNTED if self.counts[name])
        found = [f"{entry.name} ({entry.title}) in {folder}: {counts or 'nobody'}"]
        found += [f"missing: {name}" for name in self.missing]
        for title, names in (("fault", self.faults), ("no picture", self.broken)):
            found += [f"{title}: {name}" for name in names[:SHOWN]]
            if len(names) > SHOWN:
                found.append(f"and {len(names) - SHOWN} more of these ({title})")
        found.append(f"{self.pictures} pictures looked at, {len(self.broken)} missing or not decoding")
        if not self.is_good:
            found.append(f"get it: {entry.page}; terms: {entry.licence}")
        return found


def check(name: str, folder: Path, most_pictures: int = 200) -> tuple[Entry, Findings]:
    """Looks at every label of a set and at some of its pictures, evenly spread.

    Args:
        name: of the set.
        folder: where its files lie.
        most_pictures: pictures to decode; 0 for all.

    Raises:
        DatasetError: no such set.
    """
    entry = entry_of(name)
    findings = Findings(missing=[file for file in entry.files if not any(True for _ in folder.glob(file))])
    try:
        reader = entry.opener(folder, name)
    except DatasetError as error:
        findings.faults.append(str(error))
        return entry, findings
    looked_at = _spread(len(reader), most_pictures)
    for number in range(len(reader)):
        _look(reader, number, number in looked_at, findings)
    return entry, findings


def _spread(count: int, most: int) -> set[int]:
    every = count if most <= 0 or count <= most else most
    return {int(number) for number in np.linspace(0, count - 1, every)} if count else set()


def _look(reader: Reader, number: int, with_picture: bool, findings: Findings) -> None:
    try:
        sample = reader[number]
        findings.counts.update(_kinds(sample))
        if with_picture:
            findings.pictures += 1
            if decode(sample.picture) is None:
                findings.broken.append(sample.picture.name)
    except DatasetError as error:
        findings.faults.append(str(error))


def _kinds(sample: Sample) -> list[str]:
    flags = {
        "people": True, "2D joints": sample.has_2d, "3D joints": sample.has_3d, "SMPL": sample.has_smpl,
        "pseudo-ground-truth": sample.is_pseudo and sample.has_mesh, "films' frames": sample.frame >= 0,
    }  # fmt: skip
    return [name for name, is_so in flags.items() if is_so] + ([sample.gender] if sample.has_smpl else [])

"""A mixture as a file: which sets, where they lie, how much of each.

smpl: /data/smpl              # SMPL's files by gender; without it the open body stands in, which fits no real set
gendered: true                # false: the neutral truth for all, as METRO has it
quirks: false                 # true: METRO's crop, number for number
sets:
  - {name: metro-mixed, folder: /data/metro, share: 6}
  - {name: coco-cliff, folder: /data/coco, share: 2}
  - {name: coco-eft, folder: /data/coco, share: 2}
unique: [coco-cliff, coco-eft]    # who stands in an earlier one is left out of the later ones
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from training.datasets.bodies import Bodies, find_smpl
from training.datasets.catalogue import entry_of, open_set
from training.datasets.mixture import MixedDataset, MixSettings
from training.datasets.same_person import without_duplicates
from training.datasets.sample import DatasetError, Reader

logger = logging.getLogger("training")


@dataclass(frozen=True, slots=True)
class MixedSet:
    """One set of a mixture."""

    name: str
    folder: Path
    share: float


@dataclass(frozen=True, slots=True)
class Mix:
    """What a mix file says.

    Attributes:
        sets: at least one.
        smpl: folder of SMPL's files; None for the open body.
        gendered: whether a label's gender chooses the model.
        quirks: METRO's crop.
        unique: sets among which nobody stands twice, the one that keeps people first.
    """

    sets: tuple[MixedSet, ...]
    smpl: Path | None = None
    gendered: bool = True
    quirks: bool = False
    unique: tuple[str, ...] = ()

    @property
    def body_file(self) -> Path | None:
        """The file whose vertices the network predicts: SMPL's neutral; None for the open body."""
        return None if self.smpl is None else find_smpl(self.smpl)["neutral"]


def read_mix(path: Path) -> Mix:
    """A mix file; folders in it are relative to it.

    Raises:
        DatasetError: missing, no YAML, or something in it that is not known.
    """
    if not path.is_file():
        raise DatasetError(f"no such mix file: {path}; training/README.md shows one")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is no YAML file; training/README.md shows one") from error
    known = {"sets", "smpl", "gendered", "quirks", "unique"}
    if not isinstance(content, dict) or not set(content) <= known or not content.get("sets"):
        raise DatasetError(
            f"{path} should hold sets, and may hold smpl, gendered, quirks and unique; training/README.md shows one"
        )
    sets = tuple(_set(record, path) for record in content["sets"])
    unique = tuple(str(name) for name in content.get("unique") or ())
    strange = [name for name in unique if name not in {each.name for each in sets}]
    if strange:
        raise DatasetError(f"{path} names {', '.join(strange)} under unique, and not under sets; take it out or add it")
    smpl = path.parent / str(content["smpl"]) if content.get("smpl") else None
    return Mix(sets, smpl, bool(content.get("gendered", True)), bool(content.get("quirks", False)), unique)


def _set(record: Any, path: Path) -> MixedSet:
    try:
        found = MixedSet(str(record["name"]), path.parent / str(record["folder"]), float(record.get("share", 1)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(f"{path}: a set should have name, folder and share, got {record}; take these") from error
    entry_of(found.name)
    return found


def open_readers(mix: Mix) -> list[tuple[Reader, float]]:
    """The sets of a mix with their shares, nobody twice among the unique ones.

    Raises:
        DatasetError: a set's files are missing or damaged.
    """
    readers: dict[int, Reader] = {number: open_set(each.name, each.folder) for number, each in enumerate(mix.sets)}
    chosen = [number for name in mix.unique for number, each in enumerate(mix.sets) if each.name == name]
    kept, lost = without_duplicates([readers[number] for number in chosen])
    for number, reader, fewer in zip(chosen, kept, lost, strict=True):
        logger.info("%s: %d people left out, who stand in an earlier set", reader.name, fewer)
        readers[number] = reader
    return [(readers[number], each.share) for number, each in enumerate(mix.sets)]


def open_mix(mix: Mix, settings: MixSettings) -> MixedDataset:
    """The mixture, opened.

    Args:
        mix: as `read_mix` returns it.
        settings: crops, order and sharding.

    Raises:
        DatasetError: a set's files are missing or damaged, or SMPL's are.
    """
    return MixedDataset(open_readers(mix), Bodies.read(mix.smpl, mix.gendered), settings)

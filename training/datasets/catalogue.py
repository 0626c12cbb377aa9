"""Every set by name: which files it is made of, how it is opened, where it is to be had and on which terms.

All annotated sets here are for research; this project ships none of them, and weights that learned from one say so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.datasets.bedlam import Bedlam
from training.datasets.cliff import Cliff
from training.datasets.eft import Eft
from training.datasets.keypoint_sets import CocoKeypoints, LspMat, MpiiKeypoints
from training.datasets.metro_tsv import MetroTsv
from training.datasets.sample import DatasetError, Reader, Sample
from training.datasets.threedoh import ThreeDoh
from training.datasets.threedpw import SPLITS, ThreeDpw
from training.datasets.threedpw_lists import SUBSETS, SubsetName, open_subset

Opener = Callable[[Path, str], Reader]


@dataclass(frozen=True, slots=True)
class Entry:
    """A set.

    Attributes:
        name: what commands call it.
        title: what papers call it.
        files: what its folder must hold, relative to it; with * where a pattern of which one must be there.
        page: where to register or download.
        licence: its terms, in brief.
        opener: (folder, name) to a reader.
    """

    name: str
    title: str
    files: tuple[str, ...]
    page: str
    licence: str
    opener: Opener


class Joined(Reader):
    """Several readers as one, one after the other."""

    def __init__(self, readers: Sequence[Reader], name: str) -> None:
        self.readers, self.name = list(readers), name
        self.starts: npt.NDArray[np.int64] = np.cumsum([0, *(len(reader) for reader in readers)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        which = int(np.searchsorted(self.starts, index, "right")) - 1
        return self.readers[which].sample(index - int(self.starts[which]))


def _metro(file: str, is_pseudo: bool = True) -> Opener:
    return lambda folder, name: MetroTsv(folder / file, name, is_pseudo)


def _metro_alone(folder: str, stem: str, labels: str = "", is_pseudo: bool = True) -> Opener:
    """One of METRO's sets by its own .yaml, or by the names of its files where it has none."""
    names = {"img": f"{stem}.img.tsv", "label": f"{labels}{stem}.label.tsv", "linelist": f"{labels}{stem}.linelist.tsv"}
    return lambda place, name: MetroTsv(place / folder / f"{stem}.yaml", name, is_pseudo, names)


def _cliff(file: str) -> Opener:
    return lambda folder, name: Cliff(folder / file, folder, name)


def _eft(file: str, pictures: str) -> Opener:
    return lambda folder, name: Eft(folder / file, folder / pictures, name)


def _threedpw(split: str) -> Opener:
    return lambda folder, name: ThreeDpw(folder, name, [split])


def _threedpw_subset(subset: SubsetName) -> Opener:
    return lambda folder, _name: open_subset(folder, subset)


def _threedoh(split: str) -> Opener:
    return lambda folder, name: ThreeDoh(folder / f"{split}set", name)


def _coco(split: str) -> Opener:
    file = f"annotations/person_keypoints_{split}.json"
    return lambda folder, name: CocoKeypoints(folder / file, folder / split, name)


def _mpii(split: str) -> Opener:
    return lambda folder, name: MpiiKeypoints(folder / f"annot/{split}.json", folder / "images", name)


def _lsp(folder: Path, name: str) -> Reader:
    return LspMat(folder / "joints.mat", folder / "images", name)


def _bedlam(folder: Path, name: str) -> Reader:
    scenes = sorted((folder / "labels").glob("*.npz"))
    if not scenes:
        raise DatasetError(
            f"{folder} has no labels/*.npz; `python -m training.datasets check {name} FOLDER` says where to get it"
        )
    return Joined([Bedlam(scene, folder / "images", name) for scene in scenes], name)


METRO_PAGE = "github.com/microsoft/MeshTransformer, docs/DOWNLOAD.md (pictures of Human3.6M: vision.imar.ro/human3.6m)"
METRO_STEMS = ("human3.6m/train", "coco_smpl/train", "muco/train", "up3d/trainval", "mpii/train")
"""Of METRO's mixed training set."""
METRO_TERMS = "research only: those of each set inside, and of SMPL"
PW_PAGE, PW_TERMS = "virtualhumans.mpi-inf.mpg.de/3DPW (accept the licence there)", "research only, registration"
PW_FILES = (*(f"sequenceFiles/{split}/*.pkl" for split in SPLITS), "imageFiles/*/*.jpg")
OH_PAGE = "www.yangangwang.com (paper ZHANG-OOH-2020-03)"
CLIFF_PAGE = "github.com/huawei-noah/noah-research, CLIFF (cliffGT_v1); pictures: {}"
COCO_PICTURES, MPII_PICTURES = "cocodataset.org (2014 train images)", "human-pose.mpi-inf.mpg.de"
EFT_PAGE = "github.com/facebookresearch/eft (scripts/download_eft.sh); pictures: {}"
COCO_PAGE = "cocodataset.org"
EFT_TERMS = "; fits CC BY-NC 4.0"
COCO_TERMS = "annotations CC BY 4.0, pictures under Flickr's terms"
MPII_TERMS = "research only (Simplified BSD for the annotations)"
LSP_PAGE = "sam.johnson.io/research/{}.html"


def _metro_files(folder: str, stem: str, labels: str = "") -> tuple[str, ...]:
    return (f"{folder}/{stem}.img.tsv", f"{folder}/{labels}{stem}.label.tsv", f"{folder}/{labels}{stem}.linelist.tsv")


ENTRIES = (
    Entry(
        "metro-mixed", "Human3.6M, COCO, MuCo-3DHP, UP-3D and MPII as METRO mixes them",
        ("Tax-H36m-coco40k-Muco-UP-Mpii/train.yaml", "Tax-H36m-coco40k-Muco-UP-Mpii/train.linelist.tsv",
         *(f"{stem}.img.tsv" for stem in METRO_STEMS)),
        METRO_PAGE, METRO_TERMS, _metro("Tax-H36m-coco40k-Muco-UP-Mpii/train.yaml"),
    ),
    Entry("h36m-valid", "Human3.6M, protocol 2 of METRO's validation", ("human3.6m/valid.protocol2.yaml",),
          METRO_PAGE, METRO_TERMS, _metro("human3.6m/valid.protocol2.yaml")),
    Entry("metro-coco", "COCO with fits, METRO's TSV", _metro_files("coco_smpl", "train", "smpl/"),
          METRO_PAGE, METRO_TERMS, _metro_alone("coco_smpl", "train", "smpl/")),
    Entry("muco", "MuCo-3DHP, METRO's TSV", _metro_files("muco", "train"),
          METRO_PAGE, METRO_TERMS, _metro_alone("muco", "train")),
    Entry("up-3d", "UP-3D, METRO's TSV", _metro_files("up3d", "trainval"),
          METRO_PAGE, METRO_TERMS, _metro_alone("up3d", "trainval")),
    Entry("metro-3dpw-train", "3DPW train, METRO's TSV", _metro_files("3dpw", "train"),
          METRO_PAGE, METRO_TERMS, _metro_alone("3dpw", "train", is_pseudo=False)),
    Entry("metro-3dpw-test", "3DPW test, METRO's TSV with genders",
          ("3dpw/test_has_gender.yaml", *_metro_files("3dpw/has_gender", "test")),
          METRO_PAGE, METRO_TERMS, _metro("3dpw/test_has_gender.yaml", is_pseudo=False)),
    Entry("coco-cliff", "COCO 2014 with CLIFF's pseudo-ground-truth", ("coco2014part_cliffGT.npz", "train2014/*.jpg"),
          CLIFF_PAGE.format(COCO_PICTURES), COCO_TERMS + "; fits research only", _cliff("coco2014part_cliffGT.npz")),
    Entry("mpii-cliff", "MPII with CLIFF's pseudo-ground-truth", ("mpii_cliffGT.npz", "images/*.jpg"),
          CLIFF_PAGE.format(MPII_PICTURES), MPII_TERMS, _cliff("mpii_cliffGT.npz")),
    Entry("coco-eft", "COCO 2014 with EFT's fits", ("COCO2014-All-ver01.json", "train2014/*.jpg"),
          EFT_PAGE.format(COCO_PICTURES), COCO_TERMS + EFT_TERMS, _eft("COCO2014-All-ver01.json", "train2014")),
    Entry("mpii-eft", "MPII with EFT's fits", ("MPII_ver01.json", "images/*.jpg"),
          EFT_PAGE.format(MPII_PICTURES), MPII_TERMS + EFT_TERMS, _eft("MPII_ver01.json", "images")),
    Entry("lspet-eft", "LSPET with EFT's fits", ("LSPet_ver01.json", "images/*.*"),
          EFT_PAGE.format(LSP_PAGE.format("lspet")), "research only" + EFT_TERMS, _eft("LSPet_ver01.json", "images")),
    *(Entry(f"3dpw-{split}", f"3DPW {split}", (f"sequenceFiles/{split}/*.pkl", "imageFiles/*/*.jpg"), PW_PAGE, PW_TERMS,
            _threedpw(split)) for split in SPLITS),
    *(Entry(subset, subset.upper(), PW_FILES, PW_PAGE, PW_TERMS, _threedpw_subset(subset)) for subset in SUBSETS),
    *(Entry(f"3doh-{split}", f"3DOH50K {split}", (f"{split}set/annots.json", f"{split}set/images/*.jpg"), OH_PAGE,
            "research only", _threedoh(split)) for split in ("train", "test")),
    Entry("bedlam", "BEDLAM, labels as SMPL", ("labels/*.npz", "images/*/png/*/*.png"),
          "bedlam.is.tue.mpg.de (registration; all_npz_12_smpl_training)", "research only", _bedlam),
    *(Entry(f"coco-keypoints-{split}", f"COCO {split} keypoints",
            (f"annotations/person_keypoints_{split}.json", f"{split}/*.jpg"), COCO_PAGE, COCO_TERMS, _coco(split))
      for split in ("train2017", "val2017", "train2014")),
    *(Entry(f"mpii-keypoints-{split}", f"MPII {split} keypoints", (f"annot/{split}.json", "images/*.jpg"),
            MPII_PICTURES + "; the JSON: github.com/leoxiaobin/deep-high-resolution-net.pytorch", MPII_TERMS,
            _mpii(split)) for split in ("train", "valid")),
    *(Entry(name, title, ("joints.mat", "images/*.jpg"), LSP_PAGE.format(name), "research only", _lsp)
      for name, title in (("lsp", "Leeds Sports Pose"), ("lspet", "Leeds Sports Pose Extended"))),
)  # fmt: skip
SETS = {entry.name: entry for entry in ENTRIES}


def entry_of(name: str) -> Entry:
    """A set by its name.

    Raises:
        DatasetError: nothing is called so.
    """
    if name not in SETS:
        raise DatasetError(f"no set is called {name}; take one of {', '.join(SETS)}")
    return SETS[name]


def open_set(name: str, folder: Path) -> Reader:
    """A set's people.

    Args:
        name: one of `SETS`.
        folder: where its files lie.

    Raises:
        DatasetError: unknown name, missing or damaged files.
    """
    return entry_of(name).opener(folder, name)

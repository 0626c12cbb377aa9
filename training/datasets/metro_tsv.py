"""METRO's sets: Human3.6M, UP-3D, MuCo-3DHP, COCO, MPII and 3DPW as TSV files, alone or as one YAML composite.

Format: METRO (MeshTransformer, Lin et al., CVPR 2021), which FastMETRO and PostoMETRO train on.

    plain:      img: F.img.tsv, hw: F.hw.tsv, label: F.label.tsv, linelist: F.linelist.tsv
    composite:  composite: true, img / hw / label: a list of files each, linelist: rows of "source, tab, row"

A label is a JSON list of one record: center, scale, 2d_joints (24, 3), 3d_joints (24, 4), pose, betas, has_2d_joints,
has_3d_joints, has_smpl, and gender in 3DPW's alone; the joints may have one axis more in front.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from training.datasets.same_person import image_id_of
from training.datasets.sample import NO_JOINTS_2D, NO_JOINTS_3D, DatasetError, Float, Reader, Sample, checked, gender_of
from training.datasets.tsv import AGAIN, Tsv, read_line_list


@dataclass(frozen=True, slots=True)
class TsvPicture:
    """A picture in a row of a .img.tsv."""

    tsv: Tsv
    row: int

    @property
    def name(self) -> str:
        """File and row."""
        return f"{self.tsv.path} row {self.row}"

    def encoded(self) -> bytes:
        """The JPEG; empty where the row is no base64."""
        try:
            return base64.b64decode(self.tsv.row(self.row)[-1], validate=True)
        except binascii.Error:
            return b""


def _read_yaml(path: Path, source: str) -> dict[str, Any]:
    if not path.is_file():
        raise DatasetError(
            f"{source} lacks {path}; `python -m training.datasets check {source} FOLDER` says where to get it"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is no YAML file; {AGAIN}") from error
    missing = [key for key in ("img", "label", "linelist") if not isinstance(content, dict) or not content.get(key)]
    if missing:
        raise DatasetError(f"{path} lacks {', '.join(missing)}; {AGAIN}")
    return dict(content)


class MetroTsv(Reader):
    """People of a METRO YAML file."""

    def __init__(
        self, path: Path, name: str, is_pseudo: bool = True, files: Mapping[str, str] | None = None
    ) -> None:
        """Reads indexes and line lists; no label, no picture.

        Args:
            path: the .yaml.
            name: of the set.
            is_pseudo: whether its SMPL parameters were fitted; of the sets above all but 3DPW's were.
            files: img, label and linelist for a set whose .yaml is not among what was published.

        Raises:
            DatasetError: a file is missing or truncated, or the files do not belong together.
        """
        self.name, self.path, self.is_pseudo = name, path, is_pseudo
        content = dict(files) if files is not None and not path.is_file() else _read_yaml(path, name)
        is_composite = bool(content.get("composite", False))
        images, labels = (content[key] if is_composite else [content[key]] for key in ("img", "label"))
        if not isinstance(images, list) or not isinstance(labels, list) or len(images) != len(labels):
            raise DatasetError(f"{path} should list as many label files as img files; {AGAIN}")
        self.images = [Tsv(path.parent / str(file), name) for file in images]
        self.labels = [Tsv(path.parent / str(file), name) for file in labels]
        for image, label in zip(self.images, self.labels, strict=True):
            if len(image) != len(label):
                raise DatasetError(
                    f"{image.path} has {len(image)} rows, {label.path} {len(label)}; both should be equal, {AGAIN}"
                )
        rows = read_line_list(path.parent / str(content["linelist"]), name, 2 if is_composite else 1)
        self.rows = rows if is_composite else np.concatenate([np.zeros_like(rows), rows], 1)
        self._check_rows(path.parent / str(content["linelist"]))

    def _check_rows(self, line_list: Path) -> None:
        counts = np.array([len(label) for label in self.labels])
        which, row = self.rows.T
        is_wrong = (which < 0) | (which >= len(counts))
        is_wrong |= (row < 0) | (row >= counts[np.clip(which, 0, len(counts) - 1)])
        if is_wrong.any():
            first = int(np.flatnonzero(is_wrong)[0])
            raise DatasetError(
                f"{line_list} line {first + 1}: index out of range, row {row[first]} of source {which[first]}, and its "
                f"sources have {', '.join(map(str, counts))} rows; {AGAIN}"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        which, row = (int(number) for number in self.rows[index])
        label = self.labels[which]
        key, content = label.row(row)[:2]
        where = f"{label.path} row {row}"
        try:
            record = json.loads(content)[0]
            return checked(self._sample(record, key, where, TsvPicture(self.images[which], row)), where)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else "is no label of METRO's"
            raise DatasetError(f"{where}: the label of {key} {reason}; {AGAIN}") from error

    def _sample(self, record: dict[str, Any], key: str, where: str, picture: TsvPicture) -> Sample:
        has_smpl = bool(np.max(record["has_smpl"]))
        return Sample(
            source=self.name,
            key=key,
            picture=picture,
            center_px=np.asarray(record["center"], np.float64),
            scale=float(record["scale"]),
            joints_2d=_joints(record["2d_joints"]) if np.max(record["has_2d_joints"]) else NO_JOINTS_2D,
            joints_3d=_joints(record["3d_joints"]) if np.max(record["has_3d_joints"]) else NO_JOINTS_3D,
            pose=np.asarray(record["pose"], np.float64) if has_smpl else None,
            betas=np.asarray(record["betas"], np.float64) if has_smpl else None,
            gender=gender_of(record.get("gender", ""), where),
            is_pseudo=self.is_pseudo,
            image_id=image_id_of(key),
        )


def _joints(values: Any) -> Float:
    """(24, C); some of the published labels have one axis more in front."""
    joints = np.asarray(values, np.float64)
    return joints[0] if joints.ndim == 3 else joints

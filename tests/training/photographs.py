"""Photographs with 2D labels in LSPET's form, made of noise."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np


def write_photographs(folder: Path, count: int = 5, held_out: int | None = None) -> Path:
    """A folder in LSPET's form: noise, and joints in it; the first ids are held out, all by default."""
    rng = np.random.default_rng(0)
    with tarfile.open(folder / "images.tar", "w") as archive:
        for number in range(1, count + 1):
            encoded = cv2.imencode(".jpg", rng.integers(0, 255, (80, 100, 3), np.uint8))[1].tobytes()
            member = tarfile.TarInfo(f"images/im{number:05d}.jpg")
            member.size = len(encoded)
            archive.addfile(member, io.BytesIO(encoded))
    joints = np.concatenate([rng.uniform(10, 70, (count, 14, 2)), np.ones((count, 14, 1))], -1)
    joints[:, 0, 2] = 0
    np.savez(folder / "joints.npz", image_id=np.arange(1, count + 1), joints=joints)
    last = count if held_out is None else held_out
    (folder / "split.json").write_text(json.dumps({"val": list(range(1, last + 1))}))
    return folder

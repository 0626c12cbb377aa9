"""Short clips of one moving person each, with the truth: a test of what changes from frame to frame.

    python -m training.pictures clips --motions MOTIONS.npz --count 24 -o stores/clips

Motions are of subjects whom nothing was trained on, in clothes and before panoramas of the test split, facing
anywhere. DIR/00, DIR/01 ... are clips as `training.pictures.clip` writes them; one that has its truth file is whole.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.body.model import Body, load_body
from training.motions import MotionClip, MotionLibrary
from training.motions.rotation_vectors import Float, to_matrix
from training.pictures.clip import MOTION_FPS, TRUTH, ClipSettings, write_clip

SECONDS = 1.5
NEAREST, FARTHEST = 3.0, 5.0
"""Metres from the camera."""
LARGEST_TURN, LARGEST_STEP = 1.0, 0.15
"""Of a joint (radians) and of the pelvis (metres) from frame to frame: more is a gap in the recording."""
META = "clips.json"
log = logging.getLogger(__name__)


def starts_of(motion: MotionClip, count: int) -> npt.NDArray[np.int64]:
    """Frames from which on `count` frames of a recording have no gap."""
    frames = len(motion.pose)
    if frames < count:
        return np.zeros(0, np.int64)
    matrix = to_matrix(motion.pose)
    cosine = (np.einsum("tjab,tjab->tj", matrix[:-1], matrix[1:]) - 1) / 2
    is_gap = (cosine < np.cos(LARGEST_TURN)).any(1) | (
        np.linalg.norm(np.diff(motion.root, axis=0), axis=1) > LARGEST_STEP
    )
    gaps = np.concatenate([[0], np.cumsum(is_gap)])  # before each frame
    return np.flatnonzero(gaps[count - 1 :] == gaps[: frames - count + 1])


def choose(motions: Path, count: int, seed: int) -> list[ClipSettings]:
    """What the clips show: every held-out recording once before any comes again.

    Raises:
        ValueError: no held-out recording is long enough.
    """
    rng = np.random.default_rng([seed, 21])
    frames = round(SECONDS * MOTION_FPS)
    known = [(motion.name, starts_of(motion, frames)) for motion in MotionLibrary.load(motions, "test").clips]
    known = [(name, starts) for name, starts in known if len(starts)]
    if not known:
        raise ValueError(f"{motions}: no recording of a held-out subject has {SECONDS:g} s without a gap")
    order = np.concatenate([rng.permutation(len(known)) for _ in range(-(-count // len(known)))])[:count]
    chosen = []
    for number, (name, starts) in enumerate(known[row] for row in order):
        chosen.append(
            ClipSettings(
                motions, name, seconds=SECONDS, fps=MOTION_FPS, seed=1000 * seed + number, split="test",
                start=int(rng.choice(starts)), distance=float(rng.uniform(NEAREST, FARTHEST)),
                turn_deg=float(rng.uniform(-180, 180)),
            )
        )  # fmt: skip
    return chosen


def render_clips(motions: Path, count: int, seed: int, folder: Path) -> None:
    """Renders what is missing of a folder of clips.

    Raises:
        ValueError: the folder holds clips of other settings.
        OSError: it cannot be written.
    """
    chosen = choose(motions, count, seed)
    folder.mkdir(parents=True, exist_ok=True)
    about = {"seed": seed, "seconds": SECONDS, "motions": motions.name, "body": load_body().digest}
    meta = folder / META
    if meta.exists() and json.loads(meta.read_text()) != about:
        raise ValueError(f"{folder} holds clips of other settings; choose another folder or remove it")
    meta.write_text(json.dumps(about, indent=1))
    for number, settings in enumerate(chosen):
        if not (folder / f"{number:02d}" / TRUTH).exists():
            write_clip(settings, folder / f"{number:02d}")
            log.info("clip %d of %d: %s", number + 1, count, settings.clip)


@dataclass(frozen=True, slots=True, eq=False)
class RenderedClip:
    """One clip of a folder.

    Attributes:
        folder: of its pictures.
        truth: arrays as `render_clip` returns them.
    """

    folder: Path
    truth: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.truth["frame_index"])

    def images(self) -> list[npt.NDArray[np.uint8]]:
        """Frames (H, W, 3) BGR."""
        return [np.asarray(cv2.imread(str(self.folder / f"{n:05d}.png")), np.uint8) for n in range(len(self))]

    def vertices(self, body: Body) -> Float:
        """(T, 6890, 3) metres, camera axes, about the mid-hip."""
        posed = body.pose(self.truth["p0_pose"], self.truth["p0_betas"]).vertices
        return np.asarray(posed - (body.lsp_regressor[2:4] @ posed).mean(1, keepdims=True))


def open_clips(folder: Path) -> list[RenderedClip]:
    """The clips of a folder that `render_clips` filled, as far as it got.

    Raises:
        ValueError: there are none, or they show another body than the one that comes with the code.
    """
    files = sorted(folder.glob(f"*/{TRUTH}"))
    if not (folder / META).exists() or not files:
        raise ValueError(f"{folder} holds no clips; make them with python -m training.pictures clips")
    if json.loads((folder / META).read_text())["body"] != load_body().digest:
        raise ValueError(f"{folder} shows another body than this one; render it again")
    return [RenderedClip(file.parent, dict(np.load(file))) for file in files]

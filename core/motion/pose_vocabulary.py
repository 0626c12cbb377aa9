"""The vocabulary of 3D poses of a weights bundle: 21 joint rotations to tokens and back, in ONNX Runtime, never torch.

What comes out of tokens looks like a pose, since the vocabulary has learned nothing else. So the distance of a pose to
its own re-encoding tells how plausible it is, and other tokens are other readings of the same picture.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MocapError, WeightsError, first_line
from ..files.untrusted import is_plain_name
from ..files.windows import window_slices
from ..geometry.rotations import quaternions_of
from ..inference.onnx_runtime import CPU, cpu_options, open_session
from ..take.header import TakeHeader
from ..types import Float, Int
from ..weights.bundle import WEIGHTS_FOLDER, WeightsBundle, read_bundle

BODY_JOINTS = slice(1, 22)
"""Of SMPL's 24: all but the pelvis and the two hands, of which no vocabulary speaks."""
LEAST_DETERMINANT = 0.5
"""Of a rotation: 1, but for rounding."""
logger = logging.getLogger(__name__)


class PoseVocabulary:
    """The encoder and the decoder of a bundle with a rotation head.

    Attributes:
        sizes: tokens a pose, and codes.
    """

    def __init__(self, bundle: WeightsBundle, threads: int = 1) -> None:
        """Load both graphs.

        Raises:
            MocapError: onnxruntime is missing.
            WeightsError: the bundle has no vocabulary, or one that can't be loaded.
        """
        if bundle.rotation_tokens is None:
            raise WeightsError(f"{bundle.folder}: has no vocabulary of poses; choose weights that read bones")
        try:
            import onnxruntime
        except ImportError as error:
            raise MocapError("onnxruntime is not installed; install onnxruntime") from error
        self.sizes = bundle.rotation_tokens
        self._encoder, self._decoder = (
            _Graph(onnxruntime, file, cpu_options(onnxruntime, threads)) for file in bundle.vocabulary_files
        )

    def encode(self, rotations: Float) -> Int:
        """Token ids (T, M) of local rotations (T, 21, 3, 3) of SMPL's joints 1 to 21."""
        ids = self._encoder.run("rotations", np.asarray(rotations, np.float32), "token_ids")
        if ids.shape != (len(rotations), self.sizes.tokens) or ids.dtype.kind not in "iu" or self._has_unknown(ids):
            raise WeightsError(f"{self._encoder.file}: gives no tokens of its vocabulary; get the weights again")
        return np.asarray(ids, np.int64)

    def decode(self, token_ids: Int) -> Float:
        """Local rotations (T, 21, 3, 3) of token ids (T, M)."""
        if token_ids.shape[1:] != (self.sizes.tokens,) or self._has_unknown(token_ids):
            raise ValueError(f"expected ids (T, {self.sizes.tokens}) below {self.sizes.codes}, got {token_ids.shape}")
        found = self._decoder.run("token_ids", np.asarray(token_ids, np.int64), "rotations")
        is_right = found.shape == (len(token_ids), 21, 3, 3) and found.dtype.kind == "f" and np.isfinite(found).all()
        if not is_right or (np.linalg.det(found) < LEAST_DETERMINANT).any():
            raise WeightsError(f"{self._decoder.file}: gives no rotations; get the weights again")
        return np.asarray(found, np.float64)

    def reencoded(self, rotations: Float) -> Float:
        """Rotations (T, 21, 3, 3) as the vocabulary says them again, of rotations (T, 21, 3, 3)."""
        parts = [self.decode(self.encode(rotations[rows])) for rows in window_slices(len(rotations))]
        return np.concatenate([np.zeros((0, 21, 3, 3)), *parts])

    def poses_of(self, token_ids: Int) -> Float:
        """Quaternions wxyz (T, 21, 4) of token ids (T, M)."""
        parts = [quaternions_of(self.decode(token_ids[rows])) for rows in window_slices(len(token_ids))]
        return np.concatenate([np.zeros((0, 21, 4)), *parts])

    def _has_unknown(self, ids: Int) -> bool:
        return bool(ids.min(initial=0) < 0 or ids.max(initial=0) >= self.sizes.codes)


class _Graph:
    """One ONNX file with one input and one output."""

    def __init__(self, onnxruntime: Any, file: Path, options: Any) -> None:
        self.file = file
        self._session = open_session(onnxruntime, file, options, [CPU])

    def run(self, name: str, batch: Any, output: str) -> Any:
        """The output for a batch."""
        try:
            found: Any = self._session.run([output], {name: batch})[0]
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise WeightsError(f"{self.file}: fails on a pose ({first_line(error)}); get the weights again") from error
        return np.asarray(found)


def vocabulary_of(header: TakeHeader) -> PoseVocabulary | None:
    """The vocabulary of the weights that a take was made with; None where they read no bones.

    None, with a warning, where they are not on this computer any more.
    """
    if header.rotation_tokens is None:
        return None
    shipped = WEIGHTS_FOLDER / header.weights_name if is_plain_name(header.weights_name) else None
    for folder in (header.weights_folder, shipped):
        if folder is None or not folder.is_dir():
            continue
        try:
            bundle = read_bundle(folder)
            if bundle.digest == header.weights_digest:
                return PoseVocabulary(bundle)
        except MocapError as error:
            logger.warning("%s", error)
    logger.warning(
        "the weights %s of this take are not here any more: no plausibility is told, and no other readings are found",
        header.weights_name,
    )
    return None

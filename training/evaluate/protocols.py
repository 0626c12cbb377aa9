"""The two ways in which papers score a mesh, number for number, and never mixed.

`METRO`: as METRO and FastMETRO compute it, and so PostoMETRO (their released evaluation). Vertices about the pelvis
that Human3.6M's regressor finds, people with a mesh; joints from the predicted mesh against the set's own joints, both
about mid-hip, people with 3D joints; PA over everybody of a batch, weighed by how many of it have 3D joints; the true
mesh is the neutral body's even where the gender is known.
`SPIN`: as SPIN (Kolotouros et al. 2019) and PARE (Kocabas et al. 2021) compute it. Joints of both meshes by Human3.6M's
regressor, about its pelvis; the true mesh is the body of the person's gender; everybody counts alike. PARE compares
vertices where its own body model puts them; ours are about the pelvis, since a network of vertices has no such place.

They differ for the same answers: METRO's true joints on 3DPW and its predicted ones are not the same points of the body
(network.md, C1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.body.model import Body
from core.errors import MocapError
from training.evaluate import metrics

Float = npt.NDArray[np.floating[Any]]
Bool = npt.NDArray[np.bool_]
ProtocolName = Literal["METRO", "SPIN"]

H36M_JOINTS, VERTICES = 17, 6890
PELVIS = 0
H36M_TO_J14 = (3, 2, 1, 4, 5, 6, 16, 15, 14, 11, 12, 13, 8, 10)
"""LSP's 14 joints among the 17 of Human3.6M (network.md, C1)."""
ROW_SUM_OFF = 0.02
"""The public regressor's rows sum to 0.9996 at the least; far from 1 it is another file."""


def load_regressor(path: Path) -> Float:
    """Human3.6M's joint regressor (17, 6890) from the file that users of SPIN have, `J_regressor_h36m.npy`.

    Raises:
        MocapError: it is missing, or another file.
    """
    try:
        regressor = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise MocapError(
            f"{path}: can't be read ({error}); give the file J_regressor_h36m.npy of SPIN's data"
        ) from error
    if regressor.shape != (H36M_JOINTS, VERTICES) or np.abs(regressor.sum(1) - 1).max() > ROW_SUM_OFF:
        raise MocapError(
            f"{path}: expected 17 rows of 6890 weights that sum to one, got {regressor.shape}; "
            "give the file J_regressor_h36m.npy of SPIN's data"
        )
    return np.asarray(regressor, np.float64)


def regressor_of_body(body: Body) -> Float:
    """A stand-in (17, 6890) in Human3.6M's order, from the 14 joints that the body itself finds in its mesh.

    For the open body, which Human3.6M's file is not made for. The pelvis is mid-hip; spine and jaw, which no score
    reads, lie between their neighbours. Scores by it compare with nothing published.
    """
    lsp = np.asarray(body.lsp_regressor, np.float64)
    rows = np.zeros((H36M_JOINTS, VERTICES))
    rows[list(H36M_TO_J14)] = lsp
    rows[PELVIS] = lsp[[2, 3]].mean(0)
    rows[7], rows[9] = (rows[PELVIS] + lsp[12]) / 2, lsp[[12, 13]].mean(0)
    return rows


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """A network's answers for B people, and the truth.

    Attributes:
        vertices: (B, 6890, 3) predicted; metres, camera axes, any origin.
        neutral: (B, 6890, 3) true, by the neutral body.
        gendered: (B, 6890, 3) true, by the body of the person's gender.
        joints: (B, 14, 3) the set's own LSP joints, any origin.
        has_mesh: (B,) whether `neutral` and `gendered` count.
        has_joints: (B,) whether `joints` count.
    """

    vertices: Float
    neutral: Float
    gendered: Float
    joints: Float
    has_mesh: Bool
    has_joints: Bool

    def __post_init__(self) -> None:
        for name in ("vertices", "neutral", "gendered"):
            shape = getattr(self, name).shape
            if shape != (len(self.vertices), VERTICES, 3):
                raise ValueError(f"expected {name} ({len(self.vertices)}, 6890, 3), got {shape}")


@dataclass(frozen=True, slots=True)
class ProtocolScores:
    """Scores under one protocol; None where nobody could be scored.

    Attributes:
        protocol: by which.
        mpvpe: mm.
        mpjpe: mm.
        pa_mpjpe: mm.
        people: in the set.
    """

    protocol: ProtocolName
    mpvpe: float | None
    mpjpe: float | None
    pa_mpjpe: float | None
    people: int


class _Mean:
    """A weighted mean that grows batch by batch."""

    def __init__(self) -> None:
        self.total = self.weight = 0.0

    def add(self, value: float, weight: float) -> None:
        self.total += value * weight
        self.weight += weight

    @property
    def mm(self) -> float | None:
        return 1000 * self.total / self.weight if self.weight else None


class Scorer:
    """Scores that grow batch by batch."""

    protocol: ProtocolName

    def __init__(self, regressor: Float) -> None:
        """Nothing is scored yet.

        Args:
            regressor: (17, 6890) of `load_regressor`.
        """
        self.regressor, self.people = regressor, 0
        self.of_vertices, self.of_joints, self.aligned = _Mean(), _Mean(), _Mean()

    def add(self, batch: Answered) -> None:
        """Counts people in."""
        self.people += len(batch.vertices)
        self._add(batch)

    def _add(self, batch: Answered) -> None:
        raise TypeError("a protocol has its own way")

    @property
    def scores(self) -> ProtocolScores:
        """Of everybody so far."""
        means = self.of_vertices.mm, self.of_joints.mm, self.aligned.mm
        return ProtocolScores(self.protocol, *means, self.people)


class MetroScorer(Scorer):
    """As METRO; PA depends on who is in a batch with whom where some lack 3D joints, as upstream."""

    protocol = "METRO"

    def _add(self, batch: Answered) -> None:
        regressor = self.regressor
        predicted, true = _about_pelvis(batch.vertices, regressor), _about_pelvis(batch.neutral, regressor)
        meshes, known = batch.has_mesh, batch.has_joints
        joints = _j14(batch.vertices, regressor)
        if meshes.any():
            self.of_vertices.add(float(metrics.mpvpe(predicted[meshes], true[meshes]).mean()), float(meshes.sum()))
        if known.any():
            self.of_joints.add(float(metrics.mpjpe(joints[known], batch.joints[known]).mean()), float(known.sum()))
            centred = metrics.mid_hip_centred(joints), metrics.mid_hip_centred(batch.joints)
            self.aligned.add(float(metrics.pa_mpjpe(*centred).mean()), float(known.sum()))


class SpinScorer(Scorer):
    """As SPIN and PARE, over people with a true mesh; how people are cut into batches does not matter."""

    protocol = "SPIN"

    def _add(self, batch: Answered) -> None:
        meshes = batch.has_mesh
        if not meshes.any():
            return
        predicted, true = (_about_pelvis(v[meshes], self.regressor) for v in (batch.vertices, batch.gendered))
        joints, true_joints = _j14(predicted, self.regressor), _j14(true, self.regressor)
        weight = float(meshes.sum())
        self.of_vertices.add(float(metrics.mpvpe(predicted, true).mean()), weight)
        self.of_joints.add(float(np.linalg.norm(joints - true_joints, axis=-1).mean()), weight)
        self.aligned.add(float(metrics.pa_mpjpe(joints, true_joints).mean()), weight)


SCORERS: dict[ProtocolName, type[Scorer]] = {"METRO": MetroScorer, "SPIN": SpinScorer}


def score_metro(batches: Iterable[Answered], regressor: Float) -> ProtocolScores:
    """MPVPE, MPJPE and PA-MPJPE as METRO computes them; see `MetroScorer`."""
    return _score(MetroScorer(regressor), batches)


def score_spin(batches: Iterable[Answered], regressor: Float) -> ProtocolScores:
    """MPVPE, MPJPE and PA-MPJPE as SPIN and PARE compute them; see `SpinScorer`."""
    return _score(SpinScorer(regressor), batches)


def _score(scorer: Scorer, batches: Iterable[Answered]) -> ProtocolScores:
    for batch in batches:
        scorer.add(batch)
    return scorer.scores


def _about_pelvis(vertices: Float, regressor: Float) -> Float:
    """(B, 6890, 3) about Human3.6M's pelvis of each mesh."""
    return np.asarray(vertices - np.einsum("v,bvc->bc", regressor[PELVIS], vertices)[:, None])


def _j14(vertices: Float, regressor: Float) -> Float:
    """(B, 14, 3) LSP joints of meshes (B, 6890, 3)."""
    return np.asarray(np.einsum("jv,bvc->bjc", regressor[list(H36M_TO_J14)], vertices))

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

from core.errors import MocapError
from training import metrics

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


def score_metro(batches: Iterable[Answered], regressor: Float) -> ProtocolScores:
    """MPVPE, MPJPE and PA-MPJPE as METRO computes them.

    Args:
        batches: of any size; PA depends on who is in a batch with whom where some lack 3D joints, as upstream.
        regressor: (17, 6890) of `load_regressor`.
    """
    of_vertices, of_joints, aligned, people = _Mean(), _Mean(), _Mean(), 0
    for batch in batches:
        people += len(batch.vertices)
        predicted, true = _about_pelvis(batch.vertices, regressor), _about_pelvis(batch.neutral, regressor)
        meshes, known = batch.has_mesh, batch.has_joints
        joints = _j14(batch.vertices, regressor)
        if meshes.any():
            of_vertices.add(float(metrics.mpvpe(predicted[meshes], true[meshes]).mean()), float(meshes.sum()))
        if known.any():
            of_joints.add(float(metrics.mpjpe(joints[known], batch.joints[known]).mean()), float(known.sum()))
            centred = metrics.mid_hip_centred(joints), metrics.mid_hip_centred(batch.joints)
            aligned.add(float(metrics.pa_mpjpe(*centred).mean()), float(known.sum()))
    return ProtocolScores("METRO", of_vertices.mm, of_joints.mm, aligned.mm, people)


def score_spin(batches: Iterable[Answered], regressor: Float) -> ProtocolScores:
    """MPVPE, MPJPE and PA-MPJPE as SPIN and PARE compute them, over people with a true mesh.

    Args:
        batches: of any size; the scores do not depend on how people are cut into batches.
        regressor: (17, 6890) of `load_regressor`.
    """
    of_vertices, of_joints, aligned, people = _Mean(), _Mean(), _Mean(), 0
    for batch in batches:
        people += len(batch.vertices)
        meshes = batch.has_mesh
        if not meshes.any():
            continue
        predicted, true = (_about_pelvis(v[meshes], regressor) for v in (batch.vertices, batch.gendered))
        joints, true_joints = _j14(predicted, regressor), _j14(true, regressor)
        weight = float(meshes.sum())
        of_vertices.add(float(metrics.mpvpe(predicted, true).mean()), weight)
        of_joints.add(float(np.linalg.norm(joints - true_joints, axis=-1).mean()), weight)
        aligned.add(float(metrics.pa_mpjpe(joints, true_joints).mean()), weight)
    return ProtocolScores("SPIN", of_vertices.mm, of_joints.mm, aligned.mm, people)


def _about_pelvis(vertices: Float, regressor: Float) -> Float:
    """(B, 6890, 3) about Human3.6M's pelvis of each mesh."""
    return np.asarray(vertices - np.einsum("v,bvc->bc", regressor[PELVIS], vertices)[:, None])


def _j14(vertices: Float, regressor: Float) -> Float:
    """(B, 14, 3) LSP joints of meshes (B, 6890, 3)."""
    return np.asarray(np.einsum("jv,bvc->bjc", regressor[list(H36M_TO_J14)], vertices))

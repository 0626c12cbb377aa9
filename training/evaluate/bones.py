"""Scores of bones on rendered people: fitted to the mesh, read by the rotation head, and both together."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from core.body.model import Body
from core.geometry.rotations import matrices_of
from core.motion.bone_source import prior_of
from core.motion.mesh_fit import continuous_quaternions, fit_coarse, surface_error_mm
from core.types import Float, NetworkOutput
from training.evaluate import metrics
from training.evaluate.report import Score

ROOT = [2, 3]
TURNED = slice(0, 22)
"""The root and 21 joints; no motion tells how the hands turn."""
AT_ONCE = 64


class BodyTruth(Protocol):
    """True joints (N, 14, 3) and vertices (N, 6890, 3), metres, relative to mid-hip."""

    @property
    def joints(self) -> Float:
        """(N, 14, 3)."""

    @property
    def vertices(self) -> Float:
        """(N, 6890, 3)."""


def bone_rows(output: NetworkOutput, rotations: Float, truth: BodyTruth, body: Body) -> dict[str, dict[str, Score]]:
    """Every way to get at bones, one frame at a time, and the one pose that is nearest to all.

    Args:
        output: of the network.
        rotations: (N, 24, 3, 3) true local rotations, the root's in the camera's axes.
        truth: the true joints and vertices.
        body: the body.
    """
    fits = [fit_coarse(surface[None], body) for surface in output.coarse_vertices]
    fitted = np.concatenate([matrices_of(fit.rotations) for fit in fits])
    betas = np.stack([fit.betas for fit in fits])
    mean = nearest_rotations(rotations.mean(0))[None].repeat(len(rotations), 0)
    rows = {"bones: fit": (fitted, betas), "bones: mean of the set": (mean, np.zeros_like(betas))}
    if output.bone_rotations is not None and output.bone_betas is not None:
        rows["bones: tokens"] = (output.bone_rotations, output.bone_betas)
        rows["bones: both"] = _both(output, body)
    return {
        name: scores(*each, rotations, truth, body) | {"surface": _off_the_mesh(*each, output, body)}
        for name, each in rows.items()
    }


def _off_the_mesh(found: Float, betas: Float, output: NetworkOutput, body: Body) -> Score:
    """Mean distance, mm, of bodies' 431 vertices to the network's own, about their middles, as the self-check tells."""
    quaternions = continuous_quaternions(found)
    apart = [
        surface_error_mm(surface[None], body, shape, rotations[None])
        for surface, shape, rotations in zip(output.coarse_vertices, betas, quaternions, strict=True)
    ]
    return Score.of(np.concatenate(apart))


def _both(output: NetworkOutput, body: Body) -> tuple[Float, Float]:
    """Rotations and shapes of fits that the head leads as `core.solve --bones both` lets it, frame by frame."""
    assert output.bone_rotations is not None
    prior = prior_of(output.bone_rotations, output.joint_confidence)
    fits = [
        fit_coarse(surface[None], body, prior=prior.at(slice(row, row + 1)))
        for row, surface in enumerate(output.coarse_vertices)
    ]
    return np.concatenate([matrices_of(fit.rotations) for fit in fits]), np.stack([fit.betas for fit in fits])


def scores(found: Float, betas: Float, rotations: Float, truth: BodyTruth, body: Body) -> dict[str, Score]:
    """Errors of poses (N, 24, 3, 3) with shapes (N, 10)."""
    joints, vertices = posed(found, betas, body)
    return {
        "MPJPE": Score.of(metrics.mpjpe(joints, truth.joints), factor=1000),
        "PA-MPJPE": Score.of(metrics.pa_mpjpe(joints, truth.joints), factor=1000),
        "MPVPE": Score.of(metrics.mpvpe(vertices, truth.vertices), factor=1000),
        "geodesic": Score.of(geodesic_deg(found, rotations)[:, TURNED].mean(1)),
    }


def posed(rotations: Float, betas: Float, body: Body) -> tuple[Float, Float]:
    """LSP joints (N, 14, 3) and vertices (N, 6890, 3) of bodies, metres, relative to mid-hip."""
    vertices = np.concatenate(
        [
            body.pose(rotations[start : start + AT_ONCE], betas[start : start + AT_ONCE]).vertices
            for start in range(0, len(rotations), AT_ONCE)
        ]
    )
    joints = body.lsp_regressor @ vertices
    root = joints[:, ROOT].mean(1, keepdims=True)
    return joints - root, vertices - root


def geodesic_deg(found: Float, true: Float) -> Float:
    """Angles (..., ) in degrees between rotations (..., 3, 3)."""
    trace = np.einsum("...ab,...ab->...", found.astype(np.float64), true)
    return np.asarray(np.rad2deg(np.arccos(np.clip((trace - 1) / 2, -1, 1))))


def nearest_rotations(matrices: Float) -> Float:
    """Rotations nearest to matrices (..., 3, 3)."""
    u, _, vt = np.linalg.svd(matrices)
    u[..., 2] *= np.linalg.det(u @ vt)[..., None]
    return np.asarray(u @ vt)

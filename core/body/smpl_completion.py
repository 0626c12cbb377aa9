"""What a user's SMPL file lacks: samplers, adjacency, mirror map, LSP and COCO regressors.

Computed from that file alone (no SMPL data ships here), in some seconds, and cached beside it as
NAME.samplers.npz.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from ..errors import BodyError
from ..files.untrusted import MALFORMED, read_arrays
from ..geometry.skinning import forward_kinematics, pose_features, rotation_matrices, skin
from ..types import Float, Int
from .decimate import Decimated, decimate, mirror_map
from .mesh_samplers import adjacency_with_self, ridge_upsampler, symmetric_rows

log = logging.getLogger(__name__)

POSES = 160
POSE_SPREAD = 0.3  # radians
QUADRIC_POSES = 8
FINE_SAMPLER, COARSE_SAMPLER = (8, 1.5e-3), (16, 5e-3)  # neighbours, noise in metres: as the open body's
HIP_OUTWARD = 0.12  # share of the outermost skin in the clicked hip: about 1.5 cm, as the open body's

LSP_JOINTS = (8, 5, 2, 1, 4, 7, 21, 19, 17, 16, 18, 20)  # SMPL joint of the first twelve LSP joints
COCO_JOINTS = (16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8)  # SMPL joint of the last twelve COCO points


def complete_smpl(path: Path, arrays: dict[str, Any]) -> dict[str, Any]:
    """The arrays of a body file with everything that `Body` needs.

    Raises:
        BodyError: the mesh has no left-right symmetry of its connectivity, so that it cannot be SMPL's.
    """
    stamp = hashlib.sha256()
    for key in ("v_template", "f", "shapedirs", "weights"):
        stamp.update(np.ascontiguousarray(arrays[key]).tobytes())
    cache = path.with_name(f"{path.stem}.samplers.npz")
    extra = _cached(cache, stamp.hexdigest())
    if extra is None:
        try:
            extra = compute_extras(arrays)
        except MALFORMED as error:
            raise BodyError(f"{path.name} has not SMPL's mesh: {error}") from error
        _store(cache, extra, stamp.hexdigest())
    return {**arrays, **extra}


def _cached(cache: Path, stamp: str) -> dict[str, Any] | None:
    if not cache.is_file():
        return None
    try:
        held = read_arrays(cache)
        return held if str(held["stamp"]) == stamp else None
    except (OSError, ValueError, KeyError) as error:
        log.warning("%s is damaged (%s): computing it again", cache, error)
        return None


def _store(cache: Path, extra: dict[str, Any], stamp: str) -> None:
    partial = cache.with_name(cache.name + ".partial.npz")
    try:
        np.savez_compressed(partial, stamp=stamp, **extra)
        partial.replace(cache)
    except OSError as error:
        log.warning("cannot keep %s (%s): it will be computed again next time", cache, error)


def compute_extras(arrays: dict[str, Any]) -> dict[str, Any]:
    """Samplers, index sets, adjacency, mirror and landmarks of a mesh in SMPL's format.

    Raises:
        ValueError: the connectivity has no mirror symmetry, or cannot be decimated.
    """
    faces = arrays["f"].astype(np.int64)
    template = np.asarray(arrays["v_template"], np.float64)
    mirror = mirror_map(faces, template)
    posed = _sample(arrays)
    middle, coarse_fine = decimate(faces, posed[:QUADRIC_POSES], (1723, 431), mirror)
    coarse = Decimated(np.searchsorted(middle.kept, coarse_fine.kept), coarse_fine.faces)
    mirror_middle = np.searchsorted(middle.kept, mirror[middle.kept])
    mirror_coarse = np.searchsorted(coarse_fine.kept, mirror[coarse_fine.kept])
    up_fine = symmetric_rows(ridge_upsampler(posed, middle, *FINE_SAMPLER), mirror, mirror_middle)
    up_middle = ridge_upsampler(posed[:, middle.kept], coarse, *COARSE_SAMPLER)
    lsp, coco = _landmarks(arrays, template, mirror)
    return {
        "index_1723": middle.kept,
        "index_431": coarse_fine.kept,
        **_triplets("up_1723", up_fine),
        **_triplets("up_431", symmetric_rows(up_middle, mirror_middle, mirror_coarse)),
        "adjacency_431": np.argwhere(np.triu(adjacency_with_self(coarse.faces, len(coarse.kept)), 1)),
        "mirror": mirror,
        "lsp14_regressor": lsp,
        "coco17_regressor": coco,
    }


def _sample(arrays: dict[str, Any]) -> Float:
    """(POSES, 6890, 3) the body in random shapes and poses, the first at rest."""
    random = np.random.default_rng(0)
    rotvec = random.normal(0, POSE_SPREAD, (POSES, 24, 3))
    betas = random.normal(size=(POSES, 10))
    rotvec[0], betas[0] = 0, 0
    shapedirs = np.asarray(arrays["shapedirs"], np.float64)[..., :10]
    vertices = arrays["v_template"] + np.tensordot(betas, shapedirs, (1, 2))
    joints = arrays["J_regressor"] @ vertices
    matrices = rotation_matrices(rotvec)
    world, posed = forward_kinematics(matrices, joints, arrays["kintree_table"][0].astype(np.int64))
    correctives = pose_features(matrices) @ np.asarray(arrays["posedirs"]).reshape(-1, 207).T
    return skin(
        vertices + correctives.reshape(vertices.shape), joints, world, posed, csr_matrix(arrays["weights"])
    )


def _landmarks(arrays: dict[str, Any], template: Float, mirror: Int) -> tuple[Float, Float]:
    """(14, V) LSP and (17, V) COCO regressors: SMPL's joints, and places on the head found by its shape."""
    joints = np.asarray(arrays["J_regressor"], np.float64)
    joints = joints / joints.sum(1, keepdims=True)
    rows = {j: joints[j] for j in range(24)}
    centres = joints @ template
    for hip in (1, 2):
        height = np.abs(template[:, 1] - centres[hip, 1]) < 0.02
        side = np.sign(centres[hip, 0])
        outermost = _mean_row(np.where(height, side * template[:, 0], -np.inf))
        rows[hip] = (1 - HIP_OUTWARD) * joints[hip] + HIP_OUTWARD * outermost
    neck = 0.6 * joints[12] + 0.2 * (joints[13] + joints[14])
    is_head = arrays["weights"].argmax(1) == 15
    top = _mean_row(np.where(is_head, template[:, 1], -np.inf))
    nose = _mean_row(np.where(is_head & (np.abs(template[:, 0]) < 0.02), template[:, 2], -np.inf))
    ear = _mean_row(np.where(is_head, template[:, 0], -np.inf))
    eye_at = nose @ template + [0.032, 0.035, -0.02]
    eye = _mean_row(-np.linalg.norm(template - eye_at, axis=1))
    lsp = np.stack([rows[j] for j in LSP_JOINTS] + [neck, top])
    face = [nose, eye, eye[mirror], ear, ear[mirror]]
    return lsp, np.stack(face + [rows[j] for j in COCO_JOINTS])


def _mean_row(score: Float, count: int = 5) -> Float:
    row = np.zeros(len(score))
    row[np.argsort(score)[-count:]] = 1 / count
    return row


def _triplets(name: str, matrix: csr_matrix) -> dict[str, Any]:
    coo = matrix.tocoo()
    return {f"{name}_rows": coo.row, f"{name}_cols": coo.col, f"{name}_vals": coo.data}

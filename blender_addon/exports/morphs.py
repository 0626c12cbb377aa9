"""A motion of a mesh as a small set of morphs: principal components whose weights stay between 0 and 1.

Importers clamp weights to 0..1 (glTF's to Blender makes 43 mm of 3.5 of it), so each component is shifted and scaled
to that range, and the mesh without any morph is the corner at which all weights are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..axes import Float

MILLIMETRES = 1000.0
NOTHING_M = 1e-7
"""A component that moves all vertices by less than this is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Morphs:
    """A mesh and its morphs.

    Attributes:
        basis: (V, 3) metres.
        offsets: (K, V, 3) what each morph adds at weight 1.
        weights: (T, K) 0 to 1.
        mean_error_mm: of all vertices on all frames.
        largest_error_mm: of one vertex on one frame.
    """

    basis: Float
    offsets: Float
    weights: Float
    mean_error_mm: float
    largest_error_mm: float


def few_morphs(vertices: Float, count: int) -> Morphs:
    """The `count` morphs that come nearest to vertices (T, V, 3); fewer where fewer are exact.

    Raises:
        ValueError: no morph is asked for.
    """
    if count < 1:
        raise ValueError(f"expected at least one morph, got {count}")
    frame_count = len(vertices)
    flat = np.asarray(vertices, np.float64).reshape(frame_count, -1)
    mean = flat.mean(axis=0)
    apart = flat - mean
    values, vectors = np.linalg.eigh(apart @ apart.T)
    kept = [index for index in np.argsort(values)[::-1][:count] if values[index] > NOTHING_M**2 * flat.size]
    scores = vectors[:, kept] * np.sqrt(values[kept])
    components = (vectors[:, kept] / np.sqrt(values[kept])).T @ apart
    low, high = scores.min(axis=0), scores.max(axis=0)
    weights = (scores - low) / (high - low)
    basis = mean + low @ components
    offsets = (high - low)[:, None] * components
    rebuilt = (basis + weights @ offsets - flat).reshape(frame_count, -1, 3)
    error_mm = np.linalg.norm(rebuilt, axis=-1) * MILLIMETRES
    return Morphs(
        basis.reshape(-1, 3),
        offsets.reshape(len(kept), flat.shape[1] // 3, 3),
        weights,
        float(error_mm.mean()),
        float(error_mm.max()),
    )

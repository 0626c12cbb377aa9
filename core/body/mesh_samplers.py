"""Samplers between the resolutions of one mesh: from a coarse mesh on some of its vertices back up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix
from scipy.spatial import cKDTree

from ..types import Float, Int
from .decimate import Decimated

CANDIDATE_TRIANGLES = 24


def barycentric_upsampler(positions: Float, coarse: Decimated) -> csr_matrix:
    """(V, N) matrix that puts every fine vertex on a triangle of the coarse mesh; rows >= 0, sums 1.

    Of the triangles near a vertex in the rest shape it takes the one that follows it best in all given shapes
    and poses, so that a thigh never hangs on the other one.

    Args:
        positions: (K, V, 3) the fine mesh in K shapes and poses, the rest shape first.
        coarse: the coarse mesh; its vertices are copied exactly.
    """
    count = positions.shape[1]
    corners = positions[:, coarse.kept][:, coarse.faces]
    _, near = cKDTree(corners[0].mean(1)).query(positions[0], k=min(CANDIDATE_TRIANGLES, len(coarse.faces)))
    share = closest_barycentric(positions[0][:, None], corners[0][near])
    error = np.zeros(near.shape)
    for pose, corner in zip(positions, corners, strict=True):
        error += np.square((share[..., None] * corner[near]).sum(2) - pose[:, None]).sum(-1)
    best = error.argmin(1)
    rows = np.arange(count)
    columns, values = coarse.faces[near[rows, best]], share[rows, best]
    columns[coarse.kept] = np.arange(len(coarse.kept))[:, None]
    values[coarse.kept] = [1.0, 0.0, 0.0]
    matrix = coo_matrix(
        (values.ravel(), (np.repeat(rows, 3), columns.ravel())), shape=(count, len(coarse.kept))
    )
    return unit_rows(matrix.tocsr())


def ridge_upsampler(positions: Float, coarse: Decimated, neighbours: int, noise: float) -> csr_matrix:
    """(V, N) matrix that predicts each fine vertex from its nearest coarse ones; rows sum to one.

    Least squares over the given shapes and poses, with the ridge that is optimal when each coarse coordinate
    carries independent noise: exact fits of clean meshes amplify a network's errors.

    Args:
        positions: (K, V, 3) the fine mesh in K shapes and poses, the rest shape first.
        coarse: the coarse mesh; its vertices are copied exactly.
        neighbours: coarse vertices a fine one may use.
        noise: standard deviation of the coarse coordinates' error, metres.
    """
    poses, count = positions.shape[:2]
    _, near = cKDTree(positions[0, coarse.kept]).query(positions[0], k=neighbours)
    ordered = np.ascontiguousarray(positions.transpose(1, 0, 2), np.float64)
    shares = np.zeros((count, neighbours))
    for start in range(0, count, 256):
        part = slice(start, start + 256)
        # With w summing to one, only differences to the fine vertex matter: minimise |D w|^2 + ridge |w|^2.
        difference = ordered[coarse.kept[near[part]]] - ordered[part, None]
        flat = difference.reshape(*difference.shape[:2], -1)
        gram = flat @ flat.transpose(0, 2, 1) + 3 * poses * noise**2 * np.eye(neighbours)
        solved = np.linalg.solve(gram, np.ones((len(gram), neighbours, 1)))[..., 0]
        shares[part] = solved / solved.sum(1, keepdims=True)
    near[coarse.kept] = np.arange(len(coarse.kept))[:, None]
    shares[coarse.kept] = 1 / neighbours
    rows = np.repeat(np.arange(count), neighbours)
    return unit_rows(
        coo_matrix((shares.ravel(), (rows, near.ravel())), shape=(count, len(coarse.kept))).tocsr()
    )


def unit_rows(matrix: csr_matrix) -> csr_matrix:
    """The matrix in float32 with explicit zeros dropped and each row scaled to sum to one."""
    summed = matrix.tocsr()
    summed.sum_duplicates()
    summed.data[np.abs(summed.data) < 1e-6] = 0
    summed.eliminate_zeros()
    total = np.asarray(summed.sum(1)).ravel()
    scaled = csr_matrix(coo_matrix((1 / total, (np.arange(len(total)),) * 2)).tocsr() @ summed)
    scaled.sort_indices()
    return scaled.astype(np.float32)


def symmetric_rows(matrix: csr_matrix, mirror_rows: Int, mirror_columns: Int) -> csr_matrix:
    """The matrix whose right half is the mirror image of its left half; rows on the seam are averaged."""
    coo = matrix.tocoo()
    mirrored = coo_matrix(
        (coo.data, (mirror_rows[coo.row], mirror_columns[coo.col])), shape=matrix.shape
    ).tocsr()
    first = np.arange(len(mirror_rows)) < mirror_rows
    seam = np.arange(len(mirror_rows)) == mirror_rows
    own = np.where(seam, 0.5, first.astype(float))
    pick, other = (coo_matrix((w, (np.arange(len(w)),) * 2)).tocsr() for w in (own, 1 - own))
    return unit_rows(csr_matrix(pick @ matrix + other @ mirrored))


def closest_barycentric(points: Float, triangles: Float) -> Float:
    """Barycentric coordinates of the point of each triangle closest to a point.

    Args:
        points: (..., 3).
        triangles: (..., 3, 3) corners.

    Returns:
        (..., 3) non-negative, sum 1.
    """
    a, b, c = (triangles[..., i, :] for i in range(3))
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    det = np.maximum(d00 * d11 - d01 * d01, 1e-20)
    v, w = (d11 * d20 - d01 * d21) / det, (d00 * d21 - d01 * d20) / det
    inside = np.stack([1 - v - w, v, w], -1)
    options = [inside] + [_closest_on_edge(points, triangles, i, j) for i, j in ((0, 1), (1, 2), (2, 0))]
    distance = [np.square((o[..., None] * triangles).sum(-2) - points).sum(-1) for o in options]
    distance[0] = np.where((inside >= 0).all(-1), distance[0], np.inf)
    best = np.argmin(distance, 0)
    return np.asarray(np.take_along_axis(np.stack(options), best[None, ..., None], 0)[0])


def _closest_on_edge(points: Float, triangles: Float, i: int, j: int) -> Float:
    start, edge = triangles[..., i, :], triangles[..., j, :] - triangles[..., i, :]
    along = ((points - start) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-20)
    along = np.clip(along, 0, 1)
    share = np.zeros((*along.shape, 3))
    share[..., i], share[..., j] = 1 - along, along
    return share


def adjacency_with_self(faces: Int, count: int) -> npt.NDArray[np.bool_]:
    """(N, N) whether two vertices share an edge; true on the diagonal."""
    adjacent = np.eye(count, dtype=bool)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        adjacent[faces[:, i], faces[:, j]] = adjacent[faces[:, j], faces[:, i]] = True
    return adjacent

"""Quadric decimation that keeps a subset of the vertices, and mirror symmetry of a mesh.

Keeping vertices where they are (no new positions) means that skin weights, shape offsets and regressors are
carried over by indexing. Cost after Garland and Heckbert (1997), summed over several shapes and poses of the
same mesh, so that a vertex which matters in any of them stays.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Float, Int

EVENNESS = 1e-3  # weight of edge lengths (m^4) beside the quadrics: keeps flat regions evenly sampled
MAX_VALENCE = 11
MIN_NORMAL_COSINE = 0.2  # a collapse must not turn a triangle by more than 78 degrees
MIN_QUALITY = 0.08  # 4 sqrt(3) area / sum of squared sides; an equilateral triangle has 1


@dataclass(frozen=True, slots=True, eq=False)
class Decimated:
    """A coarser mesh on a subset of the vertices.

    Attributes:
        kept: (N,) sorted indices into the fine mesh.
        faces: (F, 3) indices into `kept`.
    """

    kept: Int
    faces: Int


def mirror_map(faces: Int, template: Float) -> Int:
    """Left-right counterpart of every vertex, found from the connectivity alone.

    Starts at an edge near the plane x = 0 and walks both sides at once; the positions only rank the starting
    edges, so a template that is a few millimetres off symmetry (SMPL's) is served as well.

    Args:
        faces: (F, 3) closed, consistently oriented triangles.
        template: (V, 3) rest positions, x across the body.

    Raises:
        ValueError: the connectivity has no mirror symmetry.
    """
    third = {(int(a), int(b)): int(c) for f in faces for a, b, c in (f, np.roll(f, -1), np.roll(f, -2))}
    edges = np.array([e for e in third if e[0] < e[1]])
    off_plane = np.abs(template[edges, 0]).sum(1)
    for a, b in edges[np.argsort(off_plane, kind="stable")[:200]].tolist():
        mapping = _walk_mirrored(third, len(template), a, b)
        if mapping is not None:
            return mapping
    raise ValueError("the mesh has no left-right symmetry of its connectivity")


def _walk_mirrored(third: dict[tuple[int, int], int], count: int, a: int, b: int) -> Int | None:
    mapping = np.full(count, -1, np.int64)
    mapping[[a, b]] = a, b
    stack, seen = [(a, b)], {(a, b)}
    while stack:
        i, j = stack.pop()
        k, mirrored = third.get((i, j)), third.get((int(mapping[j]), int(mapping[i])))
        if k is None or mirrored is None or mapping[k] not in (-1, mirrored):
            return None
        mapping[k] = mirrored
        for edge in ((k, j), (i, k), (j, i)):
            if edge not in seen:
                seen.add(edge)
                stack.append(edge)
    whole = bool((mapping >= 0).all()) and bool((mapping[mapping] == np.arange(count)).all())
    return mapping if whole else None


def decimate(
    faces: Int,
    positions: Float,
    targets: Sequence[int],
    mirror: Int,
    *,
    weights: Float | None = None,
    evenness: float = EVENNESS,
) -> list[Decimated]:
    """Mirror-symmetric nested subsets of a closed mesh, one for each target count.

    Works on the half with x >= 0, whose border is the seam: a seam vertex collapses along the seam only, so
    that the mirrored half fits exactly.

    Args:
        faces: (F, 3).
        positions: (K, V, 3) the mesh in K shapes and poses; the first is the rest shape.
        targets: vertex counts of the whole meshes, descending.
        mirror: (V,) left-right map.
        weights: (V,) importance; small values vanish first.
        evenness: how much an even spacing counts beside the shape.

    Raises:
        ValueError: a target cannot be reached without breaking the mesh.
    """
    half = _HalfMesh(faces, positions, mirror, np.ones(len(mirror)) if weights is None else weights, evenness)
    results = []
    for target in targets:
        half.reduce_to(target)
        results.append(half.whole())
    return results


class _HalfMesh:
    def __init__(self, faces: Int, positions: Float, mirror: Int, weights: Float, evenness: float) -> None:
        on_seam = mirror == np.arange(len(mirror))
        side = np.where(on_seam[None], 0.0, positions[:1, :, 0])[0]
        chosen = faces[side[faces].sum(1) > 0]
        if 2 * len(chosen) != len(faces):
            raise ValueError("the mesh's left-right seam does not run along edges")
        self.mirror = mirror
        self.p = np.ascontiguousarray(positions.transpose(1, 0, 2), np.float64)
        self.seam = on_seam
        self.alive = np.zeros(len(mirror), bool)
        self.alive[chosen] = True
        self.tris: dict[int, tuple[int, int, int]] = {
            i: (int(a), int(b), int(c)) for i, (a, b, c) in enumerate(chosen)
        }
        self.around: list[set[int]] = [set() for _ in mirror]
        for i, tri in self.tris.items():
            for v in tri:
                self.around[v].add(i)
        self.quadrics = _quadrics(chosen, self.p, weights)
        self.length_weight = evenness * weights
        self.version = np.zeros(len(mirror), np.int64)
        self.heap: list[tuple[float, int, int, int, int]] = []
        for v in np.flatnonzero(self.alive).tolist():
            self._push(v)

    def count(self) -> int:
        seam = int((self.alive & self.seam).sum())
        return 2 * int(self.alive.sum()) - seam

    def neighbours(self, v: int) -> set[int]:
        found = {w for t in self.around[v] for w in self.tris[t]}
        found.discard(v)
        return found

    def _push(self, v: int) -> None:
        """Queue all collapses of v into a neighbour."""
        targets = sorted(self.neighbours(v))
        if not targets:
            return
        quadric = self.quadrics[v][None] + self.quadrics[targets]
        point = self.p[targets]
        homogeneous = np.concatenate([point, np.ones((*point.shape[:2], 1))], 2)
        cost = np.einsum("nki,nkij,nkj->n", homogeneous, quadric, homogeneous)
        length = ((point - self.p[v][None]) ** 2).sum((1, 2))
        cost = np.maximum(cost, 0) + self.length_weight[v] * length * length.mean()
        for target, value in zip(targets, cost.tolist(), strict=True):
            heapq.heappush(self.heap, (value, v, target, int(self.version[v]), int(self.version[target])))

    def reduce_to(self, target: int) -> None:
        left = self.count() - target
        postponed: list[tuple[float, int, int, int, int]] = []
        while left > 0:
            if not self.heap:
                raise ValueError(f"cannot reach {target} vertices, {left} too many are left")
            item = heapq.heappop(self.heap)
            _, v, u, version_v, version_u = item
            if not (self.alive[v] and self.alive[u]) or (version_v, version_u) != (
                self.version[v],
                self.version[u],
            ):
                continue
            step = 1 if self.seam[v] else 2
            if step > left:
                postponed.append(item)
                continue
            if self._is_valid(v, u):
                self._collapse(v, u)
                left -= step
        for item in postponed:
            heapq.heappush(self.heap, item)

    def _is_valid(self, v: int, u: int) -> bool:
        shared = self.around[v] & self.around[u]
        near_v, near_u = self.neighbours(v), self.neighbours(u)
        if self.seam[v] and (not self.seam[u] or len(shared) != 1):
            return False
        opposite = {w for t in shared for w in self.tris[t]} - {u, v}
        if near_v & near_u != opposite or len(near_v | near_u) - 2 > MAX_VALENCE:
            return False
        if self.seam[u] and not self.seam[v] and any(self._is_chord(u, w, near_u) for w in near_v - {u}):
            return False
        if len(near_u - {v} | near_v - {u}) < 4:
            return False
        return self._keeps_orientation(v, u, self.around[v] - shared)

    def _is_chord(self, u: int, w: int, near_u: set[int]) -> bool:
        """Whether an edge u-w would join two seam vertices across the surface: doubled by the mirror."""
        return bool(self.seam[w]) and (w not in near_u or len(self.around[u] & self.around[w]) != 1)

    def _keeps_orientation(self, v: int, u: int, moved: Iterable[int]) -> bool:
        rows = [self.tris[t] for t in moved]
        if not rows:
            return False
        old = self.p[np.array(rows)]
        new = self.p[np.array([[u if w == v else w for w in row] for row in rows])]
        n_old, n_new = (np.cross(q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]) for q in (old, new))
        scale = np.linalg.norm(n_old, axis=-1) * np.linalg.norm(n_new, axis=-1)
        cosine = (n_old * n_new).sum(-1) / np.maximum(scale, 1e-20)
        sides = ((new - np.roll(new, 1, axis=1)) ** 2).sum((1, 3))
        quality = 2 * np.sqrt(3) * np.linalg.norm(n_new, axis=-1) / np.maximum(sides, 1e-20)
        return bool((cosine[:, 0] > MIN_NORMAL_COSINE).all() and (quality[:, 0] > MIN_QUALITY).all())

    def _collapse(self, v: int, u: int) -> None:
        for t in list(self.around[v]):
            tri = self.tris[t]
            if u in tri:
                for w in tri:
                    self.around[w].discard(t)
                del self.tris[t]
            else:
                a, b, c = (u if w == v else w for w in tri)
                self.tris[t] = (a, b, c)
                self.around[u].add(t)
        self.around[v] = set()
        self.alive[v] = False
        self.quadrics[u] += self.quadrics[v]
        ring = self.neighbours(u) | {u}
        self.version[list(ring)] += 1
        for w in sorted(ring):
            self._push(w)

    def whole(self) -> Decimated:
        """Both halves, vertices in the order of the fine mesh."""
        half = np.array(sorted(self.tris.values()), np.int64)
        kept_half = np.flatnonzero(self.alive)
        kept = np.unique(np.concatenate([kept_half, self.mirror[kept_half]]))
        both = np.concatenate([half, self.mirror[half][:, ::-1]])
        return Decimated(kept, np.searchsorted(kept, both))


def _quadrics(faces: Int, p: Float, weights: Float) -> Float:
    """(V, K, 4, 4) area-weighted plane quadrics, p (V, K, 3)."""
    corner = p[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    double_area = np.linalg.norm(normal, axis=-1, keepdims=True)
    normal = normal / np.maximum(double_area, 1e-20)
    plane = np.concatenate([normal, -(normal * corner[:, 0]).sum(-1, keepdims=True)], -1)
    quadric = plane[..., :, None] * plane[..., None, :] * double_area[..., None]
    quadric *= weights[faces].mean(1)[:, None, None, None]
    total = np.zeros((len(p), p.shape[1], 4, 4))
    for column in range(3):
        np.add.at(total, faces[:, column], quadric)
    return total

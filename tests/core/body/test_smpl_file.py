import copyreg
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from core.body.model import OPEN_BODY, load_body
from core.body.smpl_file import SMPL_KEYS, read_smpl
from core.body.upsample import upsample
from core.errors import BodyError, MocapError

SHUFFLE = 5
SAMPLER_LIMIT_MM = 3.0  # mean over random poses; the open body's own samplers reach 1.7


def smpl_like() -> dict[str, Any]:
    """The open body in another vertex order, half a millimetre off symmetry, with SMPL's keys only."""
    random = np.random.default_rng(SHUFFLE)
    with np.load(OPEN_BODY) as file:
        arrays = {key: file[key] for key in SMPL_KEYS}
    order = random.permutation(6890)
    arrays["f"] = np.argsort(order)[arrays["f"]].astype(np.uint32)
    for key in ("v_template", "shapedirs", "posedirs", "weights"):
        arrays[key] = arrays[key][order].astype(np.float64)
    arrays["v_template"] += random.normal(0, 2.5e-4, (6890, 3))
    arrays["J_regressor"] = arrays["J_regressor"][:, order]
    arrays["kintree_table"] = arrays["kintree_table"].astype(np.uint32)
    return arrays


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("Körper mit Leerzeichen")
    arrays = smpl_like()
    np.savez(folder / "SMPL_MALE.npz", **arrays)
    arrays["J_regressor"] = csc_matrix(arrays["J_regressor"])
    arrays["bs_type"] = "lrotmin"
    (folder / "SMPL_MALE.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    return folder


def test_load_when_users_npz_then_samplers_follow_its_poses(folder: Path) -> None:
    body = load_body(folder / "SMPL_MALE.npz")
    posed = body.pose(np.random.default_rng(0).normal(0, 0.25, (6, 24, 3))).vertices
    error_mm = 1e3 * np.linalg.norm(upsample(posed[:, body.index_431], body) - posed, axis=2).mean()
    assert error_mm < SAMPLER_LIMIT_MM


def test_load_when_users_npz_then_samplers_are_kept_beside_it(folder: Path) -> None:
    load_body(folder / "SMPL_MALE.npz")
    assert (folder / "SMPL_MALE.samplers.npz").is_file()


def test_load_when_users_npz_then_landmarks_near_the_open_bodys(folder: Path) -> None:
    body, ours = load_body(folder / "SMPL_MALE.npz"), load_body()
    found, expected = body.lsp_regressor @ body.v_template, ours.lsp_regressor @ ours.v_template
    assert np.linalg.norm(found - expected, axis=1).max() < 0.02


def test_read_when_pickle_then_same_arrays_as_npz(folder: Path) -> None:
    from_npz, from_pickle = read_smpl(folder / "SMPL_MALE.npz"), read_smpl(folder / "SMPL_MALE.pkl")
    for key in SMPL_KEYS:
        np.testing.assert_array_equal(from_npz[key], from_pickle[key])


def test_read_when_chumpy_pickle_then_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

        def __reduce__(self) -> tuple[Any, ...]:
            return copyreg._reconstructor, (Ch, object, None), self.__dict__  # type: ignore[attr-defined]

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module = types.ModuleType("chumpy.ch")
    module.Ch = Ch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    arrays = smpl_like()
    shapes = arrays["shapedirs"]
    arrays["shapedirs"] = Ch(shapes)
    (tmp_path / "old.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    np.testing.assert_array_equal(read_smpl(tmp_path / "old.pkl")["shapedirs"], shapes)


class RunsSomething:
    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.witness,)


def test_read_when_pickle_runs_something_then_refused(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps({"v_template": RunsSomething(witness)}))
    with pytest.raises(MocapError, match=r"bad\.pkl is refused"):
        read_smpl(tmp_path / "bad.pkl")
    assert not witness.exists()


def test_read_when_the_pickles_error_has_two_lines_then_ours_has_one(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"Pnobody\n.")
    with pytest.raises(BodyError) as told:
        read_smpl(tmp_path / "a.pkl")
    assert "persistent" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("protocol", range(6))
def test_read_when_builtin_is_asked_for_then_refused(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps({"v_template": eval}, protocol=protocol))
    with pytest.raises(BodyError, match="refused"):
        read_smpl(tmp_path / "bad.pkl")


@pytest.mark.parametrize("suffix", [".npz", ".pkl"])
def test_read_when_cut_off_then_body_error_names_the_file(folder: Path, tmp_path: Path, suffix: str) -> None:
    whole = (folder / f"SMPL_MALE{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BodyError, match="cut"):
        read_smpl(tmp_path / f"cut{suffix}")


def test_read_when_missing_then_body_error(tmp_path: Path) -> None:
    with pytest.raises(BodyError, match="no such body file"):
        load_body(tmp_path / "nowhere.npz")


def test_read_when_other_suffix_then_body_error(tmp_path: Path) -> None:
    (tmp_path / "body.fbx").write_bytes(b"x")
    with pytest.raises(BodyError, match="expected SMPL's"):
        read_smpl(tmp_path / "body.fbx")


def test_read_when_keys_are_missing_then_they_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "part.npz", v_template=np.zeros((6890, 3)))
    with pytest.raises(BodyError, match="lacks f, shapedirs"):
        read_smpl(tmp_path / "part.npz")


def test_read_when_smplx_counts_then_said_so(tmp_path: Path) -> None:
    arrays = smpl_like()
    arrays["v_template"] = np.zeros((10475, 3))
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(BodyError, match=r"v_template is \(10475, 3\)"):
        read_smpl(tmp_path / "x.npz")


def test_load_when_mesh_is_not_symmetric_then_body_error(tmp_path: Path) -> None:
    arrays = smpl_like()
    faces = arrays["f"]
    faces[0] = faces[0][[0, 0, 1]]
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(BodyError, match="has not SMPL's mesh"):
        load_body(tmp_path / "odd.npz")


def test_load_when_cache_is_damaged_then_computed_again(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "again.npz"
    path.write_bytes((folder / "SMPL_MALE.npz").read_bytes())
    (tmp_path / "again.samplers.npz").write_bytes(b"rubbish")
    assert load_body(path).up_431.shape == (1723, 431)
    assert "damaged" in caplog.text

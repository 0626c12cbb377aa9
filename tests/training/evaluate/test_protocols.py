"""Both protocols: by hand, by what must not matter, and by where they must differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import MocapError
from training.evaluate.protocols import H36M_TO_J14, Answered, Bool, Float, load_regressor, score_metro, score_spin

SAME = 1e-6  # of a millimetre: float64 sums in another order


@pytest.fixture(scope="module")
def regressor() -> Float:
    weights = np.random.default_rng(0).random((17, 6890)) ** 8
    return np.asarray(weights / weights.sum(1, keepdims=True))


@pytest.fixture
def answered(regressor: Float) -> Answered:
    rng = np.random.default_rng(1)
    neutral = rng.normal(0, 0.5, (6, 6890, 3))
    gendered = neutral + rng.normal(0, 0.01, neutral.shape)
    vertices = neutral + rng.normal(0, 0.05, neutral.shape)
    joints = np.einsum("jv,bvc->bjc", regressor[list(H36M_TO_J14)], neutral) + rng.normal(0, 0.02, (6, 14, 3))
    everybody = np.ones(6, bool)
    return Answered(vertices, neutral, gendered, joints, everybody, everybody)


def test_truth_itself_scores_zero(answered: Answered, regressor: Float) -> None:
    true = replace(answered, vertices=answered.gendered)
    spin = score_spin([true], regressor)
    assert (spin.mpvpe, spin.mpjpe) == (0, 0)
    assert spin.pa_mpjpe == pytest.approx(0, abs=1e-6)
    assert score_metro([replace(answered, vertices=answered.neutral)], regressor).mpvpe == 0


def test_one_shifted_vertex_counts_by_hand(answered: Answered, regressor: Float) -> None:
    blind = np.zeros_like(regressor)
    blind[:, 0] = 1.0  # every joint is the first vertex, the pelvis too
    moved = answered.gendered.copy()
    moved[:, 1] += [0.3, 0.0, 0.4]
    assert score_spin([replace(answered, vertices=moved)], blind).mpvpe == pytest.approx(500 / 6890)


@pytest.mark.parametrize("score", [score_metro, score_spin])
def test_where_a_person_stands_does_not_matter(answered: Answered, regressor: Float, score: object) -> None:
    rng = np.random.default_rng(2)
    away = [rng.normal(0, 3, (6, 1, 3)) for _ in range(4)]
    moved = replace(
        answered,
        vertices=answered.vertices + away[0],
        neutral=answered.neutral + away[1],
        gendered=answered.gendered + away[2],
        joints=answered.joints + away[3],
    )
    here, there = score([answered], regressor), score([moved], regressor)  # type: ignore[operator]
    for name in ("mpvpe", "mpjpe", "pa_mpjpe"):
        assert getattr(here, name) == pytest.approx(getattr(there, name), abs=SAME)


def test_spin_looks_at_the_gendered_body_and_metro_at_the_neutral_one(answered: Answered, regressor: Float) -> None:
    other = replace(answered, gendered=answered.gendered[::-1])
    assert score_metro([answered], regressor) == score_metro([other], regressor)
    assert score_spin([answered], regressor).mpvpe != score_spin([other], regressor).mpvpe
    swapped = replace(answered, neutral=answered.neutral[::-1])
    assert score_spin([answered], regressor) == score_spin([swapped], regressor)
    assert score_metro([answered], regressor).mpvpe != score_metro([swapped], regressor).mpvpe


def test_metro_joints_are_the_sets_own_and_spin_reads_none(answered: Answered, regressor: Float) -> None:
    other = replace(answered, joints=answered.joints[::-1])
    assert score_metro([answered], regressor).mpjpe != score_metro([other], regressor).mpjpe
    assert score_spin([answered], regressor) == score_spin([other], regressor)


def test_metro_scores_only_who_has_a_mesh_and_only_who_has_joints(answered: Answered, regressor: Float) -> None:
    meshes, joints = np.array([1, 0, 1, 0, 0, 0], bool), np.array([0, 0, 0, 1, 1, 0], bool)
    part = score_metro([replace(answered, has_mesh=meshes, has_joints=joints)], regressor)
    only = [score_metro([_rows(answered, rows)], regressor) for rows in (meshes, joints)]
    assert part.mpvpe == pytest.approx(only[0].mpvpe, abs=SAME)
    assert part.mpjpe == pytest.approx(only[1].mpjpe, abs=SAME)
    assert part.people == 6


def test_metro_aligns_everybody_of_a_batch_and_weighs_by_those_with_joints(
    answered: Answered, regressor: Float
) -> None:
    one = np.array([1, 0, 0], bool)
    first, second = _rows(answered, np.arange(6) < 3), _rows(answered, np.arange(6) >= 3)
    alone = [score_metro([part], regressor).pa_mpjpe for part in (first, second)]
    mixed = score_metro([replace(first, has_joints=one), second], regressor).pa_mpjpe
    assert None not in alone
    assert mixed == pytest.approx((1 * alone[0] + 3 * alone[1]) / 4, abs=SAME)  # type: ignore[operator]


def test_batches_do_not_matter_where_everybody_counts(answered: Answered, regressor: Float) -> None:
    parts = [_rows(answered, np.arange(6) < 2), _rows(answered, np.arange(6) >= 2)]
    for score in (score_metro, score_spin):
        whole, cut = score([answered], regressor), score(parts, regressor)
        assert whole.mpvpe == pytest.approx(cut.mpvpe, abs=SAME)
        assert whole.pa_mpjpe == pytest.approx(cut.pa_mpjpe, abs=SAME)


def test_nobody_scores_nothing(answered: Answered, regressor: Float) -> None:
    nobody = np.zeros(6, bool)
    empty = replace(answered, has_mesh=nobody, has_joints=nobody)
    for score in (score_metro, score_spin):
        told = score([empty], regressor)
        assert (told.mpvpe, told.mpjpe, told.pa_mpjpe, told.people) == (None, None, None, 6)


def test_wrong_count_of_vertices_is_refused(answered: Answered) -> None:
    with pytest.raises(ValueError, match="expected neutral"):
        replace(answered, neutral=answered.neutral[:, :100])


def test_regressor_is_read_and_another_file_is_refused(tmp_path: Path, regressor: Float) -> None:
    np.save(tmp_path / "good.npy", regressor)
    assert np.array_equal(load_regressor(tmp_path / "good.npy"), regressor)
    for name, content in (("few", regressor[:14]), ("sums", 2 * regressor)):
        np.save(tmp_path / f"{name}.npy", content)
        with pytest.raises(MocapError, match=r"sum to one.*J_regressor_h36m"):
            load_regressor(tmp_path / f"{name}.npy")
    (tmp_path / "text.npy").write_text("no array")
    for name in ("text", "missing"):
        with pytest.raises(MocapError, match="can't be read"):
            load_regressor(tmp_path / f"{name}.npy")


def _rows(answered: Answered, rows: Bool) -> Answered:
    return Answered(**{name: getattr(answered, name)[rows] for name in Answered.__slots__})

"""Other readings of unsure frames: which frames, which tokens, which poses."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import MocapError, TakeError
from core.geometry.rotations import matrices_of
from core.motion.alternatives import (
    DIFFERS_M,
    EVERY,
    KEPT,
    LEAST_CHANCE,
    UNSURE,
    Readings,
    candidates,
    differing,
    person_readings,
    read_readings,
    readings_of,
    unsure_rows,
    write_readings,
)
from core.motion.pose_vocabulary import PoseVocabulary
from core.take.take import Take
from core.weights.find import find_weights
from tests.fixtures.bone_graphs import JOINTS, PROBABILITY, SIZES
from tests.fixtures.known_takes import estimates, with_bones, write_take

FRAMES = 20
LEFT_ARM = [9, 10, 11]


def confidence(frames: int = FRAMES, unsure: slice = slice(4, 15)) -> np.ndarray:
    """(T, 14) of somebody whose left arm is hidden for a while."""
    sure = np.full((frames, 14), 0.8)
    sure[unsure, 9:12] = 0.1
    return sure


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory, bone_weights: Path) -> Take:
    rotvec = np.zeros((FRAMES, 24, 3))
    rotvec[:, 0, 0] = np.pi
    rotvec[:, 16, 2] = -0.9
    seen = with_bones(estimates(rotvec, np.tile([0.1, 0.1, 5.0], (FRAMES, 1))), rotvec)
    seen.joint_confidence[:] = confidence()
    known = {
        "rotation_tokens": SIZES,
        "weights_folder": bone_weights,
        "weights_digest": find_weights(bone_weights).digest,
    }
    return write_take(tmp_path_factory.mktemp("unsure"), seen, list(range(FRAMES)), **known)


def test_one_hidden_limb_makes_a_frame_unsure_and_a_stretch_has_its_middle() -> None:
    rows = unsure_rows(confidence())
    assert rows == [4, 9, 14] and EVERY == 5
    assert unsure_rows(confidence(unsure=slice(7, 8))) == [7]
    assert unsure_rows(confidence(unsure=slice(0, 0))) == []
    barely = confidence(unsure=slice(0, 0))
    barely[5, LEFT_ARM] = UNSURE + 0.01
    assert unsure_rows(barely) == []


def test_likeliest_reading_comes_first_and_swaps_begin_at_the_least_sure_token() -> None:
    ids = np.arange(4 * 5).reshape(5, 4)
    probability = np.tile(np.array([[0.7, 0.2, 0.07, 0.03]]), (5, 1))
    probability[3] = [0.4, 0.35, 0.15, 0.1]
    tokens, chance = candidates(ids, probability)
    np.testing.assert_array_equal(tokens[0], ids[:, 0])
    assert chance[0] == 1 and (chance[1:] < 1).all()
    assert np.flatnonzero(tokens[1] != tokens[0]).tolist() == [3]
    assert (tokens[1][3], chance[1]) == (ids[3, 1], pytest.approx(0.35 / 0.4))
    swapped = {len(np.flatnonzero(row != tokens[0])) for row in tokens}
    assert swapped == {0, 1, 2, 4, 5}, "one, or the least sure 2, 4 and all at once"
    assert len({tuple(row) for row in tokens.tolist()}) == len(tokens)


def test_network_that_is_sure_of_a_token_gives_no_division_by_zero() -> None:
    tokens, chance = candidates(np.zeros((1, 4), np.int64), np.array([[1.0, 0, 0, 0]]))
    assert len(tokens) == 4 and np.isfinite(chance).all()


def test_few_that_differ_are_kept_in_the_order_of_their_chances() -> None:
    joints = np.zeros((6, 24, 3))
    for row, way in enumerate((0, 0.3, 0.31, 0.2, -0.3, DIFFERS_M / 2)):
        joints[row, 7, 0] = way
    kept = differing(joints, np.array([1, 0.1, 0.4, 0.5, 0.2, 0.9]))
    assert kept.tolist() == [3, 2, 4], "1 is as 2, 5 is as the likeliest"
    assert differing(joints[[0, 5]], np.array([1, 0.5])).tolist() == []


def test_readings_of_a_take_differ_from_the_likeliest_and_from_each_other(take: Take) -> None:
    (found,) = readings_of(take).values()
    assert found.frame_index.tolist() == [4, 9, 14]
    assert found.rotations.shape == (3, KEPT, 21, 4)
    assert (np.diff(found.probability, axis=1) <= 0).all() and (found.probability > 0).all()
    assert (found.probability.sum(1) < 1).all(), "the likeliest has the rest"
    rest = 1 - found.probability.sum(1, keepdims=True)
    assert (found.probability / rest >= LEAST_CHANCE).all(), "no pose that nobody would read"
    turns = matrices_of(found.rotations[0].astype(np.float64))
    assert all(np.abs(turns[a] - turns[b]).max() > 0.1 for a, b in ((0, 1), (0, 2), (1, 2)))


def test_readings_are_the_same_each_time_and_through_the_file(take: Take, tmp_path: Path) -> None:
    first, again = readings_of(take), readings_of(take)
    write_readings(first, tmp_path / "a.npz")
    stored = read_readings(tmp_path / "a.npz")
    for other in (again, stored):
        assert other.keys() == first.keys()
        for name in Readings.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(other["1"], name), getattr(first["1"], name))


def test_person_who_is_seen_well_has_no_other_readings(take: Take, bone_weights: Path, tmp_path: Path) -> None:
    person = take.person("1")
    person.estimates.joint_confidence[:] = 0.9
    found = person_readings(person, PoseVocabulary(find_weights(bone_weights)))
    assert found.rotations.shape == (0, KEPT, 21, 4)
    write_readings({"1": found}, tmp_path / "none.npz")
    assert len(read_readings(tmp_path / "none.npz")["1"].frame_index) == 0


def test_take_without_a_head_has_no_other_readings(tmp_path: Path) -> None:
    rotvec = np.zeros((2, 24, 3))
    rotvec[:, 0, 0] = np.pi
    take = write_take(tmp_path, estimates(rotvec, np.tile([0.1, 0.1, 5.0], (2, 1))), [0, 1])
    with pytest.raises(TakeError, match="'w' read no bones, so there are no other readings"):
        readings_of(take)


@pytest.mark.parametrize("content", [b"", b"PK", None])
def test_file_that_is_none_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(MocapError, match="missing or damaged"):
        read_readings(tmp_path / "a.npz")


def test_file_of_another_form_is_refused(take: Take, tmp_path: Path) -> None:
    (found,) = readings_of(take).values()
    for name, value in (("p0_rotations", found.rotations[:, :2]), ("p0_probability", found.probability * np.nan)):
        write_readings({"1": found}, tmp_path / "a.npz")
        with np.load(tmp_path / "a.npz") as held:
            arrays = dict(held)
        np.savez(tmp_path / "a.npz", **{**arrays, name: value})
        with pytest.raises(MocapError, match=name[3:]):
            read_readings(tmp_path / "a.npz")
    assert len(PROBABILITY) == 4 and JOINTS == 21

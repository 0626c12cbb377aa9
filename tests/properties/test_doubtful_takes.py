"""Whatever stands in a take: the solve gives a finite motion, or one sentence."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import MocapError, ProgramFault, TakeError
from core.files.fault_log import sentence_with_log
from core.motion.solver import solve
from core.settings import SolveSettings
from core.take.take import Take
from core.types import Motion
from tests.core.motion.test_solver import truth
from tests.fixtures.bone_graphs import SIZES
from tests.fixtures.doubtful_takes import doubtful
from tests.fixtures.known_takes import estimates, with_bones, write_take

FRAMES = 18
SEEN = [*range(6), *range(9, 21)]
EXAMPLES = 40
OUTPUTS = ("transl", "joints", "bone_rotations", "bone_transl", "betas", "vertices", "confidence", "time_s")
SHARED = ("doubtful_depth_1", "doubtful_depth_2")

choices = st.builds(
    SolveSettings,
    smooth=st.sampled_from([0.0, 0.5, 1.0]),
    feet=st.sampled_from(["off", "auto", "lock"]),
    gaps=st.sampled_from([None, 0.1, 1.0]),
    floor=st.sampled_from(["off", "found", "solid"]),
    fps=st.sampled_from([None, 24.0, 60.0]),
    bones=st.sampled_from(["fit", "tokens", "both"]),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rotvec, path = truth(FRAMES)
    folder = tmp_path_factory.mktemp("whole")
    return write_take(folder, with_bones(estimates(rotvec, path), rotvec), SEEN, rotation_tokens=SIZES).path


def assert_finite(motion: Motion) -> None:
    for person in motion.persons:
        for name in OUTPUTS:
            assert np.isfinite(getattr(person, name)).all(), name
        assert (person.transl[:, 2] > 0).all(), "nobody is behind the camera"


@given(st.integers(0, 2**31), choices)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_doubtful_rows_of_any_array_give_a_finite_motion_or_one_sentence(
    whole: Path, tmp_path: Path, seed: int, chosen: SolveSettings
) -> None:
    take, done = doubtful(whole, tmp_path / "doubtful.take", seed)
    try:
        motion = solve(take, chosen)
    except MocapError as error:
        assert not isinstance(error, ProgramFault), (done, sentence_with_log(error, "a take", tmp_path / "take.log"))
        assert "\n" not in str(error)
        return
    assert not motion.faults, done
    assert_finite(motion)


@pytest.mark.parametrize("chosen", [SolveSettings(), SolveSettings(feet="lock", floor="solid", bones="fit")])
@pytest.mark.parametrize("name", SHARED)
def test_take_of_a_real_person_with_misread_frames_is_solved(name: str, chosen: SolveSettings) -> None:
    folder = Path(os.environ.get("MOCAP_SHARED", "../shared")) / "data" / "takes" / f"{name}.take"
    if not folder.is_dir():
        pytest.skip("the shared takes are not here (set MOCAP_SHARED)")
    take = Take.open(folder)
    motion = solve(take, chosen)
    assert motion.names == take.people and not motion.faults
    assert_finite(motion)


def test_row_with_a_camera_that_is_none_is_a_frame_in_which_nobody_was_seen(tmp_path: Path) -> None:
    seen, bad = estimates(*truth(FRAMES)), [2, 8, 9]
    kept = [row for row in range(FRAMES) if row not in bad]
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    without = solve(write_take(tmp_path / "without", seen[kept], kept))
    seen.weak_camera[bad, 0] = [-0.4, 1e-6, 1e9]
    seen.joint_confidence[bad] = 0.21
    person = solve(write_take(tmp_path / "with", seen, list(range(FRAMES)))).persons[0]
    assert np.flatnonzero(person.is_filled).tolist() == bad
    for name in OUTPUTS:
        np.testing.assert_array_equal(getattr(person, name), getattr(without.persons[0], name))


def test_row_whose_pose_and_picture_give_no_depth_is_a_frame_in_which_nobody_was_seen(tmp_path: Path) -> None:
    seen = estimates(*truth(FRAMES))
    middle = seen.box_px[:, None, :2] + seen.box_px[:, None, 2:] / 2
    seen.joints[7] = -seen.joints[7]  # upside down in the picture, and sure of it
    seen.joints_px[7] = 2 * middle[7] - seen.joints_px[7]
    motion = solve(write_take(tmp_path, seen, list(range(FRAMES))))
    assert_finite(motion)
    assert np.flatnonzero(motion.persons[0].is_filled).tolist() == [7]


def test_person_of_whom_no_row_tells_anything_is_one_sentence(tmp_path: Path) -> None:
    seen = estimates(*truth(FRAMES))
    seen.weak_camera[:] = 0
    with pytest.raises(TakeError, match="person '1': not one of 18 sightings tells where they are"):
        solve(write_take(tmp_path, seen, list(range(FRAMES))))

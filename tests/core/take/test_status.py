"""What a display learns of a take, while a run writes it and when it is damaged."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import TakeError
from core.take.chunks import seen_joints
from core.take.header import TakeHeader
from core.take.status import PersonStatus, TakeStatus, is_take, take_status
from core.take.take import TakeWriter
from core.types import FootageInfo, FootageReport
from core.weights.rotation_tokens import RotationTokens
from tests.fixtures.known_takes import estimates

FRAMES = 6
NOTHING = TakeStatus()


@pytest.fixture(scope="module")
def seen() -> Any:
    rotvec = np.zeros((FRAMES, 24, 3))
    rotvec[:, 0, 0] = np.pi
    return estimates(rotvec, np.tile([0.0, 0.1, 5.0], (FRAMES, 1)))


@pytest.fixture
def header(tmp_path: Path) -> TakeHeader:
    info = FootageInfo(tmp_path / "clip.mp4", "video", 640, 480, 25.0, FRAMES)
    return TakeHeader(
        info, 1, {"step": 3}, weights_name="w", weights_digest="d", body_name="open", body_digest="b", focal_px=900.0
    )


def write(writer: TakeWriter, seen: Any, person: str, frames: range) -> None:
    for frame in frames:
        writer.add(person, frame, frame / 25, seen[[frame]])
    writer.commit(frames.stop)


def test_status_of_growing_take_counts_whole_chunks(tmp_path: Path, header: TakeHeader, seen: Any) -> None:
    take = tmp_path / "a.take"
    assert not is_take(take) and take_status(take) == NOTHING
    with TakeWriter.open(take, header) as writer:
        assert is_take(take) and take_status(take).people == {}
        write(writer, seen, "1", range(2))
        write(writer, seen, "1", range(2, 4))
        write(writer, seen, "2", range(4, 6))
        status = take_status(take)
        assert status.people == {"1": PersonStatus(0, 2), "2": PersonStatus(1, 1)}
        assert (status.frames_done, status.step, status.footage) == (6, 3, tmp_path / "clip.mp4")
        writer.finish(6, FootageReport(6, (), 0, ()), kept=["2"])
    finished = take_status(take)
    assert finished.people == {"2": PersonStatus(1, 1)} and finished.frames_done == 0


@pytest.mark.parametrize("tokens", [None, RotationTokens(tokens=96, codes=512)])
def test_status_says_whether_the_weights_read_bones(tmp_path: Path, header: TakeHeader, tokens: Any) -> None:
    with TakeWriter.open(tmp_path / "a.take", replace(header, rotation_tokens=tokens)):
        assert take_status(tmp_path / "a.take").reads_bones is (tokens is not None)


DAMAGED = ["", "{", "[]", "null", '{"people": [{"id": "1"}]}', '{"people": [{"id": 1, "chunks": 3}], "complete": 0}']


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_take_counts_as_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "take.json").write_text(content)
    assert take_status(tmp_path) == NOTHING


def test_part_that_cannot_be_read_leaves_the_others(tmp_path: Path) -> None:
    held = {"complete": False, "next_frame": 40, "footage": {"path": 3}, "settings": {"step": "x"}, "people": None}
    (tmp_path / "take.json").write_text(json.dumps(held))
    assert take_status(tmp_path) == TakeStatus(frames_done=40)


def test_joints_of_a_chunk_are_those_that_were_written(tmp_path: Path, header: TakeHeader, seen: Any) -> None:
    with TakeWriter.open(tmp_path / "a.take", header) as writer:
        write(writer, seen, "1", range(2, 5))
        joints = seen_joints(writer.path, 0, 0)
    assert joints.frame_index.tolist() == [2, 3, 4]
    np.testing.assert_allclose(joints.time_s, [0.08, 0.12, 0.16])
    np.testing.assert_array_equal(joints.joints_px, seen.joints_px[2:5].astype(np.float32))
    np.testing.assert_array_equal(joints.joint_confidence, seen.joint_confidence[2:5].astype(np.float32))


@pytest.mark.parametrize("content", [None, b"PK", b""])
def test_chunk_that_is_gone_or_damaged_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "person0_0000.npz").write_bytes(content)
    with pytest.raises(TakeError, match=r"person0_0000\.npz: missing or damaged"):
        seen_joints(tmp_path, 0, 0)

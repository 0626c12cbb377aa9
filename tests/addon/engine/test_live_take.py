"""The timeline fills while a run goes: what is read of a take that grows, and what is drawn of it."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon.choices import to_request
from blender_addon.engine import live_take, session
from blender_addon.engine.live_take import Filling
from blender_addon.operators import engine_steps, timeline_strip
from blender_addon.scene.film_frames import FilmFrames
from core.body.model import load_body
from core.take.header import TakeHeader
from core.take.take import TakeWriter
from core.types import FootageInfo, FootageReport
from tests.fixtures.known_takes import estimates

FRAMES = 20
AS_SHOT, TWICE = FilmFrames(1, 25.0), FilmFrames(1, 50.0)


@pytest.fixture(scope="module")
def seen():
    """What the network saw of somebody, ever less sure."""
    rotvec = np.zeros((FRAMES, 24, 3))
    rotvec[:, 0, 0] = np.pi
    found = estimates(rotvec, np.tile([0.0, 0.1, 5.0], (FRAMES, 1)))
    found.joint_confidence[:] = np.linspace(0.9, 0.1, FRAMES)[:, None]
    return found


@pytest.fixture
def writer(tmp_path):
    info = FootageInfo(Path("clip.mp4"), "video", 640, 480, 25.0, FRAMES)
    body = load_body()
    header = TakeHeader(
        info, 1, {"step": 1}, weights_name="w", weights_digest="d", body_name="open", body_digest=body.digest,
        focal_px=900.0,
    )  # fmt: skip
    with TakeWriter.open(tmp_path / "clip.take", header) as opened:
        yield opened


def write(writer: TakeWriter, seen, person: str, frames) -> None:
    for frame in frames:
        writer.add(person, frame, frame / 25, seen[[frame]])
    writer.commit(max(frames) + 1)


@pytest.fixture
def growing(writer, monkeypatch) -> Filling:
    monkeypatch.setattr(live_take, "CHECK_S", 0.0)
    return Filling(writer.path)


def test_new_chunks_are_read_one_a_step_and_once(writer, seen, growing) -> None:
    assert not growing.advance() and growing.people == {}
    for first in (0, 4, 8):
        write(writer, seen, "1", range(first, first + 4))
    for count in (4, 8, 12):
        assert growing.advance()
        assert sorted(growing.people["1"]) == list(range(count))
    assert not growing.advance()
    time_s, sure, joints = growing.people["1"][5]
    assert (time_s, sure) == (0.2, pytest.approx(float(seen.joint_confidence[5, 0]), abs=1e-6))
    np.testing.assert_allclose(joints, seen.joints_px[5], atol=1e-3)
    assert not np.shares_memory(joints, seen.joints_px)


def test_people_who_are_not_kept_go_from_the_strip(writer, seen, growing) -> None:
    write(writer, seen, "1", range(6))
    write(writer, seen, "2", range(3, 9))
    while growing.advance():
        pass
    assert list(growing.people) == ["1", "2"]
    writer.finish(9, FootageReport(9, (), 0, ()), kept=["2"])
    while growing.advance():
        pass
    assert list(growing.people) == ["2"] and sorted(growing.people["2"]) == list(range(3, 9))


BROKEN = ["", "{", "[]", '{"people": [{"id": "1"}]}', '{"people": [{"id": 1, "chunks": 3}]}']


@pytest.mark.parametrize("content", BROKEN)
def test_take_that_is_not_there_yet_or_damaged_fills_nothing(tmp_path, monkeypatch, content: str) -> None:
    monkeypatch.setattr(live_take, "CHECK_S", 0.0)
    growing = Filling(tmp_path)
    assert not growing.advance()
    (tmp_path / "take.json").write_text(content)
    (tmp_path / "person0_0000.npz").write_bytes(b"PK")
    for _ in range(4):
        assert not growing.advance()
    assert growing.people == {}


def test_strip_is_green_where_sure_and_red_where_not(writer, seen, growing) -> None:
    write(writer, seen, "1", [*range(8), *range(12, 20)])
    growing.advance()
    runs = timeline_strip.runs_of(growing, "1", AS_SHOT)
    assert runs[0][0] == 0.5 and runs[-1][1] == pytest.approx(20.5), "scene frame 1 is the footage's first"
    assert [level for *_, level in runs] == sorted((level for *_, level in runs), reverse=True)
    assert (runs[0][2], runs[-1][2]) == (timeline_strip.LEVELS - 1, 0)
    gaps = [later[0] - earlier[1] for earlier, later in pairwise(runs)]
    assert sum(gap > 0.5 for gap in gaps) == 1, "frames 8 to 11 are not done"
    sure = timeline_strip.colour_of(timeline_strip.LEVELS - 1)
    assert sure[1] > 0.7 > 0.1 > sure[0]
    assert timeline_strip.colour_of(0)[0] > 0.8 > 0.1 > timeline_strip.colour_of(0)[1]


def test_everybody_has_a_row_at_the_frames_of_the_scene(writer, seen, growing) -> None:
    write(writer, seen, "1", range(3))
    write(writer, seen, "2", range(10, 13))
    while growing.advance():
        pass
    rows = [(timeline_strip.runs_of(growing, person, TWICE), timeline_strip.ROW_PX) for person in growing.people]
    corners, colours, triangles = timeline_strip.rectangles(rows, lambda frame: 10 * frame, 20.0, 2.0)
    assert len(corners) == len(colours) and max(max(three) for three in triangles) == len(corners) - 1
    low = sorted({y for _, y in corners})
    assert low == [40.0, 48.0, 50.0, 58.0], "rows of 4 px and gaps of 1, twice as large"
    second = [x for x, y in corners if y >= 50]
    assert (min(second), max(second)) == (pytest.approx(10 * (21 - 0.5)), pytest.approx(10 * (26.5))), "50 a second"


def test_joints_of_the_shown_frame_are_drawn(writer, seen, growing) -> None:
    write(writer, seen, "1", range(3))
    growing.advance()
    bones = timeline_strip.bones_at(growing, 2)
    assert len(bones) == 15 and timeline_strip.bones_at(growing, 7) == []
    np.testing.assert_allclose(bones[0], seen.joints_px[2, [0, 1]], atol=1e-3)


def test_background_blender_draws_nothing(addon) -> None:
    timeline_strip.add_strips()
    assert timeline_strip._handlers == []


def test_run_fills_its_strip_and_redraws_only_then(ready, writer, seen, monkeypatch) -> None:
    monkeypatch.setattr(live_take, "CHECK_S", 0.0)
    scene = ready("hang")
    running = session.start(to_request.request_from(bpy.context))
    running.filling = Filling(writer.path)
    drawn: list[int] = []
    monkeypatch.setattr(engine_steps, "redraw_strips", lambda _context: drawn.append(1))
    operator = engine_steps.StepsEngine()
    write(writer, seen, "1", range(5))
    for _ in range(3):
        running.step(scene)
        operator._redraw_strip(SimpleNamespace(), running)
    assert sorted(running.filling.people["1"]) == list(range(5)) and drawn == [1]
    assert running.is_of(scene.mocap.footage) and not running.is_of("/other/clip.mp4")


def test_run_on_a_take_alone_has_no_strip(ready) -> None:
    from blender_addon.engine.request import Plan

    ready("hang")
    running = session.begin(Plan([["solve", "x.take"]], take=Path("x.take")))
    assert running.filling is None


def test_step_of_a_draft_is_as_wide_as_what_it_stands_for(tmp_path) -> None:
    growing = Filling(tmp_path)
    growing.step = 3
    joints = np.zeros((14, 2))
    growing.people = {"1": {frame: (frame / 25, 0.9, joints) for frame in (0, 3, 6)}}
    assert timeline_strip.runs_of(growing, "1", AS_SHOT) == [(0.5, pytest.approx(9.5), timeline_strip.LEVELS - 1)]

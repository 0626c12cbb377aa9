"""A take whose footage has moved."""

import json
import shutil

import bpy
import pytest

from blender_addon.choices import footage_links, preferences, to_request
from blender_addon.engine import session
from blender_addon.operators import relink
from blender_addon.operators.takes import active_record
from blender_addon.panels import takes as panel_takes
from blender_addon.scene import take_records
from core import take_status
from tests.fixtures.graphs import blob, write_clip
from tests.fixtures.layouts import draw_all

COUNT = 12


@pytest.fixture
def moved(addon, scene, tmp_path, monkeypatch, blob_weights):
    """A take of a blob whose clip was moved after the run: its new place."""
    chosen = {"weights": str(blob_weights), "detector": "search"}
    for module in (to_request, preferences, relink):
        monkeypatch.setattr(module, "preference", lambda name, default=None: chosen.get(name, default))
    clip = write_clip(tmp_path / "blob.avi", COUNT)
    scene.mocap.footage = str(clip)
    assert bpy.ops.mocap.reconstruct() == {"FINISHED"}
    (tmp_path / "elsewhere").mkdir()
    return shutil.move(clip, tmp_path / "elsewhere" / "renamed.avi")


def drawn() -> str:
    return draw_all(panel_takes.SECTIONS, bpy.context).texts()


def test_moved_footage_is_said_and_found_and_everything_uses_it(moved, scene, tmp_path) -> None:
    take = active_record(bpy.context).take
    assert "The footage blob.avi is not there" in drawn()
    assert "is not there: choose the footage again" in to_request.why_not(bpy.context)
    assert bpy.ops.mocap.find_footage(filepath=str(moved)) == {"FINISHED"}
    assert take_status(take).footage == moved and scene.mocap.footage == str(moved)
    (clip,) = bpy.data.movieclips
    assert clip.filepath == str(moved) and clip.frame_duration == COUNT
    assert "is not there" not in drawn() and not footage_links.lost_footage(active_record(bpy.context))
    assert to_request.why_not(bpy.context) == "" and to_request.request_from(bpy.context).take == take
    assert bpy.ops.mocap.clean_up() == {"FINISHED"} and len(bpy.data.movieclips) == 1
    assert active_record(bpy.context).built.has_footage


@pytest.mark.parametrize("count", [COUNT + 5])
def test_another_clip_is_refused_and_nothing_changes(moved, scene, tmp_path, count: int) -> None:
    other = write_clip(tmp_path / "other.avi", count)
    take = active_record(bpy.context).take
    before = (take / "take.json").read_bytes()
    with pytest.raises(RuntimeError, match=r"other\.avi: another clip than the take's blob\.avi \(17 frames, not 12"):
        bpy.ops.mocap.find_footage(filepath=str(other))
    assert (take / "take.json").read_bytes() == before and scene.mocap.footage == str(tmp_path / "blob.avi")
    assert "is not there" in drawn()


def test_other_computer_without_the_take_has_the_shape_compared(moved, scene, tmp_path) -> None:
    shutil.rmtree(active_record(bpy.context).take)
    assert footage_links.lost_footage(active_record(bpy.context)) == [tmp_path / "blob.avi"]
    wide = write_clip(tmp_path / "wide.avi", COUNT, lambda _: blob([(80, 125)], 640))
    with pytest.raises(RuntimeError, match=r"wide\.avi: another clip"):
        bpy.ops.mocap.find_footage(filepath=str(wide))
    assert len(bpy.data.movieclips) == 1
    assert bpy.ops.mocap.find_footage(filepath=str(moved)) == {"FINISHED"}
    assert bpy.data.movieclips[0].filepath == str(moved)


def test_button_is_grey_where_nothing_is_missing_or_something_runs(moved, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(session, "what_runs", lambda: "Find people is running")
    assert relink.why_not_relink(bpy.context) == "Find people is running"
    shutil.move(moved, tmp_path / "blob.avi")
    assert relink.why_not_relink(bpy.context) == "The footage is where the take says"
    assert not bpy.ops.mocap.find_footage.poll()


def test_footage_that_was_never_shown_gets_behind_the_camera(moved, scene) -> None:
    record = active_record(bpy.context)
    camera = bpy.data.objects[record.built.camera]
    camera.data.background_images.clear()
    bpy.data.collections[record.built.collection][take_records.TAKE] = json.dumps(
        {**json.loads(bpy.data.collections[record.built.collection][take_records.TAKE]), "has_footage": False}
    )
    assert bpy.ops.mocap.find_footage(filepath=str(moved)) == {"FINISHED"}
    assert camera.data.background_images[0].clip and active_record(bpy.context).built.has_footage


def test_take_is_found_again_by_its_bytes_under_another_path(moved, scene, tmp_path) -> None:
    take = active_record(bpy.context).take
    scene.mocap.footage = str(moved)
    assert to_request.request_from(bpy.context).take == take
    with moved.open("r+b") as file:
        file.write(b"RIFX")
    assert to_request.request_from(bpy.context).take != take

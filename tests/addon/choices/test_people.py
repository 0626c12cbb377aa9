import json
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.choices import people, preferences, properties, to_request
from blender_addon.engine import session
from blender_addon.engine.request import QUICK_STEP
from blender_addon.operators import people as operators_people
from blender_addon.panels import people as panel_people
from blender_addon.panels import portrait_icons
from core.types import Estimates, PersonTake
from tests.fixtures.graphs import write_clip
from tests.fixtures.layouts import draw_all
from tests.fixtures.truth import DEMO

SIZE = (640, 480)


def person(frames, scores, name="1"):
    """Somebody seen in these frames; the box's x is the frame's number."""
    count = len(frames)
    boxes = np.stack([np.array(frames, float), *(np.full(count, v) for v in (20.0, 100.0, 200.0))], axis=1)
    rest = [np.zeros((count, 1)) for _ in range(5)]
    estimates = Estimates(
        boxes, np.ones(count), *rest, np.ones((count, 14)), np.zeros((count, 1)), np.zeros((count, 1)), np.array(scores)
    )
    return PersonTake(name, np.array(frames), np.array(frames) / 25, estimates)


def test_each_stretch_has_its_surest_box() -> None:
    found = people._found(person([0, 4, 8, 40, 44], [0.5, 0.9, 0.6, 0.7, 0.8]), 4, {})
    assert found.anchors == ((4, [4, 20, 100, 200], None), (44, [44, 20, 100, 200], None))
    assert found.present == ((0, 8), (40, 44))
    assert (found.first, found.last, found.share) == (0, 44, pytest.approx(5 / 12))


def test_boxes_outside_the_frames_are_left_out() -> None:
    anchors = [people.Anchor(4, [1.0, 2, 3, 4]), people.Anchor(44, [5.0, 6, 7, 8])]
    text = people.boxes_text([("1", anchors), ("a", anchors[:1])], 0, 10)
    one, other = json.loads(text)["4"]
    assert (one["id"], other["id"], one["box_xywh"]) == ("1", "a", [1, 2, 3, 4]) and "44" not in text
    assert people.boxes_text([("1", anchors)], 50, None) == ""


def test_drag_becomes_a_box_from_the_upper_left() -> None:
    assert people.box_from_corners((0.75, 0.25), (0.25, 1.5), SIZE) == [160, 0, 320, 360]
    assert people.box_from_corners((1.2, 0.2), (1.4, 0.4), SIZE) is None


def test_drawn_corners_are_the_boxs_own() -> None:
    box = [160, 0, 320, 360]
    corners = people.box_corners(box, SIZE)
    assert people.box_from_corners(corners[0], corners[2], SIZE) == box


def test_typed_box_reaches_the_engine(ready) -> None:
    scene = ready("good")
    scene.frame_set(7)
    bpy.ops.mocap.add_box()
    box = scene.mocap.boxes[0]
    box.corner, box.size = (10, 20), (30, 40)
    request = to_request.request_from(bpy.context)
    assert scene.mocap.people == "picked" and request.people == "all"
    assert json.loads(request.boxes) == {"6": [{"id": "a", "box_xywh": [10, 20, 30, 40]}]}
    session.start(request).job.close()
    assert json.loads(request.boxes_file.read_text()) == json.loads(request.boxes)
    command = request.plan().commands[0]
    assert command[command.index("--boxes") + 1] == str(request.boxes_file)


def test_nobody_chosen_is_said(ready) -> None:
    scene = ready("good")
    scene.mocap.people = "picked"
    assert to_request.why_not(bpy.context).startswith("Tick somebody")
    bpy.ops.mocap.add_box()
    scene.mocap.frames, scene.mocap.first, scene.mocap.last = "CUSTOM", 50, 60
    assert to_request.why_not(bpy.context).startswith("Nobody chosen is in the chosen frames")
    bpy.ops.mocap.remove_box(index=0)
    assert len(scene.mocap.boxes) == 0


def test_new_boxes_get_names_of_their_own(ready) -> None:
    scene = ready("good")
    for _ in range(3):
        bpy.ops.mocap.add_box()
    assert [box.person_id for box in scene.mocap.boxes] == ["a", "b", "c"]


@pytest.mark.parametrize("index", [-1, 2])
def test_drawn_box_of_no_row_is_somebody_new(ready, index: int) -> None:
    scene = ready("good")
    for number in (1, 2):
        operators_people.place_box(scene, [number, 2, 3, 4], index)
    assert [(box.person_id, box.corner[0]) for box in scene.mocap.boxes] == [("a", 1), ("b", 2)]


def test_box_drawn_again_stays_the_persons_own(ready) -> None:
    scene = ready("good")
    operators_people.place_box(scene, [1, 2, 3, 4], -1)
    scene.mocap.boxes[0].person_id = "Anna"
    scene.frame_set(9)
    operators_people.place_box(scene, [5, 6, 7, 8], 0)
    (box,) = scene.mocap.boxes
    assert (box.person_id, box.frame, box.corner[:], box.size[:]) == ("Anna", 9, (5, 6), (7, 8))


def _find(scene, name: str, frame: int) -> None:
    scene.mocap.found_in = properties.footage_path(scene.mocap)
    found = scene.mocap.found.add()
    found.person_id, found.anchors = name, json.dumps([(frame, [1.0, 2.0, 3.0, 4.0])])


def test_tracks_of_one_name_are_one_person(ready) -> None:
    scene = ready("good")
    for name, frame in (("1", 4), ("2", 40), ("3", 8)):
        _find(scene, name, frame)
    scene.mocap.found[1].person_id = "1"
    scene.mocap.found[2].is_wanted = False
    assert [(name, len(anchors)) for name, anchors in to_request.wanted_people(scene.mocap)] == [("1", 2)]


def test_shown_person_is_on_the_frame(ready) -> None:
    scene = ready("good")
    _find(scene, "1", 39)
    assert bpy.ops.mocap.show_person(index=0) == {"FINISHED"} and scene.frame_current == 40
    assert "Frames 0 to 0" in draw_all(panel_people.SECTIONS, bpy.context).texts()


def test_found_people_are_kept_when_the_file_is_saved_elsewhere(ready, tmp_path) -> None:
    scene = ready("good")
    scene.mocap.footage = str(shutil.copy(DEMO / "clip.mp4", tmp_path))
    bpy.ops.mocap.open_clip()
    _find(scene, "1", 4)
    (tmp_path / "shots").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shots" / "shot.blend"), relative_remap=True)
    assert scene.mocap.clip.filepath.startswith("//..")
    assert [person.person_id for person in properties.found_people(scene.mocap)] == ["1"]


def test_found_people_are_forgotten_with_the_footage(ready) -> None:
    scene = ready("good")
    _find(scene, "1", 4)
    scene.mocap.footage = "other.mp4"
    assert properties.found_people(scene.mocap) == [] and to_request.wanted_people(scene.mocap) == []


def test_box_counts_frames_from_the_clips_start(ready) -> None:
    scene = ready("good")
    scene.mocap.source, scene.mocap.clip = "CLIP", bpy.data.movieclips.load(str(DEMO / "clip.mp4"))
    scene.mocap.clip.frame_start = 101
    scene.frame_set(110)
    bpy.ops.mocap.add_box()
    box = scene.mocap.boxes[0]
    assert (box.frame, tuple(box.corner), tuple(box.size)) == (10, (213, 80), (213, 320))


def test_quick_pass_finds_people_and_the_ticked_one_is_built(addon, scene, tmp_path, monkeypatch, blob_weights) -> None:
    chosen = {"weights": str(blob_weights), "detector": "search"}
    for module in (to_request, preferences):
        monkeypatch.setattr(module, "preference", chosen.get)
    write_clip(tmp_path / "blob.avi", 24)
    scene.mocap.footage = str(tmp_path / "blob.avi")
    assert bpy.ops.mocap.find_people() == {"FINISHED"}
    (found,) = properties.found_people(scene.mocap)
    assert (found.person_id, found.first, scene.mocap.people) == ("1", 1, "picked")
    assert found.last > 24 - QUICK_STEP and found.share == 1 and len(bpy.data.objects) == 0
    assert bpy.ops.mocap.reconstruct() == {"FINISHED"}
    (person,) = session.current().built.people
    assert (person.person_id, person.first_frame, person.last_frame) == ("1", 1, 24)


@pytest.fixture
def listed(addon, scene, tmp_path, monkeypatch, blob_weights):
    """The quick pass's list of a clip with one walking blob in 48 frames."""
    chosen = {"weights": str(blob_weights), "detector": "search"}
    for module in (to_request, preferences):
        monkeypatch.setattr(module, "preference", chosen.get)
    write_clip(tmp_path / "blob.avi", 48)
    scene.mocap.footage = str(tmp_path / "blob.avi")
    assert bpy.ops.mocap.find_people() == {"FINISHED"}
    return scene


def _split(scene, frame: int) -> set[str]:
    scene.frame_set(frame)
    return bpy.ops.mocap.split_person(index=0)


def test_person_who_was_found_has_a_picture(listed) -> None:
    (found,) = properties.found_people(listed.mocap)
    file = people.portraits_of(Path(listed.mocap.found_take)) / found.picture
    preview = portrait_icons.preview_of(file)
    assert preview == portrait_icons.preview_of(file) and tuple(preview.image_size) == (128, 128)
    assert portrait_icons.icon_of(file) == 0  # without a window
    draw_all(panel_people.SECTIONS, bpy.context)
    file.unlink()
    assert portrait_icons.preview_of(file) is None and portrait_icons.icon_of(file) == 0


def test_picture_stands_in_the_row(listed, monkeypatch) -> None:
    found = properties.found_people(listed.mocap)[0]
    monkeypatch.setattr(panel_people, "icon_of", lambda file: 7 if file.is_file() and file.name == found.picture else 0)
    assert draw_all(panel_people.SECTIONS, bpy.context).texts("icon") == "7"


def test_pictures_are_given_back_with_the_addon(listed, addon) -> None:
    draw_all(panel_people.SECTIONS, bpy.context)
    assert portrait_icons._shown is not None and len(portrait_icons._shown) == 1
    addon.unregister()
    assert portrait_icons._shown is None
    addon.register()


def test_no_picture_is_in_the_blend(listed, tmp_path) -> None:
    draw_all(panel_people.SECTIONS, bpy.context)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert not bpy.data.images


def test_split_track_is_two_rows_with_frames_of_their_own(listed) -> None:
    whole = properties.found_people(listed.mocap)[0].last
    assert _split(listed, 22) == {"FINISHED"}
    one, two = properties.found_people(listed.mocap)
    assert [one.person_id, two.person_id, one.first, two.last] == ["1", "1b", 1, whole]
    assert one.last <= 21 < 22 <= two.first and one.picture and two.picture and one.picture != two.picture
    boxes = json.loads(to_request.request_from(bpy.context).boxes)
    entries = [(entry["id"], int(frame), entry["frames"]) for frame, held in boxes.items() for entry in held]
    assert all(frames == ([None, 20] if name == "1" else [21, None]) for name, _, frames in entries)
    assert ("1b", two.first - 1, [21, None]) in entries


def test_split_reaches_the_reconstruction(listed) -> None:
    _split(listed, 22)
    properties.found_people(listed.mocap)[0].is_wanted = False
    assert bpy.ops.mocap.reconstruct() == {"FINISHED"}
    (person,) = session.current().built.people
    assert (person.person_id, person.first_frame, person.last_frame) == ("1b", 22, 48)


def test_halves_are_split_again_and_joined_by_name(listed) -> None:
    _split(listed, 22)
    assert _split(listed, 10) == {"FINISHED"}
    rows = properties.found_people(listed.mocap)
    assert [(row.person_id, tuple(row.bounds)) for row in rows] == [("1", (-1, 8)), ("1c", (9, 20)), ("1b", (21, -1))]
    rows[2].person_id = "1"
    wanted = dict(to_request.wanted_people(listed.mocap))
    assert {tuple(anchor.frames) for anchor in wanted["1"]} == {(None, 8), (21, None)}


def test_split_is_kept_in_the_blend_and_undone_in_one_step(listed, tmp_path) -> None:
    bpy.ops.ed.undo_push(message="found")
    _split(listed, 22)
    bpy.ops.ed.undo_push(message="split")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"), copy=True)
    before = to_request.request_from(bpy.context).boxes
    bpy.ops.ed.undo()
    assert len(properties.found_people(bpy.context.scene.mocap)) == 1
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert to_request.request_from(bpy.context).boxes == before
    rows = properties.found_people(bpy.context.scene.mocap)
    assert len(rows) == 2 and len({row.picture for row in rows}) == 2


@pytest.mark.parametrize("frame", [-4, 1, 60])
def test_split_outside_the_track_says_where_to_go(listed, frame: int) -> None:
    person = properties.found_people(listed.mocap)[0]
    listed.frame_set(frame)
    with bpy.context.temp_override(mocap_person=person):
        assert not bpy.ops.mocap.split_person.poll()
    with pytest.raises(RuntimeError, match=r"1 is seen in frames 1 to \d+: go to the first frame"):
        bpy.ops.mocap.split_person(index=0)
    listed.frame_set(22)
    with bpy.context.temp_override(mocap_person=person):
        assert bpy.ops.mocap.split_person.poll()


def test_split_without_the_quick_passes_take_says_so(listed) -> None:
    shutil.rmtree(listed.mocap.found_take)
    with pytest.raises(RuntimeError, match="find people again"):
        _split(listed, 22)


@pytest.mark.parametrize(
    ("present", "expected"),
    [(((0, 99),), "██████████"), (((0, 9), (50, 54), (90, 90)), "█░░░░█░░░▒"), ((), "░░░░░░░░░░")],
)
def test_bar_shows_when_somebody_is_there(present, expected: str) -> None:
    assert people.presence_bar(present, 100, 10) == expected


def test_bar_is_as_wide_for_a_clip_shorter_than_its_cells() -> None:
    assert people.presence_bar(((0, 1),), 4, 8) == "████░░░░"

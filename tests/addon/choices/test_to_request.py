from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import bpy
import cv2
import numpy as np
import pytest

from blender_addon.choices import to_request
from blender_addon.engine.request import request_from_json, request_to_json
from blender_addon.operators import footage
from core.footage.reader import open_footage
from tests.fixtures.truth import DEMO


@pytest.fixture
def clip(ready):
    """The demo clip as Movie Clip, chosen."""
    scene = ready("good")
    scene.mocap.source, scene.mocap.clip = "CLIP", bpy.data.movieclips.load(str(DEMO / "clip.mp4"))
    return scene.mocap.clip


def options(request) -> dict[str, str]:
    """Options of the slow step's command."""
    words = request.plan().commands[0]
    return {name: value for name, value in pairwise(words) if name.startswith("--")}


def test_usual_choices_leave_the_engine_its_defaults(ready) -> None:
    ready("good")
    assert options(to_request.request_from(bpy.context)) == {"--people": "main", "--progress": "json"}


def test_draft_is_a_take_of_its_own(ready) -> None:
    scene = ready("good")
    final = to_request.request_from(bpy.context)
    scene.mocap.quality, scene.mocap.draft_step = "DRAFT", 5
    draft = to_request.request_from(bpy.context)
    assert (options(draft)["--step"], draft.build.name) == ("5", "clip draft") and draft.take != final.take


@pytest.mark.parametrize(("kind", "expected"), [("ALL", (None, None)), ("SCENE", (9, 19)), ("CUSTOM", (4, 8))])
def test_frames_count_from_zero_for_the_engine(clip, scene, kind: str, expected) -> None:
    scene.frame_start, scene.frame_end = 110, 120
    clip.frame_start = 101
    scene.mocap.frames, scene.mocap.first, scene.mocap.last = kind, 5, 9
    request = to_request.request_from(bpy.context)
    assert (request.start, request.end) == expected


@pytest.mark.parametrize(
    ("first", "last", "said"), [(9, 5, "comes before the first"), (91, 95, "The footage has 90 frames")]
)
def test_frames_that_are_not_there_are_said(clip, scene, first: int, last: int, said: str) -> None:
    scene.mocap.frames, scene.mocap.first, scene.mocap.last = "CUSTOM", first, last
    assert said in to_request.why_not(bpy.context)


def test_lens_of_the_clip_reaches_the_engine(clip, scene) -> None:
    camera = clip.tracking.camera
    camera.sensor_width, camera.focal_length = 36.0, 45.0
    assert to_request.request_from(bpy.context).focal_px is None
    scene.mocap.focal = "CLIP"
    assert to_request.request_from(bpy.context).focal_px == pytest.approx(45 / 36 * 640)


def test_rate_of_the_scene_is_warned_of_and_set(clip, scene) -> None:
    scene.render.fps = 24
    assert footage.fps_warning(scene) == "The scene has 24 frames a second, the footage 30"
    assert bpy.ops.mocap.match_fps() == {"FINISHED"}
    assert footage.fps_warning(scene) == ""


def test_file_opens_as_movie_clip(ready) -> None:
    scene = ready("good")
    assert not bpy.ops.mocap.match_fps.poll()
    assert bpy.ops.mocap.open_clip() == {"FINISHED"}
    assert (scene.mocap.source, scene.mocap.clip.frame_duration) == ("CLIP", 90)
    scene.mocap.source, scene.mocap.footage = "FILE", str(Path(__file__))
    with pytest.raises(RuntimeError, match="can't open it as a Movie Clip"):
        bpy.ops.mocap.open_clip()


def test_folder_of_pictures_is_footage(ready, tmp_path) -> None:
    scene = ready("good")
    scene.mocap.source = "SEQUENCE"
    assert to_request.why_not(bpy.context) == "Choose the footage first"
    scene.mocap.folder = str(tmp_path)
    assert to_request.request_from(bpy.context).footage == tmp_path


def test_request_comes_back_from_the_queue_as_it_was(ready) -> None:
    ready("good")
    request = replace(to_request.request_from(bpy.context), start=3, focal_px=800.5, boxes="{}")
    assert request_from_json(request_to_json(request)) == request


def test_strengths_reach_the_engine_only_where_they_are_apart(ready) -> None:
    scene = ready("good")
    scene.mocap.smooth_limbs = 0.25
    assert "--smooth-limbs" not in to_request.request_from(bpy.context).plan().commands[1]
    scene.mocap.is_smooth_apart = True
    command = to_request.request_from(bpy.context).plan().commands[1]
    assert command[command.index("--smooth-limbs") + 1] == "0.25" and "--smooth-root" in command


def test_other_weights_under_the_same_name_are_another_take(ready, monkeypatch, tmp_path) -> None:
    ready("good")
    monkeypatch.setattr(to_request, "preference", lambda name, default: str(tmp_path) if name == "weights" else default)
    config = tmp_path / "config.json"
    config.write_text("{}")
    before = to_request.request_from(bpy.context).take
    assert to_request.request_from(bpy.context).take == before
    config.write_text('{"version": 2}')
    assert to_request.request_from(bpy.context).take != before


def _pictures(folder: Path, name: str, numbers: range) -> None:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        cv2.imwrite(str(folder / f"{name}.{number:04d}.png"), np.zeros((8, 8, 3), np.uint8))


def test_movie_clip_of_one_of_two_sequences_is_that_sequence_alone(ready, tmp_path) -> None:
    scene = ready("good")
    _pictures(tmp_path / "s", "walk", range(11, 15))
    _pictures(tmp_path / "s", "run", range(1, 4))
    scene.mocap.source = "CLIP"
    scene.mocap.clip = bpy.data.movieclips.load(str(tmp_path / "s" / "walk.0011.png"))
    request = to_request.request_from(bpy.context)
    assert (request.footage, request.build.name) == (tmp_path / "s" / "walk.0011.png", "walk")
    assert open_footage(request.footage).info.announced_frames == 4
    assert request.take.name.startswith("walk-")


def test_offset_of_a_clip_leaves_out_what_lies_before_its_start(clip) -> None:
    clip.frame_start, clip.frame_offset = 101, 10
    assert to_request.request_from(bpy.context).start == 10
    assert (clip.frame_start, clip.frame_offset) == (101, 10)


@pytest.mark.parametrize("fps", [0.0, 240.0])
def test_rate_at_which_it_was_shot_reaches_the_engine_where_it_is_told(ready, fps: float) -> None:
    scene = ready("good")
    untold = to_request.request_from(bpy.context).take
    scene.mocap.film_fps = fps
    request = to_request.request_from(bpy.context)
    assert options(request).get("--fps") == ("240" if fps else None)
    assert (request.take == untold) == (not fps)


def test_pictures_that_the_engine_cannot_read_are_said_before_the_run(ready, tmp_path) -> None:
    scene = ready("good")
    scene.mocap.footage = str(tmp_path / "shot.0001.exr")
    (tmp_path / "shot.0001.exr").touch()
    assert "OpenEXR pictures can't be read; save them as PNG" in to_request.why_not(bpy.context)
    scene.mocap.source, scene.mocap.folder = "SEQUENCE", str(tmp_path)
    assert "OpenEXR pictures can't be read; save them as PNG" in to_request.why_not(bpy.context)

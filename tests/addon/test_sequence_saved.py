"""A sequence of pictures behind the camera stays one: saved, moved, opened again, and found where it was moved to."""

import shutil
from pathlib import Path
from typing import Any

import bpy
import cv2
import numpy as np

from blender_addon import headless
from blender_addon.choices.footage_links import lost_footage, relink_scene
from blender_addon.scene import take_records
from blender_addon.scene.build import BuildSettings, build_take
from blender_addon.scene.film_frames import clip_path
from tests.fixtures import motions

SIZE = (640, 360)


def _shot(folder: Path) -> Path:
    folder.mkdir()
    for number in range(1001, 1007):
        cv2.imwrite(str(folder / f"shot.{number}.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    return folder


def _is_sequence(clip: Any) -> bool:
    return (clip.source, tuple(clip.size)) == ("SEQUENCE", SIZE)


def test_sequence_when_saved_by_the_batch_and_moved_with_it_is_still_a_sequence(scene: Any, tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    built = build_take(scene, motions.motion(footage=_shot(tmp_path / "job" / "s")), BuildSettings("take"))
    assert built.has_footage
    headless._save(tmp_path / "job" / "take.blend")
    assert [clip.filepath for clip in bpy.data.movieclips] == ["//s/shot.1001.png"]
    shutil.move(tmp_path / "job", tmp_path / "archive")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "archive" / "take.blend"))
    (clip,) = bpy.data.movieclips
    assert _is_sequence(clip)
    assert clip_path(clip) == tmp_path / "archive" / "s" / "shot.1001.png"
    assert bpy.data.cameras[0].background_images[0].clip == clip


def test_sequence_when_relinked_is_still_a_sequence(addon: Any, scene: Any, tmp_path: Path) -> None:
    folder = _shot(tmp_path / "s")
    built = build_take(scene, motions.motion(footage=folder), BuildSettings("take"))
    take_records.mark(built, None, tmp_path / "take.npz")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    shutil.move(folder, tmp_path / "moved")
    record = take_records.record_of(bpy.data.collections["take"])
    assert record is not None and lost_footage(record) == [folder]
    relink_scene(record, [folder], tmp_path / "moved")
    (clip,) = bpy.data.movieclips
    assert _is_sequence(clip) and clip_path(clip) == tmp_path / "moved" / "shot.1001.png"
    assert not lost_footage(record)


def test_sequence_when_a_picture_of_it_is_relinked_among_others_is_that_one(
    addon: Any, scene: Any, tmp_path: Path
) -> None:
    folder = _shot(tmp_path / "s")
    cv2.imwrite(str(folder / "other.1.png"), np.zeros((4, 4, 3), np.uint8))
    cv2.imwrite(str(folder / "other.2.png"), np.zeros((4, 4, 3), np.uint8))
    built = build_take(scene, motions.motion(footage=folder / "shot.1003.png"), BuildSettings("take"))
    assert _is_sequence(bpy.data.movieclips[0])
    take_records.mark(built, None, tmp_path / "take.npz")
    shutil.move(folder, tmp_path / "moved")
    record = take_records.record_of(bpy.data.collections["take"])
    assert record is not None
    relink_scene(record, lost_footage(record), tmp_path / "moved" / "shot.1003.png")
    (clip,) = bpy.data.movieclips
    assert _is_sequence(clip) and clip_path(clip) == tmp_path / "moved" / "shot.1001.png"

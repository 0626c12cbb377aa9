import math
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from blender_addon.scene.camera import show_footage
from blender_addon.scene.turned_clip import to_clip, to_upright, upright_size
from tests.fixtures import clips
from tests.fixtures.graphs import write_clip

NEARLY = 1e-5


def _portrait(folder: Path) -> Path:
    """Stored 160 x 96, to be turned clockwise by 90 degrees."""
    picture = np.zeros((96, 160, 3), np.uint8)
    return clips.with_rotation(write_clip(folder / "phone.mp4", 3, lambda _: picture), coded_height=96)


def test_turned_footage_when_shown_behind_the_camera_is_upright_and_fills_the_frame(scene: Any, tmp_path: Path) -> None:
    data = bpy.data.cameras.new("camera")
    camera = bpy.data.objects.new("camera", data)
    clip = show_footage(camera, _portrait(tmp_path))
    background = data.background_images[0]
    assert upright_size(clip) == (96, 160)
    if tuple(clip.size) == (96, 160):  # Blender has turned it
        assert (background.rotation, background.scale, background.frame_method) == (0, 1, "STRETCH")
        return
    # as Blender draws it: fitted into the frame, scaled, and then turned clockwise by `rotation`
    frame, picture = np.array([96.0, 160.0]), np.array(clip.size[:], float)
    assert background.frame_method == "FIT"
    fitted = picture * min(frame / picture) * background.scale
    np.testing.assert_allclose(fitted[::-1], frame, rtol=NEARLY)
    assert background.rotation == pytest.approx(math.pi / 2)


def test_point_when_the_clip_is_turned_clockwise_goes_with_it() -> None:
    assert to_upright((0.0, 1.0), 90) == (1.0, 1.0)  # the upper left corner comes to the upper right
    assert to_upright((0.0, 1.0), 270) == (0.0, 0.0)
    assert to_upright((0.25, 1.0), 180) == (0.75, 0.0)


@pytest.mark.parametrize("turn_deg", [0, 90, 180, 270])
def test_point_when_brought_to_the_clip_and_back_is_the_same(turn_deg: int) -> None:
    assert to_upright(to_clip((0.2, 0.7), turn_deg), turn_deg) == pytest.approx((0.2, 0.7))

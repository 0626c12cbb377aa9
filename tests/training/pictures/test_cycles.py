"""The second renderer: the same labels as ours, a picture in which the person is where the labels say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.body.model import load_body
from training.pictures import cycles
from training.pictures.gbuffer import Surface
from training.pictures.render import Studio
from training.pictures.settings import RenderSettings

SETTINGS = RenderSettings(count=1, split="test", seed=3)


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio.build(SETTINGS)


def test_finer_surface_has_the_old_corners_and_middles_of_edges() -> None:
    corners = np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0]], np.float32)
    ones = np.ones(3, np.int32)
    fine = cycles.finer(Surface(corners, np.array([[0, 1, 2]], np.int32), corners, ones, ones), 1)
    assert {tuple(v) for v in fine.vertices} == {(0, 0, 0), (2, 0, 0), (0, 2, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)}
    a, b, c = (fine.vertices[fine.faces[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    assert np.allclose(normals, [0, 0, 1])  # four triangles that face where the one did, a quarter of its area


def test_whole_person_is_in_the_frame(studio: Studio) -> None:
    for number in range(8):
        shot = cycles.take_shot(studio, number)
        points = shot.points(shot.scene.person.surface.vertices)
        assert points.min() >= 0 and points.max() <= cycles.FRAME


# Blender in a process of its own: it does not get on with warnings that are errors.
DRAW = """
import sys
from pathlib import Path
import numpy as np
from training.pictures import cycles
from training.pictures.render import RenderSettings, Studio
folder = Path(sys.argv[1])
cycles.SAMPLES = 2
studio = Studio.build(RenderSettings(count=1, split="test", seed=3))
np.savez(folder / "with.npz", **cycles.draw(studio, 1, folder / "with.png"))
cycles._person = lambda *_: None  # the same world without anybody
cycles.draw(studio, 1, folder / "without.png")
"""


@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="needs bpy")
def test_picture_shows_the_person_where_the_labels_are(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DRAW, str(tmp_path)], check=True, timeout=240, capture_output=True)
    taken = cycles.Taken.open(tmp_path)
    shown, empty = taken.images()[0], cv2.imread(str(tmp_path / "without.png"))
    changed = np.abs(shown.astype(int) - empty).max(-1) > 24
    trunk = taken.points[0][[2, 3, 8, 9]].round().astype(int)  # hips and shoulders
    assert changed[trunk[:, 1], trunk[:, 0]].mean() >= 0.75
    body = load_body()
    assert np.allclose(body.lsp_regressor @ taken.vertices[0], taken.joints[0], atol=1e-5)


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no pictures"):
        cycles.Taken.open(tmp_path)

"""The second renderer: the same labels as ours, a picture in which the person is where the labels say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.body import load_body
from training.pictures import cycles
from training.pictures.gbuffer import Surface
from training.pictures.render import RenderSettings, Studio

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


def test_picture_shows_the_person_where_the_labels_are(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bpy")
    monkeypatch.setattr(cycles, "SAMPLES", 2)
    labels = cycles.draw(studio, 1, tmp_path / "with.png")
    np.savez(tmp_path / "with.npz", **labels)
    taken = cycles.Taken.open(tmp_path)
    shown = taken.images()[0]
    monkeypatch.setattr(cycles, "_person", lambda *_: None)  # the same world without anybody
    cycles.draw(studio, 1, tmp_path / "without.png")
    empty = cv2.imread(str(tmp_path / "without.png"))
    changed = np.abs(shown.astype(int) - empty).max(-1) > 24
    trunk = taken.points[0][[2, 3, 8, 9]].round().astype(int)  # hips and shoulders
    assert changed[trunk[:, 1], trunk[:, 0]].mean() >= 0.75
    body = load_body()
    assert np.allclose(body.lsp_regressor @ taken.vertices[0], taken.joints[0], atol=1e-5)


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no pictures"):
        cycles.Taken.open(tmp_path)

"""Tests in Blender: they run in any Python that has bpy, and are skipped in one without."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HAS_BPY = importlib.util.find_spec("bpy") is not None
if HAS_BPY:
    import bpy  # before any test: it is what puts Blender's own modules, such as addon_utils, in place
else:
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header() -> str:
    """Say which Blender the tests of the add-on run in."""
    if not HAS_BPY:
        return "tests/addon: skipped, no bpy in this Python (pip install bpy)"
    return f"tests/addon: Blender {bpy.app.version_string}"


@pytest.fixture
def scene() -> Any:
    """An empty scene at 25 frames a second in a fresh file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 25
    return bpy.context.scene


@pytest.fixture
def addon(scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The add-on, registered, with takes in a temporary folder; a class left registered hangs bpy 4.5."""
    import blender_addon
    from blender_addon import operators

    monkeypatch.setattr(operators, "takes_folder", lambda: tmp_path / "takes")
    blender_addon.register()
    yield blender_addon
    blender_addon.unregister()

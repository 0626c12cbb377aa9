"""Tests in Blender: they run in any Python that has bpy, and are skipped in one without."""

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

GIVE_UP_S = 60
HAS_BPY = importlib.util.find_spec("bpy") is not None
READERS = {"glb": "io_scene_gltf2", "fbx": "io_scene_fbx", "bvh": "io_anim_bvh"}
if HAS_BPY:
    import bpy  # before any test: it is what puts Blender's own modules, such as addon_utils, in place
else:
    collect_ignore_glob = ["test_*.py", "*/test_*.py"]


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
    from blender_addon.choices import to_request

    monkeypatch.setattr(to_request, "takes_folder", lambda: tmp_path / "takes")
    blender_addon.register()
    yield blender_addon
    blender_addon.unregister()


@pytest.fixture
def ready(addon: Any, scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Everything there but the engine: a function that installs one with a mode and returns the scene."""
    from blender_addon import bridge
    from blender_addon.engine import readiness, session
    from tests.fixtures import fake_engine
    from tests.fixtures.truth import DEMO, true_motion

    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "config.json").write_text(json.dumps({"name": "test", "licence": "CC0-1.0"}))
    readiness.check.cache_clear()
    monkeypatch.setattr(readiness, "DEFAULT_WEIGHTS", str(weights))
    scene.mocap.footage = str(DEMO / "clip.mp4")
    motion = tmp_path / "motion.npz"
    bridge.write_motion(true_motion(), motion)

    def install(mode: str) -> Any:
        program = fake_engine.install(tmp_path, monkeypatch, mode, motion)
        monkeypatch.setattr(session, "own_python", lambda: program)
        return bpy.context.scene

    yield install
    readiness.check.cache_clear()


@pytest.fixture
def step_until() -> Callable[..., None]:
    """Steps a run as the timer does, until something is so."""

    def step(running: Any, scene: Any, is_reached: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not is_reached():
            running.step(scene)
            assert time.monotonic() - began < GIVE_UP_S
            time.sleep(0.01)

    return step


@pytest.fixture
def reader() -> Iterator[Callable[[Path], None]]:
    """Import a file into an empty scene at 25 frames a second; importers are switched off afterwards."""
    import addon_utils

    used = set()

    def read(path: Path) -> None:
        kind = path.suffix[1:]
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps = 25
        if kind in READERS:
            used.add(READERS[kind])
            addon_utils.enable(READERS[kind], default_set=False)
        {
            "glb": lambda: bpy.ops.import_scene.gltf(filepath=str(path)),
            "fbx": lambda: bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0),
            "usd": lambda: bpy.ops.wm.usd_import(filepath=str(path)),
            "abc": lambda: bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False),
            "bvh": lambda: bpy.ops.import_anim.bvh(filepath=str(path), axis_forward="Y", axis_up="Z"),
        }[kind]()

    yield read
    for module in used:
        addon_utils.disable(module, default_set=False)

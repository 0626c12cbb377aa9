"""Weights in the preferences, with the real engine and a stand-in for Hugging Face."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon.choices import preferences
from blender_addon.engine import session
from blender_addon.operators import downloads as operators_downloads
from blender_addon.panels import downloads as panel_downloads
from blender_addon.panels.preferences import MocapPreferences
from tests.addon.engine.test_process import CANCEL_S
from tests.fixtures.bundles import NAME, edit, large_bundle, whole
from tests.fixtures.hub import Hub
from tests.fixtures.layouts import Layout

WANTED = {"hub_repository": NAME, "hub_revision": "", "downloads": "", "weights": "", "is_commercial_only": False}


@pytest.fixture
def bundle(blob_weights: Path, tmp_path: Path) -> Path:
    return large_bundle(blob_weights, tmp_path / "bundle")


@pytest.fixture
def chosen(addon, hub: Hub, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Preferences of somebody who lets Blender go online; a plain package has none."""
    hub.add_folder(NAME, bundle)
    kept = SimpleNamespace(**WANTED, python="", detector="", bl_rna=MocapPreferences.bl_rna)
    kept.downloads = str(tmp_path / "downloads")
    for module in (preferences, operators_downloads):
        monkeypatch.setattr(module, "preferences", lambda: kept)
    monkeypatch.setattr(preferences, "preference", lambda name, default: getattr(kept, name, default))
    monkeypatch.setattr(operators_downloads, "preference", lambda name, default: getattr(kept, name, default))
    monkeypatch.setattr(operators_downloads, "is_online_allowed", lambda: True)
    monkeypatch.setattr(session, "own_python", lambda: Path(sys.executable))
    operators_downloads.downloads_in.cache_clear()
    yield kept
    operators_downloads.downloads_in.cache_clear()


def drawn(chosen: SimpleNamespace) -> Layout:
    layout = Layout()
    panel_downloads.draw_downloads(layout, chosen)
    return layout


def pinned(hub: Hub) -> str:
    return hub.branches[NAME]["main"]


def test_download_pins_the_commit_tells_the_licence_and_is_used_on_a_click(chosen, hub: Hub, tmp_path: Path) -> None:
    assert bpy.ops.mocap.download_weights() == {"FINISHED"}
    assert chosen.hub_revision == pinned(hub)
    assert chosen.weights == ""  # nothing is used before its licence was shown
    layout = drawn(chosen)
    assert f"{NAME}@{pinned(hub)[:12]}: CC0-1.0, commercial use allowed, " in layout.texts()
    assert "1 downloaded, " in layout.texts() and str(tmp_path / "downloads") in layout.texts()
    assert layout.texts("operator").split() == ["Download", "Use", "Remove"]
    (folder,) = whole(tmp_path / "downloads")
    assert bpy.ops.mocap.use_weights(folder=str(folder)) == {"FINISHED"}
    assert chosen.weights == str(folder) and "In use" in drawn(chosen).texts()
    assert preferences.readiness_now().weights == "blob"


def test_removed_weights_are_gone_and_the_default_is_back(chosen, hub: Hub, tmp_path: Path) -> None:
    bpy.ops.mocap.download_weights()
    (folder,) = whole(tmp_path / "downloads")
    bpy.ops.mocap.use_weights(folder=str(folder))
    assert bpy.ops.mocap.remove_weights(weights=f"{NAME}@{pinned(hub)}") == {"FINISHED"}
    assert chosen.weights == "" and not folder.exists()
    assert "0 downloaded, 0.0 MB" in drawn(chosen).texts()


def test_weights_for_research_are_neither_downloaded_nor_used_commercially(
    chosen, hub: Hub, bundle: Path, tmp_path: Path
) -> None:
    edit(bundle, lambda config: config.update(commercial_use=False, licence="research only"))
    hub.add_folder(NAME, bundle)
    chosen.is_commercial_only = True
    with pytest.raises(RuntimeError, match="not for commercial use"):
        bpy.ops.mocap.download_weights()
    chosen.is_commercial_only = False
    bpy.ops.mocap.download_weights()
    chosen.is_commercial_only = True
    (folder,) = whole(tmp_path / "downloads")
    with pytest.raises(RuntimeError, match="non-commercial use only"):
        bpy.ops.mocap.use_weights(folder=str(folder))
    assert chosen.weights == ""
    layout = drawn(chosen)
    assert "research only, NO commercial use" in layout.texts() and "Use" not in layout.texts("operator")


def test_running_download_shows_megabytes_and_is_cancelled_in_time(
    chosen, scene, hub: Hub, step_until, tmp_path: Path
) -> None:
    hub.pause_s = 0.1
    running = operators_downloads.MOCAP_OT_download_weights.begin(SimpleNamespace(), bpy.context)
    step_until(running, scene, lambda: running.job.progress.done > 40_000)
    text = drawn(chosen).texts("progress")
    assert text.startswith("Downloading 0.") and " MB, " in text and "%" in text and " left" in text
    running.job.cancel()
    asked = time.monotonic()
    step_until(running, scene, lambda: running.state != "running")
    assert running.state == "cancelled" and time.monotonic() - asked < CANCEL_S
    operators_downloads.downloads_in.cache_clear()
    assert "Not finished: Download goes on" in drawn(chosen).texts() and whole(tmp_path / "downloads") == []
    hub.pause_s = 0.0
    assert bpy.ops.mocap.download_weights() == {"FINISHED"}
    assert hub.fetched("model.safetensors")[-1].startswith("bytes=") and len(whole(tmp_path / "downloads")) == 1


def test_failed_download_is_one_sentence_where_the_button_is(chosen, hub: Hub) -> None:
    hub.gated.add(NAME)
    with pytest.raises(RuntimeError, match="ask for access"):
        bpy.ops.mocap.download_weights()
    assert "ask for access" in drawn(chosen).texts() and "Traceback" not in drawn(chosen).texts()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hub_repository": ""}, "Type the repository first"),
        ({"hub_repository": "name alone"}, "expected ORG/NAME"),
        ({"hub_repository": "../up"}, "expected ORG/NAME"),
    ],
)
def test_grey_button_says_why(chosen, change, reason) -> None:
    vars(chosen).update(change)
    assert reason in drawn(chosen).texts()
    assert not bpy.ops.mocap.download_weights.poll()


def test_blender_that_may_not_go_online_downloads_nothing_and_says_where_to_allow_it(
    chosen, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operators_downloads, "is_online_allowed", lambda: bool(bpy.app.online_access))
    assert not bpy.app.online_access  # as Blender starts
    assert "Allow Online Access" in drawn(chosen).texts() and "System > Network" in drawn(chosen).texts()
    assert not bpy.ops.mocap.download_weights.poll()
    with pytest.raises(RuntimeError):
        bpy.ops.mocap.download_weights()
    assert hub.asked == []

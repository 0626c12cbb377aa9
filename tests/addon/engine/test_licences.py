import json

import bpy
import pytest

from blender_addon import headless
from blender_addon.bridge import MocapError
from blender_addon.choices import to_request
from blender_addon.engine import licences, readiness, session
from blender_addon.operators import queue
from tests.addon.test_batch import run_batch


def weights(folder, **config):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"name": folder.name, "licence": "CC-BY-NC-4.0", **config}))
    return folder


def test_research_weights_are_refused_in_one_sentence(tmp_path) -> None:
    folder = weights(tmp_path / "research", commercial_use=False)
    assert licences.refusal(folder).startswith("research is for non-commercial use only (CC-BY-NC-4.0)")
    assert readiness.check("", str(folder), "", True).problem == licences.refusal(folder)
    assert readiness.check("", str(folder), "", False).problem == ""


def test_allowed_weights_are_not_refused(tmp_path) -> None:
    assert licences.refusal(weights(tmp_path / "open", commercial_use=True)) == ""


@pytest.mark.parametrize("said", [{}, {"commercial_use": "yes"}, {"commercial_use": None}])
def test_what_does_not_say_yes_plainly_is_refused(tmp_path, said) -> None:
    assert "doesn't say" in licences.refusal(weights(tmp_path / "silent", **said))


def test_shipped_bundles_may_be_used_commercially() -> None:
    assert licences.refusal(licences.weights_folder() / readiness.DEFAULT_WEIGHTS) == ""
    assert licences.detector_refusal("") == licences.detector_refusal("own") == ""


def test_detectors_are_refused_by_their_config(tmp_path) -> None:
    folder = weights(tmp_path / "finder", commercial_use=False, files={"net.onnx": {}})
    (folder / "net.onnx").touch()
    (tmp_path / "bare.onnx").touch()
    assert "non-commercial" in licences.detector_refusal(str(folder))
    assert "non-commercial" in licences.detector_refusal(str(folder / "net.onnx"))
    assert "says nothing of its licence" in licences.detector_refusal(str(tmp_path / "bare.onnx"))
    assert [licences.detector_refusal(kind) for kind in ("search", "frame")] == ["", ""]


@pytest.fixture
def preferred(monkeypatch):
    """Sets preferences, which a plain package has none of."""
    from blender_addon.choices import preferences

    def prefer(**chosen) -> None:
        def preference(name: str, default):
            return chosen.get(name, default)

        for module in (to_request, queue, preferences):
            monkeypatch.setattr(module, "preference", preference)

    return prefer


def test_switch_disables_the_button_and_refuses_a_start(ready, preferred) -> None:
    ready("good")  # its weights don't say that they may be used commercially
    assert to_request.why_not(bpy.context) == ""
    preferred(is_commercial_only=True)
    assert "may be used commercially" in to_request.why_not(bpy.context)
    with pytest.raises(MocapError, match="may be used commercially"):
        session.start(to_request.request_from(bpy.context))
    assert not session.is_running()


def test_switch_holds_for_what_was_queued_before(ready, preferred) -> None:
    scene = ready("good")
    bpy.ops.mocap.queue_add()
    preferred(is_commercial_only=True)
    with pytest.raises(RuntimeError, match="nothing in the queue can be started"):
        bpy.ops.mocap.queue_run()
    assert scene.mocap.queue[0].status == "FAILED" and "may be used commercially" in scene.mocap.queue[0].message


def test_batch_refuses_before_anything_is_written(tmp_path, blob_weights) -> None:
    (tmp_path / "clip.mp4").touch()
    config = json.loads((blob_weights / "config.json").read_text())
    folder = tmp_path / "research"
    folder.mkdir()
    for file in blob_weights.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "name": "research", "commercial_use": False}))
    done = run_batch("clip.mp4", "-o", "out", "--weights", folder, "--commercial", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "error: research is for non-commercial use only" in done.stderr and "clip.mp4" not in done.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_batch_refuses_detectors_too(tmp_path) -> None:
    (tmp_path / "bare.onnx").touch()
    with pytest.raises(MocapError, match="says nothing of its licence"):
        headless.check_licences(None, str(tmp_path / "bare.onnx"))
    headless.check_licences(None, None)

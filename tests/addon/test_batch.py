import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_addon import bridge, headless
from blender_addon.exports import contact_sheet
from tests.fixtures.graphs import write_clip

ROOT = Path(__file__).parent.parent.parent
BLENDER_S = 400
LOOK = """
import sys, json, bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
print(json.dumps({
    "objects": sorted(item.name for item in bpy.data.objects),
    "keys": [len(keys.key_blocks) for keys in bpy.data.shape_keys],
    "clips": [clip.filepath for clip in bpy.data.movieclips],
    "lights": len(bpy.data.lights),
}))
"""


def run_batch(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a person types it."""
    command = [sys.executable, str(ROOT / "blender_addon" / "batch.py"), "--", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=cwd, env=environment, check=False, capture_output=True, text=True, timeout=BLENDER_S
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, blob_weights: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A batch of two good clips and two bad ones, in a folder with a space and other letters."""
    folder = tmp_path_factory.mktemp("Höhe ü 空")
    write_clip(folder / "läufer 1.mp4", 24)
    write_clip(folder / "second.avi", 12)
    (folder / "notes.mp4").write_text("not a video")
    done = run_batch(
        "notes.mp4", "läufer 1.mp4", "gone.mp4", "second.avi", "-o", "out", "--weights", blob_weights,
        "--detector", "search", "--output", "mesh,armature", "--export", "glb,bvh", cwd=folder,
    )  # fmt: skip
    return folder / "out", done


def test_good_clip_gets_all_its_files(made) -> None:
    out, done = made
    names = {path.name for path in out.iterdir()}
    expected = {f"läufer 1.{suffix}" for suffix in ("blend", "png", "npz", "take", "glb", "bvh")} | {"report.json"}
    assert {name for name in names if not name.startswith("second")} == expected, done.stderr
    assert "second.blend" in names


def test_bad_clips_get_one_sentence_each_and_exit_code_1(made) -> None:
    _, done = made
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 1
    assert [error.split(":")[1].strip() for error in errors] == ["notes.mp4", "gone.mp4"]
    assert "Traceback" not in done.stderr + done.stdout


def test_report_tells_each_clips_fate(made) -> None:
    report = json.loads((made[0] / "report.json").read_text(encoding="utf-8"))
    assert [(clip["name"], clip["status"]) for clip in report["clips"]] == [
        ("notes", "failed"), ("läufer 1", "done"), ("gone", "failed"), ("second", "done"),
    ]  # fmt: skip
    person = report["clips"][1]["people"][0]
    assert person["frames"] >= 20 and report["clips"][1]["footage_facts"]["frames_decoded"] == 24
    (told,) = report["clips"][1]["self_check"]
    assert {"picture", "foot slide", "jitter", "jumps", "flips"} <= {check["name"] for check in told["checks"]}
    assert all(check["grade"] in made[1].stdout for check in told["checks"])


def test_blend_holds_the_take_and_nothing_of_the_sheet(made, tmp_path) -> None:
    script = tmp_path / "look.py"
    script.write_text(LOOK)
    done = subprocess.run(
        [sys.executable, str(script), str(made[0] / "läufer 1.blend")],
        check=False, capture_output=True, text=True, timeout=BLENDER_S,
    )  # fmt: skip
    held = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    label = "läufer 1.1"
    names = ["läufer 1", "läufer 1 camera", *(f"{label} {part}" for part in ("body", "root", "skeleton", "skinned"))]
    assert held["objects"] == sorted(names)
    assert held["keys"][0] >= 20 and held["clips"] == ["//../läufer 1.mp4"] and held["lights"] == 0


MOVED = """
import sys, json, bpy, numpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
body = next(item for item in bpy.data.objects if item.modifiers.get("Mesh cache"))
def vertices(frame):
    bpy.context.scene.frame_set(frame)
    seen = body.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    found = numpy.empty(3 * len(seen.vertices), numpy.float32)
    seen.vertices.foreach_get("co", found)
    return found
apart = float(numpy.abs(vertices(bpy.context.scene.frame_start) - vertices(bpy.context.scene.frame_end)).max())
print(json.dumps({"file": body.modifiers["Mesh cache"].filepath, "keys": len(bpy.data.shape_keys), "apart": apart}))
"""


def test_mesh_cache_goes_beside_the_blend_and_moves_with_it(tmp_path, blob_weights: Path) -> None:
    write_clip(tmp_path / "a.mp4", 12)
    done = run_batch(
        "a.mp4", "-o", "out", "--weights", blob_weights, "--detector", "search", "--storage", "cache", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "out").rename(tmp_path / "moved")
    looked = subprocess.run(
        [sys.executable, "-c", MOVED, str(tmp_path / "moved" / "a.blend")],
        check=False, capture_output=True, text=True, timeout=BLENDER_S,
    )  # fmt: skip
    found = json.loads(looked.stdout.splitlines()[-1])
    assert found["file"] == "//a_person0.pc2" and found["keys"] == 0
    assert found["apart"] > 1e-4  # the body moves: the cache is read


def test_camera_of_one_clip_is_not_given_to_two(tmp_path) -> None:
    done = run_batch("a.mp4", "b.mp4", "-o", "out", "--camera", "camera.npz", cwd=tmp_path)
    assert done.returncode == 2 and "one clip" in done.stderr


def test_sheet_shows_the_body_over_the_footage(made) -> None:
    picture = cv2.imdecode(__import__("numpy").fromfile(made[0] / "läufer 1.png", "uint8"), cv2.IMREAD_COLOR)
    assert picture.shape == (3 * (240 + contact_sheet.LABEL_PX + contact_sheet.GAP_PX) + 4, 4 * (320 + 4) + 4, 3)
    first_cell = picture[4:244, 4:324].astype(int)
    coloured = (first_cell.max(axis=2) - first_cell.min(axis=2)) > 40  # footage is grey, the body is not
    rows, columns = coloured.nonzero()
    assert abs(columns.mean() - 90) < 12 and abs(rows.mean() - 125) < 20  # the blob's place in frame 0


@pytest.mark.parametrize("wrong", ["obj", "bvh"])  # bvh needs a skeleton, which is not asked for
def test_wrong_usage_ends_with_2(tmp_path, wrong: str) -> None:
    assert run_batch("clip.mp4", "-o", "out", "--export", wrong, cwd=tmp_path).returncode == 2


def test_output_folder_that_is_a_file_is_one_sentence(tmp_path) -> None:
    (tmp_path / "out").touch()
    done = run_batch("clip.mp4", "-o", "out", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "choose another place" in done.stderr


def test_clips_of_one_name_do_not_overwrite_each_other() -> None:
    assert headless.clip_names([Path("a/x.mp4"), Path("b/x.mp4"), Path("y.mov")], None) == ["x", "x_2", "y"]


def test_overlay_keeps_the_footage_where_there_is_no_body() -> None:
    import numpy as np

    footage = np.full((2, 2, 3), 100, np.uint8)
    body = np.zeros((2, 2, 4), np.uint8)
    body[0, 0] = (0, 0, 200, 255)
    mixed = contact_sheet.overlaid(footage, body)
    assert mixed[1, 1].tolist() == [100, 100, 100] and mixed[0, 0].tolist() == [20, 20, 180]


def test_portrait_cells_are_no_higher_than_landscape_ones_are_wide() -> None:
    assert contact_sheet.cell_size(1080, 1920) == (270, 480)
    assert contact_sheet.cell_size(320, 240) == (320, 240)


@pytest.fixture
def batch(tmp_path, blob_weights: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the batch over two clips in this process; returns the exit code, the report and the output folder."""
    for name in ("a", "b"):
        write_clip(tmp_path / f"{name}.mp4", 12)

    def run(*more: str):
        out = tmp_path / "out"
        monkeypatch.setattr(bridge.StopRequest, "listen", lambda _self: None)
        code = headless.main(
            [str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4"), "-o", str(out), "--weights", str(blob_weights),
             "--detector", "search", "--progress", "none", *more]
        )  # fmt: skip
        return code, json.loads((out / "report.json").read_text(encoding="utf-8"))["clips"], out

    return run


def failing_for(clip: str, function, error: Exception):
    """The function, which raises where it is given a file of that name."""

    def fails(*arguments, **named):
        if any(isinstance(argument, Path) and argument.name == clip for argument in arguments):
            raise error
        return function(*arguments, **named)

    return fails


def test_fault_of_the_program_in_one_clip_leaves_the_others_and_the_report(batch, monkeypatch, capsys) -> None:
    odd = np.linalg.LinAlgError("SVD did not converge")
    monkeypatch.setattr(headless, "_reconstruct", failing_for("a.mp4", headless._reconstruct, odd))
    code, clips, out = batch()
    assert code == 1 and [clip["status"] for clip in clips] == ["failed", "done"]
    assert "LinAlgError" in clips[0]["error"] and str(out / "a.log") in clips[0]["error"]
    assert "Traceback" in (out / "a.log").read_text() and not (out / "b.log").exists()
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert errors == [f"error: {clips[0]['error']}"]


def test_sheet_and_export_that_fail_leave_the_rest_of_their_clip(batch, monkeypatch) -> None:
    monkeypatch.setattr(headless, "write_sheet", failing_for("a.png", headless.write_sheet, KeyError("gone")))
    monkeypatch.setattr(headless, "export_take", failing_for("a.bvh", headless.export_take, ZeroDivisionError("odd")))
    code, clips, out = batch("--output", "mesh,armature", "--export", "bvh,glb")
    assert code == 1 and [clip["status"] for clip in clips] == ["incomplete", "done"]
    assert [failure["what"].rpartition(": ")[2] for failure in clips[0]["failures"]] == ["export bvh", "contact sheet"]
    assert clips[0]["error"] == clips[0]["failures"][0]["sentence"] and clips[1]["failures"] == []
    assert {"a.blend", "a.glb", "b.blend", "b.bvh", "b.png"} <= {path.name for path in out.iterdir()}
    log = (out / "a.log").read_text()
    assert "ZeroDivisionError" in log and "KeyError" in log


def test_person_who_cannot_be_solved_leaves_the_others_of_the_clip(batch, monkeypatch) -> None:
    whole = bridge.solve
    lost = bridge.ProgramFault("person '7' could not be solved (odd)")

    def solve(take, settings):
        motion = whole(take, settings)
        return replace(motion, faults=(("7", lost),)) if "a.take" in str(take.path) else motion

    monkeypatch.setattr(headless.bridge, "solve", solve, raising=False)
    code, clips, out = batch()
    assert code == 1 and [clip["status"] for clip in clips] == ["incomplete", "done"]
    assert "person '7'" in clips[0]["error"] and (out / "a.blend").is_file() and len(clips[0]["people"]) == 1

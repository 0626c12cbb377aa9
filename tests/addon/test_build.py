import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import build_addon
from blender_addon.rigs.bone_maps import ORDER

BLENDER_S = 240
SYSTEMS = (
    {"platform_system": "Linux", "sys_platform": "linux"},
    {"platform_system": "Windows", "sys_platform": "win32"},
    {"platform_system": "Darwin", "sys_platform": "darwin"},
)
SPDX = {"SPDX:GPL-3.0-or-later", "SPDX:Apache-2.0", "SPDX:CC0-1.0"}
INSTALL = """
import sys, bpy, addon_utils
bpy.ops.preferences.addon_disable  # the preferences exist
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
name = "bl_ext.user_default.footage_mocap"
module = sys.modules[name]
print("enabled", addon_utils.check(name)[1], hasattr(bpy.types, "MOCAP_PT_main"))
bridge = sys.modules[name + ".bridge"]
print("bundled", bridge.is_bundled(), bridge.core().__name__, "core" in sys.modules)
print("takes", sys.modules[name + ".choices.preferences"].takes_folder())
body = bridge.load_body()
print("body", body.v_template.shape)
problem = sys.modules[name + ".engine.readiness"].check("", "").problem
print("problem", problem or None)
addon_utils.disable(name, default_set=True)
print("disabled", hasattr(bpy.types, "MOCAP_PT_main"))
"""


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension without wheels: they are Blender's business, and 100 MB."""
    folder = tmp_path_factory.mktemp("dist")
    assets = [name for name in build_addon.ASSETS if (build_addon.ROOT / "assets" / name).is_dir()]
    return build_addon.build(folder, "linux-x64", [], assets)


def test_blenders_validator_takes_the_zip(zipped: Path) -> None:
    assert build_addon.validate(zipped)


def test_zip_carries_the_bone_maps(zipped: Path) -> None:
    names = zipfile.ZipFile(zipped).namelist()
    assert [name for name in names if name.startswith("rigs/bone_maps/")] == [
        f"rigs/bone_maps/{name}.json" for name in sorted(ORDER)
    ]


def test_validator_refuses_a_manifest_with_a_fault(zipped: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(zipped) as source, zipfile.ZipFile(broken, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            target.writestr(name, text.replace(b"Tracking", b"Trucking") if name.endswith(".toml") else text)
    with pytest.raises(build_addon.BuildError, match="validator says"):
        build_addon.validate(broken)


def test_blenders_builder_takes_the_staged_folder(zipped: Path, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    zipfile.ZipFile(zipped).extractall(stage)
    validator = build_addon.blender_scripts() / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    command = [sys.executable, str(validator), "build", "--source-dir", str(stage), "--output-dir", str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=BLENDER_S)
    assert done.returncode == 0, done.stdout + done.stderr


def test_manifest_says_what_the_validator_does_not_check(zipped: Path) -> None:
    manifest = tomllib.loads(zipfile.ZipFile(zipped).read("blender_manifest.toml").decode())
    assert set(manifest["license"]) == SPDX
    assert manifest["platforms"] == ["linux-x64"]
    assert tuple(map(int, manifest["blender_version_min"].split("."))) >= (4, 2, 0)
    assert manifest["id"].isidentifier()


def test_manifest_names_what_the_sources_use(zipped: Path) -> None:
    archive = zipfile.ZipFile(zipped)
    names = [name for name in archive.namelist() if name.endswith(".py") and not name.startswith("core/")]
    sources = "".join(archive.read(name).decode() for name in names)
    permissions = tomllib.loads(archive.read("blender_manifest.toml").decode())["permissions"]
    assert ("clipboard" in permissions) == (".clipboard =" in sources)
    assert ("network" in permissions) == ("bpy.app.online_access" in sources)


def test_zip_is_whole_and_holds_nothing_else(zipped: Path) -> None:
    names = set(zipfile.ZipFile(zipped).namelist())
    assert {"__init__.py", "batch.py", "core/__init__.py", "core/__main__.py", "assets/body/open_body.npz"} <= names
    assert {"LICENSES/GPL-3.0-or-later.txt", "LICENSES/Apache-2.0.txt"} <= names
    assert not {"training", "tests", "blender_addon"} & {part for name in names for part in Path(name).parts}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".pt"))]
    assert len(zipfile.ZipFile(zipped).namelist()) == len(names)


def test_same_content_gives_the_same_bytes_whatever_its_dates(zipped: Path, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    zipfile.ZipFile(zipped).extractall(stage)
    for file in stage.rglob("*"):
        os.utime(file, (1, 1))
    build_addon.write_zip(stage, tmp_path / "again.zip")
    assert (
        hashlib.sha256((tmp_path / "again.zip").read_bytes()).digest() == hashlib.sha256(zipped.read_bytes()).digest()
    )


def test_wheels_are_listed_sorted_and_never_numpy(tmp_path: Path) -> None:
    manifest = tomllib.loads(build_addon.manifest_text("1.2.3", "linux-x64", ["b.whl", "a.whl"]))
    assert manifest["wheels"] == ["./wheels/a.whl", "./wheels/b.whl"]
    pins = (build_addon.ROOT / "blender_addon" / "wheels.txt").read_text().splitlines()
    named = {re.split("[=<>]", pin)[0] for pin in pins if pin and not pin.startswith("#")}
    assert "numpy" not in named and all("==" in pin for pin in pins if pin and not pin.startswith("#"))


def test_closure_of_the_wheels_is_complete() -> None:
    """Nothing in Blender resolves dependencies: whatever a wheel needs must be pinned too, numpy apart.

    hf-xet only makes transfers quicker; `core.weights.hugging_face` goes without it.
    """
    from importlib import metadata

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = (build_addon.ROOT / "blender_addon" / "wheels.txt").read_text().splitlines()
    named = {canonicalize_name(re.split("[=<>]", pin)[0]) for pin in pins if pin and not pin.startswith("#")}
    needed = set()
    for name in named - {"colorama"}:  # not installed here; it needs nothing
        for requirement in map(Requirement, metadata.requires(name) or []):
            places = [{"python_version": v, **system} for v in build_addon.PYTHONS for system in SYSTEMS]
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": "", **p}) for p in places):
                needed.add(canonicalize_name(requirement.name))
    assert needed - named <= {"numpy", "hf-xet"}
    assert "colorama" in needed and "httpx2" in needed


def test_no_shipped_file_touches_the_path(zipped: Path) -> None:
    archive = zipfile.ZipFile(zipped)
    sources = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".py")}
    assert [name for name, text in sources.items() if "sys.path.insert" in text or "sys.path.append" in text] == []


def test_zip_installs_and_enables(zipped: Path, tmp_path: Path) -> None:
    script = tmp_path / "install.py"
    script.write_text(INSTALL)
    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "BLENDER_USER_RESOURCES": str(tmp_path / "user"),
    }
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, str(script), str(zipped)],
        env=environment, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=BLENDER_S,
    )  # fmt: skip
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert said.get("enabled") == "True True", done.stdout + done.stderr
    assert said["bundled"] == "True bl_ext.user_default.footage_mocap.core False"
    assert said["body"] == "(6890, 3)"
    assert str(tmp_path) in said["takes"]
    assert said["disabled"] == "False"


def test_weights_for_research_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("blender_addon", "core", "LICENSES", "assets/body"):
        shutil.copytree(build_addon.ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("*.npz", "__pycache__"))
    for name, commercial in (("open-one", True), ("research-one", False)):
        (tmp_path / "assets" / "weights" / name).mkdir(parents=True)
        config = {"commercial_use": commercial}
        (tmp_path / "assets" / "weights" / name / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(build_addon, "ROOT", tmp_path)
    build_addon.stage_sources(tmp_path / "stage", build_addon.ASSETS)
    assert [folder.name for folder in (tmp_path / "stage" / "assets" / "weights").iterdir()] == ["open-one"]


@pytest.mark.parametrize(("upsampler", "is_there"), [("body", False), ("learned", True)])
def test_parameters_for_torch_stay_out_where_the_engine_does_not_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upsampler: str, is_there: bool
) -> None:
    for part in ("blender_addon", "core", "LICENSES"):
        (tmp_path / part).mkdir()
    folder = tmp_path / "assets" / "weights" / "open-one"
    folder.mkdir(parents=True)
    for name in ("model.onnx", "model.safetensors"):
        (folder / name).write_bytes(b"numbers")
    (folder / "config.json").write_text(json.dumps({"upsampler": upsampler}))
    monkeypatch.setattr(build_addon, "ROOT", tmp_path)
    build_addon.stage_sources(tmp_path / "stage", ("weights",))
    names = {file.name for file in (tmp_path / "stage" / "assets" / "weights" / "open-one").iterdir()}
    assert names == {"model.onnx", "config.json"} | ({"model.safetensors"} if is_there else set())


def test_missing_weights_stop_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_addon, "ASSETS", ("no_such_asset",))
    with pytest.raises(build_addon.BuildError, match="missing or empty"):
        build_addon.stage_sources(tmp_path / "stage", ("no_such_asset",))


def test_wheels_that_cannot_be_had_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def refused(*_args, **_options):
        return subprocess.CompletedProcess([], 1, "", "ERROR: No matching distribution found for scipy")

    monkeypatch.setattr(build_addon.subprocess, "run", refused)
    assert build_addon.main(["-o", str(tmp_path), "--wheels", str(tmp_path / "wheels")]) == 1
    assert capsys.readouterr().err.startswith("error: no wheels for linux-x64, Python 3.11: ERROR: No matching")

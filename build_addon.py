"""Build the extension's zip: stage, write the manifest, gather wheels, zip, validate.

    python build_addon.py [--platform linux-x64] [--python 3.11,3.13] [-o dist]     # 3.14: Debian's Blender 5.2

Same input, same bytes. No tracked file is touched. The zip works offline: `core`, the body, the default
weights and every wheel but numpy (Blender's own) are inside.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
EXTENSION_ID = "footage_mocap"
PLATFORM_TAGS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64", "macosx_13_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64"),
}
PYTHONS = ("3.11", "3.13")
"""3.11 is Blender 4.2 to 5.0, 3.13 is 5.1 and 5.2. A distribution's own Blender runs on the distribution's Python:
Debian's 5.2 on 3.14, for which all wheels exist too. Without a fitting one Blender says so and doesn't enable it."""
LEFT_OUT = {"__pycache__", "wheels.txt"}
ASSETS = ("body", "weights")
TORCH_MODEL = "model.safetensors"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
MEGABYTE = 1e6

MANIFEST = """\
schema_version = "1.0.0"

id = "{id}"
version = "{version}"
name = "Footage Mocap"
tagline = "Footage in, animated people out: mesh, skeleton, matched camera"
maintainer = "Footage Mocap contributors"
type = "add-on"
tags = ["Animation", "Tracking", "Rigging"]
blender_version_min = "4.2.0"
license = ["SPDX:GPL-3.0-or-later", "SPDX:Apache-2.0", "SPDX:CC0-1.0"]
platforms = ["{platform}"]
wheels = [
{wheels}]

[permissions]
files = "Read footage, keep takes, write exports"
network = "Download larger weights, on a click"
clipboard = "Copy a report for a bug, or a command line"
"""


class BuildError(Exception):
    """The zip can't be built; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--platform", choices=PLATFORM_TAGS, default="linux-x64")
    parser.add_argument("--python", default=",".join(PYTHONS), help="Python versions to carry wheels for")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist", help="folder of the zip")
    parser.add_argument("--wheels", type=Path, default=ROOT / "build" / "wheels", help="folder of downloads")
    parser.add_argument("--without", default="", help="wheels,weights: left out, for quick tests")
    chosen = parser.parse_args(arguments)
    without = set(chosen.without.split(","))
    try:
        wheels: list[Path] = []
        if "wheels" not in without:
            wheels = gather_wheels(chosen.wheels, chosen.platform, chosen.python.split(","))
        assets = [name for name in ASSETS if name not in without]
        path = build(chosen.output, chosen.platform, wheels, assets)
        validated = validate(path)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    size = path.stat().st_size / MEGABYTE
    print(f"{path}: {size:.1f} MB, {len(wheels)} wheels, {'validated' if validated else 'NOT validated: no bpy here'}")
    return 0


def build(output: Path, platform: str, wheels: list[Path], assets: Sequence[str] = ASSETS) -> Path:
    """Stage the extension and zip it; returns the zip."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{EXTENSION_ID}-{version}-{platform}.zip"
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder) / EXTENSION_ID
        stage_sources(stage, assets)
        (stage / "wheels").mkdir()
        for wheel in wheels:
            shutil.copyfile(wheel, stage / "wheels" / wheel.name)
        manifest = manifest_text(version, platform, [wheel.name for wheel in wheels])
        (stage / "blender_manifest.toml").write_text(manifest, encoding="utf-8")
        write_zip(stage, path)
    return path


def stage_sources(stage: Path, assets: Sequence[str]) -> None:
    """Copy what the extension holds: the add-on, `core` as its subpackage, the assets, the licences.

    Weights that may not be used commercially stay out, and so do the parameters for torch, which Blender hasn't got.

    Raises:
        BuildError: the body or the default weights are not there.
    """

    def leave_out(folder: str, names: list[str]) -> set[str]:
        left_out = {n for n in names if n in LEFT_OUT or n.endswith(".pyc") or is_for_research(Path(folder, n))}
        return left_out | ({TORCH_MODEL} if needs_no_torch_model(Path(folder)) else set())

    shutil.copytree(ROOT / "blender_addon", stage, ignore=leave_out)
    shutil.copytree(ROOT / "core", stage / "core", ignore=leave_out)
    shutil.copytree(ROOT / "LICENSES", stage / "LICENSES")
    for name in assets:
        source = ROOT / "assets" / name
        if not source.is_dir() or not any(source.iterdir()):
            raise BuildError(f"{source} is missing or empty: get the whole checkout")
        shutil.copytree(source, stage / "assets" / name, ignore=leave_out)


def needs_no_torch_model(folder: Path) -> bool:
    """Whether a folder holds weights whose ONNX file is all that the engine reads: a learned upsampler is not in it."""
    config = folder / "config.json"
    return config.is_file() and json.loads(config.read_text(encoding="utf-8")).get("upsampler") == "body"


def is_for_research(folder: Path) -> bool:
    """Whether a folder holds weights that may not be used commercially."""
    config = folder / "config.json"
    return config.is_file() and not json.loads(config.read_text(encoding="utf-8")).get("commercial_use", True)


def manifest_text(version: str, platform: str, wheels: list[str]) -> str:
    """The extension's manifest."""
    lines = "".join(f'  "./wheels/{name}",\n' for name in sorted(wheels))
    return MANIFEST.format(id=EXTENSION_ID, version=version, platform=platform, wheels=lines)


def gather_wheels(folder: Path, platform: str, pythons: Sequence[str]) -> list[Path]:
    """Download the pinned wheels for a platform and its Pythons; returns them by name.

    Raises:
        BuildError: pip could not get one of them.
    """
    found: dict[str, Path] = {}
    for python in pythons:
        target = folder / f"{platform}-{python}"
        target.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--disable-pip-version-check", "--python-version", python, "--dest", str(target)]
        for tag in PLATFORM_TAGS[platform]:
            command += ["--platform", tag]
        command += ["-r", str(ROOT / "blender_addon" / "wheels.txt")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
            raise BuildError(f"no wheels for {platform}, Python {python}: {' '.join(errors) or done.stderr}")
        found |= {wheel.name: wheel for wheel in target.glob("*.whl")}
    return [found[name] for name in sorted(found)]


def write_zip(stage: Path, path: Path) -> None:
    """Zip a folder so that the same content gives the same bytes; wheels are compressed already."""
    partial = path.with_suffix(".part")
    with zipfile.ZipFile(partial, "w") as archive:
        for file in sorted(file for file in stage.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(stage).as_posix(), ZIP_TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_STORED if file.suffix == ".whl" else zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes(), compresslevel=9)
    partial.replace(path)


def validate(path: Path) -> bool:
    """Whether Blender's own validator saw the zip; it comes with the bpy wheel.

    Raises:
        BuildError: the validator turned it down.
    """
    scripts = blender_scripts()
    if scripts is None:
        return False
    validator = scripts / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    tags = scripts / "modules" / "_bpy_internal" / "extensions" / "tags.py"
    command = [sys.executable, str(validator), "validate", "--valid-tags", str(tags), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{path}: Blender's validator says: {(done.stdout + done.stderr).strip()}")
    return True


def blender_scripts() -> Path | None:
    """The scripts of the bpy wheel in this Python, or None."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob("*/scripts"))), None)


if __name__ == "__main__":
    sys.exit(main())

"""Many clips, no window: per clip a .blend, a contact sheet and the exports asked for, and one report.

    blender -b --python blender_addon/batch.py -- CLIP... -o OUT/ [--output mesh,armature]
        [--export glb,fbx,bvh,usd,abc,unreal,unity,godot,mixamo] [--report report.json] [--commercial]
        [--storage keys|cache] [--fps N]
    python blender_addon/batch.py -- CLIP... -o OUT/          with bpy from PyPI

A bad clip gets one sentence and the others go on, and so does a person, an export or a sheet; what nobody foresaw has
its traceback in OUT/NAME.log. The exit code is 1 if anything failed, 2 for wrong usage, 130 after Ctrl-C.
A rerun resumes: takes are kept beside the results, the network never runs twice.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path


def _package_name() -> str:
    """Name of the package that this file belongs to, loaded if it is not yet.

    Run as a script it has none: in a checkout it lies in `blender_addon`, in Blender's extensions folder in
    `<repository>/<id>`.
    """
    folder = Path(__file__).resolve().parent
    name = "blender_addon" if folder.name == "blender_addon" else f"bl_ext.{folder.parent.name}.{folder.name}"
    if name in sys.modules or name != "blender_addon":
        return importlib.import_module(name).__name__
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no add-on at {folder}: get the whole checkout")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return name


def _run() -> None:
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # read when cv2 is first imported
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    clips = importlib.import_module(f"{_package_name()}.headless")
    exit_code = clips.main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    if exit_code:
        os._exit(exit_code)  # Blender reports 0 for a script that leaves by SystemExit


if __name__ == "__main__":
    _run()

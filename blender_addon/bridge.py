"""The one door to `core`: bundled inside the extension, or the sibling in a checkout.

In an installed extension `core` is a subpackage, so it is `bl_ext.<repository>.<id>.core`. In a checkout it
lies beside `blender_addon`. Nothing is put on `sys.path` in either case.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core import *  # noqa: F403 all public names of core are also names of this module: `bridge.MocapError`

FOLDER = Path(__file__).resolve().parent
"""The add-on's own folder, with `batch.py`."""
PACKAGE = __package__ or "blender_addon"
"""The extension as Blender calls it: `bl_ext.<repository>.<id>`, or `blender_addon` in a checkout."""


def is_bundled() -> bool:
    """Whether `core` came with the extension."""
    return (FOLDER / "core" / "__init__.py").is_file()


def core_root() -> Path:
    """The folder that holds `core` (and `assets`)."""
    return FOLDER if is_bundled() else FOLDER.parent


@cache
def core() -> ModuleType:
    """The `core` package; its public names load what they need when they are first used."""
    if is_bundled():
        return importlib.import_module(".core", __package__)
    if "core" not in sys.modules and importlib.util.find_spec("core") is None:
        _load_sibling("core", core_root() / "core")
    return importlib.import_module("core")


def _load_sibling(name: str, folder: Path) -> None:
    init = folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None or not init.is_file():
        raise ImportError(f"no {name} package at {folder}: get the whole checkout, or install the extension's zip")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


if not TYPE_CHECKING:  # a name that core does not have is then an error to mypy, as in any module

    def __getattr__(name: str) -> Any:
        """Public names of `core`, so that callers write `bridge.MocapError`."""
        return getattr(core(), name)

"""The direction of the arrows, checked on the running code and on the tree.

Static contracts (who may import whom) are in pyproject.toml and run by `make lint`; these tests are about
what the static view can't see: what a process really loads, and what a file really holds.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(p for tree in ("core", "training", "blender_addon") for p in (ROOT / tree).rglob("*.py"))
LONG_FILE_LINES = 400


@pytest.mark.parametrize("module", ["core", "core.pipeline", "core.__main__"])
def test_importing_the_pipeline_loads_neither_torch_nor_bpy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{'torch', 'bpy', 'training', 'smplx'}} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_tree_has_the_rooms_the_design_names() -> None:
    rooms = ["blender_addon", "core", "training", "assets", "tests", "build_addon.py", "README.md"]
    assert [room for room in rooms if not (ROOT / room).exists()] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_source_file_is_short_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONG_FILE_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_source_file_swallows_no_exception(path: Path) -> None:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    handlers = [node for node in nodes if isinstance(node, ast.ExceptHandler)]
    silent = [h.lineno for h in handlers if all(isinstance(statement, ast.Pass) for statement in h.body)]
    assert silent == []


@pytest.mark.parametrize("tree", ["core", "blender_addon"])
def test_imports_within_a_shipped_package_are_relative(tree: str) -> None:
    """In Blender the package is called bl_ext.user_default.<id>, and core is its subpackage."""
    absolute = []
    for path in sorted((ROOT / tree).rglob("*.py")):
        if path.name in {"bridge.py", "batch.py"} and tree == "blender_addon":
            continue  # the two doors: bridge picks the core, batch.py is run as a script
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            ours = [n for n in names if n.split(".")[0] in {"core", "blender_addon"}]
            absolute += [f"{path.name}:{node.lineno} {n}" for n in ours]
    assert absolute == []


def test_no_module_loads_pickled_objects() -> None:
    allowed = {"smpl_pickle.py", "body_smpl.py", "body.py"}  # the unpickler that admits arrays only
    offenders = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        if path.name not in allowed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and getattr(node.value, "value", None) is True
    ]
    assert offenders == []

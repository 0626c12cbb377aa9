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
            ours = [n for n in names if n.split(".")[0] in {"core", "blender_addon", "training"}]
            absolute += [f"{path.name}:{node.lineno} {n}" for n in ours]
    assert absolute == []


UNPICKLER = "core/body/smpl_file.py"
"""The only place that unpickles, and it admits arrays alone."""
KNOWS_PICKLE = {UNPICKLER, "training/datasets/writers.py", "training/import_checkpoint.py"}
"""The second writes files for tests, the third names an exception."""
OBJECT_READERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
CODE_RUNNERS = {"eval", "exec", "compile", "__import__"}


def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _called(node: ast.AST) -> str:
    """The dotted name of what is called, "" where it has none."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def _keyword(node: ast.AST, name: str) -> object:
    assert isinstance(node, ast.Call)
    return next((getattr(k.value, "value", k.value) for k in node.keywords if k.arg == name), None)


def _unsafe(path: str, node: ast.AST) -> str:
    """What is wrong with a line of source; "" where nothing is."""
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    if {name.split(".")[0] for name in names} & OBJECT_READERS and path not in KNOWS_PICKLE:
        return "imports a reader of objects"
    called = _called(node)
    if called in CODE_RUNNERS:
        return f"calls {called}"
    if called.startswith("pickle.") and called not in ("pickle.dumps", "pickle.UnpicklingError") and path != UNPICKLER:
        return f"calls {called}"
    if called in ("pickle.load", "pickle.loads"):
        return f"calls {called}, not the unpickler that admits arrays only"
    if called == "torch.load" and _keyword(node, "weights_only") is not True:
        return "calls torch.load without weights_only=True"
    if called in ("np.load", "numpy.load") and path.startswith("core/"):
        return "calls np.load, not bounded.read_arrays"
    if called in ("np.load", "numpy.load") and _keyword(node, "allow_pickle") not in (False, None):
        return "calls np.load with objects"
    if called in ("yaml.load", "yaml.unsafe_load", "yaml.full_load"):
        return f"calls {called}, not yaml.safe_load"
    return ""


def test_no_module_opens_objects_or_runs_what_it_reads() -> None:
    files = [(path.relative_to(ROOT).as_posix(), path) for path in SOURCES]
    found = [(name, getattr(node, "lineno", 0), _unsafe(name, node)) for name, path in files for node in _nodes(path)]
    assert [one for one in found if one[2]] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from joblib import load", "import shelve", "eval(text)", "torch.load(file)",
        "torch.load(file, weights_only=False)", "np.load(file)", "yaml.load(file)", "pickle.loads(content)",
    ],
)  # fmt: skip
def test_unsafe_line_is_found(code: str) -> None:
    assert any(_unsafe("core/take/take.py", node) for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize("call", ["json.load", "json.loads"])
def test_core_reads_json_within_bounds_alone(call: str) -> None:
    # take.py reads what it has just written itself
    own = {"core/files/untrusted.py", "core/take/take.py", "core/weights/hugging_face.py"}
    files = [(path.relative_to(ROOT).as_posix(), path) for path in SOURCES]
    calls = {name for name, path in files if name.startswith("core/") for n in _nodes(path) if _called(n) == call}
    assert calls <= own


NAMED_TUPLE = {"_fields", "_replace", "_asdict", "_make"}
"""The names of named tuples begin so without being private."""


def _private_names(path: Path) -> list[str]:
    """What a file takes from another one of ours although its name begins with an underscore."""
    nodes = _nodes(path)
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    ours = [n for n in imports if n.level or (n.module or "").split(".")[0] in {"core", "training", "blender_addon"}]
    names = [alias for node in ours for alias in node.names]
    known = {alias.asname or alias.name for alias in names}
    attributes = [n for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) in known]
    found = [alias.name for alias in names] + [n.attr for n in attributes if n.attr not in NAMED_TUPLE]
    return [name for name in found if name.startswith("_") and not name.startswith("__")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_private_name_stays_in_its_file(path: Path) -> None:
    assert _private_names(path) == []


@pytest.mark.parametrize("code", ["from .session import _unused", "from . import session\nsession._unused()"])
def test_private_name_of_another_file_is_found(tmp_path: Path, code: str) -> None:
    (tmp_path / "a.py").write_text(code)
    assert _private_names(tmp_path / "a.py") == ["_unused"]

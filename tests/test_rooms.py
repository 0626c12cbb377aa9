"""The house: few modules at the door of each package, no circles of imports, and a sign in every room that is true.

Which room may import which is in pyproject.toml, run by `make lint`. Imports count wherever they stand in a file,
inside functions too; those under TYPE_CHECKING never run and don't count.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOORS = {"core": 7, "blender_addon": 6, "training": 6}
"""Most Python files beside the rooms of a package, __init__ and __main__ included."""
SIGN_LINES = range(8, 16)
GROUND = {"core": {"settings", "errors", "types"}, "training": set(), "blender_addon": set()}
"""Modules at the door of which a sign need not tell."""


def modules(package: Path) -> dict[str, Path]:
    """Files of a package by the dotted name that imports them."""
    files = sorted(package.rglob("*.py"))
    names = [".".join(file.relative_to(package.parent).with_suffix("").parts) for file in files]
    return {name.removesuffix(".__init__"): file for name, file in zip(names, files, strict=True)}


def running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one that can run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (each for other in child.orelse for each in (other, *running(other)))
        else:
            yield child
            yield from running(child)


def imports(name: str, file: Path, known: dict[str, Path]) -> set[str]:
    """The known modules that a module imports, a package only where a name of the package itself is taken."""
    found = set()
    around = name.split(".")[: None if file.name == "__init__.py" else -1]
    for node in running(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = around[: len(around) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{source}.{a.name}" if f"{source}.{a.name}" in known else source for a in node.names}
    return (found & set(known)) - {name}


@cache
def arrows(package: Path) -> dict[str, set[str]]:
    """Who imports whom within a package."""
    known = modules(package)
    return {name: imports(name, file, known) for name, file in known.items()}


def circle(package: Path) -> list[str]:
    """Modules of a package that import each other in a ring; [] where none do."""
    try:
        TopologicalSorter(arrows(package)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def rooms(package: str) -> list[Path]:
    """Folders of a package that hold modules."""
    return sorted(file.parent for file in (ROOT / package).glob("*/__init__.py"))


ROOMS = [room for package in GROUND for room in rooms(package)]


@pytest.mark.parametrize("package", DOORS)
def test_few_modules_stand_at_the_door_of_a_package(package: str) -> None:
    assert len(list((ROOT / package).glob("*.py"))) <= DOORS[package]


@pytest.mark.parametrize("package", DOORS)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    assert circle(ROOT / package) == []


@pytest.mark.parametrize(
    ("first", "is_circle"),
    [
        ("from .room import b", True),
        ("from .room.b import name", True),
        ("def f():\n    from house.room.b import name", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .room.b import name", False),
        ("from . import room", False),
    ],
)
def test_circle_is_found_wherever_the_import_stands(tmp_path: Path, first: str, is_circle: bool) -> None:
    house = tmp_path / "house"
    (house / "room").mkdir(parents=True)
    for file, text in {"__init__": "", "a": first, "room/__init__": "", "room/b": "from ..a import f"}.items():
        (house / f"{file}.py").write_text(text)
    assert (set(circle(house)) == {"house.a", "house.room.b"}) is is_circle


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: f"{room.parent.name}.{room.name}")
def test_sign_of_a_room_tells_what_comes_in_and_which_file_to_read(room: Path) -> None:
    sign = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert len(sign.splitlines()) in SIGN_LINES
    assert re.findall(r"^(In|Out|Read|Uses):", sign, re.M) == ["In", "Out", "Read", "Uses"]
    first = re.search(r"^Read:  `(\w+\.py)` first|^Read:  the docstring", sign, re.M)
    assert first is not None and (first[1] is None or (room / first[1]).is_file())


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: f"{room.parent.name}.{room.name}")
def test_sign_names_every_room_that_its_room_uses(room: Path) -> None:
    package, name = room.parent.name, room.name
    sign = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
    told = sign.split("\nUses:")[1].split("\n\n")[0]
    inside = [to for start, to in arrows(room.parent).items() if f"{start}.".startswith(f"{package}.{name}.")]
    used = {target.split(".")[1] for to in inside for target in to if "." in target} - {name} - GROUND[package]
    assert [other for other in sorted(used) if not re.search(rf"\b{other}\b", told)] == []

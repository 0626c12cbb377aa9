"""The public names of `core`: three lists in its `__init__` that must say the same."""

import ast
import inspect
from importlib import import_module

import pytest

import core


def _typed_homes() -> dict[str, str]:
    """Name -> module of the imports under TYPE_CHECKING, which is what mypy sees."""
    nodes = [node for node in ast.walk(ast.parse(inspect.getsource(core))) if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in nodes if node.level == 1 for alias in node.names}


def test_names_mypy_sees_are_those_that_are_loaded() -> None:
    assert _typed_homes() == core._HOMES
    assert sorted(core.__all__) == sorted(core._HOMES)


@pytest.mark.parametrize("name", core.__all__)
def test_public_name_is_defined_in_its_home(name: str) -> None:
    loaded = getattr(core, name)
    assert getattr(loaded, "__module__", f"core.{core._HOMES[name]}") == f"core.{core._HOMES[name]}"
    assert loaded is getattr(import_module(f"core.{core._HOMES[name]}"), name)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        core.nothing  # noqa: B018 asking for it is the test

"""An operator that fails where nobody foresaw it reports one sentence; Blender shows no traceback."""

import bpy
import pytest

import blender_addon
from blender_addon.operators import export, faults


@pytest.fixture
def takes(tmp_path, monkeypatch):
    """The folder of the log."""
    monkeypatch.setattr(faults, "takes_folder", lambda: tmp_path / "takes")
    return tmp_path / "takes"


class Failing:
    """As an operator; keeps what it reports."""

    bl_label = "Fail"

    def __init__(self) -> None:
        self.said: list[str] = []

    def report(self, kind: set[str], text: str) -> None:
        assert kind == {"ERROR"}
        self.said.append(text)

    def execute(self, context: object) -> set[str]:
        raise ZeroDivisionError("a bug")

    def invoke(self, context: object, event: object) -> set[str]:
        return self.execute(context)

    def modal(self, context: object, event: object) -> set[str]:
        raise KeyError("another")


@pytest.mark.parametrize("arguments", [("execute", None), ("invoke", None, None), ("modal", None, None)])
def test_operator_that_fails_reports_one_sentence_with_a_log(takes, arguments) -> None:
    guarded = type("Guarded", (Failing,), {})
    faults.guard([guarded])
    operator = guarded()
    assert getattr(operator, arguments[0])(*arguments[1:]) == {"CANCELLED"}
    (said,) = operator.said
    assert "\n" not in said and said.startswith("Fail: ") and str(takes / faults.LOG) in said
    assert "Traceback" in (takes / faults.LOG).read_text()


def test_every_operator_of_the_add_on_is_guarded() -> None:
    operators = [cls for cls in blender_addon.CLASSES if issubclass(cls, bpy.types.Operator)]
    names = ("execute", "invoke", "modal")
    functions = [getattr(cls, name) for cls in operators for name in names if hasattr(cls, name)]
    assert len(functions) > 20 and all(function.is_guarded for function in functions)


def test_export_that_fails_by_a_fault_of_the_program_is_one_sentence(ready, takes, tmp_path, monkeypatch) -> None:
    ready("good")
    bpy.ops.mocap.reconstruct()
    monkeypatch.setattr(export, "export_take", lambda *_: {}["gone"])
    with pytest.raises(RuntimeError, match="Export: failed by a fault of the program") as raised:
        bpy.ops.mocap.export_take(filepath=str(tmp_path / "a.glb"), preset="glb")
    assert "Traceback" not in str(raised.value) and (takes / faults.LOG).is_file()

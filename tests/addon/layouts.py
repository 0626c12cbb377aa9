"""A stand-in for Blender's layout: keeps what was drawn, and refuses properties and operators that don't exist."""

from types import SimpleNamespace
from typing import Any

import bpy


class Layout:
    """Records labels, properties and operators."""

    def __init__(self, drawn: list[tuple[str, str]] | None = None) -> None:
        self.drawn: list[tuple[str, str]] = [] if drawn is None else drawn
        self.enabled = True
        self.scale_y = 1.0
        self.use_property_split = False

    def row(self, align: bool = False) -> "Layout":
        return Layout(self.drawn)

    column = box = row

    def label(self, text: str = "", icon: str = "NONE") -> None:
        _check_icon(icon)
        self.drawn.append(("label", text))

    def prop(self, held: Any, name: str, text: str | None = None, expand: bool = False, icon: str = "NONE") -> None:
        assert name in held.bl_rna.properties, name
        _check_icon(icon)
        self.drawn.append(("prop", name))

    def operator(self, idname: str, text: str | None = None, icon: str = "NONE") -> Any:
        module, name = idname.split(".")
        kind = getattr(getattr(bpy.ops, module), name).get_rna_type()
        _check_icon(icon)
        self.drawn.append(("operator", text or kind.name))
        return SimpleNamespace()

    def template_ID(self, held: Any, name: str, open: str = "") -> None:  # noqa: N802 Blender's name
        assert name in held.bl_rna.properties, name
        self.drawn.append(("prop", name))

    def progress(self, factor: float, text: str) -> None:
        assert 0 <= factor <= 1
        self.drawn.append(("progress", text))

    def template_icon(self, icon_value: int, scale: float = 1.0) -> None:
        assert icon_value > 0
        self.drawn.append(("icon", str(icon_value)))

    def context_pointer_set(self, name: str, data: Any) -> None:
        assert data is not None
        self.drawn.append(("pointer", name))

    def separator(self) -> None:
        pass

    def texts(self, kind: str = "label") -> str:
        """All drawn texts of a kind, in one line."""
        return " ".join(text for its_kind, text in self.drawn if its_kind == kind)


def _check_icon(icon: str) -> None:
    icons = bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
    assert icon in icons, icon


def draw_all(sections: Any, context: Any, space: Any = None) -> Layout:
    """Everything that the sections draw, from top to bottom, in a sidebar of a usual width."""
    layout = Layout()
    seen = SimpleNamespace(
        scene=context.scene,
        object=context.object,
        view_layer=context.view_layer,
        space_data=space,
        region=SimpleNamespace(width=320),
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
    )
    for section in sections:
        section.draw(SimpleNamespace(layout=layout), seen)
    return layout

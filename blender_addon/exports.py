"""Files for other programs: glTF, FBX, BVH, USD, Alembic.

Absolute shape keys come out of the glTF and FBX exporters wrong without an error, so those two get a
temporary copy with relative keys. The person's own objects are never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import addon_utils
import bpy
import numpy as np

from . import bridge
from .curves import curves_of, existing_curves, forget_animation, write_curve

if TYPE_CHECKING:
    from .scene import BuiltTake

EXPORT_ADDONS = {"glb": "io_scene_gltf2", "fbx": "io_scene_fbx", "bvh": "io_anim_bvh"}
EXPORT_OPERATORS = {"usd": "usd_export", "abc": "alembic_export"}
FORMATS = ("glb", "fbx", "bvh", "usd", "abc")


def export_take(built: BuiltTake, path: Path) -> list[Path]:
    """Write a take's people in the format that the path's suffix names.

    Args:
        built: what `build_take` returned, still in the scene.
        path: file to write; BVH holds one skeleton, so several people get `_ID` before the suffix.

    Returns:
        The files written.

    Raises:
        MocapError: this Blender can't write the format, or BVH was asked for without a skeleton.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise ValueError(f"expected one of {', '.join(FORMATS)}, got {kind!r}")
    check_format(kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _exporter(EXPORT_ADDONS.get(kind)), _all_visible(built):
        return _WRITERS[kind](built, path)


def check_format(kind: str) -> None:
    """Raises MocapError where this Blender can't write the format."""
    if kind in EXPORT_OPERATORS and EXPORT_OPERATORS[kind] not in dir(bpy.ops.wm):
        raise bridge.MocapError(f"this Blender was built without {kind}; use Blender from blender.org")


def relative_copy(body: bpy.types.Object) -> bpy.types.Object:
    """A copy of a body whose shape keys are relative, each 1 on its own frame and 0 on its neighbours.

    Its curves go by index, quicker than by name, which nobody edits in a temporary object.
    """
    copied: Any = body.copy()
    mesh: Any = body.data
    copied.data = data = mesh.copy()
    frames = _eval_time_frames(mesh.shape_keys)
    copied.animation_data_clear()
    keys = data.shape_keys
    keys.animation_data_clear()  # the copy shares the original's action: leave that alone
    keys.use_relative = True
    curves = curves_of(keys, f"{body.name} export")
    # The first key is the basis: relative keys say how far the others are from it.
    for index in range(1, len(frames)):
        keys.key_blocks[index].value = 0.0
        around = frames[max(0, index - 1) : index + 2]
        write_curve(curves, f"key_blocks[{index}].value", around, (around == frames[index]).astype(float))
    for collection in body.users_collection:
        collection.objects.link(copied)
    made: bpy.types.Object = copied
    return made


def _eval_time_frames(keys: Any) -> np.ndarray[Any, Any]:
    """(T,) scene frames of the absolute keys, in order."""
    curve = next(curve for curve in existing_curves(keys) if curve.data_path == "eval_time")
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points.reshape(-1, 2)[:, 0]


def _remove_copy(copied: bpy.types.Object) -> None:
    data: Any = copied.data
    forget_animation(data.shape_keys)
    bpy.data.objects.remove(copied)
    bpy.data.meshes.remove(data)


def _objects(names: list[str | None]) -> list[bpy.types.Object]:
    return [bpy.data.objects[name] for name in names if name is not None]


def _people_objects(built: BuiltTake, *, with_bodies: bool) -> list[bpy.types.Object]:
    """The stage and every person's objects; the shape-key bodies only on demand."""
    names: list[str | None] = [built.stage]
    for person in built.people:
        names += [person.root, person.armature, person.skinned, person.body if with_bodies else None]
    return _objects(names)


def _select(items: list[bpy.types.Object]) -> None:
    layer: Any = bpy.context.view_layer
    layer.update()  # new objects have no visibility before it, and glTF leaves the invisible out
    for item in layer.objects:
        item.select_set(item in items)
    layer.objects.active = items[-1]


def _restore_selection(selected: list[bpy.types.Object], active: bpy.types.Object | None) -> None:
    layer: Any = bpy.context.view_layer
    for item in layer.objects:
        item.select_set(item in selected)
    layer.objects.active = active


@contextmanager
def _relative_bodies(built: BuiltTake) -> Iterator[list[bpy.types.Object]]:
    """Temporary copies of the bodies with relative keys; the originals lend them their names meanwhile."""
    bodies = _objects([person.body for person in built.people])
    names = [body.name for body in bodies]
    copies = []
    try:
        for body, name in zip(bodies, names, strict=True):
            copies.append(relative_copy(body))
            body.name = body.data.name = f"{name} original"  # type: ignore[union-attr]
            copies[-1].name = copies[-1].data.name = name  # type: ignore[union-attr]
        yield copies
    finally:
        for copied in copies:
            _remove_copy(copied)
        for body, name in zip(bodies, names, strict=True):
            body.name = body.data.name = name  # type: ignore[union-attr]


@contextmanager
def _all_visible(built: BuiltTake) -> Iterator[None]:
    """Everybody visible on every frame, since a hidden object can't be selected; put back afterwards."""
    scene: Any = bpy.context.scene
    items = _people_objects(built, with_bodies=True)
    curves = [c for item in items for c in existing_curves(item) if c.data_path.startswith("hide_")]
    hidden = [(item, item.hide_viewport, item.hide_render) for item in items]
    frame, selected = scene.frame_current, list(bpy.context.selected_objects)
    active = bpy.context.view_layer.objects.active  # type: ignore[union-attr]
    try:
        for curve in curves:
            curve.mute = True
        for item in items:
            item.hide_viewport = item.hide_render = False
        yield
    finally:
        for item, hide_viewport, hide_render in hidden:
            item.hide_viewport, item.hide_render = hide_viewport, hide_render
        for curve in curves:
            curve.mute = False
        scene.frame_set(frame)
        _restore_selection(selected, active)


@contextmanager
def _exporter(module: str | None) -> Iterator[None]:
    """Blender's own exporter add-on, switched on for as long as it is needed."""
    if module is None or addon_utils.check(module)[1]:
        yield
        return
    addon_utils.enable(module, default_set=False)
    try:
        yield
    finally:
        addon_utils.disable(module, default_set=False)  # a class left registered hangs bpy 4.5 at its end


def _write_glb(built: BuiltTake, path: Path) -> list[Path]:
    with _relative_bodies(built) as copies:
        _select([*_people_objects(built, with_bodies=False), *copies])
        bpy.ops.export_scene.gltf(
            filepath=str(path),
            export_format="GLB",
            use_selection=True,
            export_animation_mode="ACTIVE_ACTIONS",
            export_morph_normal=False,  # a third of the size
            export_optimize_animation_size=False,
        )
    return [path]


def _write_fbx(built: BuiltTake, path: Path) -> list[Path]:
    with _relative_bodies(built) as copies:
        _select([*_people_objects(built, with_bodies=False), *copies])
        bpy.ops.export_scene.fbx(
            filepath=str(path),
            use_selection=True,
            object_types={"EMPTY", "MESH", "ARMATURE"},
            add_leaf_bones=False,
            bake_anim_use_nla_strips=False,
            bake_anim_use_all_actions=False,
            bake_anim_simplify_factor=0.0,
        )
    return [path]


def _write_bvh(built: BuiltTake, path: Path) -> list[Path]:
    people = [person for person in built.people if person.armature is not None]
    if not people:
        raise bridge.MocapError(f"{path}: BVH holds skeletons; ask for the armature too (--output mesh,armature)")
    scene: Any = bpy.context.scene
    written = []
    for person in people:
        alone = len(people) == 1
        file = path if alone else path.with_stem(f"{path.stem}_{person.person_id}")
        _select(_objects([person.armature]))
        bpy.ops.export_anim.bvh(
            filepath=str(file),
            frame_start=scene.frame_start,
            frame_end=scene.frame_end,
            rotate_mode="NATIVE",
            root_transform_only=True,
        )
        written.append(file)
    return written


def _write_usd(built: BuiltTake, path: Path) -> list[Path]:
    _select(_people_objects(built, with_bodies=True))
    bpy.ops.wm.usd_export(
        filepath=str(path),
        selected_objects_only=True,
        export_animation=True,
        export_normals=False,  # 83 kB a frame instead of 579
    )
    return [path]


def _write_abc(built: BuiltTake, path: Path) -> list[Path]:
    scene: Any = bpy.context.scene
    _select(_people_objects(built, with_bodies=True))
    bpy.ops.wm.alembic_export(
        filepath=str(path), selected=True, start=scene.frame_start, end=scene.frame_end, as_background_job=False
    )
    return [path]


_WRITERS: dict[str, Callable[[BuiltTake, Path], list[Path]]] = {
    "glb": _write_glb,
    "fbx": _write_fbx,
    "bvh": _write_bvh,
    "usd": _write_usd,
    "abc": _write_abc,
}

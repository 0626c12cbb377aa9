"""Files for other programs: glTF, FBX, BVH, USD, Alembic, as `export_presets` says.

The animator's own objects are never changed: what has to differ is written from temporary copies, `export_copies`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import addon_utils
import bpy

from .. import bridge
from ..scene.cache_repair import missing_caches
from ..scene.curves import existing_curves
from .copies import lent_names, morph_copy, relative_copy, removed_afterwards, skeleton_copy
from .presets import PRESETS, Preset, has_body, morphs_for

if TYPE_CHECKING:
    from ..scene.build import BuiltPerson, BuiltTake

EXPORT_ADDONS = {"glb": "io_scene_gltf2", "fbx": "io_scene_fbx", "bvh": "io_anim_bvh"}
EXPORT_OPERATORS = {"usd": "usd_export", "abc": "alembic_export"}
FORMATS = ("glb", "fbx", "bvh", "usd", "abc")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        files: the files.
        notes: sentences about them: how near a few morphs come to the motion.
    """

    files: list[Path]
    notes: list[str]


def export_take(built: BuiltTake, path: Path, preset: Preset | None = None, morph_count: int = 0) -> Exported:
    """Write a take's people for another program.

    Args:
        built: what `build_take` returned, still in the scene.
        path: file to write; where a file holds one person, several people get `_ID` before the suffix.
        preset: the plain one of the path's suffix by default.
        morph_count: morphs of a body in glTF and FBX; 0 is one a frame, or what a game engine takes.

    Raises:
        MocapError: this Blender can't write the format, BVH was asked for without a skeleton, or a mesh cache is
            missing.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS or (preset is not None and preset.kind != kind):
        raise ValueError(f"expected one of {', '.join([preset.kind] if preset else FORMATS)}, got {kind!r}")
    check_format(kind)
    check_caches(built)
    preset = preset or PRESETS[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    exported = Exported([], [])
    with _exporter(EXPORT_ADDONS.get(kind)), _all_visible(built):
        for people, file in _files(built, path, preset):
            with _objects_for(built, people, preset, morph_count, exported.notes) as items:
                if not items:
                    raise bridge.MocapError(
                        f"{path}: BVH holds skeletons; ask for the armature too (--output mesh,armature)"
                    )
                _select(items)
                _WRITERS[kind](file, preset.options)
            exported.files.append(file)
    return exported


def check_format(kind: str) -> None:
    """Raises MocapError where this Blender can't write the format."""
    if kind in EXPORT_OPERATORS and EXPORT_OPERATORS[kind] not in dir(bpy.ops.wm):
        raise bridge.MocapError(f"this Blender was built without {kind}; use Blender from blender.org")


def check_caches(built: BuiltTake) -> None:
    """Raises MocapError where a body would be written as it stands, because its mesh cache is missing."""
    missing = missing_caches(built)
    if missing:
        raise bridge.MocapError(f"{missing[0]}: the mesh cache is missing; find or rebuild it in the section Output")


def _objects(names: list[str | None]) -> list[bpy.types.Object]:
    return [bpy.data.objects[name] for name in names if name is not None]


def _files(built: BuiltTake, path: Path, preset: Preset) -> list[tuple[list[BuiltPerson], Path]]:
    """Who goes into which file."""
    if not preset.for_engine and preset.kind != "bvh":
        return [(list(built.people), path)]
    people = [person for person in built.people if person.armature is not None or preset.kind != "bvh"]
    if len(people) <= 1:
        return [(people, path)]
    return [([person], path.with_stem(f"{path.stem}_{person.person_id}")) for person in people]


@contextmanager
def _objects_for(
    built: BuiltTake, people: list[BuiltPerson], preset: Preset, morph_count: int, notes: list[str]
) -> Iterator[list[bpy.types.Object]]:
    """The objects to write: people's own where they may be written as they are, temporary copies elsewhere."""
    bodies = _objects([person.body for person in people if has_body(person, preset)])
    if preset.kind == "bvh":
        yield _objects([person.armature for person in people])
    elif preset.kind in ("usd", "abc"):
        yield [*_shared_objects(built, people), *bodies]
    elif preset.for_engine and not bodies:
        with _skeletons_for(people, preset) as copies:
            yield copies
    else:
        with _bodies_for(bodies, morphs_for(preset, morph_count), notes) as copies:
            yield [*_shared_objects(built, people), *copies]


@contextmanager
def _skeletons_for(people: list[BuiltPerson], preset: Preset) -> Iterator[list[bpy.types.Object]]:
    """Copies of the skeletons and their skinned bodies by the preset's names."""
    with removed_afterwards() as copies:
        pairs = []
        for person in people:
            armature, skinned = _objects([person.armature, person.skinned])
            copies.extend(skeleton_copy(armature, skinned, preset.bone_names()))
            pairs += list(zip((armature, skinned), copies[-2:], strict=True))
        with lent_names(pairs):
            yield copies


@contextmanager
def _bodies_for(bodies: list[bpy.types.Object], morph_count: int, notes: list[str]) -> Iterator[list[bpy.types.Object]]:
    """Copies of the bodies with relative keys."""
    with removed_afterwards() as copies:
        for body in bodies:
            if morph_count:
                copied, morphs = morph_copy(body, morph_count)
                count = f"{len(morphs.offsets)} {'morph' if len(morphs.offsets) == 1 else 'morphs'}"
                notes.append(
                    f"{body.name}: {count}, off by {morphs.mean_error_mm:.1f} mm on average "
                    f"and {morphs.largest_error_mm:.1f} mm at most"
                )
            else:
                copied = relative_copy(body)
            copies.append(copied)
        with lent_names(list(zip(bodies, copies, strict=True))):
            yield copies


def _shared_objects(built: BuiltTake, people: list[BuiltPerson]) -> list[bpy.types.Object]:
    """All but the bodies with shape keys."""
    names: list[str | None] = [built.stage]
    for person in people:
        names += [person.root, person.armature, person.skinned]
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
def _all_visible(built: BuiltTake) -> Iterator[None]:
    """Everybody visible on every frame, since a hidden object can't be selected; put back afterwards."""
    scene: Any = bpy.context.scene
    items = [*_shared_objects(built, list(built.people)), *_objects([person.body for person in built.people])]
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


def _write_glb(path: Path, options: dict[str, Any]) -> None:
    bpy.ops.export_scene.gltf(
        filepath=str(path),
        export_format="GLB",
        use_selection=True,
        export_animation_mode="ACTIVE_ACTIONS",
        export_morph_normal=False,  # a third of the size
        export_optimize_animation_size=False,
        **options,
    )


def _write_fbx(path: Path, options: dict[str, Any]) -> None:
    bpy.ops.export_scene.fbx(
        filepath=str(path),
        use_selection=True,
        object_types={"EMPTY", "MESH", "ARMATURE"},
        add_leaf_bones=False,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_simplify_factor=0.0,
        **options,
    )


def _write_bvh(path: Path, options: dict[str, Any]) -> None:
    scene: Any = bpy.context.scene
    bpy.ops.export_anim.bvh(
        filepath=str(path),
        frame_start=scene.frame_start,
        frame_end=scene.frame_end,
        rotate_mode="NATIVE",
        root_transform_only=True,
        **options,
    )


def _write_usd(path: Path, options: dict[str, Any]) -> None:
    bpy.ops.wm.usd_export(
        filepath=str(path),
        selected_objects_only=True,
        export_animation=True,
        export_normals=False,  # 83 kB a frame instead of 579
        **options,
    )


def _write_abc(path: Path, options: dict[str, Any]) -> None:
    scene: Any = bpy.context.scene
    bpy.ops.wm.alembic_export(
        filepath=str(path),
        selected=True,
        start=scene.frame_start,
        end=scene.frame_end,
        as_background_job=False,
        **options,
    )


_WRITERS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "glb": _write_glb,
    "fbx": _write_fbx,
    "bvh": _write_bvh,
    "usd": _write_usd,
    "abc": _write_abc,
}

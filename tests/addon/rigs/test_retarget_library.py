"""Rigs that come from another file: linked, and overridden."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from blender_addon import bridge
from blender_addon.rigs.retarget import apply_to_rig
from tests.addon.rigs.test_retarget import FRAMES, RIGS, SAME_M, offsets
from tests.fixtures import rigs

NAMES = RIGS["mixamo"]


@pytest.fixture
def linked(scene, tmp_path: Path) -> Any:
    """A take, and a rig that is linked from another file: (skeleton, rig)."""
    rig = rigs.make_rig(rigs.rest_joints(), NAMES, roll_seed=3)
    path = tmp_path / "hero.blend"
    bpy.data.libraries.write(str(path), {rig})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 25
    source = rigs.take_skeleton(bpy.context.scene)
    with bpy.data.libraries.load(str(path), link=True) as (_, wanted):
        wanted.objects = ["Hero"]
    rig = wanted.objects[0]
    bpy.context.scene.collection.objects.link(rig)
    return source, rig


def test_linked_rig_is_refused_with_what_to_do(linked) -> None:
    source, rig = linked
    before = len(bpy.data.actions)
    with pytest.raises(bridge.MocapError, match=r"is linked from .*hero.blend.*make a library override"):
        apply_to_rig(source, rig)
    assert len(bpy.data.actions) == before


def test_override_of_a_linked_rig_gets_its_own_action(linked, tmp_path) -> None:
    source, rig = linked
    rig = rig.override_create(remap_local_usages=True)
    apply_to_rig(source, rig)
    for frame in FRAMES:
        assert np.abs(offsets(source, rig, NAMES, frame)).max() < SAME_M
    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    again, taken = bpy.data.objects["Hero"], bpy.data.objects["take.1 skeleton"]
    assert again.override_library is not None and again.data.library is not None
    for frame in FRAMES:
        assert np.abs(offsets(taken, again, NAMES, frame)).max() < SAME_M


def test_local_object_with_linked_bones_gets_its_own_action(linked) -> None:
    source, rig = linked
    copy = rig.copy()
    bpy.context.scene.collection.objects.link(copy)
    apply_to_rig(source, copy)
    for frame in FRAMES:
        assert np.abs(offsets(source, copy, NAMES, frame)).max() < SAME_M

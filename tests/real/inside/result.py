"""Steps with a take: look at it, undo, clean up, put it on a rig, export it."""

import struct

import bpy
from eyes import region_of
from story import BUSY_S, OUT


def assert_take_stands(story):
    """Mesh, skeleton, camera and footage of the active take are there."""
    record = story.part("operators.takes").active_record(bpy.context)
    assert record is not None and set(record.outputs) == {"mesh", "armature"}
    scene = story.window.scene
    body = bpy.data.objects[record.built.people[0].body]
    assert len(body.data.vertices) == 6890 and not body.data.shape_keys.use_relative
    assert len(body.data.shape_keys.key_blocks) > 20
    assert scene.camera is not None and scene.camera.data.background_images
    assert story.area.spaces.active.region_3d.view_perspective == "CAMERA"
    return record


def person_is_where_the_footage_shows_it(story):
    """Through the matched camera the mesh lies in the box in which the network saw the person."""
    from bpy_extras.object_utils import world_to_camera_view

    record, scene = assert_take_stands(story), story.window.scene
    person = record.built.people[0]
    middle = round((person.first_frame + person.last_frame) / 2)
    scene.frame_set(middle)
    yield 1.0
    body = bpy.data.objects[person.body].evaluated_get(bpy.context.evaluated_depsgraph_get())
    seen = [world_to_camera_view(scene, scene.camera, body.matrix_world @ v.co) for v in body.data.vertices]
    xs, ys = [at.x for at in seen], [1 - at.y for at in seen]
    width, height = story.settings.clip.size
    drawn = (min(xs) * width, min(ys) * height, max(xs) * width, max(ys) * height)
    take = story.part("bridge").Take.open(record.take)
    box = box_at(take, person.person_id, middle)
    share = overlap(drawn, box)
    story.measured["overlap_with_box"] = round(float(share), 2)
    assert share > 0.4, f"mesh {drawn}, box {box}"
    assert max(at.z for at in seen) < 60 and min(at.z for at in seen) > 0.3, "not in front of the camera"


def box_at(take, person_id, frame):
    """The person's box in the take on a scene frame; corners in pixels."""
    seen = take.person(person_id)
    row = min(range(len(seen.frame_index)), key=lambda i: abs(seen.frame_index[i] + 1 - frame))
    return ends(seen.estimates.box_px[row])


def ends(box):
    """Corners of a box of x, y, width, height."""
    x, y, width, height = box
    return x, y, x + width, y + height


def overlap(a, b):
    """Intersection over union of two boxes of corners."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inner = max(0, wide) * max(0, high)
    return inner / (sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)) - inner)


def undo_takes_it_away_and_redo_brings_it_back(story):
    """One step each way."""
    names = {c.name for c in story.part("scene.take_records").takes_in(story.window.scene)}
    assert names
    yield from story.over_view()
    yield from story.hands.key(story.window, "Z", ctrl=True)
    is_gone = lambda: not list(story.part("scene.take_records").takes_in(story.window.scene))  # noqa: E731
    yield from story.until(is_gone, "the take is gone")
    yield from story.hands.key(story.window, "Z", ctrl=True, shift=True)
    is_back = lambda: {c.name for c in story.part("scene.take_records").takes_in(story.window.scene)} == names  # noqa: E731
    yield from story.until(is_back, "the take is back")
    yield 1.0
    assert_take_stands(story)


def feet_are_locked(story):
    """Locked, and solved again without the network."""
    yield from story.press("mocap.feet", at=0.8)
    yield from story.until(lambda: story.settings.feet == "lock", "the feet are locked")
    story.measured["checks"] = yield from clean_up(story)


def floor_is_solid(story):
    """Solved again onto one floor: nobody is under it in any frame."""
    yield from story.press("mocap.floor", at=0.8)
    yield from story.until(lambda: story.settings.floor == "solid", "the floor is solid")
    checks = yield from clean_up(story)
    assert any(text.startswith("floor:") and "set on it" in text for text in checks), checks
    under_cm = under_floor_cm(story)
    story.measured["under_solid_floor_cm"] = round(under_cm, 2)
    assert under_cm < 0.5, under_cm


def under_floor_cm(story):
    """How far the lowest vertex of all frames of the active take lies under its floor."""
    record = story.part("operators.takes").active_record(bpy.context)
    motion = story.part("bridge").read_motion(record.motion)
    depths = [
        float(((vertices + place) @ motion.floor.down).max()) - motion.floor.depth_m
        for person in motion.persons
        for vertices, place in zip(person.vertices, person.transl, strict=True)
    ]
    return 100 * max(depths)


def clean_up(story):
    """Solve the take again as the panel says; returns the lines of its self-check."""
    before = {c.name for c in story.part("scene.take_records").takes_in(story.window.scene)}
    last = story.run()
    yield from story.press("mocap.clean_up")
    yield from story.until(lambda: story.run() is not last, "it is solved again")
    yield from story.until_ended()
    assert "reconstruct" not in [command[0] for command in story.run().plan.commands]
    assert {c.name for c in story.part("scene.take_records").takes_in(story.window.scene)} == before
    record = assert_take_stands(story)
    checks = [check.text for check in story.part("engine.take_folder").self_check(record.motion)]
    assert checks
    return checks


def motion_goes_on_my_rig(story):
    """A Rigify human metarig, made beforehand, gets an action of its own."""
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    with bpy.context.temp_override(window=story.window, area=story.area, region=region_of(story.area, "WINDOW")):
        bpy.ops.object.armature_human_metarig_add()
    rig = bpy.context.view_layer.objects.active
    assert rig.type == "ARMATURE", rig
    yield 1.5
    yield from story.press("mocap.choose_for_rig")
    yield 1.0
    yield from story.over_view()  # over a field of the dialog, Enter would be for the field
    yield from story.hands.key(story.window, "RET")
    yield from story.until(lambda: rig.animation_data and rig.animation_data.action, "the rig gets an action")
    is_keyed = lambda: "MOCAP_OT_apply_to_rig" not in {  # noqa: E731
        operator.bl_idname for operator in story.window.modal_operators
    }
    yield from story.until(is_keyed, "the action is written", BUSY_S)
    action, bone = rig.animation_data.action, rig.pose.bones["upper_arm.L"]
    scene, directions = story.window.scene, []
    for frame in (int(action.frame_range[0]), int(sum(action.frame_range) / 2), int(action.frame_range[1])):
        scene.frame_set(frame)
        directions.append((bone.tail - bone.head).normalized())
        yield 0.2
    assert max(directions[0].angle(other) for other in directions[1:]) > 0.05, "the arm does not move"
    story.measured["rig_frames"] = int(action.frame_range[1] - action.frame_range[0]) + 1


def exports_are_written(story):
    """GLB and BVH, through the file browser."""
    for key, preset in story.part("exports.presets").PRESETS.items():
        if preset.kind in {"glb", "bvh"} and preset.kind not in story.measured.get("exports", {}):
            yield from export_one(story, key, preset.kind)
    assert set(story.measured["exports"]) == {"glb", "bvh"}


def export_one(story, key, kind):
    """One preset: the button, a name, the browser's own button."""
    yield from select_take(story)
    story.settings.export_preset = key
    yield 0.5
    yield from story.press("mocap.export_take")
    yield from story.until(lambda: any(a.type == "FILE_BROWSER" for a in browser(story).screen.areas), "a file browser")
    yield 1.0
    window = browser(story)
    area = next(a for a in window.screen.areas if a.type == "FILE_BROWSER")
    area.spaces.active.params.directory = str(OUT).encode()
    area.spaces.active.params.filename = f"person.{kind}"
    yield 1.0
    x, y = yield from story.eyes.find(window, area, "file.execute", kind="EXECUTE", at=0.93)
    yield from story.hands.click(window, x, y)
    file = OUT / f"person.{kind}"
    yield from story.until(file.is_file, f"{file} is written", 120)
    yield 1.0
    head = file.read_bytes()[:12]
    if kind == "glb":
        assert head[:4] == b"glTF" and struct.unpack("<I", head[8:])[0] == file.stat().st_size
    else:
        assert head.startswith(b"HIERARCHY") and "Frames:" in file.read_text()
    story.measured.setdefault("exports", {})[kind] = file.stat().st_size


def browser(story):
    """The window that shows a file browser, or the first."""
    windows = bpy.context.window_manager.windows
    return next((w for w in windows if any(a.type == "FILE_BROWSER" for a in w.screen.areas)), story.window)


def select_take(story):
    """A click on the take's name under Result."""
    yield from story.press("mocap.select_take")

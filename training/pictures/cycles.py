"""A test that another renderer made: the same kind of people, path traced by Blender's Cycles. Needs `bpy`.

    python -m training.pictures cycles --motions MOTIONS.npz --count 1000 -o stores/cycles

Nothing is ever trained on these pictures. Light, shadows, cloth's sheen, floors and the way to display values are
Blender's; geometry and colours of clothes are ours, evaluated at the vertices of a finer mesh, so prints and faces
are softer. Panoramas, clothes and motions are those of the test split.
"""

from __future__ import annotations

import importlib
import json
import logging
import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from training.pictures import shade, surface_colour
from training.pictures.environments import HELD_OUT, panorama_folder
from training.pictures.gbuffer import Surface
from training.pictures.render import Studio
from training.pictures.scene import Scene
from training.pictures.settings import RenderSettings
from training.trainer.child_processes import prepare_children

Float = npt.NDArray[np.floating[Any]]
Int = npt.NDArray[np.int64]

FRAME, SAMPLES, BOUNCES, LIGHT_MAP = 256, 16, 3, 256
LEAST_SHARE, MOST_SHARE = 0.5, 0.8
"""Side of the person's canvas against the frame's."""
FLOOR_SHARE, LAMP_SHARE = 0.7, 0.35
Y_UP_TO_Z_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)
VIEWS = ("Standard", "AgX", "Filmic")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A scene in a frame that is larger than the person.

    Attributes:
        scene: who stands where.
        focal: pixels.
        principal: (2,) pixels: where the camera's axis meets the frame.
    """

    scene: Scene
    focal: float
    principal: Float

    def points(self, metres: Float) -> Float:
        """Camera-frame points (N, 3) in the frame (N, 2), pixels from its edges."""
        return np.asarray(metres[:, :2] / metres[:, 2:] * self.focal + self.principal)


def take_shot(studio: Studio, number: int) -> Shot:
    """The scene of a number, somewhere in the frame."""
    rng = np.random.default_rng([studio.settings.seed, 11, number])
    scene = studio.sample(number)
    share = rng.uniform(LEAST_SHARE, MOST_SHARE)
    room = FRAME * (1 - share) / 2
    middle = FRAME / 2 + rng.uniform(-room, room, 2)
    return Shot(scene, scene.camera.focal * share * FRAME, middle)


def finer(surface: Surface, times: int = 1) -> Surface:
    """Every triangle cut into four, `times` times; new vertices lie in the middle of edges."""
    vertices, rest = surface.vertices, surface.rest
    material, part, faces = surface.material, surface.part, surface.faces.astype(np.int64)
    for _ in range(times):
        edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        unique, which = np.unique(edges, axis=0, return_inverse=True)
        middle = which.reshape(-1, 3) + len(vertices)
        (a, b, c), (ab, bc, ca) = faces.T, middle.T
        faces = np.concatenate([np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
        vertices = np.concatenate([vertices, vertices[unique].mean(1)])
        rest = np.concatenate([rest, rest[unique].mean(1)])
        material = np.concatenate([material, material[unique[:, 0]]])
        part = np.concatenate([part, part[unique[:, 0]]])
    return Surface(vertices.astype(np.float32), faces.astype(np.int32), rest.astype(np.float32), material, part)


def vertex_colours(studio: Studio, scene: Scene, surface: Surface) -> Float:
    """Albedo (V, 3), linear RGB, of the scene's look at every vertex."""
    count = len(surface.vertices)
    zeros = torch.zeros(count, dtype=torch.int64)
    samples = shade.Samples(
        zeros, zeros, torch.from_numpy(surface.rest), torch.zeros(count, 3), torch.ones(count), torch.ones(count),
        torch.from_numpy(surface.material.astype(np.int64)), 2, 1, zeros[:1],
    )  # fmt: skip
    colours = surface_colour.colour_samples(samples, shade.Looks([scene.look]), studio.marks)
    return np.asarray(colours.albedo.clamp(0.002, 0.95).numpy())


def _link(tree: Any, outgoing: Any, incoming: Any) -> None:
    tree.links.new(outgoing, incoming)


def _person(bpy: Any, shot: Shot, surface: Surface, colours: Float, rough: float) -> None:
    world = surface.vertices @ shot.scene.camera.camera_to_world.T @ Y_UP_TO_Z_UP.T
    mesh = bpy.data.meshes.new("person")
    mesh.from_pydata([], [], [])
    mesh.vertices.add(len(world))
    mesh.vertices.foreach_set("co", world.astype(np.float32).ravel())
    faces = surface.faces
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    layer = mesh.color_attributes.new("albedo", "FLOAT_COLOR", "POINT")
    layer.data.foreach_set("color", np.concatenate([colours, np.ones_like(colours[:, :1])], 1).ravel())
    material = bpy.data.materials.new("cloth")
    material.use_nodes = True
    tree = material.node_tree
    attribute = tree.nodes.new("ShaderNodeVertexColor")
    attribute.layer_name = "albedo"
    shader = tree.nodes["Principled BSDF"]
    _link(tree, attribute.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = rough
    shader.inputs["Sheen Weight"].default_value = 0.15
    mesh.materials.append(material)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("person", mesh))


def _camera(bpy: Any, shot: Shot) -> None:
    camera = bpy.data.cameras.new("camera")
    camera.sensor_fit, camera.sensor_width = "HORIZONTAL", 36.0
    camera.lens = 36.0 * shot.focal / FRAME
    camera.shift_x = 0.5 - float(shot.principal[0]) / FRAME
    camera.shift_y = float(shot.principal[1]) / FRAME - 0.5
    camera.clip_start = 0.01
    node = bpy.data.objects.new("camera", camera)
    axes = Y_UP_TO_Z_UP @ shot.scene.camera.camera_to_world @ np.diag([1.0, -1.0, -1.0])
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    node.matrix_world = importlib.import_module("mathutils").Matrix(matrix.tolist())
    bpy.context.scene.collection.objects.link(node)
    bpy.context.scene.camera = node


def _world(bpy: Any, rng: np.random.Generator) -> None:
    folder = panorama_folder()
    assert folder is not None  # bpy is here, and so are its panoramas
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    tree = world.node_tree
    texture = tree.nodes.new("ShaderNodeTexEnvironment")
    texture.image = bpy.data.images.load(str(folder / f"{HELD_OUT[int(rng.integers(len(HELD_OUT)))]}.exr"))
    place, turn = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    turn.inputs["Rotation"].default_value = (0, 0, float(rng.uniform(-np.pi, np.pi)))
    _link(tree, place.outputs["Generated"], turn.inputs["Vector"])
    _link(tree, turn.outputs["Vector"], texture.inputs["Vector"])
    _link(tree, texture.outputs["Color"], tree.nodes["Background"].inputs["Color"])
    tree.nodes["Background"].inputs["Strength"].default_value = float(np.exp(rng.normal(0, 0.3)))
    world.cycles.sampling_method = "MANUAL"  # the map at the panorama's own size takes more than half of the time
    world.cycles.sample_map_resolution = LIGHT_MAP
    bpy.context.scene.world = world


def _floor_and_lamp(bpy: Any, lowest: float, at: Float, rng: np.random.Generator) -> None:
    if rng.random() < FLOOR_SHARE:
        bpy.ops.mesh.primitive_plane_add(size=12, location=(float(at[0]), float(at[1]), lowest - 0.004))
        material = bpy.data.materials.new("floor")
        material.use_nodes = True
        tree = material.node_tree
        noise, ramp = tree.nodes.new("ShaderNodeTexNoise"), tree.nodes.new("ShaderNodeValToRGB")
        noise.inputs["Scale"].default_value = float(np.exp(rng.uniform(0, 4)))
        for element in ramp.color_ramp.elements:
            element.color = (*np.clip(rng.normal(0.3, 0.2) + rng.normal(0, 0.06, 3), 0.02, 0.9).tolist(), 1)
        _link(tree, noise.outputs[0], ramp.inputs["Fac"])
        shader = tree.nodes["Principled BSDF"]
        _link(tree, ramp.outputs["Color"], shader.inputs["Base Color"])
        shader.inputs["Roughness"].default_value = float(rng.uniform(0.2, 0.9))
        bpy.context.object.data.materials.append(material)
    if rng.random() < LAMP_SHARE:
        lamp = bpy.data.lights.new("sun", "SUN")
        lamp.energy, lamp.angle = float(rng.uniform(1, 5)), float(rng.uniform(0.01, 0.3))
        node = bpy.data.objects.new("sun", lamp)
        node.rotation_euler = (float(rng.uniform(-1.1, 1.1)), float(rng.uniform(-1.1, 1.1)), 0.0)
        bpy.context.scene.collection.objects.link(node)


def draw(studio: Studio, number: int, path: Path) -> dict[str, Any]:
    """Renders one picture to a file; returns its labels (see `Taken`)."""
    bpy: Any = importlib.import_module("bpy")  # its stubs have everything optional
    rng = np.random.default_rng([studio.settings.seed, 12, number])
    shot = take_shot(studio, number)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    surface = finer(shot.scene.person.surface)
    _person(bpy, shot, surface, vertex_colours(studio, shot.scene, surface), float(rng.uniform(0.5, 0.95)))
    _camera(bpy, shot)
    _world(bpy, rng)
    world = surface.vertices @ shot.scene.camera.camera_to_world.T @ Y_UP_TO_Z_UP.T
    _floor_and_lamp(bpy, float(world[:, 2].min()), world.mean(0), rng)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.max_bounces = "CPU", SAMPLES, BOUNCES
    scene.cycles.use_denoising, scene.cycles.seed = True, number
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    scene.render.resolution_x = scene.render.resolution_y = FRAME
    scene.view_settings.view_transform = VIEWS[int(rng.integers(len(VIEWS)))]
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return labels_of(studio, shot)


def labels_of(studio: Studio, shot: Shot) -> dict[str, Any]:
    """Joints in space and in the frame, vertices, and where the trunk faces."""
    person, body = shot.scene.person, studio.body
    joints = np.asarray(body.lsp_regressor @ person.vertices)
    forward = person.forward
    return {
        "joints": joints.astype(np.float32), "vertices": person.vertices.astype(np.float32),
        "points": shot.points(joints + person.transl).astype(np.float32),
        "facing": np.float32(np.arctan2(forward[0], -forward[2])),
    }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a folder holds.

    Attributes:
        pictures: files, N.
        joints: (N, 14, 3) LSP order, metres, camera axes, about the mid-hip.
        vertices: (N, 6890, 3) the same.
        points: (N, 14, 2) frame pixels.
        facing: (N,) yaw of the trunk, 0 towards the camera.
    """

    pictures: list[Path]
    joints: Float
    vertices: Float
    points: Float
    facing: Float

    @classmethod
    def open(cls, folder: Path) -> Taken:
        """A folder that `render` filled, as far as it got.

        Raises:
            ValueError: there is nothing in it.
        """
        files = sorted(folder.glob("*.npz"))
        if not files:
            raise ValueError(f"{folder} holds no pictures of `python -m training.pictures cycles`")
        loaded = [dict(np.load(file)) for file in files]
        stacked = {name: np.stack([one[name] for one in loaded]) for name in ("joints", "vertices", "points", "facing")}
        return cls([file.with_suffix(".png") for file in files], **stacked)

    def images(self) -> list[npt.NDArray[np.uint8]]:
        """Pictures (256, 256, 3) BGR."""
        return [np.asarray(cv2.imread(str(path)), np.uint8) for path in self.pictures]


def _draw_and_keep(task: tuple[RenderSettings, str, int]) -> int:
    settings, folder, number = task
    torch.set_num_threads(1)
    studio = _studio(settings)
    path = Path(folder) / f"{number:05d}.png"
    found = draw(studio, number, path)
    unfinished = path.with_suffix(".unfinished.npz")
    np.savez_compressed(unfinished, **found)
    unfinished.rename(path.with_suffix(".npz"))  # a picture counts once its labels are there
    return number


_STUDIO: dict[RenderSettings, Studio] = {}


def _studio(settings: RenderSettings) -> Studio:
    if settings not in _STUDIO:
        _STUDIO[settings] = Studio.build(settings)
    return _STUDIO[settings]


def render(motions: Path, count: int, seed: int, folder: Path, workers: int) -> None:
    """Renders what is missing of a folder of pictures.

    Raises:
        ValueError: the folder holds pictures of other settings.
    """
    settings = RenderSettings(count, "test", seed, motions=str(motions), poses="filmed")
    folder.mkdir(parents=True, exist_ok=True)
    digest = _studio(settings).body.digest
    about = {"seed": seed, "frame": FRAME, "samples": SAMPLES, "light_map": LIGHT_MAP, "body": digest}
    meta = folder / "cycles.json"
    if meta.exists() and json.loads(meta.read_text()) != about:
        raise ValueError(f"{folder} holds pictures of other settings; choose another folder or remove it")
    meta.write_text(json.dumps(about, indent=1))
    tasks = [(settings, str(folder), n) for n in range(count) if not (folder / f"{n:05d}.npz").exists()]
    prepare_children()
    # Blender keeps a little of every scene: a process makes fifty pictures and is replaced.
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=50) as pool:
        for done, _ in enumerate(pool.imap_unordered(_draw_and_keep, tasks), start=count - len(tasks) + 1):
            if done % 20 == 0:
                log.info("rendered %d of %d", done, count)

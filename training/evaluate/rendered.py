"""Scores on rendered people with unseen motions, clothes and backgrounds: joints, vertices, facing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.body.model import Body
from core.body.upsample import upsample
from core.geometry.boxes import box_of_points
from core.geometry.crops import normalise
from core.inference.runtime import Runtime
from core.types import Bool, Float, Int, NetworkOutput
from core.weights.bundle import WeightsBundle
from training.evaluate import metrics
from training.evaluate.baselines import a_pose, anywhere_in_boxes, in_boxes, mean_of_set
from training.evaluate.bones import bone_rows
from training.evaluate.report import Score, SetScores
from training.evaluate.run_network import BATCH, joined, lsp_of_coco, projected
from training.pictures import Composer, PictureBatch, PictureStore
from training.pictures.compose import Cover

SEED = 1
FACING_OK = np.pi / 4
ROOT = [2, 3]
DIFFICULTY = {
    "rendered": 0.45, "rendered-clear": 0.0, "rendered-hard": 1.0,
    "rendered-object-occluded": 0.0, "rendered-person-occluded": 0.0, "rendered-truncated": 0.0,
}  # fmt: skip
COVERED_BY: dict[str, Cover] = {"rendered-object-occluded": "thing", "rendered-person-occluded": "person"}
TRUNCATED = {"rendered-truncated": 1.0}
ABOUT = {
    "rendered": "One in five behind something, one in five with a second person, some truncated, all kinds of light.",
    "rendered-clear": "Alone, whole, well lit.",
    "rendered-object-occluded": "As rendered-clear, a fifth to three fifths of everybody behind a thing.",
    "rendered-person-occluded": "As rendered-clear, a fifth to three fifths of everybody behind another person.",
    "rendered-truncated": "As rendered-clear, everybody cut by the crop's border, as in a picture's corner.",
    "rendered-hard": "As the hardest pictures of the training: twice the occluders, second persons and truncation.",
}
LARGEST_MISFIT = 2e-3  # metres; the store rounds vertices to 0.1 mm
PROTOCOL = (
    "{} Motions, clothes and backgrounds that nothing was trained on, facing anywhere. mm; PA after Procrustes; "
    "left-right and facing (within 45 degrees): per cent of people; PCK as on photographs."
)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known of N rendered people.

    Attributes:
        joints: (N, 14, 3) metres, camera axes, relative to mid-hip.
        vertices: (N, 6890, 3) the same.
        points: (N, 14, 2) crop units.
        inside: (N, 14) in the crop.
        facing: (N,) radians.
    """

    joints: Float
    vertices: Float
    points: Float
    inside: Bool
    facing: Float


def score_rendered(
    runtime: Runtime,
    bundle: WeightsBundle,
    body: Body,
    store: PictureStore,
    name: str,
    people: int,
    has_bones: bool = False,
) -> SetScores:
    """Joint, vertex and point errors beside the rows that know nothing.

    Args:
        runtime: the network.
        bundle: its sizes.
        body: whose vertices it predicts.
        store: people of the test split.
        name: of DIFFICULTY.
        people: to draw, in crops of a fixed seed; the few crops without anybody are left out.
        has_bones: score bones in place of the rest, as the set "bones-NAME"; a fit takes as long as the network.
    """
    composer, about = composer_of(store, bundle.input_size, name), ABOUT[name]
    outputs, truths, rotations = [], [], []
    for step in range(-(-people // BATCH)):
        batch = composer.batch(BATCH, step)
        rows = batch.has_person.numpy()
        crops = batch.image.permute(0, 2, 3, 1).numpy()[rows]
        outputs.append(runtime.run(normalise(crops, bundle.mean, bundle.std)))
        truths.append(truth_of(batch, store, body))
        rotations.append(batch.rotations.numpy()[rows])
    truth = Truth(*(np.concatenate([getattr(t, field) for t in truths]) for field in Truth.__slots__))
    output = joined(outputs)
    table = rows_of(output, truth, bundle, body)
    if has_bones:
        mesh = {column: table["mesh"][column] for column in ("MPJPE", "PA-MPJPE", "MPVPE")}
        table = {"mesh": mesh} | bone_rows(output, np.concatenate(rotations), truth, body)
        name = f"bones-{name}"
    return SetScores(name, PROTOCOL.format(about), len(truth.facing), table)


def rows_of(output: NetworkOutput, truth: Truth, bundle: WeightsBundle, body: Body) -> dict[str, dict[str, Score]]:
    """Every way of the network to answer, and the ways that know nothing."""
    return _network_rows(output, truth, bundle, body) | _ignorant_rows(truth, body)


def composer_of(store: PictureStore, size: int, name: str) -> Composer:
    """Draws the crops of a set of DIFFICULTY."""
    return Composer(
        store, size, SEED, difficulty=DIFFICULTY[name], covered_by=COVERED_BY.get(name), truncated=TRUNCATED.get(name)
    )


def truth_of(batch: PictureBatch, store: PictureStore, body: Body) -> Truth:
    """Labels of the people of a batch, their 6890 vertices included."""
    rows = batch.has_person.numpy()
    points = batch.lsp_2d.numpy()[rows]
    return Truth(
        batch.lsp_3d.numpy()[rows],
        fine_vertices(batch.intermediate_vertices.numpy()[rows], batch.person_index.numpy()[rows], store, body),
        points[..., :2],
        points[..., 2] > 0,
        batch.facing.numpy()[rows],
    )


def fine_vertices(intermediate: Float, people: Int, store: PictureStore, body: Body) -> Float:
    """All vertices of people, as turned and mirrored as their 1723 labels are.

    Args:
        intermediate: (N, 1723, 3) labels of a batch, metres.
        people: (N,) rows of the store.
        store: poses and shapes.
        body: the body that was rendered.

    Returns:
        (N, 6890, 3) metres.

    Raises:
        ValueError: the labels are of another body.
    """
    at = [store.at(int(row)) for row in people]
    pose = np.stack([shard.pose[local] for shard, local in at])
    betas = np.stack([shard.betas[local] for shard, local in at])
    posed = body.pose(pose, betas).vertices
    posed = posed - (body.lsp_regressor[ROOT] @ posed).mean(1, keepdims=True)
    found = np.empty_like(posed)
    for n, vertices in enumerate(posed):
        sparse = vertices[body.index_1723]
        turn, misfit = _turn_between(sparse, intermediate[n])
        mirrored, mirrored_misfit = _turn_between(sparse, intermediate[n][body.mirror_1723])
        found[n] = vertices @ turn if misfit < mirrored_misfit else (vertices @ mirrored)[body.mirror]
        if min(misfit, mirrored_misfit) > LARGEST_MISFIT:
            raise ValueError(f"the store's labels are {1000 * min(misfit, mirrored_misfit):.1f} mm off this body's")
    return np.asarray(found)


def _turn_between(source: Float, target: Float) -> tuple[Float, float]:
    """Orthogonal (3, 3), reflections allowed, with source @ turn nearest to target, and the mean distance left."""
    u, _, vt = np.linalg.svd(source.T.astype(np.float64) @ target)
    turn = u @ vt
    return turn.astype(np.float32), float(np.linalg.norm(source @ turn - target, axis=1).mean())


def _network_rows(
    output: NetworkOutput, truth: Truth, bundle: WeightsBundle, body: Body
) -> dict[str, dict[str, Score]]:
    vertices = upsample(output.coarse_vertices, body, bundle.learned_sampler())
    joints = body.lsp_regressor @ vertices
    centred = vertices - joints[:, ROOT].mean(1, keepdims=True)
    return {
        "mesh": _in_space(joints, truth) | {"MPVPE": _mpvpe(centred, truth)} | _in_crop(projected(output), truth),
        "joint tokens": _in_space(output.joints, truth),
        "heatmaps": _in_crop(output.joints_2d, truth),
        "pose tokens": _in_crop(lsp_of_coco(output.keypoints), truth),
    }


def _ignorant_rows(truth: Truth, body: Body) -> dict[str, dict[str, Score]]:
    count = len(truth.facing)
    joints, vertices = (np.repeat(one[None], count, 0) for one in a_pose(body))
    boxes = box_of_points(truth.points)
    mean_vertices = mean_of_set(truth.vertices)
    return {
        "mean pose of the set": _in_space(mean_of_set(truth.joints), truth) | {"MPVPE": _mpvpe(mean_vertices, truth)},
        "A-pose": _in_space(joints, truth)
        | {"MPVPE": _mpvpe(vertices, truth)}
        | _in_crop(in_boxes(joints[0][:, :2], boxes), truth),
        "chance": _in_crop(anywhere_in_boxes(boxes, 14, np.random.default_rng(0)), truth),
    }


def _mpvpe(vertices: Float, truth: Truth) -> Score:
    return Score.of(metrics.mpvpe(vertices, truth.vertices), factor=1000)


def _in_space(joints: Float, truth: Truth) -> dict[str, Score]:
    aligned = metrics.pa_mpjpe(joints, truth.joints)
    is_facing = metrics.angle_between(metrics.yaw(joints), metrics.yaw(truth.joints)) < FACING_OK
    scores = {
        "MPJPE": Score.of(metrics.mpjpe(joints, truth.joints), factor=1000),
        "PA-MPJPE": Score.of(aligned, factor=1000),
    }
    groups = metrics.facing_groups(truth.facing)
    scores |= {f"PA {group}": Score.of(aligned[rows], factor=1000) for group, rows in groups.items()}
    return scores | {
        "left-right": Score.of(metrics.is_left_right_correct(joints, truth.joints), factor=100),
        "facing": Score.of(is_facing, factor=100),
    }


def _in_crop(points: Float, truth: Truth) -> dict[str, Score]:
    sides = box_of_points(truth.points)[:, 2:]
    known = points, truth.points, truth.inside
    weights = truth.inside[:, metrics.LIMBS].sum(1)
    return {
        "PCK": Score.of(metrics.pck(*known, sides.max(1)), weights, 100),
        "OKS": Score.of(metrics.oks(*known, metrics.BODY_SHARE * sides.prod(1)), weights, 100),
    }

"""Takes made from a body whose pose and place are known: what a network without faults would have written."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.geometry.camera import project
from core.geometry.crops import BOX_FACTOR
from core.geometry.rotations import quaternions_of
from core.take.header import TakeHeader
from core.take.take import Take, TakeWriter
from core.types import Estimates, FootageInfo, FootageReport
from tests import bone_graphs

WIDTH, HEIGHT, FPS, FOCAL_PX = 640, 480, 25.0, 900.0
BETAS = np.array([1.0, -0.5, 0, 0, 0, 0, 0, 0, 0, 0], np.float32)


def estimates(rotvec: np.ndarray, path: np.ndarray, size: np.ndarray | float = 1.0) -> Estimates:
    """What a network without faults answers; `size` (T,) is how large it draws the body in each frame."""
    body = load_body()
    frames = len(rotvec)
    vertices = body.pose(rotvec, BETAS[None]).vertices
    joints = np.einsum("jv,tvc->tjc", body.lsp_regressor, vertices)
    root = joints[:, [2, 3]].mean(1, keepdims=True)
    size = np.broadcast_to(np.asarray(size, np.float64), (frames,))[:, None, None]
    centre = path[:, :2] / path[:, 2:] * FOCAL_PX + [WIDTH / 2 + 3, HEIGHT / 2 - 5]
    box = np.concatenate([centre - [60, 150], np.tile([120.0, 300.0], (frames, 1))], axis=1)
    side = np.full(frames, BOX_FACTOR * 300)
    scale = 2 * FOCAL_PX / (side * path[:, 2])
    off_px = path[:, :2] / path[:, 2:] * FOCAL_PX + [WIDTH / 2, HEIGHT / 2] - centre
    shift = off_px / (side[:, None] / 2) / scale[:, None]
    weak = np.concatenate([scale[:, None] / size[:, 0], shift * size[:, 0]], axis=1)
    return Estimates(
        box_px=box,
        crop_side_px=side,
        coarse_vertices=((vertices - root)[:, body.index_431] * size).astype(np.float32),
        joints=(joints - root) * size,
        weak_camera=weak,
        keypoints_px=np.zeros((frames, 17, 2)),
        joints_px=project(joints - root + path[:, None], FOCAL_PX, (WIDTH, HEIGHT)),
        joint_confidence=np.full((frames, 14), 0.8),
        token_confidence=np.zeros((frames, 34)),
        pose_token_ids=np.zeros((frames, 34), np.int64),
        person_score=np.ones(frames),
    )


def write_take(folder: Path, seen: Estimates, frame_index: list[int], **changes: object) -> Take:
    body = load_body()
    info = FootageInfo(Path("clip.mp4"), "video", WIDTH, HEIGHT, FPS, 100)
    known = {"settings": {"step": 1}, "body_digest": body.digest, "weights_digest": "d", **changes}
    header = TakeHeader(info, 1, weights_name="w", body_name="open", focal_px=FOCAL_PX, **known)  # type: ignore[arg-type]
    with TakeWriter.open(folder / "clip.take", header) as writer:
        for row, index in enumerate(frame_index):
            writer.add("1", index, index / FPS, seen[[row]])
        return writer.finish(100, FootageReport(100, (), 0, ()))


def with_bones(seen: Estimates, rotvec: np.ndarray, betas: np.ndarray = BETAS) -> Estimates:
    """The same with a rotation head that reads these poses (T, 24, 3), and says the made-up vocabulary's tokens.

    The next likely codes of a token are those nearest to the code after the one that it is.
    """
    turns = Rotation.from_rotvec(rotvec.reshape(-1, 3))
    rotations = turns.as_matrix().reshape(-1, 24, 3, 3)
    likeness = rotations[:, 1:22].reshape(len(rotvec), bone_graphs.JOINTS, 9) @ bone_graphs.codebook().reshape(-1, 9).T
    ids = np.argsort(-likeness, axis=2)[..., [0, 200, 400, 500]]  # turned by ever more
    return replace(
        seen,
        bone_rotations=quaternions_of(rotations).astype(np.float32),
        bone_betas=np.tile(betas, (len(rotvec), 1)),
        bone_token_ids=ids.astype(np.uint16),
        bone_token_probability=np.tile(np.array(bone_graphs.PROBABILITY, np.float32), (*ids.shape[:2], 1)),
    )

"""Takes made from a body whose pose and place are known: what a network without faults would have written."""

from pathlib import Path

import numpy as np

from core.body import load_body
from core.camera import project
from core.crop import BOX_FACTOR
from core.take import Take, TakeWriter
from core.take_header import TakeHeader
from core.types import Estimates, FootageInfo, FootageReport

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
    known = {"settings": {"step": 1}, "body_digest": body.digest, **changes}
    header = TakeHeader(info, 1, weights_name="w", weights_digest="d", body_name="open", focal_px=FOCAL_PX, **known)  # type: ignore[arg-type]
    with TakeWriter.open(folder / "clip.take", header) as writer:
        for row, index in enumerate(frame_index):
            writer.add("1", index, index / FPS, seen[[row]])
        return writer.finish(100, FootageReport(100, (), 0, ()))

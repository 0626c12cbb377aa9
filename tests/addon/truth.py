"""The true motion of the demo clip: what a perfect reconstruction would give to Blender."""

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from core import Motion, PersonMotion
from core.body.model import load_body

DEMO = Path(__file__).parent.parent.parent / "assets" / "demo"
HIPS = [2, 3]


def true_motion(footage: Path = DEMO / "clip.mp4") -> Motion:
    """The demo clip's person as the clip's own truth file has it."""
    with np.load(DEMO / "clip.truth.npz", allow_pickle=False) as file:
        truth = dict(file)
    body = load_body()
    frame_count = len(truth["frame_index"])
    posed = body.pose(truth["p0_pose"], truth["p0_betas"])
    hips = np.einsum("jv,tvc->tjc", body.lsp_regressor[HIPS], posed.vertices).mean(axis=1)
    quaternions = Rotation.from_rotvec(truth["p0_pose"].reshape(-1, 3)).as_quat().reshape(frame_count, 24, 4)
    person = PersonMotion(
        person_id="1",
        frame_index=truth["frame_index"],
        time_s=truth["time_s"],
        vertices=posed.vertices - hips[:, None],
        joints=truth["p0_lsp_3d"],
        transl=truth["p0_transl"],
        bone_rotations=np.roll(quaternions, 1, axis=-1),
        bone_transl=-hips,
        betas=truth["p0_betas"][0],
        confidence=np.ones((frame_count, 14)),
        is_filled=np.zeros(frame_count, bool),
    )
    return Motion(
        persons=[person],
        faces=body.faces,
        fps=float(truth["fps"]),
        focal_px=float(truth["focal_px"]),
        width=int(truth["width"]),
        height=int(truth["height"]),
        footage=footage,
    )

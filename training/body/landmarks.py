"""The points that people click: 14 LSP joints and 17 COCO points, as convex combinations of vertices.

Limb joints are the skeleton's. Hips lie `HIP_OUTWARD` outside and `HIP_UP` above the joint's centre, where
annotators of LSP and COCO put them; Neck is the middle between the seventh vertebra and the top of the
sternum; Head is the top of the skull (LSP); nose, eyes and ears are on the surface (COCO).
"""

from __future__ import annotations

import numpy as np

from core.types import Float, Int
from training.body.makehuman import Source
from training.body.regressors import ALONG_BODY, convex_row
from training.body.tpose import JOINTS

LSP = [
    "R_Ankle",
    "R_Knee",
    "R_Hip",
    "L_Hip",
    "L_Knee",
    "L_Ankle",
    "R_Wrist",
    "R_Elbow",
    "R_Shoulder",
    "L_Shoulder",
    "L_Elbow",
    "L_Wrist",
    "Neck",
    "Head",
]
COCO = [
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
]
HIP_OUTWARD = 0.015
HIP_UP = 0.01
SURFACE_CANDIDATES = 8
INNER_CANDIDATES = 120


def landmark_regressors(
    source: Source, full: Float, kept: Int, joints24: Float, mirror: Int
) -> tuple[Float, Float]:
    """(14, V) LSP and (17, V) COCO regressors on the decimated mesh, rows >= 0 with sum 1, symmetric.

    Args:
        source: for the cavities, that is the eyes.
        full: (N, 13348, 3) shapes in T-pose.
        kept: (V,) vertices of the decimated mesh among the 13348.
        joints24: (24, V) regressor of the skeleton.
        mirror: (V,) left-right map of the decimated mesh.
    """
    small = full[:, kept]
    joints = np.einsum("jv,nvc->njc", joints24, small)
    rows: dict[str, Float] = {}
    for name in ("ankle", "knee", "wrist", "elbow", "shoulder"):
        rows[name] = joints24[JOINTS.index(f"L_{name}")]
    hip = joints[:, JOINTS.index("L_hip")] + [HIP_OUTWARD, HIP_UP, 0]
    rows["hip"] = convex_row(small, hip, small[0, :, 0] > 0, INNER_CANDIDATES, ALONG_BODY)
    collar, neck = (joints[:, JOINTS.index(name)] * [0, 1, 1] for name in ("L_collar", "neck"))
    rows["neck"] = convex_row(
        small, 0.6 * neck + 0.4 * collar, np.ones(len(kept), bool), INNER_CANDIDATES, ALONG_BODY
    )
    for name, group in surface_points(source, full[0]).items():
        # On the mean shape alone: a point of the skin is the same skin in every shape.
        rows[name] = convex_row(
            small[:1], full[:1, group].mean(1), np.ones(len(kept), bool), SURFACE_CANDIDATES
        )
    for name in ("neck", "head_top", "nose"):
        rows[name] = 0.5 * (rows[name] + rows[name][mirror])
    lsp = np.stack([_sided(rows, name.lower().replace("head", "head_top"), mirror) for name in LSP])
    coco = np.stack([_sided(rows, name.replace("left", "l").replace("right", "r"), mirror) for name in COCO])
    return lsp, coco


def _sided(rows: dict[str, Float], name: str, mirror: Int) -> Float:
    side, _, part = name.partition("_")
    if name in rows:
        return rows[name]
    return rows[part] if side == "l" else rows[part][mirror]


def surface_points(source: Source, mean: Float) -> dict[str, Int]:
    """Vertex groups of the 13348 whose centres are nose tip, left eye, left ear and top of the head."""
    skull = mean[:, 1] > mean[:, 1].max() - 0.24
    front = np.where(skull & (np.abs(mean[:, 0]) < 0.02), mean[:, 2], -np.inf)
    nose = np.argsort(front)[-6:]
    eye_line = mean[nose, 1].mean() + 0.015
    eye = np.flatnonzero(source.is_cavity & (mean[:, 0] > 0.01) & (mean[:, 1] > eye_line))
    ear = np.flatnonzero(skull & (mean[:, 0] > np.where(skull, mean[:, 0], 0).max() - 0.012))
    return {"nose": nose, "eye": eye, "ear": ear, "head_top": np.argsort(mean[:, 1])[-6:]}

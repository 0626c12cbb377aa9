"""Joint regressors: joints as convex combinations of nearby vertices.

MakeHuman's rig gives the target of most joints. Its knee drifts along the leg with the height setting (19 mm
std), so the knee is a ring of vertices fitted to one place on the mean shape: at the middle of the kneecap.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from core.types import Float, Int
from training.body.tpose import JOINT_MIRROR, JOINTS, PARENTS

CANDIDATES = 120  # nearest vertices that may carry a joint
ALONG_BODY = (0.3, 1.0, 0.3)  # nearness counts along the bone, so that the candidates form a ring around it
ALONG_ARM = (1.0, 0.3, 0.3)
UNIT_SUM_WEIGHT = 1e3
SPREAD_WEIGHT = 0.02  # metres; pulls the weights apart over the whole ring
KNEE_DROP = 0.018  # MakeHuman's knee sits at the upper rim of the kneecap on the mean body
HIP_NARROWING = 0.86  # femoral heads are 17 to 18 cm apart in adults; MakeHuman's are 21
FIXED_TO_SURFACE = ("L_knee", "L_ankle", "L_elbow", "L_wrist")


def joint_regressor(vertices: Float, joints: Float, weights: Float, mirror: Int) -> Float:
    """(24, V) regressor of SMPL's joints, rows >= 0 with sum 1, exactly symmetric.

    Args:
        vertices: (N, V, 3) shapes in T-pose, the mean settings first.
        joints: (N, 24, 3) targets.
        weights: (V, 24) skin weights.
        mirror: (V,).
    """
    targets = corrected_targets(joints)
    regressor = np.zeros((24, vertices.shape[1]))
    for j, name in enumerate(JOINTS):
        if name.startswith("R_"):
            continue
        owners = [j, max(PARENTS[j], 0), *np.flatnonzero(j == PARENTS)]
        middle = JOINT_MIRROR[j] == j
        own = weights[:, owners].sum(1) > 0.5
        own |= own[mirror] & middle
        own &= middle | (vertices[0, :, 0] > 0)
        shapes = slice(0, 1) if name in FIXED_TO_SURFACE else slice(None)
        arm = name[2:] in ("collar", "shoulder", "elbow", "wrist", "hand")
        row = convex_row(
            vertices[shapes], targets[shapes, j], own, CANDIDATES, ALONG_ARM if arm else ALONG_BODY
        )
        if middle:
            row = 0.5 * (row + row[mirror])
        regressor[j] = row
        regressor[JOINT_MIRROR[j]] = row if middle else row[mirror]
    return np.asarray(regressor / regressor.sum(1, keepdims=True))


def corrected_targets(joints: Float) -> Float:
    """Rig joints with knees and hips moved to where a leg really turns."""
    moved = joints.copy()
    for side in ("L", "R"):
        hip, knee, ankle = (JOINTS.index(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        moved[:, hip, 0] *= HIP_NARROWING
        shin = joints[:, ankle] - joints[:, knee]
        moved[:, knee] += KNEE_DROP * shin / np.linalg.norm(shin, axis=1, keepdims=True)
    return moved


def convex_row(
    vertices: Float,
    targets: Float,
    allowed: npt.NDArray[np.bool_],
    candidates: int,
    nearness: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Float:
    """(V,) non-negative weights with sum 1 whose combination follows the targets over the shapes.

    Args:
        vertices: (N, V, 3).
        targets: (N, 3).
        allowed: (V,) vertices that may take part.
        candidates: how many of those nearest to the target in the first shape.
        nearness: scale of the three axes in that distance.
    """
    usable = np.flatnonzero(allowed)
    distance = np.linalg.norm((vertices[0, usable] - targets[0]) * nearness, axis=1)
    near = usable[np.argsort(distance, kind="stable")[:candidates]]
    shapes = len(vertices)
    offsets = (vertices[:, near] - targets[:, None]).transpose(0, 2, 1) / np.sqrt(shapes)
    matrix = np.concatenate(
        [
            offsets.reshape(-1, len(near)),
            4 * offsets[0] * np.sqrt(shapes),
            np.full((1, len(near)), UNIT_SUM_WEIGHT),
            SPREAD_WEIGHT * np.eye(len(near)),
        ]
    )
    goal = np.zeros(len(matrix))
    goal[-len(near) - 1] = UNIT_SUM_WEIGHT
    row = np.zeros(vertices.shape[1])
    row[near] = nnls(matrix, goal)[0]
    row[row < 1e-3] = 0
    return np.asarray(row / row.sum())

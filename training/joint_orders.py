"""How the joint sets map onto each other and onto their mirror images; the names are in `core.types`."""

COCO_MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
"""COCO's 17 with left and right exchanged."""
LSP_MIRROR = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
"""LSP's 14 with left and right exchanged."""
LSP_FROM_COCO = [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9]
"""The 12 limb joints of LSP among COCO's 17; Neck and Head have no twin there."""

SUPERSET_JOINTS = (
    "R_Ankle", "R_Knee", "R_Hip", "L_Hip", "L_Knee", "L_Ankle", "R_Wrist", "R_Elbow", "R_Shoulder", "L_Shoulder",
    "L_Elbow", "L_Wrist", "Neck", "Top_of_Head", "Pelvis", "Thorax", "Spine", "Jaw", "Head", "Nose", "L_Eye", "R_Eye",
    "L_Ear", "R_Ear",
)  # fmt: skip
"""METRO's and SPIN's 24, which hold the joints of every published set; `training.datasets.metro_operations` has
their mirror."""
LSP_FROM_SUPERSET = [*range(13), 18]
"""The 14 that METRO scores. LSP's own "head top" is number 13, not this Head."""
COCO_FROM_SUPERSET = [19, 20, 21, 22, 23, 9, 8, 10, 7, 11, 6, 3, 2, 4, 1, 5, 0]
SUPERSET_FROM_COCO = dict(zip(COCO_FROM_SUPERSET, range(17), strict=True))
"""Superset joint -> COCO keypoint; so read the other maps below."""
SUPERSET_FROM_LSP = {joint: joint for joint in range(14)}
SUPERSET_FROM_MPII = dict(zip([0, 1, 2, 3, 4, 5, 14, 15, 12, 13, 6, 7, 8, 9, 10, 11], range(16), strict=True))
SUPERSET_FROM_OPENPOSE18 = {
    0: 10, 1: 9, 2: 8, 3: 11, 4: 12, 5: 13, 6: 4, 7: 3, 8: 2, 9: 5, 10: 6, 11: 7, 19: 0, 20: 15, 21: 14, 22: 17, 23: 16,
}  # fmt: skip
SUPERSET_FROM_SMPL = {0: 8, 1: 5, 4: 4, 5: 7, 6: 21, 7: 19, 8: 17, 9: 16, 10: 18, 11: 20}
"""SMPL's own joints that METRO takes as they are; its hips, neck and head come from other regressors."""
SUPERSET_FROM_SMPL45 = {**SUPERSET_FROM_SMPL, 19: 24, 20: 26, 21: 25, 22: 28, 23: 27}
"""The same with the face of smplx's 45 (nose, right eye, left eye, right ear, left ear after SMPL's 24)."""

"""How the joint sets map onto each other and onto their mirror images; the names are in `core.types`."""

COCO_MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
"""COCO's 17 with left and right exchanged."""
LSP_MIRROR = [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13]
"""LSP's 14 with left and right exchanged."""
LSP_FROM_COCO = [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9]
"""The 12 limb joints of LSP among COCO's 17; Neck and Head have no twin there."""

"""Body models: a mesh in SMPL's format, its samplers, and its posing in numpy.

`load_body()` is the open body that ships; a path loads the user's own file, SMPL's .npz or .pkl included
(`smpl_file.py`). What such a file lacks (samplers, mirror, landmarks) is computed once and cached beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix

from ..errors import BodyError
from ..files.assets import ASSETS
from ..files.untrusted import MALFORMED, shortened
from ..geometry.skinning import forward_kinematics, pose_features, rotation_matrices, skin
from ..types import Float, Int

OPEN_BODY = ASSETS / "body" / "open_body.npz"
JOINTS = 24
EXTRA_KEYS = (
    *("lsp14_regressor", "coco17_regressor", "index_1723", "index_431", "adjacency_431", "mirror"),
    *(f"{sampler}_{part}" for sampler in ("up_1723", "up_431") for part in ("rows", "cols", "vals")),
)


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """Vertices (T, 6890, 3) and joints (T, 24, 3) of a posed body, metres, in the axes of its root."""

    vertices: Float
    joints: Float


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A body model; x to the person's left, y up, z forward in the rest pose, metres.

    Attributes:
        name: "open" or the file's name.
        digest: sha256 over the arrays; weights name the body that they predict by it.
        v_template: (6890, 3) mean rest shape, T-pose.
        faces: (13776, 3) outward.
        shapedirs: (6890, 3, 10) metres a unit of beta.
        posedirs: (6890, 3, 207) correctives, for the entries of 23 local rotations less the identity.
        skin_weights: (6890, 24), rows sum to one.
        joint_regressor: (24, 6890).
        parents: (24,), -1 for the root.
        lsp_regressor: (14, 6890).
        coco_regressor: (17, 6890).
        index_1723: (1723,) sorted, into the 6890; a mirror-symmetric set.
        index_431: (431,) sorted, into the 6890, a subset of `index_1723`.
        up_1723: (6890, 1723) sparse, rows sum to one.
        up_431: (1723, 431) sparse, rows sum to one.
        adjacency_431: (431, 431) bool, with self.
        mirror: (6890,) left-right map.
        mirror_1723: (1723,).
        mirror_431: (431,).
        part: (6890,) uint8 joint with the largest skin weight.
    """

    name: str
    digest: str
    v_template: Float
    faces: Int
    shapedirs: Float
    posedirs: Float
    skin_weights: Float
    joint_regressor: Float
    parents: Int
    lsp_regressor: Float
    coco_regressor: Float
    index_1723: Int
    index_431: Int
    up_1723: csr_matrix
    up_431: csr_matrix
    adjacency_431: npt.NDArray[np.bool_]
    mirror: Int
    mirror_1723: Int
    mirror_431: Int
    part: npt.NDArray[np.uint8]

    def shape(self, betas: Float) -> tuple[Float, Float]:
        """Unposed vertices (T, 6890, 3) and joints (T, 24, 3) of betas (T, 10)."""
        dirs = self.shapedirs.reshape(-1, self.shapedirs.shape[2])
        vertices = self.v_template + (betas.astype(np.float32) @ dirs.T).reshape(-1, *self.v_template.shape)
        return vertices, np.asarray(self.joint_regressor @ vertices)

    def pose(
        self, rotations: Float, betas: Float | None = None, transl: Float | None = None, only: Int | None = None
    ) -> Posed:
        """The body in T poses.

        Args:
            rotations: (T, 24, 3) rotation vectors or (T, 24, 3, 3) matrices, local; the root's turns all.
            betas: (T, 10), (1, 10) or None for the mean shape.
            transl: (T, 3) metres, added to everything.
            only: (N,) the vertices to pose, for (T, N, 3); None for all.

        Raises:
            ValueError: a shape does not fit.
        """
        matrices = _as_matrices(rotations)
        frames = len(matrices)
        betas = np.zeros((1, self.shapedirs.shape[2]), np.float32) if betas is None else np.atleast_2d(betas)
        if len(betas) not in (1, frames) or betas.shape[1] > self.shapedirs.shape[2]:
            raise ValueError(f"expected betas ({frames} or 1, {self.shapedirs.shape[2]}), got {betas.shape}")
        vertices, joints = self.shape(_padded(betas, self.shapedirs.shape[2]))
        world, posed = forward_kinematics(matrices, joints, self.parents)
        chosen = slice(None) if only is None else only
        dirs = self.posedirs[chosen].reshape(-1, self.posedirs.shape[2])
        corrected = vertices[:, chosen] + (pose_features(matrices) @ dirs.T).reshape(frames, -1, 3)
        moved = skin(corrected, joints, world, posed, csr_matrix(self.skin_weights[chosen]))
        if transl is not None:
            moved, posed = (
                moved + transl[:, None].astype(np.float32),
                posed + transl[:, None].astype(np.float32),
            )
        return Posed(moved, posed)


def load_body(path: Path | None = None) -> Body:
    """The open body, or the one in a file of SMPL's format (.npz or .pkl).

    Raises:
        BodyError: the file is missing, damaged, no body, or a pickle that holds anything but arrays.
    """
    return _load(None if path is None else Path(path).resolve())


@lru_cache(maxsize=4)
def _load(path: Path | None) -> Body:
    if path is not None:
        from .smpl_completion import complete_smpl
        from .smpl_file import read_smpl

        arrays = read_smpl(path)
        is_complete = all(key in arrays for key in EXTRA_KEYS)
        try:
            return _assemble(path.stem, arrays if is_complete else complete_smpl(path, arrays))
        except MALFORMED as error:
            raise BodyError(f"{path.name}: its samplers don't fit ({shortened(str(error))}); get it again") from error
    if not OPEN_BODY.is_file():
        raise BodyError(
            f"the open body is missing: {OPEN_BODY}; build it: python -m training.body -o assets/body"
        )
    from .smpl_file import read_smpl

    return _assemble("open", read_smpl(OPEN_BODY))


def _assemble(name: str, arrays: dict[str, Any]) -> Body:
    index_1723, index_431 = arrays["index_1723"].astype(np.int64), arrays["index_431"].astype(np.int64)
    mirror = arrays["mirror"].astype(np.int64)
    place_431 = np.searchsorted(index_1723, index_431)
    if not (index_1723[place_431] == index_431).all():
        raise BodyError(f"the body {name} is damaged: its 431 vertices are not among its 1723")
    parents = arrays["kintree_table"][0].astype(np.int64)
    parents[0] = -1
    adjacency = np.eye(len(index_431), dtype=bool)
    pairs = arrays["adjacency_431"]
    adjacency[pairs[:, 0], pairs[:, 1]] = adjacency[pairs[:, 1], pairs[:, 0]] = True
    content: dict[str, Any] = {
        "v_template": arrays["v_template"].astype(np.float32),
        "faces": arrays["f"].astype(np.int32),
        "shapedirs": np.ascontiguousarray(arrays["shapedirs"][..., :10], np.float32),
        "posedirs": np.ascontiguousarray(arrays["posedirs"], np.float32),
        "skin_weights": arrays["weights"].astype(np.float32),
        "joint_regressor": arrays["J_regressor"].astype(np.float32),
        "parents": parents,
        "lsp_regressor": arrays["lsp14_regressor"].astype(np.float32),
        "coco_regressor": arrays["coco17_regressor"].astype(np.float32),
        "index_1723": index_1723,
        "index_431": index_431,
        "up_1723": _sparse(arrays, "up_1723", (len(mirror), len(index_1723))),
        "up_431": _sparse(arrays, "up_431", (len(index_1723), len(index_431))),
        "adjacency_431": adjacency,
        "mirror": mirror,
        "mirror_1723": np.searchsorted(index_1723, mirror[index_1723]),
        "mirror_431": np.searchsorted(index_431, mirror[index_431]),
        "part": arrays["weights"].argmax(1).astype(np.uint8),
    }
    return Body(name=name, digest=_digest(content), **content)


def _digest(content: dict[str, Any]) -> str:
    digest = hashlib.sha256()
    for field in fields(Body):
        value = content.get(field.name)
        if value is None:
            continue
        for array in (value.indptr, value.indices, value.data) if isinstance(value, csr_matrix) else (value,):
            kind = np.float32 if array.dtype.kind == "f" else np.int32
            digest.update(np.ascontiguousarray(array, np.dtype(kind).newbyteorder("<")).tobytes())
    return digest.hexdigest()


def _sparse(arrays: dict[str, Any], key: str, shape: tuple[int, int]) -> csr_matrix:
    places = (arrays[f"{key}_rows"], arrays[f"{key}_cols"])
    matrix = coo_matrix((arrays[f"{key}_vals"].astype(np.float32), places), shape=shape).tocsr()
    matrix.sort_indices()
    return csr_matrix(matrix)


def _as_matrices(rotations: Float) -> Float:
    rotations = np.asarray(rotations)
    if rotations.shape[1:] == (JOINTS, 3):
        return rotation_matrices(rotations.astype(np.float64)).astype(np.float32)
    if rotations.shape[1:] == (JOINTS, 3, 3):
        return rotations.astype(np.float32)
    raise ValueError(f"expected rotations (T, {JOINTS}, 3) or (T, {JOINTS}, 3, 3), got {rotations.shape}")


def _padded(betas: Float, count: int) -> Float:
    padded = np.zeros((len(betas), count), np.float32)
    padded[:, : betas.shape[1]] = betas
    return padded

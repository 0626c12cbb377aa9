"""smplx.SMPL poses the open body as we do; smplx is a research extra, and only this test needs it."""

import warnings
from typing import Any

import numpy as np
import pytest

from core.body.model import OPEN_BODY, load_body

TOLERANCE = 1e-5  # metres


@pytest.fixture(scope="module")
def reference() -> Any:
    pytest.importorskip("torch", reason="torch is not installed (extra: train)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        smplx = pytest.importorskip("smplx", reason="smplx is not installed (extra: smpl)")
        with np.load(OPEN_BODY) as file:
            struct = smplx.utils.Struct(**dict(file))
        return smplx.SMPL(model_path="", data_struct=struct, batch_size=4)


@pytest.fixture(scope="module")
def posed(reference: Any) -> tuple[Any, Any]:
    import torch

    random = np.random.default_rng(0)
    pose, betas = random.normal(0, 0.4, (4, 24, 3)), random.normal(size=(4, 10))
    transl = random.normal(size=(4, 3))
    theirs = reference(
        global_orient=torch.tensor(pose[:, :1].reshape(4, 3), dtype=torch.float32),
        body_pose=torch.tensor(pose[:, 1:].reshape(4, 69), dtype=torch.float32),
        betas=torch.tensor(betas, dtype=torch.float32),
        transl=torch.tensor(transl, dtype=torch.float32),
    )
    return theirs, load_body().pose(pose, betas, transl)


def test_smplx_when_posed_then_same_vertices(posed: tuple[Any, Any]) -> None:
    theirs, ours = posed
    np.testing.assert_allclose(theirs.vertices.detach().numpy(), ours.vertices, atol=TOLERANCE)


def test_smplx_when_posed_then_same_joints(posed: tuple[Any, Any]) -> None:
    theirs, ours = posed
    np.testing.assert_allclose(theirs.joints[:, :24].detach().numpy(), ours.joints, atol=TOLERANCE)

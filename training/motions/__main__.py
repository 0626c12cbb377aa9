"""python -m training.motions FILES -o my.npz: a motion file from BVH and CMU ASF/AMC files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from core.errors import MocapError
from training.motions.asf_amc import CMU_FPS, read_asf_amc
from training.motions.bvh import read_bvh
from training.motions.retarget import SourceMotion, retarget


def _skeleton_of(amc: Path, given: list[Path]) -> Path:
    """The ASF file of an AMC file: the one given, or that of its subject (`01.asf` beside `01_05.amc`)."""
    if len(given) == 1:
        return given[0]
    subject = amc.stem.split("_")[0]
    for path in [*given, amc.with_name(f"{subject}.asf")]:
        if path.stem == subject and path.exists():
            return path
    raise MocapError(f"no skeleton for {amc}: name {subject}.asf on the command line or put it beside the file")


def _read(path: Path, skeletons: list[Path], fps: float) -> SourceMotion:
    if path.suffix.lower() == ".bvh":
        return read_bvh(path)
    if path.suffix.lower() == ".amc":
        return read_asf_amc(_skeleton_of(path, skeletons), path, fps)
    raise MocapError(f"{path} is neither .bvh nor .amc with an .asf")


def main(arguments: list[str] | None = None) -> int:
    """Converts the files; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.motions", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", help=".bvh, .amc and .asf files")
    parser.add_argument("--source", default="my", help="first part of the clips' names")
    parser.add_argument("--amc-fps", type=float, default=CMU_FPS)
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    skeletons = [path for path in options.files if path.suffix.lower() == ".asf"]
    poses, roots, clips = [], [], []
    names: list[str] = []
    try:
        for path in options.files:
            if path in skeletons:
                continue
            pose, root = retarget(_read(path, skeletons, options.amc_fps))
            poses.append(pose)
            roots.append(root)
            clips.append(np.full(len(pose), len(names), np.int16))
            names.append(f"{options.source}/{path.stem}")
        if not names:
            raise MocapError("no motion among the files: an .asf alone holds none")
        np.savez_compressed(
            options.out, pose=np.concatenate(poses).astype(np.float16), root=np.concatenate(roots),
            clip=np.concatenate(clips), names=np.array(names),
        )  # fmt: skip
    except (MocapError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {len(names)} clips, {sum(map(len, poses))} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())

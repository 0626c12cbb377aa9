"""What each run of a lineage bought, as one picture: `python -m training.studies.curves runs/mesh -o
docs/images/training.png`.

Runs that a run started from come first; samples add up over them. Scores are those of the regular evaluation.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.errors import MocapError
from training.export.model_card import lineage
from training.studies.figures import new_figure
from training.trainer.run_log import first_line, read_events

PANELS = {
    "PA-MPJPE, mm": {
        "clean_pa_joints": "direct 3D head, clean", "clean_pa_joints_mesh": "mesh, clean",
        "hard_pa_joints": "direct 3D head, hard", "hard_pa_joints_mesh": "mesh, hard",
    },
    "PCK@0.1 of the box, %": {
        "clean_pck_points": "heatmaps, clean", "hard_pck_points": "heatmaps, hard",
        "lspet_pck_points": "heatmaps, photographs", "lspet_pck_points_projected": "mesh, photographs",
    },
}  # fmt: skip
Points = dict[str, tuple[list[float], list[float]]]


def gather(runs: list[Path]) -> tuple[Points, list[tuple[str, float]]]:
    """Curves by score, (thousand samples, values), and the name and end of each run on the same axis."""
    points: Points = {key: ([], []) for panel in PANELS.values() for key in panel}
    before, ends = 0.0, []
    for run in runs:
        last = before
        for event in read_events(run):
            last = max(last, before + event.get("samples", 0) / 1000)
            for key, (samples, values) in points.items():
                if event["event"] == "evaluate" and key in event:
                    samples.append(before + event["samples"] / 1000)
                    values.append(float(event[key]))
        before = last
        ends.append((run.name, before))
    return points, ends


def draw(runs: list[Path], path: Path) -> None:
    """Writes the picture.

    Raises:
        MocapError: matplotlib is missing.
        ValueError: a folder that is no run.
    """
    points, ends = gather(runs)
    figure = new_figure(path, (11, 4.6))
    for panel, (title, keys) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for number, (key, label) in enumerate(keys.items()):
            samples, values = points[key]
            if samples:  # an empty curve would stand in the legend
                panel.plot(samples, values, color=f"C{number}", marker="o", markersize=3, label=label)
        for name, end in ends:
            panel.axvline(end, color="0.8", linewidth=1, zorder=0)
            panel.annotate(
                name, (end, 1), xycoords=("data", "axes fraction"), rotation=90, fontsize=7, color="0.4",
                ha="right", va="top",
            )  # fmt: skip
        panel.set(xlabel="samples, thousands", ylabel=title)
        panel.grid(alpha=0.3)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="upper right" if "PA" in title else "lower right", fontsize=8)
    figure.savefig(path, dpi=100)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.studies.curves", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run; those that it started from are drawn too")
    parser.add_argument("-o", "--out", type=Path, required=True, help="picture file")
    given = parser.parse_args(arguments)
    try:
        first_line(given.run)  # says what is wrong with a folder that is no run
        runs = [run for run in lineage(given.run) if "bank" not in first_line(run)["config"]]  # not the tokenizer's
        draw(runs, given.out)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.curves: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

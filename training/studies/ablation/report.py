"""The arms' errors as the paper's tables: JSON, Markdown and one picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from core.types import LSP_JOINTS
from training.evaluate.metrics import Float
from training.evaluate.report import Score
from training.studies.ablation.arms import ERRORS
from training.studies.ablation.settings import ARMS, FULL, MIXER_BLOCKS, OCCLUDED, SETS, TABLES, AblationConfig
from training.studies.figures import new_figure

MEASURES = ("PA-MPJPE", "MPJPE")
Errors = Mapping[str, Mapping[str, Float]]
"""By arm, then by "SET/MEASURE" (N, 14) or "SET/noise DEVIATION" (N, 14), metres."""


def read_errors(config: AblationConfig) -> Errors:
    """Errors of every arm that has finished, in the order of ARMS."""
    found = {}
    for arm in ARMS:
        path = config.arm_folder(arm) / ERRORS
        if path.is_file():
            with np.load(path) as stored:
                found[arm] = dict(stored)
    return found


def score(errors: Errors, arm: str, key: str) -> Score:
    """Mean over people, millimetres."""
    return Score.of(errors[arm][key].mean(1), factor=1000)


def beyond(errors: Errors, arm: str, key: str) -> Score:
    """How much more an arm errs than the arm with both, person by person, millimetres."""
    return Score.of((errors[arm][key] - errors[FULL][key]).mean(1), factor=1000)


def results(errors: Errors) -> dict[str, Any]:
    """All numbers as plain JSON types."""
    arms: dict[str, Any] = {}
    for arm in errors:
        sets: dict[str, Any] = {}
        for name in SETS:
            sets[name] = {measure: _plain(score(errors, arm, f"{name}/{measure}")) for measure in MEASURES}
            if FULL in errors and arm != FULL:
                more = {f"{measure} more": _plain(beyond(errors, arm, f"{name}/{measure}")) for measure in MEASURES}
                sets[name] |= more
        arms[arm] = {"about": ARMS[arm].about, "people": _people(errors[arm]), "sets": sets}
    noise = {
        name: {f"{d:g}": _plain(score(errors, FULL, _noise_key(name, d))) for d in _deviations(errors)} for name in SETS
    }
    return {"arms": arms, "noise": noise, "both_beat_either": is_both_best(errors)}


def is_both_best(errors: Errors) -> bool | None:
    """Whether image and pose tokens together beat either alone on the occluded sets, beyond the paired interval."""
    if not {"image", "pose", FULL} <= errors.keys():
        return None
    return all(
        beyond(errors, arm, f"{name}/PA-MPJPE").low > 0 for arm in ("image", "pose") for name in OCCLUDED
    )  # fmt: skip


def markdown(errors: Errors, about: str) -> str:
    """Every table of the paper whose arms have finished.

    Args:
        errors: as `read_errors` gives them.
        about: what was trained, one paragraph.
    """
    parts = ["# Ablations", about]
    for title, arms in TABLES.items():
        present = [arm for arm in arms if arm in errors]
        if len(present) > 1:
            parts += [f"## {title}", _table([line for arm in present for line in _lines(errors, arm)])]
    verdict = is_both_best(errors)
    if verdict is not None:
        claim = "beat" if verdict else "do NOT beat"
        parts.append(f"Together the tokens {claim} either alone on the occluded sets by more than the paired interval.")
    if _deviations(errors):
        rows = [["none", *(_cell(score(errors, FULL, f"{name}/PA-MPJPE")) for name in SETS)]]
        for deviation in _deviations(errors):
            rows.append([f"{deviation:g}", *(_cell(score(errors, FULL, _noise_key(name, deviation))) for name in SETS)])
        parts += ["## Fig. 8: noise on the token logits, PA-MPJPE by its deviation", _table(rows)]
    return "\n\n".join(parts) + "\n"


def _lines(errors: Errors, arm: str) -> list[list[str]]:
    about = ARMS[arm].about
    lines = [
        [f"{about}: {measure}", *(_cell(score(errors, arm, f"{name}/{measure}")) for name in SETS)]
        for measure in MEASURES
    ]
    if arm != FULL and FULL in errors:
        more = [beyond(errors, arm, f"{name}/PA-MPJPE") for name in SETS]
        lines.append(
            [f"{about}: PA more than both", *(f"{s.value:+.1f} ({s.low:+.1f} to {s.high:+.1f})" for s in more)]
        )
    return lines


def _table(rows: list[list[str]]) -> str:
    lines = [["mm (95 % interval)", *SETS], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    ruled = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in ruled
    )


def _cell(told: Score) -> str:
    return f"{told.value:.1f} ({told.low:.1f} to {told.high:.1f})"


def _plain(told: Score) -> dict[str, float]:
    return {key: round(value, 2) for key, value in asdict(told).items()}


def _people(errors: Mapping[str, Float]) -> dict[str, int]:
    return {name: len(errors[f"{name}/MPJPE"]) for name in SETS}


def _noise_key(name: str, deviation: float) -> str:
    return f"{name}/noise {deviation:g}"


def _deviations(errors: Errors) -> list[float]:
    start = f"{SETS[0]}/noise "
    return sorted(float(key.removeprefix(start)) for key in errors.get(FULL, {}) if key.startswith(start))


def draw(errors: Errors, path: Path, title: str) -> None:
    """Four panels: every arm on every set, mixer blocks, noise, and what either kind of token does for each joint.

    Raises:
        MocapError: matplotlib is missing.
    """
    figure = new_figure(path, (14, 9))
    panels = figure.subplots(2, 2)
    _draw_arms(panels[0, 0], errors)
    _draw_mixers(panels[0, 1], errors)
    _draw_noise(panels[1, 0], errors)
    _draw_joints(panels[1, 1], errors)
    for panel in panels.flat:
        panel.grid(alpha=0.3, axis="y")
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize=8)
    figure.suptitle(title)
    figure.savefig(path, dpi=100)


def _bars(panel: Any, told: list[Score], places: Float, width: float, label: str) -> None:
    values = [each.value for each in told]
    spread = [[each.value - each.low for each in told], [each.high - each.value for each in told]]
    panel.bar(places, values, width, yerr=spread, label=label, error_kw={"linewidth": 0.8})


def _draw_arms(panel: Any, errors: Errors) -> None:
    width = 0.8 / len(SETS)
    for number, name in enumerate(SETS):
        told = [score(errors, arm, f"{name}/PA-MPJPE") for arm in errors]
        _bars(panel, told, np.arange(len(told)) + (number - 1.5) * width, width, name)
    panel.set_xticks(range(len(errors)), list(errors), rotation=30, ha="right", fontsize=8)
    panel.margins(y=0.35)
    panel.set(ylabel="PA-MPJPE, mm", title="every arm (Tables 5, 6, 7, 8, 11)")


def _draw_mixers(panel: Any, errors: Errors) -> None:
    present = {blocks: arm for blocks, arm in sorted(MIXER_BLOCKS.items()) if arm in errors}
    for name in SETS:
        told = [score(errors, arm, f"{name}/PA-MPJPE").value for arm in present.values()]
        panel.plot(range(len(told)), told, marker="o", label=name)
    panel.set_xticks(range(len(present)), [str(blocks) for blocks in present])
    panel.set(xlabel="mixer blocks", ylabel="PA-MPJPE, mm", title="mixer blocks (Table 8)")


def _draw_noise(panel: Any, errors: Errors) -> None:
    deviations = _deviations(errors)
    for name in SETS if deviations else ():
        keys = [f"{name}/PA-MPJPE", *(_noise_key(name, deviation) for deviation in deviations)]
        panel.plot([0, *deviations], [score(errors, FULL, key).value for key in keys], marker="o", label=name)
    panel.set_xscale("symlog", base=2, linthresh=1)
    panel.set_xticks([0, *deviations], [f"{deviation:g}" for deviation in (0, *deviations)])
    panel.set(xlabel="deviation of the noise on the logits", ylabel="PA-MPJPE, mm", title="noisy tokens (Fig. 8)")


def _draw_joints(panel: Any, errors: Errors) -> None:
    present = [arm for arm in ("image", "pose", FULL) if arm in errors]
    for number, arm in enumerate(present):
        by_joint = errors[arm][f"{OCCLUDED[1]}/PA-MPJPE"]
        told = [Score.of(column, factor=1000) for column in by_joint.T]
        _bars(panel, told, np.arange(len(told)) + (number - 1) * 0.27, 0.27, ARMS[arm].about)
    panel.set_xticks(range(len(LSP_JOINTS)), LSP_JOINTS, rotation=60, ha="right", fontsize=8)
    panel.margins(y=0.35)
    panel.set(ylabel="error after Procrustes, mm", title=f"joint by joint, {OCCLUDED[1]}")

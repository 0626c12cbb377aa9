"""The part of the preferences for larger weights: what to download, how far it is, what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..choices.preferences import downloads_folder
from ..engine.licences import refusal
from ..operators.downloads import current_download, downloads_in, why_not_download
from .reconstruct import draw_progress
from .section import draw_text

LETTERS = 80
COMMIT_LETTERS = 12
MEGABYTE = 1e6


def draw_downloads(layout: Any, chosen: Any) -> None:
    """Draw it.

    Args:
        layout: of the preferences.
        chosen: the preferences.
    """
    layout.label(text="Larger weights from Hugging Face")
    for name in ("hub_repository", "hub_revision", "downloads"):
        layout.prop(chosen, name)
    run = current_download()
    if run is not None and run.state == "running":
        draw_progress(layout, run, LETTERS)
    else:
        layout.operator("mocap.download_weights", icon="IMPORT")
        if problem := why_not_download():
            draw_text(layout, problem, LETTERS, "INFO")
        elif run is not None and run.state == "failed":
            draw_text(layout, run.error, LETTERS, "ERROR")
    found = downloads_in(downloads_folder())
    for each in found:
        _draw_download(layout, each, chosen)
    total = sum(each.size for each in found) / MEGABYTE
    layout.label(text=f"{len(found)} downloaded, {total:.1f} MB in {downloads_folder()}")


def _draw_download(layout: Any, each: Any, chosen: Any) -> None:
    """One download: its commit, licence and size; then what can be done with it."""
    name = f"{each.repository}@{each.commit[:COMMIT_LETTERS]}"
    use = "commercial use allowed" if each.config.get("commercial_use") is True else "NO commercial use"
    licence = f"{each.config.get('licence', 'licence not known yet')}, {use}"
    layout.label(text=f"{name}: {licence}, {each.size / MEGABYTE:.1f} MB")
    row = layout.row(align=True)
    problem = refusal(each.folder) if chosen.is_commercial_only and each.is_whole else ""
    if not each.is_whole:
        row.label(text="Not finished: Download goes on", icon="TIME")
    elif problem:
        draw_text(layout, problem, LETTERS, "ERROR")
    elif chosen.weights and Path(chosen.weights) == each.folder:
        row.label(text="In use", icon="CHECKMARK")
    else:
        row.operator("mocap.use_weights", icon="CHECKMARK").folder = str(each.folder)
    row.operator("mocap.remove_weights", icon="TRASH").weights = each.name

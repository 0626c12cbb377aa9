"""Where the files that ship with the program lie: beside `core`, in a checkout as in the extension."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).resolve().parents[2] / "assets"
"""Holds `body/` and `weights/`."""

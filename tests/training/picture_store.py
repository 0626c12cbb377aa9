"""A small picture store for tests, rendered once a session from joint limits alone."""

from __future__ import annotations

import atexit
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

from training.pictures import PictureStore
from training.pictures.render import RenderSettings, render

SETTINGS = RenderSettings(count=40, split="train", seed=5, size=96)


@lru_cache(maxsize=1)
def small_store() -> PictureStore:
    parent = Path(mkdtemp(prefix="pictures-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    folder = parent / "store"
    render(SETTINGS, folder, workers=1)
    return PictureStore.open(folder)

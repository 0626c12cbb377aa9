"""Where one shot ends and the next begins: neighbouring frames whose colours have little in common."""

from __future__ import annotations

import cv2
import numpy as np

from .types import Float, Image


def look_of(image: Image) -> Float:
    """Histogram (16, 16) of hue and brightness that tells shots apart, sum 1."""
    small = cv2.resize(image, (64, 48), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([hsv], [0, 2], None, [16, 16], [0, 180, 0, 256])
    return np.asarray(counts / counts.sum())


def difference(a: Float, b: Float) -> float:
    """0 for equal histograms, 1 for disjoint ones."""
    return float(1 - np.minimum(a, b).sum())

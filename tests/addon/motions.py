"""Motions made up for these tests: a capsule with the body's counts, or the open body itself."""

from pathlib import Path

import numpy as np

from core import Motion, PersonMotion

SEGMENTS, RINGS = 84, 82  # 84 * 82 + 2 poles = 6890 vertices, 13776 triangles: the body's own counts
FOCAL_PX, WIDTH, HEIGHT = 800.0, 640, 360


def capsule() -> tuple[np.ndarray, np.ndarray]:
    """(6890, 3) vertices of an egg 1.7 m tall in camera axes, lopsided in x, y and z; (13776, 3) faces."""
    polar = np.pi * np.arange(1, RINGS + 1) / (RINGS + 1)
    around = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    ring = np.stack(
        [
            0.25 * np.sin(polar)[:, None] * np.cos(around) * (1 + 0.3 * (np.cos(around) > 0)),
            -0.85 * np.cos(polar)[:, None] * np.ones(SEGMENTS),
            0.15 * np.sin(polar)[:, None] * np.sin(around) * (1 + 0.5 * (np.sin(around) > 0)),
        ],
        axis=-1,
    )
    vertices = np.concatenate([[[0, -0.85, 0]], ring.reshape(-1, 3), [[0, 0.85, 0]]])
    faces = []
    last = len(vertices) - 1
    for s in range(SEGMENTS):
        t = (s + 1) % SEGMENTS
        faces.append((0, 1 + t, 1 + s))
        faces.append((last, last - SEGMENTS + s, last - SEGMENTS + t))
        for r in range(RINGS - 1):
            a, b = 1 + r * SEGMENTS, 1 + (r + 1) * SEGMENTS
            faces += [(a + s, a + t, b + s), (a + t, b + t, b + s)]
    return vertices, np.array(faces)


def person(frame_count: int = 12, fps: float = 25.0, first: int = 0, seed: int = 0, name: str = "1") -> PersonMotion:
    """A capsule that wobbles and walks to the right, downwards and away."""
    rng = np.random.default_rng(seed)
    base, _ = capsule()
    phase = np.linspace(0, 2 * np.pi, frame_count)[:, None, None]
    vertices = base + 0.1 * np.sin(phase + base[None, :, 1:2] * 3) * np.array([1.0, 0.2, 0.5])
    frame_index = np.arange(first, first + frame_count)
    transl = np.stack(
        [
            np.linspace(-0.6, 0.7, frame_count),
            np.linspace(0.1, 0.25, frame_count),
            np.linspace(4, 5.5, frame_count),
        ],
        1,
    )
    rotations = np.zeros((frame_count, 24, 4))
    rotations[..., 0] = 1
    return PersonMotion(
        person_id=name,
        frame_index=frame_index,
        time_s=frame_index / fps,
        vertices=vertices.astype(np.float32),
        joints=rng.normal(size=(frame_count, 14, 3)).astype(np.float32),
        transl=transl + seed * 0.5,
        bone_rotations=rotations,
        bone_transl=np.zeros((frame_count, 3)),
        betas=np.zeros(10),
        confidence=np.ones((frame_count, 14)),
        is_filled=np.zeros(frame_count, bool),
    )


def motion(persons: list[PersonMotion] | None = None, fps: float = 25.0, footage: Path = Path("missing.mp4")) -> Motion:
    """A motion of capsules, one by default."""
    return Motion(
        persons=[person(fps=fps)] if persons is None else persons,
        faces=capsule()[1],
        fps=fps,
        focal_px=FOCAL_PX,
        width=WIDTH,
        height=HEIGHT,
        footage=footage,
    )

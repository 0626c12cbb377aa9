"""What a person looks like: skin, hair, face, clothes. Random, from one outfit number and one seed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from training.motions.weighted_choice import pick
from training.pictures import palette
from training.pictures.landmarks import Landmarks
from training.pictures.raster import Float

TOP, BOTTOM, OUTER, SHOES, SOCKS, HAT, BAG = range(7)
GARMENTS = 7
(SOLID, RINGS, STRIPES, PLAID, DOTS, CAMO, CLOUDS, MELANGE, DENIM, FADE, CHECKS, FLOWERS, BLOCKS, WAVES) = range(14)
PATTERNS = 14
NO_HAIR, SHORT, LONG, CURLY, TAIL = range(5)
NO_HAT, CAP, BEANIE, HELMET, BAND = range(5)


def _zero() -> Float:
    return np.zeros(3, np.float32)


@dataclass(slots=True, eq=False)
class Look:
    """One person's look. Colours are linear RGB, heights metres in the rest pose, amounts 0 to 1.

    `cloth_*` have one row a garment (TOP, BOTTOM, OUTER, SHOES, SOCKS, HAT, BAG).
    """

    seed: float = 0.0
    skin: Float = field(default_factory=_zero)
    blush: float = 0.0
    hair: Float = field(default_factory=_zero)
    hair_kind: int = SHORT
    hair_depth: float = 0.01
    hairline_front: float = 0.0
    hairline_nape: float = 0.0
    hair_parting: float = 0.0
    beard: float = 0.0
    stubble: float = 0.0
    brow: float = 1.0
    iris: Float = field(default_factory=_zero)
    lips: Float = field(default_factory=_zero)
    glasses: float = 0.0
    shades: float = 0.0
    face_mask: float = 0.0
    hat: int = NO_HAT
    has_top: float = 1.0
    top_hem: float = 0.0
    sleeve: float = 0.3
    neck_height: float = 0.0
    neck_depth: float = 0.03
    neck_width: float = 0.08
    neck_vee: float = 0.0
    collar: float = 0.0
    placket: float = 0.0
    zip: float = 0.0
    print_front: float = 0.0
    print_back: float = 0.0
    print_row: float = 0.0
    sleeve_stripe: float = 0.0
    raglan: float = 0.0
    straps: float = 0.0
    has_outer: float = 0.0
    outer_hem: float = 0.0
    outer_sleeve: float = 0.6
    outer_gap: float = 0.05
    waist: float = 0.0
    is_tucked: float = 0.0
    leg_hem: float = 0.0
    belt: float = 0.0
    side_stripe: float = 0.0
    pockets: float = 0.0
    is_overall: float = 0.0
    has_skirt: float = 0.0
    skirt_hem: float = 0.0
    skirt_flare: float = 0.1
    has_tie: float = 0.0
    shoe_top: float = 0.0
    sock_top: float = 0.0
    gloves: float = 0.0
    watch: float = 0.0
    has_bag: float = 0.0
    top_loose: float = 0.01
    bottom_loose: float = 0.01
    wrinkle: float = 0.5
    cloth_colour: Float = field(default_factory=lambda: np.zeros((GARMENTS, 3, 3), np.float32))
    cloth_pattern: Float = field(default_factory=lambda: np.zeros(GARMENTS, np.float32))
    cloth_scale: Float = field(default_factory=lambda: np.full(GARMENTS, 0.05, np.float32))
    cloth_phase: Float = field(default_factory=lambda: np.zeros((GARMENTS, 2), np.float32))
    cloth_gloss: Float = field(default_factory=lambda: np.zeros(GARMENTS, np.float32))


LOOK_FIELDS = tuple(f.name for f in fields(Look))


def _chance(rng: np.random.Generator, share: float) -> bool:
    return bool(rng.random() < share)


def sample_look(rng: np.random.Generator, marks: Landmarks, split: str, is_feminine: bool) -> Look:
    """A random look.

    Args:
        rng: the source of everything but the outfit's own number.
        marks: of the body that wears it.
        split: "train" or "test"; the outfits of one never appear in the other.
        is_feminine: tilts hair and clothes; the body's shape is chosen elsewhere.
    """
    look = Look(seed=float(rng.random()))
    outfit = np.random.default_rng(palette.outfit_number(rng, split))
    _head(rng, look, marks, is_feminine)
    _top(outfit, look, marks, is_feminine)
    _outer(outfit, look, marks)
    _bottom(outfit, look, marks, is_feminine)
    _feet(outfit, look, marks)
    _cloth(outfit, look)
    return look


def _head(rng: np.random.Generator, look: Look, marks: Landmarks, is_feminine: bool) -> None:
    look.skin = palette.skin_colour(rng)
    look.blush = rng.uniform(0, 1)
    look.hair = palette.hair_colour(rng, look.skin)
    shares = [0.02, 0.22, 0.42, 0.12, 0.22] if is_feminine else [0.1, 0.66, 0.06, 0.14, 0.04]
    look.hair_kind = pick(rng, shares)
    depth = {NO_HAIR: 0.0, SHORT: rng.uniform(0.004, 0.03), LONG: rng.uniform(0.012, 0.03),
             CURLY: rng.uniform(0.025, 0.08), TAIL: rng.uniform(0.005, 0.016)}  # fmt: skip
    look.hair_depth = depth[look.hair_kind]
    look.hairline_front = float(np.clip(rng.normal(0.0, 0.012), -0.02, 0.03))
    look.hairline_nape = rng.uniform(-0.03, 0.02)
    look.hair_parting = rng.uniform(-1, 1)
    if not is_feminine:
        look.beard = rng.uniform(0.4, 1) if _chance(rng, 0.28) else 0.0
        look.stubble = rng.uniform(0, 0.6) if _chance(rng, 0.5) else 0.0
    look.brow = rng.uniform(0.6, 1.3)
    look.iris = palette.eye_colour(rng)
    red = np.array([1.05, 0.62, 0.6]) if not (is_feminine and _chance(rng, 0.4)) else np.array([1.0, 0.3, 0.32])
    look.lips = np.clip(look.skin * red * rng.uniform(0.7, 1), 0.01, 1).astype(np.float32)
    look.glasses = float(_chance(rng, 0.12))
    look.shades = float(look.glasses and _chance(rng, 0.4))
    look.face_mask = float(_chance(rng, 0.03))
    look.hat = pick(rng, (0.8, 0.09, 0.05, 0.03, 0.03))


def _top(rng: np.random.Generator, look: Look, marks: Landmarks, is_feminine: bool) -> None:
    look.has_top = float(not _chance(rng, 0.03 if is_feminine else 0.08))
    kind = rng.random()
    if kind < 0.4:  # t-shirt
        look.sleeve = rng.uniform(marks.shoulder_x + 0.08, marks.elbow_x - 0.01)
    elif kind < 0.78:  # long sleeves, some rolled up
        look.sleeve = marks.wrist_x + rng.uniform(-0.22, 0.03)
    else:  # sleeveless
        look.sleeve = marks.shoulder_x + rng.uniform(-0.06, 0.0)
        look.straps = float(_chance(rng, 0.4))
    cropped = is_feminine and _chance(rng, 0.12)
    look.top_hem = marks.chest_y - rng.uniform(0.02, 0.12) if cropped else marks.hip_y + rng.uniform(-0.13, 0.06)
    look.is_tucked = float(_chance(rng, 0.3))
    look.neck_height = rng.uniform(-0.03, 0.012) if _chance(rng, 0.88) else rng.uniform(0.02, 0.06)
    look.neck_vee = float(_chance(rng, 0.35))
    look.neck_depth = rng.uniform(0.05, 0.16) if look.neck_vee else rng.uniform(0.01, 0.09)
    look.neck_width = rng.uniform(0.05, 0.11)
    look.collar = rng.uniform(0.015, 0.035) if _chance(rng, 0.35) else 0.0
    look.placket = float(_chance(rng, 0.3))
    look.zip = float(not look.placket and _chance(rng, 0.15))
    look.print_front = rng.uniform(0.08, 0.2) if _chance(rng, 0.32) else 0.0
    look.print_back = rng.uniform(0.1, 0.24) if _chance(rng, 0.15) else 0.0
    look.print_row = float(rng.integers(0, 2**20))
    look.sleeve_stripe = float(_chance(rng, 0.12))
    look.raglan = float(_chance(rng, 0.12))
    look.has_tie = float(look.placket and look.collar and _chance(rng, 0.3))
    look.top_loose = rng.uniform(0.002, 0.012) if _chance(rng, 0.55) else rng.uniform(0.012, 0.035)


def _outer(rng: np.random.Generator, look: Look, marks: Landmarks) -> None:
    look.has_outer = float(look.has_top and _chance(rng, 0.22))
    is_coat = _chance(rng, 0.25)
    look.outer_hem = marks.knee_y + rng.uniform(0.0, 0.25) if is_coat else marks.hip_y + rng.uniform(-0.12, 0.08)
    look.outer_sleeve = marks.wrist_x + rng.uniform(-0.06, 0.04)
    if _chance(rng, 0.15):
        look.outer_sleeve = marks.shoulder_x - 0.02  # a vest
    look.outer_gap = rng.uniform(0.0, 0.1)
    if look.has_outer:
        look.top_loose = max(look.top_loose, rng.uniform(0.008, 0.035))


def _bottom(rng: np.random.Generator, look: Look, marks: Landmarks, is_feminine: bool) -> None:
    look.waist = marks.waist_y + rng.uniform(-0.06, 0.06)
    kind = rng.random()
    if kind < 0.58:
        look.leg_hem = marks.ankle_y + rng.uniform(-0.06, 0.05)
    elif kind < 0.88:
        look.leg_hem = marks.knee_y + rng.uniform(-0.06, 0.22)
    else:
        look.leg_hem = marks.crotch_y - rng.uniform(-0.05, 0.03)
    look.has_skirt = float(_chance(rng, 0.3 if is_feminine else 0.015))
    if look.has_skirt:
        long = _chance(rng, 0.3)
        look.skirt_hem = marks.ankle_y + rng.uniform(0.05, 0.3) if long else marks.knee_y + rng.uniform(-0.06, 0.3)
        look.leg_hem = marks.crotch_y - 0.05 if _chance(rng, 0.7) else look.leg_hem
        look.skirt_flare = rng.uniform(0.02, 0.3)
    look.is_overall = float(_chance(rng, 0.1 if not look.has_skirt else 0.5))
    look.belt = float(_chance(rng, 0.3))
    look.side_stripe = float(_chance(rng, 0.15))
    look.pockets = float(_chance(rng, 0.4))
    look.bottom_loose = rng.uniform(0.001, 0.01) if _chance(rng, 0.5) else rng.uniform(0.01, 0.04)
    look.wrinkle = rng.uniform(0.2, 1.1)


def _feet(rng: np.random.Generator, look: Look, marks: Landmarks) -> None:
    kind = rng.random()
    look.sock_top = marks.ankle_y + rng.uniform(0.0, 0.12)
    if _chance(rng, 0.12):
        look.sock_top = marks.knee_y - rng.uniform(0.03, 0.1)
    if kind < 0.1:
        look.shoe_top, look.sock_top = marks.floor_y - 1, marks.floor_y - 1
    elif kind < 0.85:
        look.shoe_top = marks.ankle_y + rng.uniform(-0.035, 0.015)
    else:
        look.shoe_top = marks.ankle_y + rng.uniform(0.06, 0.32)
    look.gloves = float(_chance(rng, 0.04))
    look.watch = float(_chance(rng, 0.15))
    look.has_bag = float(_chance(rng, 0.06))


def _cloth(rng: np.random.Generator, look: Look) -> None:
    weights = np.array([9, 2, 1, 1.2, 0.7, 0.6, 0.6, 2, 0.6, 0.5, 0.4, 0.7, 0.9, 0.4])
    bottoms = np.array([9, 0.3, 0.7, 0.5, 0.2, 0.7, 0.3, 1.5, 5, 0.3, 0.2, 0.4, 0.2, 0.2])
    for garment in range(GARMENTS):
        chances = bottoms if garment == BOTTOM else weights
        look.cloth_colour[garment] = palette.cloth_colours(rng)
        look.cloth_pattern[garment] = pick(rng, chances)
        look.cloth_scale[garment] = np.exp(rng.uniform(np.log(0.018), np.log(0.14)))
        look.cloth_phase[garment] = rng.random(2)
        glosses = (0.0, rng.uniform(0, 0.12), rng.uniform(0.1, 0.5))
        look.cloth_gloss[garment] = glosses[pick(rng, (0.5, 0.35, 0.15))]
    if look.cloth_pattern[BOTTOM] == DENIM:
        look.cloth_colour[BOTTOM, 0] = palette.from_srgb(np.array([60, 84, 124]) * rng.uniform(0.45, 1.5))
    look.cloth_pattern[SHOES] = rng.choice([SOLID, BLOCKS])
    if look.is_overall:
        for row in (look.cloth_colour, look.cloth_pattern, look.cloth_scale, look.cloth_phase, look.cloth_gloss):
            row[BOTTOM] = row[TOP]

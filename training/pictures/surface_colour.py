"""The colour of each sample before any light: skin, face, hair, cloth. torch, any device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from training.pictures import faces, looks, noise, prints
from training.pictures.colours import Colours
from training.pictures.garments import BAG_PIECE, COAT, HAIR_PIECE, HAT_PIECE, SKIRT
from training.pictures.landmarks import Landmarks
from training.pictures.shade import Looks, Samples

SKIN = -1


def colour_samples(samples: Samples, people: Looks, marks: Landmarks) -> Colours:
    """Albedo, gloss and wrinkles of every sample."""
    look = people.at(samples.picture)
    garment = worn(samples, look, marks)
    is_skin = garment == SKIN
    albedo = torch.empty_like(samples.rest)
    shine, bump = torch.full_like(samples.shadow, 0.12), torch.full_like(samples.shadow, 0.04)
    bare, dressed = torch.nonzero(is_skin).squeeze(-1), torch.nonzero(~is_skin).squeeze(-1)
    if len(bare):
        chosen = samples.take(bare)
        albedo[bare] = skin(chosen, people.at(chosen.picture), marks)
    if len(dressed):
        chosen, cloth = samples.take(dressed), garment[dressed]
        look = people.at(chosen.picture)
        colour = trims(chosen, look, cloth, pattern(chosen, look, cloth, marks), marks)
        albedo[dressed], shine[dressed] = colour, look.cloth("cloth_gloss", cloth)
        bump[dressed] = torch.where(cloth == looks.SHOES, 0.08, 0.32 * look["wrinkle"].expand_as(chosen.shadow))
    return faces.paint_head(samples, people, marks, albedo, shine, bump)


def worn(samples: Samples, look: Looks, marks: Landmarks) -> Tensor:
    """The garment each sample shows (N,), SKIN where there is none."""
    side, y, z = samples.rest[:, 0].abs(), samples.rest[:, 1], samples.rest[:, 2]
    arm = (side > marks.shoulder_x - 0.03) & (y > marks.armpit_y - 0.08)
    front = z > marks.neck[2] - 0.01
    garment = torch.full_like(samples.material, SKIN)
    lower = ~arm & (y < marks.waist_y + 0.2)

    def put(where: Tensor, which: int) -> None:
        garment.masked_fill_(where, which)

    put(lower & (y < look["sock_top"]), looks.SOCKS)
    put(lower & (y < look["waist"]) & (y > look["leg_hem"]), looks.BOTTOM)
    put(lower & (y < look["shoe_top"]), looks.SHOES)
    edge = neckline(samples, look, marks)
    hem = torch.where(look["is_tucked"] > 0, torch.maximum(look["top_hem"], look["waist"]), look["top_hem"])
    hem = hem + 0.006 * torch.sin(samples.rest[:, 0] * 40 + look["seed"] * 6)
    covered = (~arm & (y > hem) & (y < edge)) | (arm & (side < look["sleeve"]))
    strapless = (look["straps"] > 0) & (y > marks.armpit_y + 0.02) & ((side - 0.085).abs() > 0.03)
    put(covered & ~strapless & (look["has_top"] > 0), looks.TOP)
    gap = look["outer_gap"] * (1 + 1.5 * (y - marks.chest_y).clamp(-0.3, 0.3))
    coat = (~arm & (y > look["outer_hem"]) & (y < edge + 0.02)) | (arm & (side < look["outer_sleeve"]))
    put(coat & ~(front & (side < gap) & ~arm) & (look["has_outer"] > 0), looks.OUTER)
    put((side > marks.wrist_x + 0.01) & (look["gloves"] > 0), looks.SHOES)
    put(samples.material == SKIRT, looks.BOTTOM)
    put(samples.material == COAT, looks.OUTER)
    put(samples.material == BAG_PIECE, looks.BAG)
    strap = (look["has_bag"] > 0) & ((side - 0.11).abs() < 0.022) & (y > marks.chest_y - 0.1) & ~arm
    put(strap & (y < marks.neck_y), looks.BAG)
    put((samples.material == HAT_PIECE), looks.HAT)
    put(samples.material == HAIR_PIECE, SKIN)
    return garment


def neckline(samples: Samples, look: Looks, marks: Landmarks) -> Tensor:
    """Height (N,) below which a top covers the trunk: deep in front as its cut says, shallow behind."""
    side, z = samples.rest[:, 0].abs(), samples.rest[:, 2]
    base = marks.neck_y - 0.015 + look["neck_height"]
    front = ((z - marks.neck[2] + 0.03) / 0.06).clamp(0, 1)
    along = (1 - side / look["neck_width"]).clamp(0, 1)
    cut = torch.where(look["neck_vee"] > 0, along, along.sqrt())
    edge: Tensor = base - front * look["neck_depth"] * cut - (1 - front) * 0.02
    return edge


@dataclass(frozen=True, slots=True, eq=False)
class Weave:
    """What patterns are made from, each (N,): place in the repeat along and across, metres along, height, the
    garment's own numbers, noise, and whether the sample is on an arm; `phase` is (N, 2)."""

    a: Tensor
    b: Tensor
    along: Tensor
    y: Tensor
    duty: Tensor
    phase: Tensor
    coarse: Tensor
    fine: Tensor
    arm: Tensor


Shares = tuple[Tensor, Tensor | None]
_PATTERNS: dict[int, Callable[[Weave, Landmarks], Shares]] = {
    looks.RINGS: lambda w, _: ((w.a < w.duty).float(), (w.a > 0.94).float()),
    looks.STRIPES: lambda w, _: ((w.b < w.duty * 0.7).float(), None),
    looks.PLAID: lambda w, _: (
        0.5 * (w.a < w.duty).float() + 0.5 * (w.b < w.duty).float(), ((w.a - 0.9).abs() < 0.04).float() * 0.6
    ),
    looks.DOTS: lambda w, _: ((((w.a - 0.5) ** 2 + (w.b - 0.5) ** 2) < 0.03 + 0.06 * w.phase[:, 1]).float(), None),
    looks.CAMO: lambda w, _: ((w.coarse > 0.25).float(), (w.coarse < -0.5).float()),
    looks.CLOUDS: lambda w, _: (torch.sigmoid(w.coarse * 2.5), None),
    looks.MELANGE: lambda w, _: ((0.25 + 0.2 * w.fine).clamp(0, 0.7), None),
    looks.DENIM: lambda w, _: (torch.zeros_like(w.a), (0.35 * w.coarse + 0.15 * w.fine).clamp(0, 0.5)),
    looks.FADE: lambda w, _: ((w.along * 1.6 + 0.5).clamp(0, 1), None),
    looks.CHECKS: lambda w, _: (((w.a < 0.5) ^ (w.b < 0.5)).float(), None),
    looks.FLOWERS: lambda w, _: (
        ((w.coarse + 0.8 * torch.sin(6.28 * w.a) * torch.sin(6.28 * w.b)) > 0.9).float(), (w.coarse < -0.9).float()
    ),
    looks.BLOCKS: lambda w, m: ((w.y < m.chest_y - 0.2 + 0.3 * w.phase[:, 0]).float() * (~w.arm).float(), None),
    looks.WAVES: lambda w, _: (((w.a + 0.15 * torch.sin(3.14 * w.b)).remainder(1.0) < w.duty).float(), None),
}


def pattern(samples: Samples, look: Looks, garment: Tensor, marks: Landmarks) -> Tensor:
    """Colour of cloth (N, 3) from the garment's three colours and its pattern."""
    x, y, z = samples.rest.unbind(-1)
    side = x.abs()
    arm = (side > marks.shoulder_x - 0.03) & (y > marks.armpit_y - 0.08)
    scale = look.cloth("cloth_scale", garment)
    phase = look.cloth("cloth_phase", garment)
    along = torch.where(arm, side, y) / scale + phase[:, 0]
    across = torch.where(arm, y + z, x + 0.7 * z) / scale + phase[:, 1]
    kind = look.cloth("cloth_pattern", garment).long()
    colour = look.cloth("cloth_colour", garment)
    rough = noise.sample(samples.rest * 48 + phase[:, :1] * 64, noise.COARSE, noise.FINE + 1)
    coarse, fine = rough[:, 0], rough[:, 1]
    a, b = along - along.floor(), across - across.floor()
    duty = 0.25 + 0.5 * phase[:, 0]
    second, third = torch.zeros_like(a), torch.zeros_like(a)
    used = set(torch.nonzero(torch.bincount(kind)).flatten().tolist())
    for which, paint in _PATTERNS.items():
        if which in used:
            chosen = kind == which
            metres = along * scale - phase[:, 0] * scale
            share, other = paint(Weave(a, b, metres, y, duty, phase, coarse, fine, arm), marks)
            second = torch.where(chosen, share, second)
            third = torch.where(chosen, other, third) if other is not None else third
    mixed = colour[:, 0] + second[:, None] * (colour[:, 1] - colour[:, 0])
    mixed = mixed + third[:, None] * (colour[:, 2] - mixed)
    return mixed * (1 + 0.05 * fine + 0.05 * coarse).clamp(0.6, 1.4)[:, None]


def _blend(albedo: Tensor, where: Tensor, colour: Tensor) -> None:
    chosen = torch.nonzero(where).squeeze(-1)
    if len(chosen):
        albedo[chosen] = colour.expand_as(albedo).index_select(0, chosen)


def trims(samples: Samples, look: Looks, garment: Tensor, albedo: Tensor, marks: Landmarks) -> Tensor:
    """Collars, plackets, zips, ties, prints, stripes, belts, pockets: what tells front from back."""
    x, y, z = samples.rest.unbind(-1)
    side = x.abs()
    arm = (side > marks.shoulder_x - 0.03) & (y > marks.armpit_y - 0.08)
    front = (z > marks.neck[2] - 0.02) & ~arm
    top, outer = garment == looks.TOP, garment == looks.OUTER
    colours = look["cloth_colour"]
    second, dark = colours[:, looks.TOP, 1], colours[:, looks.TOP, 0] * 0.35
    edge = neckline(samples, look, marks)
    if look.any("collar"):
        _blend(albedo, top & (look["collar"] > 0) & (y > edge - look["collar"]) & ~arm, second)
    if look.any("raglan"):
        _blend(albedo, top & (look["raglan"] > 0) & arm, second)
    if look.any("sleeve_stripe"):
        band = (side > look["sleeve"] - 0.03) & (side < look["sleeve"])
        stripe = band | ((z - marks.neck[2]).abs() < 0.012)
        _blend(albedo, top & (look["sleeve_stripe"] > 0) & arm & stripe, second)
    if look.any("print_front") or look.any("print_back"):
        paint_prints(samples, look, top & ~arm, front, albedo, marks)
    if look.any("placket"):
        buttoned = top & front & (look["placket"] > 0)
        _blend(albedo, buttoned & ((side - 0.016).abs() < 0.0022), dark)
        _blend(albedo, buttoned & (side < 0.006) & ((y * 11).remainder(1.0) < 0.13), colours[:, looks.TOP, 2])
    if look.any("zip"):
        _blend(albedo, (top | outer) & front & (look["zip"] > 0) & (side < 0.006), dark + 0.15)
    if look.any("has_tie"):
        tie = (side < 0.02 + 0.05 * (marks.neck_y - y).clamp(0, 0.4)) & (y > marks.waist_y - 0.02)
        _blend(albedo, top & front & (look["has_tie"] > 0) & tie, colours[:, looks.SOCKS, 1])
    if look.any("has_outer"):
        lapel = side < look["outer_gap"] * 1.4 + 0.045 * ((y - marks.chest_y) * 5).clamp(0, 1)
        _blend(albedo, outer & front & lapel, colours[:, looks.OUTER, 0] * 0.72)
    lower_trims(samples, look, garment, albedo, marks)
    return albedo


def lower_trims(samples: Samples, look: Looks, garment: Tensor, albedo: Tensor, marks: Landmarks) -> None:
    """Stripes of trousers, belts, flies, pockets, soles and laces, in place."""
    side, y, z = samples.rest[:, 0].abs(), samples.rest[:, 1], samples.rest[:, 2]
    front = z > marks.neck[2] - 0.02
    top, bottom, shoe = garment == looks.TOP, garment == looks.BOTTOM, garment == looks.SHOES
    colours = look["cloth_colour"]
    if look.any("side_stripe"):
        _blend(albedo, bottom & (look["side_stripe"] > 0) & _on_side(samples, marks), colours[:, looks.BOTTOM, 1])
    if look.any("belt") and look.any("is_tucked"):
        belt = ((y - look["waist"]).abs() < 0.018) & (look["belt"] > 0) & (look["is_tucked"] > 0) & (side < 0.25)
        _blend(albedo, (bottom | top) & belt, colours[:, looks.SHOES, 0])
        _blend(albedo, (bottom | top) & belt & front & (side < 0.022), colours.new_tensor([0.6, 0.55, 0.4]))
    if look.any("pockets"):
        fly = front & (side < 0.0035) & (y > marks.crotch_y + 0.02)
        across, up = (side - 0.075).abs(), (y - marks.hip_y + 0.01).abs()
        seat = ~front & (across < 0.05) & (up < 0.055) & ((across > 0.045) | (up > 0.05))
        _blend(albedo, bottom & (fly | seat) & (look["pockets"] > 0), colours[:, looks.BOTTOM, 0] * 0.4)
    _blend(albedo, shoe & (y < marks.floor_y + 0.014), colours[:, looks.SHOES, 1])
    tongue = (z > marks.foot[2] - 0.09) & (z < marks.foot[2] - 0.01) & (y > marks.foot[1] + 0.01) & (y < marks.ankle_y)
    _blend(albedo, shoe & tongue & ((z * 90).remainder(1.0) < 0.4), colours[:, looks.SHOES, 2])


def _on_side(samples: Samples, marks: Landmarks) -> Tensor:
    """Whether samples (N,) lie on the outer seam of the legs."""
    on_seam: Tensor = ((samples.rest[:, 2] - marks.neck[2] + 0.02).abs() < 0.02) & (samples.rest[:, 0].abs() > 0.12)
    return on_seam


def paint_prints(samples: Samples, look: Looks, top: Tensor, front: Tensor, albedo: Tensor, marks: Landmarks) -> None:
    """A graphic on the chest and another on the back, in place."""
    table = prints.atlas().to(albedo.device)
    for name, mask, mirror, shift in (("print_front", front, 1.0, 0), ("print_back", ~front, -1.0, 17)):
        size = look[name].expand(albedo.shape[0])
        chosen = torch.nonzero(top & mask & (size > 0)).squeeze(-1)
        if not len(chosen):
            continue
        size = size[chosen]
        # Looked at from the front, the person's left (+x) is on the right of the graphic's reader.
        u = samples.rest[chosen, 0] * mirror / size + 0.5
        v = (marks.chest_y + 0.4 * size - samples.rest[chosen, 1]) / size + 0.1
        inside = (u >= 0) & (u < 1) & (v >= 0) & (v < 1)
        row = (look["print_row"].expand(albedo.shape[0])[chosen].long() + shift).remainder(prints.COUNT)
        texel = table[row, (v.clamp(0, 0.999) * prints.SIDE).long(), (u.clamp(0, 0.999) * prints.SIDE).long()]
        cover = texel[:, 3:] * inside[:, None]
        albedo[chosen] = albedo[chosen] * (1 - cover) + texel[:, :3] * cover


def skin(samples: Samples, look: Looks, marks: Landmarks) -> Tensor:
    """Skin (N, 3): blotches, redder knuckles, elbows and knees, nipples and navel, a watch."""
    x, y, z = samples.rest.unbind(-1)
    side = x.abs()
    rough = noise.sample(samples.rest * 30 + samples.picture[:, None] * 3.1, noise.COARSE, noise.FINE + 1)
    tone = (1 + 0.05 * rough[:, 0] + 0.03 * rough[:, 1])[:, None]
    red = 0.25 * torch.exp(-(((side - marks.elbow_x) / 0.03) ** 2))
    red = red + 0.25 * torch.exp(-(((y - marks.knee_y) / 0.05) ** 2)) + 0.2 * (side > marks.wrist_x + 0.06)
    tint = torch.stack([1 + 0.06 * red, 1 - 0.14 * red, 1 - 0.14 * red], -1)
    colour = look["skin"] * tone * tint
    nipple = ((side - 0.1) ** 2 + (y - marks.chest_y - 0.01) ** 2 < 0.014**2) & (z > 0.05)
    navel = (x * x + (y - marks.waist_y - 0.01) ** 2 < 0.008**2) & (z > 0.05)
    dark = torch.where(nipple | navel, 0.55, 1.0)[:, None]
    watch = (look["watch"] > 0) & ((x - marks.wrist_x + 0.03).abs() < 0.014)
    return torch.where(watch[:, None], look["cloth_colour"][:, looks.SHOES, 1] * 0.5, colour * dark)

"""The colour of each sample before any light: skin, face, hair, cloth. torch, any device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.pictures import faces, looks, noise, prints
from training.pictures.garments import BAG_PIECE, COAT, HAIR_PIECE, HAT_PIECE, SKIRT
from training.pictures.landmarks import Landmarks
from training.pictures.shade import Looks, Samples

SKIN = -1


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """What light falls on.

    Attributes:
        albedo: (N, 3) linear RGB.
        gloss: (N,) strength of highlights.
        bump: (N,) strength of wrinkles.
    """

    albedo: Tensor
    gloss: Tensor
    bump: Tensor


def colour_samples(samples: Samples, people: Looks, marks: Landmarks) -> Colours:
    """Albedo, gloss and wrinkles of every sample."""
    look = people.at(samples.picture)
    garment = worn(samples, look, marks)
    is_skin = garment == SKIN
    cloth = garment.clamp_min(0)
    albedo = pattern(samples, look, cloth, marks)
    albedo = trims(samples, look, garment, albedo, marks)
    body = skin(samples, look, marks)
    albedo = torch.where(is_skin[:, None], body, albedo)
    shine = torch.where(is_skin, torch.full_like(samples.shadow, 0.12), look.cloth("cloth_gloss", cloth))
    bump = torch.where(is_skin, torch.full_like(samples.shadow, 0.04), 0.32 * look["wrinkle"].expand_as(shine))
    bump = torch.where(garment == looks.SHOES, torch.full_like(bump, 0.08), bump)
    return faces.paint_head(samples, people, marks, albedo, shine, bump)


def worn(samples: Samples, look: Looks, marks: Landmarks) -> Tensor:
    """The garment each sample shows (N,), SKIN where there is none."""
    side, y, z = samples.rest[:, 0].abs(), samples.rest[:, 1], samples.rest[:, 2]
    arm = (side > marks.shoulder_x - 0.03) & (y > marks.armpit_y - 0.08)
    front = z > marks.neck[2] - 0.01
    garment = torch.full_like(samples.material, SKIN)
    lower = ~arm & (y < marks.waist_y + 0.2)

    def put(where: Tensor, which: int) -> None:
        garment[where] = which

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
    return base - front * look["neck_depth"] * cut - (1 - front) * 0.02


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
    second = torch.zeros_like(a)
    third = torch.zeros_like(a)

    def when(which: int, share: Tensor, other: Tensor | None = None) -> None:
        chosen = kind == which
        second[chosen] = share[chosen]
        if other is not None:
            third[chosen] = other[chosen]

    when(looks.RINGS, (a < duty).float(), (a > 0.94).float())
    when(looks.STRIPES, (b < duty * 0.7).float())
    when(looks.PLAID, 0.5 * (a < duty).float() + 0.5 * (b < duty).float(), ((a - 0.9).abs() < 0.04).float() * 0.6)
    when(looks.DOTS, (((a - 0.5) ** 2 + (b - 0.5) ** 2) < 0.03 + 0.06 * phase[:, 1]).float())
    when(looks.CAMO, (coarse > 0.25).float(), (coarse < -0.5).float())
    when(looks.CLOUDS, torch.sigmoid(coarse * 2.5))
    when(looks.MELANGE, (0.25 + 0.2 * fine).clamp(0, 0.7))
    when(looks.DENIM, torch.zeros_like(a), (0.35 * coarse + 0.15 * fine).clamp(0, 0.5))
    when(looks.FADE, ((along * scale - phase[:, 0]) * 1.6 + 0.5).clamp(0, 1))
    when(looks.CHECKS, ((a < 0.5) ^ (b < 0.5)).float())
    when(looks.FLOWERS, ((coarse + 0.8 * torch.sin(6.28 * a) * torch.sin(6.28 * b)) > 0.9).float(), (coarse < -0.9).float())
    when(looks.BLOCKS, (y < marks.chest_y - 0.2 + 0.3 * phase[:, 0]).float() * (~arm).float())
    when(looks.WAVES, ((a + 0.15 * torch.sin(6.28 * b * 0.5)).remainder(1.0) < duty).float())
    mixed = colour[:, 0] + second[:, None] * (colour[:, 1] - colour[:, 0])
    mixed = mixed + third[:, None] * (colour[:, 2] - mixed)
    return mixed * (1 + 0.05 * fine + 0.05 * coarse).clamp(0.6, 1.4)[:, None]


def _blend(albedo: Tensor, where: Tensor, colour: Tensor) -> None:
    albedo[where] = colour.expand(albedo.shape)[where]


def trims(samples: Samples, look: Looks, garment: Tensor, albedo: Tensor, marks: Landmarks) -> Tensor:
    """Collars, plackets, zips, ties, prints, stripes, belts, pockets: what tells front from back."""
    x, y, z = samples.rest.unbind(-1)
    side = x.abs()
    arm = (side > marks.shoulder_x - 0.03) & (y > marks.armpit_y - 0.08)
    front = (z > marks.neck[2] - 0.02) & ~arm
    top, bottom, outer = garment == looks.TOP, garment == looks.BOTTOM, garment == looks.OUTER
    colours = look["cloth_colour"]
    second, dark = colours[:, looks.TOP, 1], colours[:, looks.TOP, 0] * 0.35
    upper = top | outer
    edge = neckline(samples, look, marks)
    _blend(albedo, top & (look["collar"] > 0) & (y > edge - look["collar"]) & ~arm, second)
    _blend(albedo, top & (look["raglan"] > 0) & arm, second)
    band = (side > look["sleeve"] - 0.03) & (side < look["sleeve"])
    _blend(albedo, top & (look["sleeve_stripe"] > 0) & arm & (band | ((z - marks.neck[2]).abs() < 0.012)), second)
    paint_prints(samples, look, top & ~arm, front, albedo, marks)
    _blend(albedo, top & front & (look["placket"] > 0) & ((side - 0.016).abs() < 0.0022), dark)
    button = (side < 0.006) & ((y * 11).remainder(1.0) < 0.13)
    _blend(albedo, top & front & (look["placket"] > 0) & button, colours[:, looks.TOP, 2])
    _blend(albedo, upper & front & (look["zip"] > 0) & (side < 0.006), dark + 0.15)
    tie = (side < 0.02 + 0.05 * (marks.neck_y - y).clamp(0, 0.4)) & (y > marks.waist_y - 0.02)
    _blend(albedo, top & front & (look["has_tie"] > 0) & tie, colours[:, looks.SOCKS, 1])
    lapel = outer & front & (side < look["outer_gap"] * 1.4 + 0.045 * ((y - marks.chest_y) * 5).clamp(0, 1))
    _blend(albedo, lapel, colours[:, looks.OUTER, 0] * 0.72)
    _blend(albedo, bottom & (look["side_stripe"] > 0) & _on_side(samples, marks), colours[:, looks.BOTTOM, 1])
    belt = (y - look["waist"]).abs() < 0.018
    _blend(albedo, (bottom | top) & ~arm & belt & (look["belt"] > 0) & (look["is_tucked"] > 0), colours[:, looks.SHOES, 0])
    buckle = belt & front & (side < 0.022)
    _blend(albedo, (bottom | top) & buckle & (look["belt"] > 0) & (look["is_tucked"] > 0), colours.new_tensor([0.6, 0.55, 0.4]))
    fly = front & (side < 0.0035) & (y > marks.crotch_y + 0.02)
    seat = ~front & ((side - 0.075).abs() < 0.05) & ((y - marks.hip_y + 0.01).abs() < 0.055)
    rim = ((side - 0.075).abs() > 0.045) | ((y - marks.hip_y + 0.01).abs() > 0.05)
    _blend(albedo, bottom & (fly | (seat & rim)) & (look["pockets"] > 0), colours[:, looks.BOTTOM, 0] * 0.4)
    sole = (garment == looks.SHOES) & (y < marks.floor_y + 0.014)
    _blend(albedo, sole, colours[:, looks.SHOES, 1])
    laces = (garment == looks.SHOES) & (z > marks.foot[2] - 0.09) & (z < marks.foot[2] - 0.01) & (y > marks.foot[1] + 0.01)
    _blend(albedo, laces & ((z * 90).remainder(1.0) < 0.4) & (y < marks.ankle_y), colours[:, looks.SHOES, 2])
    return albedo


def _on_side(samples: Samples, marks: Landmarks) -> Tensor:
    """Whether samples (N,) lie on the outer seam of the legs."""
    return ((samples.rest[:, 2] - marks.neck[2] + 0.02).abs() < 0.02) & (samples.rest[:, 0].abs() > 0.12)


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
    red = (0.25 * torch.exp(-(((side - marks.elbow_x) / 0.03) ** 2)) + 0.25 * torch.exp(-(((y - marks.knee_y) / 0.05) ** 2)))
    red = red + 0.2 * (side > marks.wrist_x + 0.06)
    tint = torch.stack([1 + 0.06 * red, 1 - 0.14 * red, 1 - 0.14 * red], -1)
    colour = look["skin"] * tone * tint
    nipple = ((side - 0.1) ** 2 + (y - marks.chest_y - 0.01) ** 2 < 0.014**2) & (z > 0.05)
    navel = (x * x + (y - marks.waist_y - 0.01) ** 2 < 0.008**2) & (z > 0.05)
    dark = torch.where(nipple | navel, 0.55, 1.0)[:, None]
    watch = (look["watch"] > 0) & ((x - marks.wrist_x + 0.03).abs() < 0.014)
    return torch.where(watch[:, None], look["cloth_colour"][:, looks.SHOES, 1] * 0.5, colour * dark)

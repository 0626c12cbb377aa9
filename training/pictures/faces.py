"""Paint on the head: eyes, brows, lips, beard, hair, glasses, hats. A head must differ from front and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from training.pictures import looks, noise
from training.pictures.colours import Colours
from training.pictures.garments import HAIR_PIECE, HAT_PIECE
from training.pictures.landmarks import Landmarks

if TYPE_CHECKING:
    from training.pictures.shade import Looks, Samples


FACE_BEGINS = 0.012
"""Metres before the ears from which on a head has a face or a beard."""


def hair_height(rest: Tensor, look: Looks, marks: Landmarks) -> Tensor:
    """Height above the hairline plane (N,), metres; the same plane as garments.head_height."""
    front_y = marks.eye[1] + 0.062 + look["hairline_front"]
    back_y = marks.mouth_y - 0.01 + look["hairline_nape"]
    front_z, back_z = float(marks.nose[2] - 0.03), float(marks.nose[2] - 0.20)
    along_y, along_z = front_y - back_y, front_z - back_z
    length = (along_y**2 + along_z**2).sqrt()
    height: Tensor = ((rest[:, 1] - back_y) * along_z - (rest[:, 2] - back_z) * along_y) / length
    return height


def paint_head(
    samples: Samples, people: Looks, marks: Landmarks, albedo: Tensor, shine: Tensor, bump: Tensor
) -> Colours:
    """The colours with heads painted: only the samples on heads are touched."""
    on_head = (samples.rest[:, 1] > marks.chin_y - 0.03) & (samples.rest[:, 0].abs() < 0.16)
    on_head = (on_head & (samples.material <= HAIR_PIECE) & (samples.material != 1)) | (samples.material == HAIR_PIECE)
    chosen = torch.nonzero(on_head).squeeze(-1)
    if len(chosen):
        rest, material = samples.rest[chosen], samples.material[chosen]
        look = people.at(samples.picture[chosen])
        colour = albedo[chosen]
        before = torch.nonzero(rest[:, 2] > marks.ear[2] + FACE_BEGINS).squeeze(-1)
        if len(before):
            seen = people.at(samples.picture[chosen[before]])
            colour[before] = face(rest[before], seen, marks, colour[before])
        gloss = torch.full_like(rest[:, 0], 0.12)
        colour, gloss = hair(rest, material, look, marks, colour, gloss)
        colour, gloss = headwear(rest, material, look, marks, colour, gloss)
        albedo[chosen], shine[chosen] = colour, gloss
        bump[chosen] = torch.where(gloss == 0.2, 0.3, 0.05)
    shine[samples.material == HAT_PIECE] = 0.05
    return Colours(albedo, shine, bump)


def _spot(rest: Tensor, centre: tuple[float, float], size: tuple[float, float]) -> Tensor:
    """Squared elliptic distance (N,) of |x| and y from a point of the face, 1 on the rim."""
    x, y = (rest[:, 0].abs() - centre[0]) / size[0], (rest[:, 1] - centre[1]) / size[1]
    return x * x + y * y


def _mix(colour: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return colour + (other - colour) * share.clamp(0, 1)[:, None]


def face(rest: Tensor, look: Looks, marks: Landmarks, colour: Tensor) -> Tensor:
    """Eyes, brows, lips, nostrils, blush and beard on the front of the head (N, 3)."""
    x, y, z = rest.unbind(-1)
    side = x.abs()
    front = z > marks.ear[2] + 0.035
    eye_x, eye_y, mouth_y = float(marks.eye[0]), float(marks.eye[1]), marks.mouth_y
    skin = look["skin"].expand(colour.shape)
    cheeks = torch.exp(-_spot(rest, (0.04, eye_y - 0.035), (0.022, 0.018))) * look["blush"] * 0.35
    colour = _mix(colour, skin * skin.new_tensor([1.05, 0.75, 0.75]), cheeks * front)
    nose_red = torch.exp(-_spot(rest, (0.0, float(marks.nose[1])), (0.015, 0.012))) * look["blush"] * 0.4
    colour = _mix(colour, skin * skin.new_tensor([1.05, 0.72, 0.72]), nose_red * front)
    socket = torch.exp(-_spot(rest, (eye_x, eye_y + 0.004), (0.022, 0.013)))
    colour = _mix(colour, skin * 0.55, socket * 0.5 * front)
    colour = beard(rest, look, marks, colour, front)
    lip = _spot(rest, (0.0, mouth_y), (0.026, 0.0085))
    colour = _mix(colour, look["lips"].expand(colour.shape), (1.3 - lip).clamp(0, 1) * front)
    colour = _mix(colour, look["lips"] * 0.25, ((y - mouth_y).abs() < 0.0016) * (side < 0.024) * front * 0.9)
    nostril = _spot(rest, (0.008, float(marks.nose[1]) - 0.011), (0.005, 0.0035)) < 1
    colour = _mix(colour, skin * 0.2, (nostril & front).float() * 0.8)
    brow_y = eye_y + 0.021 - 0.008 * ((side - eye_x) / 0.022) ** 2
    brow = ((y - brow_y).abs() < 0.0042 * look["brow"]) & (side > eye_x - 0.02) & (side < eye_x + 0.024)
    colour = _mix(colour, look["hair"] * 0.45, (brow & front).float() * 0.85)
    return eyes(rest, look, colour, front, (eye_x, eye_y))


def eyes(rest: Tensor, look: Looks, colour: Tensor, front: Tensor, at: tuple[float, float]) -> Tensor:
    """White, iris, pupil and lashes (N, 3)."""
    opening = _spot(rest, at, (0.0155, 0.0068))
    colour = _mix(colour, look["hair"] * 0.2, ((opening < 1.7) & front & (rest[:, 1] > at[1] - 0.002)).float() * 0.9)
    inside = (opening < 1.0) & front
    colour = _mix(colour, colour.new_tensor([0.72, 0.7, 0.68]), inside.float())
    iris = _spot(rest, at, (0.0066, 0.0066))
    colour = _mix(colour, look["iris"].expand(colour.shape), (inside & (iris < 1)).float())
    return _mix(colour, colour.new_tensor([0.01, 0.01, 0.01]), (inside & (iris < 0.25)).float())


def beard(rest: Tensor, look: Looks, marks: Landmarks, colour: Tensor, front: Tensor) -> Tensor:
    """Beard, moustache and stubble (N, 3)."""
    y, side = rest[:, 1], rest[:, 0].abs()
    line = marks.mouth_y + 0.012 + 0.5 * (side - 0.03).clamp_min(0)
    grown = ((line - y) / 0.012).clamp(0, 1) * ((y - marks.chin_y + 0.02) / 0.015).clamp(0, 1)
    grown = grown * (rest[:, 2] > marks.ear[2] + FACE_BEGINS)
    rough = noise.sample_nearest(rest * 420, noise.FINE)
    dark = look["hair"] * (0.75 + 0.2 * rough[:, None])
    full = (look["beard"] * 1.4).clamp(0, 1) * grown
    colour = _mix(colour, dark, full)
    return _mix(colour, colour * 0.6 + dark * 0.1, look["stubble"] * grown * (look["beard"] == 0))


def hair(
    rest: Tensor, material: Tensor, look: Looks, marks: Landmarks, colour: Tensor, gloss: Tensor
) -> tuple[Tensor, Tensor]:
    """Hair above the hairline plane and on hair pieces: strands, a parting, lighter tips."""
    height = hair_height(rest, look, marks)
    side = rest[:, 0].abs()
    wavy = 0.006 * noise.sample_nearest(rest * 160, noise.COARSE)
    on_ear = ((rest[:, 1] - marks.ear[1]).abs() < 0.036) & (side > marks.ear[0] - 0.007) & (look["hair_depth"] < 0.02)
    temple = ((rest[:, 2] - marks.ear[2]) / 0.05).clamp(0, 1) * ((marks.eye[1] + 0.05 - rest[:, 1]) / 0.05).clamp(0, 1)
    grown = (height + wavy - 0.02 * temple > 0.004) & (look["hair_kind"] > 0) & ~on_ear
    grown = grown | (material == HAIR_PIECE)
    strands = noise.sample_nearest(rest * rest.new_tensor([520.0, 60.0, 520.0]), noise.FINE)
    tone = (1 + 0.28 * strands).clamp(0.45, 1.7)
    parting = ((rest[:, 0] - 0.03 * look["hair_parting"]).abs() < 0.0035) & (rest[:, 1] > marks.top_y - 0.04)
    parting = parting & (rest[:, 2] > marks.ear[2]) & (look["hair_depth"] < 0.016)
    dyed = look["hair"] * tone[:, None]
    dyed = torch.where((parting & (material != HAIR_PIECE))[:, None], look["skin"] * 0.7, dyed)
    return torch.where(grown[:, None], dyed, colour), torch.where(grown, 0.2, gloss)


def headwear(
    rest: Tensor, material: Tensor, look: Looks, marks: Landmarks, colour: Tensor, gloss: Tensor
) -> tuple[Tensor, Tensor]:
    """Glasses, face masks, caps, beanies, helmets and headbands."""
    side, y, z = rest[:, 0].abs(), rest[:, 1], rest[:, 2]
    eye_x, eye_y = float(marks.eye[0]), float(marks.eye[1])
    front = z > marks.ear[2] + 0.035
    lens = _spot(rest, (eye_x, eye_y - 0.003), (0.024, 0.018))
    if look.any("shades"):
        dark = (lens < 1) & front & (look["shades"] > 0)
        colour = _mix(colour, colour.new_tensor([0.015, 0.015, 0.02]), dark.float() * 0.95)
    if look.any("glasses"):
        frame = ((lens > 0.78) & (lens < 1.25)) | ((side < 0.012) & ((y - eye_y).abs() < 0.003))
        temple_bar = ~front & ((y - eye_y).abs() < 0.0035) & (z > marks.ear[2] - 0.01) & (side > 0.05)
        ink = look["cloth_colour"][:, looks.BAG, 0] * 0.3
        colour = _mix(colour, ink, (((frame & front) | temple_bar) & (look["glasses"] > 0)).float())
    if look.any("face_mask"):
        mask = front & (y < eye_y - 0.022) & (y > marks.chin_y - 0.01) & (look["face_mask"] > 0)
        colour = _mix(colour, look["cloth_colour"][:, looks.BAG, 1].expand(colour.shape), mask.float())
    if look.any("hat"):
        colour, gloss = _hat(rest, material, look, marks, colour, gloss)
    return colour, gloss


def _hat(
    rest: Tensor, material: Tensor, look: Looks, marks: Landmarks, colour: Tensor, gloss: Tensor
) -> tuple[Tensor, Tensor]:
    """Caps with a logo, ribbed beanies, helmets and headbands."""
    y, z, eye_y = rest[:, 1], rest[:, 2], float(marks.eye[1])
    front = z > marks.ear[2] + 0.035
    hat = look["hat"]
    whole = (y > eye_y + 0.045) & (hat > 0) & (hat < looks.BAND) & (material != HAIR_PIECE)
    band = ((y - eye_y - 0.055).abs() < 0.016) & (hat == looks.BAND) & (material != HAIR_PIECE)
    shade = look["cloth_colour"][:, looks.HAT, 0].expand(colour.shape)
    ribs = 1 + 0.2 * torch.sin(torch.atan2(rest[:, 0], z - marks.ear[2]) * 40) * (hat == looks.BEANIE)
    logo = (_spot(rest, (0.0, eye_y + 0.085), (0.022, 0.016)) < 1) & front & (hat == looks.CAP)
    shade = torch.where(logo[:, None], look["cloth_colour"][:, looks.HAT, 1].expand(colour.shape), shade)
    worn = whole | band
    colour = torch.where(worn[:, None], shade * ribs[:, None], colour)
    return colour, torch.where(worn, torch.where(hat == looks.HELMET, 0.5, 0.04), gloss)

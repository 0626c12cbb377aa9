"""Finished pictures with labels: a store's cut-outs on backgrounds, behind things, through a camera.

composer = Composer(PictureStore.open("store"), size=128, seed=0, rank=0, world=2, difficulty=0.5)
batch = composer.batch(16, step=0)      # the same for the same seed, rank, step and store
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.body.model import load_body
from training import joint_orders
from training.motions.rotation_vectors import MIRROR
from training.pictures import photometry
from training.pictures.crops import Placement, opencv_matrix, place_crop, turn_of
from training.pictures.cuts import Cut, place_cut
from training.pictures.labels import REST_RANGE, VERTEX_STEP, visibility
from training.pictures.store import PictureStore

Float = npt.NDArray[np.floating[Any]]
Bytes = npt.NDArray[np.uint8]

NEGATIVE_SHARE = 0.06
FRONT_PERSON_SHARE, BACK_PERSON_SHARE, OCCLUDER_SHARE = 0.2, 0.2, 0.45
Cover = Literal["person", "thing"]
LEAST_COVER, MOST_COVER, COVER_DRAWS = 0.2, 0.6, 100
COCO_MIRROR, LSP_MIRROR = np.array(joint_orders.COCO_MIRROR), np.array(joint_orders.LSP_MIRROR)
PART_MIRROR = np.concatenate([[0], MIRROR + 1]).astype(np.uint8)
BONES = 24


@dataclass(frozen=True, slots=True, eq=False)
class PictureBatch:
    """B finished crops of S pixels with their labels. All tensors are on the CPU.

    "Crop units" run from -1 to 1 over the crop, edge to edge. 3D is in metres in the camera's axes (x right,
    y down, z forward) about the root, mid-hip. Visibility: 1 seen, 0.5 in the picture but hidden, 0 outside.

    Attributes:
        image: (B, 3, S, S) uint8 RGB.
        coco_2d: (B, 17, 3) x, y in crop units, visibility.
        lsp_2d: (B, 14, 3) the same.
        lsp_3d: (B, 14, 3).
        lsp_3d_weight: (B, 14) 1 where `lsp_3d` holds the truth, 0 where nobody knows it.
        coarse_vertices: (B, 431, 3).
        intermediate_vertices: (B, 1723, 3).
        parts: (B, S / 4, S / 4) int64, 0 nothing or hidden, 1 to 24 SMPL joint + 1.
        rest_coordinates: (B, 3, S / 4, S / 4) metres in the rest pose; 0 where parts is 0.
        facing: (B,) yaw of the trunk, 0 towards the camera, positive towards the picture's right.
        has_person: (B,) bool.
        has_mesh: (B,) bool, whether both kinds of vertices are known.
        rotations: (B, 24, 3, 3) local rotations of the body, the root's in the camera's axes.
        betas: (B, 10) shape of the body.
        has_pose: (B,) bool, whether rotations and betas are known.
        has_dense: (B,) bool, whether parts, rest coordinates and facing are known; of a picture of nobody they are.
            Presence is learned from these rows alone: published sets show somebody in every picture.
        person_index: (B,) row in the store.
        transl: (B, 3) the root in the camera's frame.
        focal: (B,) crop units; u = focal * (x + tx) / (z + tz) + principal.
        principal: (B, 2) crop units.
    """

    image: Tensor
    coco_2d: Tensor
    lsp_2d: Tensor
    lsp_3d: Tensor
    lsp_3d_weight: Tensor
    coarse_vertices: Tensor
    intermediate_vertices: Tensor
    parts: Tensor
    rest_coordinates: Tensor
    facing: Tensor
    has_person: Tensor
    has_mesh: Tensor
    rotations: Tensor
    betas: Tensor
    has_pose: Tensor
    has_dense: Tensor
    person_index: Tensor
    transl: Tensor
    focal: Tensor
    principal: Tensor


def empty_batch(count: int, size: int) -> dict[str, npt.NDArray[Any]]:
    """Fields of a `PictureBatch` of nobody, as arrays to be filled."""
    quarter = size // 4
    return {
        "image": np.zeros((count, 3, size, size), np.uint8),
        "coco_2d": np.zeros((count, 17, 3), np.float32),
        "lsp_2d": np.zeros((count, 14, 3), np.float32),
        "lsp_3d": np.zeros((count, 14, 3), np.float32),
        "lsp_3d_weight": np.zeros((count, 14), np.float32),
        "coarse_vertices": np.zeros((count, 431, 3), np.float32),
        "intermediate_vertices": np.zeros((count, 1723, 3), np.float32),
        "parts": np.zeros((count, quarter, quarter), np.int64),
        "rest_coordinates": np.zeros((count, 3, quarter, quarter), np.float32),
        "facing": np.zeros(count, np.float32),
        "has_person": np.zeros(count, np.bool_),
        "has_mesh": np.zeros(count, np.bool_),
        "rotations": np.tile(np.eye(3, dtype=np.float32), (count, BONES, 1, 1)),
        "betas": np.zeros((count, 10), np.float32),
        "has_pose": np.zeros(count, np.bool_),
        "has_dense": np.zeros(count, np.bool_),
        "person_index": np.zeros(count, np.int64),
        "transl": np.zeros((count, 3), np.float32),
        "focal": np.ones(count, np.float32),
        "principal": np.zeros((count, 2), np.float32),
    }


class Composer:
    """Draws finished batches from a store; stateless but for caches, so any step can be asked for."""

    def __init__(
        self,
        store: PictureStore,
        size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        difficulty: float | Callable[[int], float] = 1.0,
        tumbled: float = 0.0,
        covered_by: Cover | None = None,
        truncated: float | None = None,
        cut: float = 0.0,
    ) -> None:
        """A composer.

        Args:
            store: cut-outs and labels.
            size: pixels a side of the crops, a multiple of 4.
            seed: of everything.
            rank: which of `world` processes this is; each gets other pictures.
            world: how many processes share the store.
            difficulty: 0 clean to 1 hard, or a function of the step.
            tumbled: share of people turned in the picture by any angle.
            covered_by: "person" or "thing": something of that kind hides a part of everybody, and nothing else does.
            truncated: share of people cut by the crop's border; None lets the difficulty decide.
            cut: share of crops that hold only the visible part of close-ups, of people behind a table or half outside.

        Raises:
            ValueError: a size that is no multiple of 4.
        """
        if size % 4:
            raise ValueError(f"expected a crop size divisible by 4, got {size}")
        self.store, self.size, self.seed = store, size, seed
        self.rank, self.world, self.difficulty = rank, world, difficulty
        self.tumbled, self.covered_by, self.truncated, self.cut = tumbled, covered_by, truncated, cut
        body = load_body()
        self._mirror_coarse, self._mirror_intermediate = body.mirror_431, body.mirror_1723
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None
        self._by_panorama: dict[int, npt.NDArray[np.int64]] = {
            int(which): np.flatnonzero(store.background_place[:, 0] == which)
            for which in np.unique(store.background_place[:, 0])
            if which >= 0
        }

    def batch(self, count: int, step: int) -> PictureBatch:
        """The pictures of one step: a function of seed, rank, step and count alone."""
        hard = self.difficulty(step) if callable(self.difficulty) else self.difficulty
        out = empty_batch(count, self.size)
        out["has_dense"][:] = True
        rng = np.random.default_rng([self.seed, self.rank, step])
        first = (step * self.world + self.rank) * count
        for n in range(count):
            self._compose(out, n, self._row(first + n), rng, float(hard))
        return PictureBatch(**{name: torch.from_numpy(values) for name, values in out.items()})

    def batches(self, count: int, first_step: int = 0) -> Iterator[PictureBatch]:
        """Batches without end, from a step on."""
        step = first_step
        while True:
            yield self.batch(count, step)
            step += 1

    def _row(self, number: int) -> int:
        """The store's row of the picture number: every row once a round, in an order of its own."""
        total = len(self.store)
        rounds = number // total
        if self._order is None or self._order[0] != rounds:
            self._order = (rounds, np.random.default_rng([self.seed, 77, rounds]).permutation(total))
        return int(self._order[1][number % total])

    def _compose(self, out: dict[str, Any], n: int, row: int, rng: np.random.Generator, hard: float) -> None:
        is_negative = rng.random() < NEGATIVE_SHARE
        shard, local = self.store.at(row)
        placed, cut = self._place(row, rng, hard)
        picture = self.background(row, rng, hard)
        hidden = np.zeros((self.size, self.size), np.uint8)
        if rng.random() < BACK_PERSON_SHARE * hard:
            photometry.lay_over(picture, self._second(rng), gain_of(rng, 0.15))
        if not is_negative:
            strength = float(rng.uniform(0.2, 1)) * (rng.random() < 0.75)
            shadow = self._warp(shard.floor_shadow[local], placed, 2.0)
            photometry.darken(picture, shadow, strength)
            person = self._warp(shard.foreground[local], placed, 1.0)
            photometry.lay_over(picture, person, self.matched_gain(picture, person, rng))
            if self.covered_by is not None:
                self._cover(picture, hidden, person[..., 3], rng)
        if cut is not None:
            cut.lay_table(picture, hidden, self.store.backgrounds, rng, is_negative)
        if self.covered_by is None:
            self._in_front(picture, hidden, rng, hard, is_negative)
        picture = photometry.compress(photometry.soften(picture, rng, hard), rng, hard)
        self.photograph(picture, out["image"][n], rng, hard)
        if cut is not None:
            cut.blacken(out["image"][n], hidden)
        out["person_index"][n] = row
        if not is_negative:
            self._label(out, n, row, placed, hidden, None if cut is None else cut.window)

    def _place(self, row: int, rng: np.random.Generator, hard: float) -> tuple[Placement, Cut | None]:
        """Where a person's crop lies, and what cuts the person in it."""
        canvas = self.canvas_points(row)
        if self.cut > 0 and rng.random() < self.cut:
            shard, local = self.store.at(row)
            alpha, part = np.asarray(shard.foreground[local][..., 3]), np.asarray(shard.part[local])
            cut = place_cut(alpha, part, canvas, self.size, rng, hard, self.tumbled)
            return cut.placed, cut
        return place_crop(np.concatenate(canvas), self.size, rng, hard, self.tumbled, self.truncated), None

    def canvas_points(self, row: int) -> tuple[Float, Float]:
        """COCO (17, 2) and LSP (14, 2) joints on the canvas, pixels."""
        small, side = self.store.small, self.store.size
        focal = float(small["focal"][row]) * side
        found = []
        for name in ("coco_3d", "lsp_3d"):
            points = small[name][row] + small["transl"][row]
            found.append((points[:, :2] / points[:, 2:] * focal + side / 2).astype(np.float32))
        return found[0], found[1]

    def _warp(self, source: Bytes, placed: Placement, shrink: float) -> Bytes:
        """A map of the canvas in the crop; `shrink` canvas pixels a pixel of the source."""
        source = np.asarray(source)
        if placed.scale * shrink < 0.62:
            half = (source.shape[1] // 2, source.shape[0] // 2)
            source = np.asarray(cv2.resize(source, half, interpolation=cv2.INTER_AREA), np.uint8)
            shrink *= 2
        matrix = opencv_matrix(placed.matrix(), shrink)
        return self._warped(source, matrix)

    def _warped(self, source: Bytes, matrix: npt.NDArray[np.float64], border: int = cv2.BORDER_CONSTANT) -> Bytes:
        side = (self.size, self.size)
        return np.asarray(cv2.warpAffine(source, matrix, side, flags=cv2.INTER_LINEAR, borderMode=border), np.uint8)

    def background(self, row: int, rng: np.random.Generator, hard: float) -> Bytes:
        """A background (S, S, 3); half the time from the panorama that lit the person, in its direction."""
        bank, side = self.store.backgrounds, self.store.backgrounds.shape[1]
        which = int(rng.integers(len(bank)))
        same = self._by_panorama.get(int(self.store.small["environment"][row]))
        if rng.random() < 0.6 and same is not None:
            away = self.store.background_place[same, 1] - self.store.small["heading"][row]
            near = np.argsort(np.abs((away + np.pi) % (2 * np.pi) - np.pi))[:12]
            which = int(same[near[int(rng.integers(len(near)))]])
        window = side * float(rng.uniform(0.5, 1.0))
        scale = self.size / window
        turn = turn_of(float(rng.normal(0, 0.08 * hard)), bool(rng.random() < 0.5))
        centre = rng.uniform(window / 2, side - window / 2 + 1e-6, 2)
        placed = Placement(turn, scale, (self.size / 2 - turn @ centre * scale).astype(np.float32), False)
        matrix = opencv_matrix(placed.matrix())
        picture = self._warped(bank[which], matrix, cv2.BORDER_REFLECT)
        if rng.random() < 0.25:
            blurred = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 3)) * self.size / 128)
            picture = np.asarray(blurred, np.uint8)
        return picture

    def _second(self, rng: np.random.Generator) -> Bytes:
        """Another person's cut-out (S, S, 4) beside the middle of the crop."""
        shard, local = self.store.at(int(rng.integers(len(self.store))))
        scale = self.size / self.store.size * float(rng.uniform(0.65, 1.5))
        turn = turn_of(float(rng.normal(0, 0.1)), bool(rng.random() < 0.5))
        sideways = float(rng.choice([-1, 1]) * rng.uniform(0.22, 0.62))
        centre = np.array([0.5 + sideways, 0.5 + rng.normal(0, 0.15)]) * self.size
        middle = np.full(2, self.store.size / 2)
        return self._warp(shard.foreground[local], Placement(turn, scale, centre - turn @ middle * scale, False), 1.0)

    def _in_front(self, picture: Bytes, hidden: Bytes, rng: np.random.Generator, hard: float, alone: bool) -> None:
        """People and things before the person, in place; `hidden` (S, S) learns what they cover."""
        if rng.random() < FRONT_PERSON_SHARE * hard and not alone:
            layer = self._second(rng)
            photometry.lay_over(picture, layer, gain_of(rng, 0.15))
            photometry.hide(hidden, layer)
        if rng.random() < OCCLUDER_SHARE * hard:
            for _ in range(1 + int(rng.random() < 0.35)):
                layer = self.thing(rng)
                photometry.lay_over(picture, layer, gain_of(rng, 0.3))
                photometry.hide(hidden, layer)

    def _cover(self, picture: Bytes, hidden: Bytes, person: Bytes, rng: np.random.Generator) -> None:
        """Hides between `LEAST_COVER` and `MOST_COVER` of a person (S, S) behind one thing or one person, in place."""
        for _ in range(COVER_DRAWS):
            layer = self._second(rng) if self.covered_by == "person" else self.thing(rng)
            share = float(((layer[..., 3] > 127) & (person > 127)).sum() / max(1, (person > 127).sum()))
            if LEAST_COVER < share < MOST_COVER:
                photometry.lay_over(picture, layer, gain_of(rng, 0.15))
                photometry.hide(hidden, layer)
                return

    def thing(self, rng: np.random.Generator) -> Bytes:
        """Something of any size anywhere on an empty layer (S, S, 4)."""
        bank = self.store.occluders
        thing = bank[int(rng.integers(len(bank)))]
        scale = self.size / thing.shape[0] * float(rng.uniform(0.22, 0.8))
        turn = turn_of(float(rng.normal(0, 0.35)), bool(rng.random() < 0.5))
        centre = rng.uniform(0.02, 0.98, 2) * self.size
        middle = np.full(2, thing.shape[0] / 2)
        matrix = opencv_matrix(Placement(turn, scale, centre - turn @ middle * scale, False).matrix())
        return self._warped(thing, matrix)

    def matched_gain(self, picture: Bytes, person: Bytes, rng: np.random.Generator) -> Float:
        """Gain (3,) that moves the person part of the way to the background's brightness and tint."""
        behind = cv2.mean(picture)[:3]
        front = cv2.mean(person)
        cover = max(front[3], 1e-3) / 255
        ratio = np.clip([(b + 12) / (f / cover + 12) for b, f in zip(behind, front[:3], strict=True)], 0.25, 4)
        return (ratio ** float(rng.uniform(0, 0.45)) * gain_of(rng, 0.12)).astype(np.float32)

    def photograph(self, picture: Bytes, out: Bytes, rng: np.random.Generator, hard: float) -> None:
        """Curves, saturation and noise of a camera: a picture (S, S, 3) into planes (3, S, S)."""
        tile = photometry.noise_tile()
        x, y = rng.integers(0, photometry.NOISE_SIDE - self.size, 2)
        sigma = float(rng.uniform(0, 14) ** 1.0) * hard * (rng.random() < 0.55)
        colour = float(np.clip(rng.normal(1, 0.25), 0.2, 1.8)) if rng.random() > 0.04 * hard else 0.0
        photometry.finish(
            picture, photometry.curves(rng, hard), colour, tile[y : y + self.size, x : x + self.size], sigma, out
        )

    def _label(
        self, out: dict[str, Any], n: int, row: int, placed: Placement, hidden: Bytes, window: Float | None
    ) -> None:
        small = self.store.small
        shard, local = self.store.at(row)
        flip = placed.is_flipped
        coco, lsp = (placed.points(points) / self.size * 2 - 1 for points in self.canvas_points(row))
        for name, points, mirror in (("coco", coco, COCO_MIRROR), ("lsp", lsp, LSP_MIRROR)):
            order = mirror if flip else slice(None)
            out[f"{name}_2d"][n, :, :2] = points[order]
            out[f"{name}_2d"][n, :, 2] = visibility(points, small[f"{name}_visible"][row], hidden, window)[order]
        out["lsp_3d"][n] = placed.directions(small["lsp_3d"][row])[LSP_MIRROR if flip else slice(None)]
        for name, stored, mirror in (
            ("coarse_vertices", shard.coarse, self._mirror_coarse),
            ("intermediate_vertices", shard.intermediate, self._mirror_intermediate),
        ):
            vertices = placed.directions(stored[local] * np.float32(VERTEX_STEP))
            out[name][n] = vertices[mirror] if flip else vertices
        forward = placed.directions(small["forward"][row])
        out["facing"][n] = np.arctan2(forward[0], -forward[2])
        out["has_person"][n] = out["has_mesh"][n] = out["has_pose"][n] = True
        out["rotations"][n], out["betas"][n] = placed.pose(shard.pose[local]), shard.betas[local]
        out["lsp_3d_weight"][n] = 1
        out["transl"][n] = placed.directions(small["transl"][row])
        out["focal"][n] = small["focal"][row] * self.store.size * placed.scale * 2 / self.size
        middle = np.full(2, self.store.size / 2, np.float32)
        out["principal"][n] = placed.points(middle) / self.size * 2 - 1
        self._dense(out, n, shard.part[local], shard.rest[local], placed, hidden)

    def _dense(self, out: dict[str, Any], n: int, part: Bytes, rest: Bytes, placed: Placement, hidden: Bytes) -> None:
        quarter = self.size // 4
        matrix = opencv_matrix(placed.matrix(), 2.0, 4.0)
        joined = np.concatenate([part[..., None], rest], -1)
        small = cv2.warpAffine(joined, matrix, (quarter, quarter), flags=cv2.INTER_NEAREST)
        which = small[..., 0].copy()
        which[hidden[2::4, 2::4] > 127] = 0
        out["parts"][n] = PART_MIRROR[which] if placed.is_flipped else which
        where = (small[..., 1:].astype(np.float32) / 255 * 2 - 1) * np.float32(REST_RANGE)
        if placed.is_flipped:
            where[..., 0] *= -1
        where[which == 0] = 0
        out["rest_coordinates"][n] = where.transpose(2, 0, 1)


def gain_of(rng: np.random.Generator, spread: float) -> Float:
    """A random gain (3,) about one: of brightness, and a fifth as much of tint."""
    return np.asarray(np.exp(rng.normal(0, spread) + rng.normal(0, spread * 0.2, 3)), np.float32)

"""What crosses a module border: frozen records of numpy arrays.

Frames of reference, units and joint orders, said once:
- frame pixels: x right, y down, measured from the picture's left and top EDGE: the centre of the first pixel is
  (0.5, 0.5). Boxes are (x, y, width, height) in them. Crop units: [-1, 1] over the square crop, edge to edge.
- camera: metres, x right, y down, z forward. `joints` and `vertices` are relative to the body's root, the middle of
  the two hips of the LSP set; `transl` is where that root is.
- joints: 14 of LSP, 17 of COCO, 24 of SMPL; R and L are the person's own. B batch, T time, P people, V vertices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .motion.checks import PersonCheck

Float: TypeAlias = npt.NDArray[np.floating[Any]]
Int: TypeAlias = npt.NDArray[np.integer[Any]]
Bool: TypeAlias = npt.NDArray[np.bool_]
Image: TypeAlias = npt.NDArray[np.uint8]

LSP_JOINTS = (
    "R_Ankle", "R_Knee", "R_Hip", "L_Hip", "L_Knee", "L_Ankle", "R_Wrist", "R_Elbow",
    "R_Shoulder", "L_Shoulder", "L_Elbow", "L_Wrist", "Neck", "Head",
)  # fmt: skip
COCO_KEYPOINTS = (
    "nose", "L_eye", "R_eye", "L_ear", "R_ear", "L_shoulder", "R_shoulder", "L_elbow", "R_elbow",
    "L_wrist", "R_wrist", "L_hip", "R_hip", "L_knee", "R_knee", "L_ankle", "R_ankle",
)  # fmt: skip
LSP_EDGES = (
    (0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (6, 7), (7, 8), (8, 9), (9, 10), (10, 11),
    (2, 8), (3, 9), (8, 12), (9, 12), (12, 13),
)  # fmt: skip
ROOT_LSP = (2, 3)
"""The two hips: their middle is the root of `joints` and `vertices`."""


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """Where a run is; `total` is None where nobody can know."""

    stage: str
    done: int
    total: int | None
    message: str


ProgressFunction: TypeAlias = Callable[[Progress], None]
CancelFunction: TypeAlias = Callable[[], bool]


@dataclass(frozen=True, slots=True, eq=False)
class FootageInfo:
    """What is known before decoding; sizes are those of the first decoded frame, upright."""

    path: Path
    kind: Literal["video", "images"]
    width: int
    height: int
    fps: float
    announced_frames: int | None
    """What the container claims; never trust it for an array's size."""
    slowdown: float = 1.0
    """Seconds of the file for one of life, where another `fps` was told than the file's; see `footage/film_time.py`."""


@dataclass(frozen=True, slots=True, eq=False)
class FootageReport:
    """What decoding met, so far.

    Attributes:
        decoded: frames that came out, skipped ones included.
        lost: numbers of the frames that could not be decoded, with later ones that could.
        missing_at_end: frames that the container announced after the last one that came out.
        warnings: sentences about the whole clip, such as pixels that are not square.
    """

    decoded: int
    lost: tuple[int, ...]
    missing_at_end: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """A small copy of a picture, (48, 64, 3) uint8 BGR, and its histogram (16, 16) of hue and brightness, sum 1."""

    small: Image
    look: Float


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture.

    Attributes:
        frame_index: position in the footage, from 0; frames that could not be decoded keep their number.
        time_s: the container's time stamp, in seconds of life; see `footage/film_time.py`.
        image: (H, W, 3) uint8, BGR as OpenCV decodes it.
        glance: what `glances.glance_of` sees of it, where somebody has looked already.
        is_cut, is_blind: the first of another shot; a flash or a blank picture (`footage.shots`).
    """

    frame_index: int
    time_s: float
    image: Image
    glance: Glance | None = None
    is_cut: bool = False
    is_blind: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PersonBox:
    """A person in a frame.

    Attributes:
        person_id: the name that the user gave, or the number of the track.
        box_px: (4,) x, y, width, height; frame pixels.
        frames: the first and last frame, both included, in which the person is followed from this box; None for no end.
        height_m: how tall the person is, where it is known.
    """

    person_id: str
    box_px: Float
    frames: tuple[int | None, int | None] = (None, None)
    height_m: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CropBatch:
    """Crops, ready for the network.

    Attributes:
        images: (B, 3, S, S) float32 RGB, normalised.
        boxes_px: (B, 4) the boxes that were cropped, xywh, frame pixels.
        crop_to_frame: (B, 2, 3) affine, crop pixels to frame pixels, both measured from the edges.
    """

    images: Float
    boxes_px: Float
    crop_to_frame: Float


class _Arrays:
    """A record whose fields are arrays or None."""

    __slots__ = ()

    def arrays(self) -> dict[str, Any]:
        """The arrays that are there, by name."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]
        return {name: array for name, array in held.items() if array is not None}


@dataclass(frozen=True, slots=True, eq=False)
class NetworkOutput(_Arrays):
    """What a runtime returns, in the network's own units.

    Attributes:
        coarse_vertices: (B, 431, 3) metres, camera axes, relative to the root.
        joints: (B, 14, 3) metres, LSP order, the same frame.
        weak_camera: (B, 3) scale, tx, ty: u = s * (xy + t) in crop units.
        keypoints: (B, 17, 2) crop units, decoded from the pose tokens, COCO order.
        joints_2d: (B, 14, 2) crop units, the best 2D reading, LSP order.
        joint_confidence: (B, 14) in [0, 1].
        token_confidence: (B, 34) in [0, 1].
        pose_token_ids: (B, 34) codebook entries.
        person_score: (B,) in [0, 1], is there a person in the crop.
        bone_rotations: (B, 24, 3, 3) local, the first against the camera's axes; None, as those below, where the
            weights read no bones.
        bone_betas: (B, 10) body shape.
        bone_token_ids: (B, M, 4) the likeliest codes of each rotation token, best first.
        bone_token_probability: (B, M, 4) theirs, in [0, 1].
    """

    coarse_vertices: Float
    joints: Float
    weak_camera: Float
    keypoints: Float
    joints_2d: Float
    joint_confidence: Float
    token_confidence: Float
    pose_token_ids: Int
    person_score: Float
    bone_rotations: Float | None = None
    bone_betas: Float | None = None
    bone_token_ids: Int | None = None
    bone_token_probability: Float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Estimates(_Arrays):
    """The network's reading of B people, in the frame's pixels.

    Attributes:
        box_px: (B, 4) xywh of what was cropped.
        crop_side_px: (B,) side of the square crop.
        keypoints_px: (B, 17, 2) frame pixels, from the pose tokens.
        joints_px: (B, 14, 2) frame pixels.
        bone_rotations: local, the first against the camera's axes: (B, 24, 3, 3) as the network gives them, (B, 24, 4)
            wxyz as a take keeps them, or None.

    All others are those of `NetworkOutput`.
    """

    box_px: Float
    crop_side_px: Float
    coarse_vertices: Float
    joints: Float
    weak_camera: Float
    keypoints_px: Float
    joints_px: Float
    joint_confidence: Float
    token_confidence: Float
    pose_token_ids: Int
    person_score: Float
    bone_rotations: Float | None = None
    bone_betas: Float | None = None
    bone_token_ids: Int | None = None
    bone_token_probability: Float | None = None

    def __len__(self) -> int:
        return len(self.box_px)

    def __getitem__(self, rows: slice | Int | list[int]) -> Estimates:
        """The chosen rows, still a batch."""
        return Estimates(**{name: array[rows] for name, array in self.arrays().items()})

    def rows(self) -> list[Estimates]:
        """Each row as a batch of one."""
        return [self] if len(self) == 1 else [self[row : row + 1] for row in range(len(self))]


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """One person in one frame, by its time stamp, as the network saw them: `estimates` is a batch of one."""

    person_id: str
    frame_index: int
    time_s: float
    estimates: Estimates


@dataclass(frozen=True, slots=True, eq=False)
class PersonTake:
    """All raw estimates of one person, in frame order; fields as in `Estimates`.

    Attributes:
        frame_index: (T,) ascending; frames without this person are absent.
        time_s: (T,) container time stamps.
        flips: (F,) of the frames, those that read the person the wrong way round; see `flips.py`.
    """

    person_id: str
    frame_index: Int
    time_s: Float
    estimates: Estimates
    flips: Int = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class PersonMotion:
    """One person, solved: one row per frame from the first to the last sighting, gaps filled or, if long, left out.

    Attributes:
        person_id: the name given in boxes.json, or the number of the track.
        frame_index: (T,) frames of the footage (by the step of the take), consecutive but for gaps left empty.
        time_s: (T,).
        vertices: (T, 6890, 3) metres, relative to the root.
        joints: (T, 14, 3) metres, LSP order, relative to the root.
        transl: (T, 3) metres, the root in the frame's camera.
        bone_rotations: (T, 24, 4) wxyz, each bone against its parent; the first against the camera.
        bone_transl: (T, 3) metres, the `transl` with which `Body.pose` lands on `vertices`.
        betas: (10,) body shape, one for the clip.
        confidence: (T, 14) in [0, 1], per joint; 0 in filled frames.
        is_filled: (T,) True where nothing was seen and the pose is interpolated.
        contacts: (T, 2) whether the left and the right foot stand; (0, 2) where nobody looked.
        plausibility_mm: (T,) distance of each pose to its own re-encoding; (0,) without a vocabulary of poses.
        gap_after: (T,) True where a gap that was left empty comes next; (0,) where there can be none.
        flips: (F,) frames of the footage that were read the wrong way round and not believed.
    """

    person_id: str
    frame_index: Int
    time_s: Float
    vertices: Float
    joints: Float
    transl: Float
    bone_rotations: Float
    bone_transl: Float
    betas: Float
    confidence: Float
    is_filled: Bool
    contacts: Bool = field(default_factory=lambda: np.zeros((0, 2), np.bool_))
    plausibility_mm: Float = field(default_factory=lambda: np.zeros(0, np.float32))
    gap_after: Bool = field(default_factory=lambda: np.zeros(0, np.bool_))
    flips: Int = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class CameraPath:
    """A camera that moves, one row a frame; between its rows it goes straight, beyond its ends it stands.

    Attributes:
        frame_index: (N,) ascending, of the footage, or of another rate once resampled.
        time_s: (N,).
        camera_to_world: (N, 4, 4); camera and world both x right, y down, z forward.
        focal_px: (N,).
        centre_px: (2,) the pixel on the camera's axis.
        scale: metres that a unit of the file stood for; the matrices are in metres once it is known.
    """

    frame_index: Int
    time_s: Float
    camera_to_world: Float
    focal_px: Float
    centre_px: Float
    scale: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """The points at which `down` (3,), of length 1, is `depth_m`: of the frame's camera, or a moving shot's world."""

    down: Float
    depth_m: float


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Everything that Blender needs of a solved take.

    Attributes:
        persons: the people, in order of appearance.
        faces: (13776, 3) triangles of the body.
        fps: frames per second that the frames stand for.
        focal_px: focal length of the frame's camera; its centre is the middle of the picture.
        width, height: of the upright picture, pixels.
        footage: the clip, as given.
        self_check: one for each person; () where none was made.
        camera: of a moving shot; `transl` and the bodies are in its frame's axes. None for a camera that stands.
        floor: that everybody was set on; None where people are as high as they were seen.
        faults: ids of people who could not be solved, each with its sentence as a MocapError.
        film_fps: frames of the footage in a second of life; None in motions from before it was told, and as `fps`.
        slowdown: of the footage, as in `FootageInfo`.
    """

    persons: list[PersonMotion]
    faces: Int
    fps: float
    focal_px: float
    width: int
    height: int
    footage: Path
    self_check: tuple[PersonCheck, ...] = ()
    camera: CameraPath | None = None
    floor: Floor | None = None
    faults: tuple[tuple[str, Exception], ...] = ()
    film_fps: float | None = None
    slowdown: float = 1.0

    @property
    def names(self) -> list[str]:
        """The person ids, in order."""
        return [person.person_id for person in self.persons]

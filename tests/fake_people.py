"""People without a network: a function of frame and box that answers as the estimator would.

`FakePeople` holds true boxes by frame; the picture carries its frame number in its pixels. A crop that
overlaps a person's square sees that person's joints, exactly; others see nobody.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from core.geometry.crops import BOX_FACTOR
from core.tracking.evidence import Found, overlap
from core.types import Estimates, Frame

WIDTH, HEIGHT, FPS = 640, 360, 25.0
SKELETON = np.array(  # LSP order, share of the tight box
    [[0.3, 1], [0.3, 0.75], [0.35, 0.5], [0.65, 0.5], [0.7, 0.75], [0.7, 1], [0, 0.5], [0.1, 0.35],
     [0.3, 0.2], [0.7, 0.2], [0.9, 0.35], [1, 0.5], [0.5, 0.15], [0.5, 0]]
)  # fmt: skip
VISIBLE_FROM = 0.25
"""Overlap of a crop's box with a person's from which the network sees them."""

Truth = dict[str, tuple[float, float, float, float]]


class FakePeople:
    """A scene: for each frame the boxes (x, y, w, h) of the people in it, by name."""

    def __init__(self, truth: Sequence[Truth], cuts: Sequence[int] = ()) -> None:
        self.truth = list(truth)
        self.cuts = tuple(cuts)
        self.crops = 0

    def frames(self, order: Sequence[int] | None = None) -> Iterator[Frame]:
        for index in range(len(self.truth)) if order is None else order:
            shade = 40 + 150 * (sum(index >= cut for cut in self.cuts) % 2)
            image = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)
            image[0, 0] = index // 256, index % 256, 0
            yield Frame(index, index / FPS, image)

    def estimate(self, images: np.ndarray | Sequence[np.ndarray], boxes_px: np.ndarray) -> Estimates:
        image = images if isinstance(images, np.ndarray) else images[0]
        people = self.truth[int(image[0, 0, 0]) * 256 + int(image[0, 0, 1])]
        boxes = np.asarray(boxes_px, np.float64).reshape(-1, 4)
        self.crops += len(boxes)
        true = np.array(list(people.values()), np.float64).reshape(-1, 4)
        joints = np.empty((len(boxes), 14, 2))
        score = np.zeros(len(boxes))
        for row, box in enumerate(boxes):
            fits = overlap(true, box) if len(true) else np.zeros(1)
            is_seen = fits.max() > VISIBLE_FROM
            x, y, w, h = true[fits.argmax()] if is_seen else box
            score[row] = 0.5 + 0.5 * fits.max() if is_seen else 0.02
            inset = (1 - 1 / 1.1) / 2  # true boxes carry the margin
            joints[row] = np.array([x + w * inset, y + h * inset]) + SKELETON * [w / 1.1, h / 1.1]
        return _estimates(boxes, joints, score)

    def find(self, image: np.ndarray, _known_px: np.ndarray, _missed_px: np.ndarray) -> Found | None:
        people = self.truth[int(image[0, 0, 0]) * 256 + int(image[0, 0, 1])]
        if not people:
            return None
        return Found(self.estimate(image, np.array(list(people.values()))), np.ones(len(people), np.bool_))


def _estimates(boxes: np.ndarray, joints: np.ndarray, score: np.ndarray) -> Estimates:
    count = len(boxes)
    return Estimates(
        box_px=boxes,
        crop_side_px=BOX_FACTOR * boxes[:, 2:].max(1),
        coarse_vertices=np.zeros((count, 431, 3), np.float32),
        joints=np.zeros((count, 14, 3), np.float32),
        weak_camera=np.tile(np.array([[1, 0, 0]], np.float32), (count, 1)),
        keypoints_px=np.zeros((count, 17, 2)),
        joints_px=joints,
        joint_confidence=np.tile(score[:, None], (1, 14)),
        token_confidence=np.zeros((count, 34), np.float32),
        pose_token_ids=np.zeros((count, 34), np.int64),
        person_score=score,
    )

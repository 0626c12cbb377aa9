"""Pictures: people rendered once, composited often, with exact labels.

In:    a seed, `RenderSettings`, a motion file or none.
Out:   a store of rendered people on disk, and `PictureBatch`es of finished pictures out of it.
Read:  `scene.py` first, then `render.py` and `compose.py`.
Uses:  body, motions, trainer (processes), joint_orders.

    motion, look, camera   scene.py      a random person from a seed: pose, body, clothes (looks.py, garments.py)
    triangles              raster.py     gbuffer.py: what each sample shows; numba, CPU
    colour                 shade.py      surface_colour.py, faces.py: a batch in torch, on any device
    labels                 labels.py     joints, visibility, part and rest-coordinate maps, floor shadow
    store                  store.py      render.py writes it, shard by shard, resumable
    composite              compose.py    background, second person, occluders, camera effects -> PictureBatch
                           cuts.py      crops around the visible part: close-ups, tables, the picture's edges
"""

from training.pictures.compose import Composer, PictureBatch
from training.pictures.store import PictureStore

__all__ = ["Composer", "PictureBatch", "PictureStore"]

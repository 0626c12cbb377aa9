"""Published sets of people in pictures, read in their own formats; the sets are yours to get.

In:    the folders of a set, as its makers publish it.
Out:   a `Sample` each, pictures unread; batches of several sets at once, as `PictureBatch`.
Read:  `sample.py` first, then `catalogue.py` (every set by name) and `mixture.py` (batches).
Uses:  pictures, motions, joint_orders.

    from training.datasets import open_set
    for person in open_set("3dpw-test", Path("/data/3DPW")): ...

`python -m training.datasets check NAME FOLDER` says what is missing and where to get it. training/README.md leads
from the sets to a training.
"""

from training.datasets.catalogue import SETS, open_set
from training.datasets.sample import DatasetError, Reader, Sample

__all__ = ["SETS", "DatasetError", "Reader", "Sample", "open_set"]

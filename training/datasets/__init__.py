"""Published sets of people in pictures, read in their own formats; the sets are yours to get.

    from training.datasets import open_set
    for person in open_set("3dpw-test", Path("/data/3DPW")): ...      # a `Sample` each, pictures unread

`python -m training.datasets check NAME FOLDER` says what is missing and where to get it. training/README.md leads
from the sets to a training.
"""

from training.datasets.catalogue import SETS, open_set
from training.datasets.sample import DatasetError, Reader, Sample

__all__ = ["SETS", "DatasetError", "Reader", "Sample", "open_set"]

"""Memory that stays: on glibc, freed arrays are kept for the next ones, in huge pages.

Every step of a training, and every rendered picture, takes and frees the same few megabytes; by default glibc
gives them back to the system each time and pays for them again in page faults, 15 to 20 % of all time.
"""

from __future__ import annotations

import os

_GLIBC = ("hugetlb=1", "mmap_threshold=4000000000", "trim_threshold=8000000000", "top_pad=1000000000")


def keep_for_children() -> None:
    """Processes that this one starts from now on keep their memory; an own GLIBC_TUNABLES wins."""
    os.environ.setdefault("GLIBC_TUNABLES", ":".join(f"glibc.malloc.{setting}" for setting in _GLIBC))

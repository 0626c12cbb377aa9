"""What a process that computes wants of the ones it starts: one thread each, and memory that stays.

One process a core beats threads: BLAS's own wait for each other by spinning, which halves the speed of small
matrices. And every step of a training, every rendered picture, takes and frees the same few megabytes; by default
glibc gives them back to the system each time and pays for them again in page faults, 15 to 20 % of all time.
"""

from __future__ import annotations

import os

_KEEP = ("hugetlb=1", "mmap_threshold=4000000000", "trim_threshold=8000000000", "top_pad=1000000000")


def prepare_children() -> None:
    """Processes started from now on have one thread for BLAS, OpenMP and numba and, on glibc, keep freed memory.

    An own GLIBC_TUNABLES wins.
    """
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault("GLIBC_TUNABLES", ":".join(f"glibc.malloc.{setting}" for setting in _KEEP))

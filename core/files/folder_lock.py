"""One run at a time on a take: a lock of the operating system's, which a killed run gives back by itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from ..errors import TakeBusyError
from .written_whole import output_error


class TakeLock:
    """The lock, held until `release`."""

    def __init__(self, path: Path) -> None:
        """Take it.

        Raises:
            TakeBusyError: another run holds it.
            OutputError: the folder can't be written to.
        """
        self._path = path
        try:
            self._file: IO[bytes] | None = path.open("ab")
        except OSError as error:
            raise output_error(path.parent, error) from error
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            raise TakeBusyError(
                f"{path.parent}: another run is writing this take; wait for it, or choose another name"
            ) from error

    def release(self) -> None:
        """Give it back; a second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if os.name == "nt":  # elsewhere a waiting run may have opened the file that we would remove
                self._path.unlink(missing_ok=True)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

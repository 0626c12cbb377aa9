"""Work done for each person by itself: what goes wrong with one of them is kept, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ..errors import MocapError, ProgramFault, TakeError, first_line
from ..files.untrusted import shortened

A = TypeVar("A")
B = TypeVar("B")


class OneByOne:
    """The people of a take, and who of them could not be solved.

    Attributes:
        faults: ids, each with one sentence as an error; a `ProgramFault` has the traceback as its cause.
    """

    def __init__(self, take: Path) -> None:
        """The take is named in the sentences."""
        self._take = take
        self.faults: list[tuple[str, MocapError]] = []

    def each(self, people: Mapping[str, A], work: Callable[[A], B]) -> dict[str, B]:
        """What the work gives for each person, by id, with whom it does not fail.

        A damaged take and a fault of the program are one person's; what a file of the caller's lacks is everybody's.

        Raises:
            MocapError: it fails with all of them, or by a file that is about all.
        """
        done = {}
        for person_id, one in people.items():
            try:
                done[person_id] = work(one)
            except Exception as error:  # whatever it is, it must not cost the other people
                if isinstance(error, MocapError) and not isinstance(error, TakeError | ProgramFault):
                    raise
                self.faults.append((person_id, self._sentence(person_id, error)))
        if not done:
            raise self.faults[-1][1]
        return done

    def _sentence(self, person_id: str, error: Exception) -> MocapError:
        if isinstance(error, MocapError):
            return error
        said = f"{type(error).__name__}: {shortened(first_line(error), 120)}"
        fault = ProgramFault(f"{self._take}: person {person_id!r} could not be solved ({said})")
        fault.__cause__ = error
        return fault

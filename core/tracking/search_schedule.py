"""When the whole frame is looked at again: often while somebody is missed or something moves, seldom otherwise.

Somebody new who is found late is followed backwards through the frames in memory, so that a pause costs no frames
as long as it is shorter than the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..settings import TrackSettings

GROWTH = 2.0
"""Of the pause with each look of a detector that met nobody new."""
LONGEST_MOVING_S = 0.6
"""The longest pause while the picture changes beyond the people who are known: the camera moves, or somebody comes."""
MOST_QUIET = 16
"""Looks that are counted; the pause is at its longest long before."""


@dataclass(slots=True)
class Looks:
    """The looks over whole frames so far.

    Attributes:
        settings: the pauses.
        is_cheap: whether a detector looks, several times a second, and not the search.
        last_s: time of the last look; -inf where one is due at once.
        quiet: looks in a row that met nobody new.
    """

    settings: TrackSettings
    is_cheap: bool
    last_s: float = -np.inf
    quiet: int = 0

    def is_due(self, time_s: float, has_company: bool, is_settled: bool, is_still: bool, memory_s: float) -> bool:
        """Whether a look is due.

        Args:
            time_s: of the frame.
            has_company: somebody is followed and nobody away; only a newcomer could be found.
            is_settled: so it is, and nobody is lost or too new to be believed either.
            is_still: nothing but the people has moved since the last look.
            memory_s: how far back the frames reach through which a newcomer can be followed.
        """
        longest_s = self.settings.new_people_every_s if is_still else LONGEST_MOVING_S
        longest_s = min(longest_s, memory_s - self.settings.max_misses_s) if is_settled else 0.0
        pause_s = self._pause_s(longest_s) if self.is_cheap else self._search_pause_s(has_company)
        return time_s - self.last_s >= pause_s - 1e-6

    def _pause_s(self, longest_s: float) -> float:
        shortest_s = self.settings.detect_every_s
        return max(shortest_s, min(shortest_s * GROWTH**self.quiet, longest_s))

    def _search_pause_s(self, has_company: bool) -> float:
        return self.settings.new_people_every_s if has_company else self.settings.search_every_s

    def note(self, time_s: float, is_quiet: bool) -> None:
        """A look was taken; whether it met nobody new."""
        self.last_s = time_s
        self.quiet = min(self.quiet + 1, MOST_QUIET) if is_quiet else 0

    def ask(self) -> None:
        """Let the next frame be looked at: somebody is lost, or another shot begins."""
        self.last_s, self.quiet = -np.inf, 0

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return {"searched_s": None if np.isinf(self.last_s) else float(self.last_s), "quiet": self.quiet}

    def restore(self, stored: dict[str, Any]) -> None:
        """What `to_json` gave; takes of before there were pauses that grow have no `quiet`.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        quiet = stored.get("quiet", 0)
        if type(quiet) is not int or not 0 <= quiet <= MOST_QUIET:
            raise ValueError(f"expected 0 to {MOST_QUIET} quiet looks, got {quiet!r}")
        self.last_s = -np.inf if stored["searched_s"] is None else float(stored["searched_s"])
        self.quiet = quiet

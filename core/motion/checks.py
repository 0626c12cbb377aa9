"""What the self-check says of a solved person: records of plain numbers and words, as `types.Motion` carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """One number of the self-check.

    Attributes:
        name: such as "foot slide".
        value: in the unit; None where the clip has nothing to measure it on.
        unit: such as "cm/s".
        green, amber: largest values that are good and that are worth a look; beyond is red.
        note: where it is worst, or why there is no value; in words, may be empty.
    """

    name: str
    value: float | None
    unit: str
    green: float
    amber: float
    note: str = ""

    @property
    def grade(self) -> Literal["green", "amber", "red", "none"]:
        """What the limits say; "none" without a value."""
        if self.value is None:
            return "none"
        return "green" if self.value <= self.green else "amber" if self.value <= self.amber else "red"


@dataclass(frozen=True, slots=True)
class PersonCheck:
    """The self-check of one person.

    Attributes:
        person_id: as in the motion.
        checks: each with its grade.
        limbs: every limb in the stretch of frames in which it is furthest off the picture, worst first.
        notes: sentences about what was mended, let go or estimated.
    """

    person_id: str
    checks: tuple[Check, ...]
    limbs: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()

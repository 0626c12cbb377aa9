"""Everything that the world, not the caller, can do wrong.

    MocapError            one sentence for the person: what happened, which file, what to do now
    |- FootageError       the clip: missing, not a video, no decodable frame, nobody in it
    |- BoxesError         boxes.json: unreadable, unknown frame, outside the frame
    |- ContactsError      contacts.json: unreadable, unknown person, ranges outside the take
    |- ReadingsError      readings.json: unreadable, unknown person, frames outside the take
    |- CameraError        camera.npz: unreadable, of another form, of other frames
    |- WeightsError       the weights bundle: unknown, damaged, made for another body
    |- BodyError          the body file
    |- ManifestError      a manifest of clips: unreadable, an unknown option, two clips with one take
    |- TakeError          the take on disk: other settings, unknown version
    |  `- TakeBusyError   another run is writing it
    |- ProgramFault       none of these: a fault of the program itself; its cause has the traceback
    |- OutputError        the place to write to: full, read-only
    `- Cancelled          the person said stop; the take stays and can be resumed

A caller's mistake (a wrong shape, a negative scale) is a plain `ValueError`.
"""

from __future__ import annotations


class MocapError(Exception):
    """One sentence that names the file, what is wrong and what to do."""


class FootageError(MocapError):
    """The footage cannot be read, or shows nobody."""


class BoxesError(MocapError):
    """The boxes file does not fit the footage."""


class ContactsError(MocapError):
    """The contacts file does not fit the take."""


class ReadingsError(MocapError):
    """The file of chosen readings does not fit the take."""


class CameraError(MocapError):
    """The file of a camera that moves is not usable, or is about other frames."""


class WeightsError(MocapError):
    """The weights bundle is missing, damaged, or made for another body."""


class BodyError(MocapError):
    """The body file is missing, damaged or of another format."""


class TakeError(MocapError):
    """The take cannot be read, resumed or locked."""


class TakeBusyError(TakeError):
    """Another run is writing the take."""


class ManifestError(MocapError):
    """The manifest can't be read, or clips of it failed."""


class ProgramFault(MocapError):  # noqa: N818 no error of the world's, but of ours
    """The program failed where nobody foresaw it; the error that it is raised from has the traceback."""


class OutputError(MocapError):
    """The output cannot be written."""


class Cancelled(MocapError):  # noqa: N818 no error: the person asked for it
    """The run was cancelled; what is written so far is kept."""


def first_line(error: BaseException) -> str:
    """What an error says first; its kind, where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def sentence_of(error: BaseException) -> str:
    """What an error says, as one line; a MemoryError says nothing by itself."""
    return " ".join(str(error).split()) or "out of memory; use a shorter or smaller clip"

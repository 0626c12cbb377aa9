"""The take on disk: what the network saw, frame by frame, readable without running anything.

    NAME.take/take.json             version, footage, settings, weights, body, people, how far, complete
    NAME.take/person0_0000.npz      chunks of one person; arrays as in `Estimates`, one row a sighting
    NAME.take/lock                  held by the run that writes

A commit writes the chunks first, each under a temporary name that is then renamed, and `take.json` last: a
kill at any moment loses what came after the last commit and nothing else, since a chunk that `take.json`
does not count is not there. About 6 KB a person and frame, 7 where the weights read bones (`rotation_tokens`).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..body.upsample import LearnedSampler
from ..errors import Cancelled, TakeError
from ..files.folder_lock import TakeLock
from ..files.untrusted import MALFORMED, read_json, shortened
from ..files.written_whole import make_folder, remove_if_possible, temporary_of, write_arrays, written_whole
from ..types import Estimates, FootageReport, PersonTake
from .chunks import CHUNK_PATTERN, chunk_name, chunk_of, estimate_fields, read_columns, stored_arrays
from .header import (
    TAKE_FILE,
    TakeHeader,
    count_from_json,
    differences,
    header_from_json,
    header_to_json,
    one_name_a_line,
    person_from_json,
    report_from_json,
)

FORMAT_VERSION = 2
"""2: people have the number of their chunks beside them and may be in another order; 1: in the order of the numbers."""
SAMPLER_FILE = "sampler.npz"
LOCK_FILE = "lock"
COMMIT_ROWS = 32
"""A kill loses what is being written and what has come since: less than twice this."""
COMMIT_EVERY_S = 5.0


@dataclass(slots=True)
class _Content:
    """The changing part of `take.json`."""

    people: list[dict[str, Any]] = field(default_factory=list)
    next_frame: int = 0
    tracker_state: dict[str, Any] = field(default_factory=dict)
    is_complete: bool = False
    report: FootageReport | None = None
    notes: list[str] = field(default_factory=list)


class Take:
    """A take, read.

    Attributes:
        path: the folder.
        header: what it was made from.
        people: ids; in order of appearance, once complete by size and presence.
        next_frame: the first frame of the footage that a resumed run has to look at.
        is_complete: whether the run came to its end.
        report: how decoding went, once complete.
        notes: sentences about the run, such as where a person was lost.
    """

    def __init__(self, path: Path, header: TakeHeader, content: _Content) -> None:
        self.path = path
        self.header = header
        self.people: list[str] = [str(person["id"]) for person in content.people]
        self.next_frame = content.next_frame
        self.is_complete = content.is_complete
        self.report = content.report
        self.notes = list(content.notes)
        self._stored = dict(zip(self.people, content.people, strict=True))

    @classmethod
    def open(cls, path: Path) -> Take:
        """Read `take.json`; the arrays are read when they are asked for.

        Raises:
            TakeError: no take there, a damaged one, or one of a newer version.
        """
        return cls(Path(path), *_read(Path(path)))

    def person(self, person_id: str) -> PersonTake:
        """All sightings of one person, by frame.

        Raises:
            TakeError: a chunk is missing or damaged.
            ValueError: nobody of that name.
        """
        stored = self.columns(person_id, "frame_index", "time_s", *estimate_fields(self.header.rotation_tokens))
        return PersonTake(person_id, stored.pop("frame_index"), stored.pop("time_s"), Estimates(**stored))

    def columns(self, person_id: str, *names: str) -> dict[str, Any]:
        """Some arrays of one person, by frame: "frame_index", "time_s" or a field of `Estimates`; no other is read.

        Raises:
            TakeError: a chunk is missing or damaged.
            ValueError: nobody of that name.
        """
        if person_id not in self._stored:
            raise ValueError(f"expected a person among {', '.join(self.people)}, got {person_id!r}")
        chunks = [self.path / name for name in _chunks_of(self._stored[person_id])]
        return read_columns(chunks, names, self.header.rotation_tokens)

    def frame_counts(self) -> dict[str, int]:
        """In how many frames each person was seen."""
        return {name: len(self.columns(name, "frame_index")["frame_index"]) for name in self.people}

    def persons(self) -> list[PersonTake]:
        """All people with all their sightings."""
        return [self.person(person_id) for person_id in self.people]


class TakeWriter:
    """A take that is being written; use it as a context manager, so that its lock is given back.

    Attributes:
        path: the folder.
        header: what the take is made from.
        next_frame: where a run has to go on; 0 in a fresh take.
        tracker_state: what the last commit was given, as JSON brought it back; {} in a fresh take.
        is_complete: whether an earlier run came to the end: there is nothing left to do.
    """

    def __init__(self, path: Path, header: TakeHeader, content: _Content, lock: TakeLock) -> None:
        """Use `TakeWriter.open`."""
        self.path = path
        self.header = header
        self._content = content
        self._lock = lock
        self._pending: dict[str, list[tuple[int, float, Estimates]]] = {}
        self._committed_at = time.monotonic()

    @classmethod
    def open(cls, path: Path, header: TakeHeader) -> TakeWriter:
        """Begin a take, or go on with the one in that folder.

        Raises:
            TakeError: another run writes it, it was made from something else, it is damaged or newer.
            OutputError: the place can't be written to, or holds something that is no take.
        """
        path = Path(path)
        if not (path / TAKE_FILE).is_file() and path.exists() and not _is_ours(path):
            raise TakeError(f"{path}: exists and is no take; choose another name for the take")
        make_folder(path)
        lock = TakeLock(path / LOCK_FILE)
        is_new = not (path / TAKE_FILE).is_file()
        try:
            content = _Content() if is_new else _resumed(path, header)
            writer = cls(path, header, content, lock)
            writer._remove_what_does_not_count()
            if is_new:
                writer._start()
            elif Take.open(path).header.footage.path != header.footage.path.absolute():
                writer._rewrite()  # the same clip, in another place
        except BaseException:
            lock.release()
            if is_new:
                shutil.rmtree(path, ignore_errors=True)
            raise
        return writer

    @classmethod
    def move_footage(cls, path: Path, footage: Path, footage_bytes: int) -> None:
        """Write down that the footage of a take is in another place now; whole or not at all.

        Args:
            path: the take.
            footage: the same clip.
            footage_bytes: its size, by which a resumed run knows it.

        Raises:
            TakeError: as `open`.
            OutputError: the take can't be written to.
        """
        old, content = _read(path)
        lock = TakeLock(path / LOCK_FILE)
        try:
            header = replace(old, footage=replace(old.footage, path=footage), footage_bytes=footage_bytes)
            cls(path, header, content, lock)._rewrite()
        finally:
            lock.release()

    def __enter__(self) -> TakeWriter:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        has_nothing = self._content.next_frame == 0 and not self._content.people
        if isinstance(error, Exception) and not isinstance(error, Cancelled) and has_nothing:
            self.discard()
        self.close()

    @property
    def next_frame(self) -> int:
        """Where a run has to go on; 0 in a fresh take."""
        return self._content.next_frame

    @property
    def tracker_state(self) -> dict[str, Any]:
        """What the last commit was given."""
        return self._content.tracker_state

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to do."""
        return self._content.is_complete

    @property
    def people(self) -> list[str]:
        """Ids of the people that have been added, in order."""
        known = [str(person["id"]) for person in self._content.people]
        return known + [person_id for person_id in self._pending if person_id not in known]

    @property
    def is_commit_due(self) -> bool:
        """Whether enough rows or seconds have gathered since the last commit."""
        rows = sum(len(rows) for rows in self._pending.values())
        return rows >= COMMIT_ROWS or time.monotonic() - self._committed_at > COMMIT_EVERY_S

    def add(self, person_id: str, frame_index: int, time_s: float, estimates: Estimates) -> None:
        """Keep one sighting for the next commit; frames may come late and in any order.

        Args:
            person_id: any name.
            frame_index: of the footage.
            time_s: container time stamp.
            estimates: a batch of one.
        """
        if len(estimates) != 1:
            raise ValueError(f"expected estimates of one person, got {len(estimates)}")
        self._pending.setdefault(person_id, []).append((frame_index, time_s, estimates))

    def commit(self, next_frame: int, tracker_state: dict[str, Any] | None = None) -> None:
        """Bring all that was added to disk.

        Args:
            next_frame: the first frame that a resumed run has to look at.
            tracker_state: plain JSON types, handed back to a resumed run.

        Raises:
            OutputError: the disk is full or read-only; the take is as the last commit left it.
        """
        people = [dict(person) for person in self._content.people]
        for person_id, rows in self._pending.items():
            number = next((i for i, person in enumerate(people) if person["id"] == person_id), len(people))
            if number == len(people):
                people.append({"id": person_id, "number": number, "chunks": 0, "rows": 0})
            person = people[number]
            write_arrays(self.path / chunk_name(person["number"], person["chunks"]), chunk_of(rows))
            person["chunks"] += 1
            person["rows"] += len(rows)
        self._write(people, next_frame, self.tracker_state if tracker_state is None else tracker_state)
        self._pending.clear()
        self._committed_at = time.monotonic()

    def finish(
        self, next_frame: int, report: FootageReport, notes: Sequence[str] = (), kept: Sequence[str] | None = None
    ) -> Take:
        """Commit the rest, mark the take complete and read it back.

        Args:
            next_frame: as for `commit`.
            report: how decoding went.
            notes: sentences about the run.
            kept: the people to keep, in their order; None for all as they came.
        """
        self.commit(next_frame)
        self._content.report = report
        self._content.notes = list(notes)
        self._content.is_complete = True
        known = {str(person["id"]): person for person in self._content.people}
        people = [known.pop(name) for name in (list(known) if kept is None else kept)]
        self._write(people, next_frame, self.tracker_state)
        self._remove_what_does_not_count()
        return Take.open(self.path)

    def discard(self) -> None:
        """Give the lock back and remove the folder: for a run that found nobody."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Give the lock back; what was added since the last commit is forgotten."""
        self._lock.release()

    def _start(self) -> None:
        remove_if_possible(self.path / SAMPLER_FILE)  # of a run with other weights that was killed at once
        if self.header.learned_sampler is not None:
            sampler = self.header.learned_sampler
            write_arrays(self.path / SAMPLER_FILE, {"matrix": sampler.matrix, "bias": sampler.bias})
        self._write([], 0, {})

    def _remove_what_does_not_count(self) -> None:
        """Chunks that no commit counts, and files that a killed run has left unfinished."""
        counted = {name for person in self._content.people for name in _chunks_of(person)}
        chunks = [file for file in self.path.glob(CHUNK_PATTERN) if file.name not in counted]
        for file in [*chunks, *self.path.glob(temporary_of("*", "*"))]:
            remove_if_possible(file)

    def _rewrite(self) -> None:
        self._write(self._content.people, self._content.next_frame, self._content.tracker_state)

    def _write(self, people: list[dict[str, Any]], next_frame: int, tracker_state: dict[str, Any]) -> None:
        content = self._content
        document = {
            "format_version": FORMAT_VERSION,
            "complete": content.is_complete,
            "next_frame": next_frame,
            "people": people,
            **header_to_json(self.header),
            "report": None if content.report is None else asdict(content.report),
            "notes": content.notes,
            "tracker_state": tracker_state,
        }
        with written_whole(self.path / TAKE_FILE) as file:
            file.write(one_name_a_line(document).encode())
        content.people, content.next_frame, content.tracker_state = people, next_frame, tracker_state


def _resumed(path: Path, header: TakeHeader) -> _Content:
    old, content = _read(path)
    changed = differences(old, header)
    if changed:
        raise TakeError(
            f"{path}: made with other settings: {', '.join(changed)}; choose another name, or delete the take"
        )
    return content


def _read(path: Path) -> tuple[TakeHeader, _Content]:
    file = path / TAKE_FILE
    if not file.is_file():
        raise TakeError(f"{path}: no take there; make one: python -m core reconstruct CLIP -o {path.name}")
    try:
        document = read_json(file)
        version = int(document["format_version"])
        if version > FORMAT_VERSION:
            raise TakeError(
                f"{path}: made by a newer version (format {version}, this one reads {FORMAT_VERSION}); "
                "update, or reconstruct the clip again"
            )
        return header_from_json(document, _read_sampler(path)), _content_of(document)
    except OSError as error:
        raise TakeError(f"{file}: can't be read ({error.strerror}); check the folder") from error
    except MALFORMED as error:
        reason = shortened(str(error), 120)
        raise TakeError(f"{file}: damaged ({reason}); delete the take and reconstruct the clip again") from error


def _read_sampler(path: Path) -> LearnedSampler | None:
    if not (path / SAMPLER_FILE).is_file():
        return None
    stored = stored_arrays(path / SAMPLER_FILE)
    matrix, bias = stored["matrix"], stored["bias"]
    if matrix.shape != (1723, 431) or bias.shape != (1723,) or {matrix.dtype.kind, bias.dtype.kind} != {"f"}:
        raise ValueError(f"{SAMPLER_FILE} has {matrix.shape} and {bias.shape}")
    return LearnedSampler(matrix, bias)


def _content_of(document: dict[str, Any]) -> _Content:
    people = [person_from_json(dict(person), row) for row, person in enumerate(document["people"])]
    if len({person["id"] for person in people}) < len(people):
        raise ValueError("two people of one name")
    return _Content(
        people=people,
        next_frame=count_from_json(document["next_frame"]),
        tracker_state=dict(document["tracker_state"]),
        is_complete=bool(document["complete"]),
        report=report_from_json(document["report"]),
        notes=[str(note) for note in document["notes"]],
    )


def _chunks_of(person: dict[str, Any]) -> Iterator[str]:
    return (chunk_name(person["number"], chunk) for chunk in range(person["chunks"]))


def _is_ours(path: Path) -> bool:
    """Whether a folder holds nothing, or what a run leaves that was killed before its first commit."""
    left = {LOCK_FILE, SAMPLER_FILE}
    unfinished = tuple(temporary_of(name, "*") for name in (TAKE_FILE, SAMPLER_FILE))
    return path.is_dir() and all(
        file.name in left or any(file.match(pattern) for pattern in unfinished) for file in path.iterdir()
    )

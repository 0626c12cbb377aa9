"""The slow step, from footage to take: the only module that knows the order of the stages."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from .detection.detector import FRAME, SEARCH, Detector
from .detection.open_detector import is_own_there, open_detector
from .errors import BoxesError, Cancelled, FootageError, TakeError
from .files.untrusted import MALFORMED, shortened
from .footage.decode_ahead import frames_ahead
from .footage.glances import glance_of, glanced_at
from .footage.reader import Footage, open_footage
from .footage.shots import with_cuts
from .geometry.camera import default_focal_px
from .inference.estimator import Estimator
from .inference.runtime import open_runtime
from .settings import ReconstructSettings
from .take.background_writer import WriteBehind
from .take.header import header_for
from .take.ranking import chosen
from .take.take import Take, TakeWriter
from .tracking.confirm import UNSURE, find_detected
from .tracking.drawn_boxes import boxes_by_frame, heights_in
from .tracking.evidence import Estimate, Found
from .tracking.grid_search import find_people
from .tracking.tracker import EVERYTHING, Find, Tracker, most_people
from .types import CancelFunction, Float, Frame, Image, PersonBox, Progress, ProgressFunction, Sighting
from .weights.find import find_weights

MANY_BLIND, SHORT_SHOT, DARK_GREY, SMALL_PX = 0.3, 12, 24, 160
"""Share of blind frames, mean frames of a shot, mean grey of 255 and shorter side, that may be why nobody is found."""
BACKWARDS_BYTES = 192 * 2**20
"""Of pictures in memory while a person is followed backwards from a drawn box."""


def reconstruct(
    footage: Path,
    take: Path,
    settings: ReconstructSettings | None = None,
    progress: ProgressFunction | None = None,
    is_cancelled: CancelFunction | None = None,
) -> Take:
    """Find and follow the people of a clip and keep what the network sees of them; resumes an unfinished take.

    Args:
        footage: video file, folder of pictures or one picture.
        take: the folder to write, NAME.take.
        settings: None for the defaults.
        progress: told after every frame.
        is_cancelled: asked before every frame.

    Raises:
        MocapError: the footage, the weights, the boxes or the output are not usable, or nobody was found.
        Cancelled: the take stays and can be resumed.
    """
    settings = settings or ReconstructSettings()
    clip = open_footage(Path(footage), settings.fps)
    given = _on_the_steps(boxes_by_frame(settings.boxes, clip), settings) if settings.boxes else {}
    bundle = find_weights(settings.weights)
    runtime = open_runtime(bundle, settings.runtime, settings.device, settings.threads)
    if runtime.notice:
        logging.warning(runtime.notice)
    estimate = Estimator(runtime, bundle).estimate
    detector = _detector(settings)
    find = _finder(detector, estimate, settings, is_one_enough=settings.people == "main" and not given)
    named = replace(settings, detector=SEARCH if detector is None else f"{detector.name} {detector.digest[:8]}".strip())
    focal_px = settings.focal_px or default_focal_px(clip.info.width, clip.info.height)
    with TakeWriter.open(Path(take), header_for(clip.info, named, bundle, focal_px, heights_in(given))) as writer:
        if writer.is_complete:
            return Take.open(writer.path)
        followed = _followed(detector, settings)
        tracker = Tracker(estimate, find, settings.track, followed, given, is_find_cheap=detector is not None)
        with WriteBehind(writer) as written:
            run = _Run(clip, settings, writer, written, tracker, progress, is_cancelled)
            run.forwards()
            report = clip.report
            run.backwards(given)
        if not writer.people:
            writer.discard()
            reason = run.reason_for_nobody()
            raise FootageError(
                f"{footage}: nobody was found in it{reason}; draw a box around the person and give it with --boxes"
            )
        seen = Take.open(writer.path)
        keeps_things = settings.people == EVERYTHING
        kept, left = (seen.people, []) if given else chosen(seen, most_people(settings.people), keeps_things)
        return writer.finish(run.next_frame, report, [*tracker.notes, *left], kept)


def _detector(settings: ReconstructSettings) -> Detector | None:
    """The detector that was asked for or that ships; None for the search."""
    is_search = settings.detector == SEARCH or (settings.detector is None and not is_own_there())
    return None if is_search else open_detector(settings.detector, settings.threads, UNSURE)


def _followed(detector: Detector | None, settings: ReconstructSettings) -> str:
    """Everybody where looking for people is cheap, since who is the main person shows at the end; else the wanted."""
    return settings.people if detector is None or detector.name == FRAME else "all"


def _finder(detector: Detector | None, estimate: Estimate, settings: ReconstructSettings, is_one_enough: bool) -> Find:
    if detector is not None:
        return partial(find_detected, detector=detector, estimate=estimate, settings=settings.track)

    def search(image: Image, _known_px: Float, _missed_px: Float) -> Found | None:
        people = find_people(image, estimate, settings.track, is_one_enough)
        return None if people is None else Found(people, np.ones(len(people), np.bool_))

    return search


class _Run:
    """One run over a clip: frames in, sightings to the take, with progress, cancel and resume.

    Frames are decoded ahead in one thread and the take is written behind in another; people are followed in this one,
    in the order of the frames, since where somebody is looked for hangs on the frame before.
    """

    def __init__(
        self,
        clip: Footage,
        settings: ReconstructSettings,
        writer: TakeWriter,
        written: WriteBehind,
        tracker: Tracker,
        progress: ProgressFunction | None,
        is_cancelled: CancelFunction | None,
    ) -> None:
        self._clip, self._settings, self._tracker = clip, settings, tracker
        self._writer, self._written = writer, written
        self._progress, self._is_cancelled = progress, is_cancelled
        self._start = settings.start or 0
        self.next_frame = max(writer.next_frame, self._start)
        self._seen: Counter[str] = Counter()

    def forwards(self) -> None:
        """Follow people from where the take ends to the end of the clip."""
        state, resume_at = self._writer.tracker_state, self._writer.next_frame
        try:
            first = _first_of(state, resume_at) if state else self._start
        except MALFORMED as error:
            raise self._damaged(error) from error
        end, step = self._settings.end, self._settings.step
        with closing(frames_ahead(self._clip, first, end, step, prepared=glanced_at)) as decoded:
            frames = with_cuts(decoded, self._settings.track.cut_threshold)
            for frame in self._after(state, resume_at, frames) if state else frames:
                self._look_at(frame)
        for sighting in self._tracker.finish():
            self._written.add(sighting)
        self._commit()
        self._written.settle()

    def _look_at(self, frame: Frame) -> None:
        self._stop_if_asked()
        self._seen.update(frames=1, cuts=frame.is_cut, blind=frame.is_blind, grey=round(glance_of(frame).small.mean()))
        for sighting in self._tracker.step(frame):
            self._written.add(sighting)
        self.next_frame = frame.frame_index + 1
        if self._written.is_commit_due:
            self._commit()
        self._tell("estimate", frame.frame_index)

    def reason_for_nobody(self) -> str:
        """What about the pictures may be why nobody was found, as the middle of a sentence; "" where nothing is."""
        seen, clip = self._seen, self._clip.info
        frames = max(1, seen["frames"])
        if seen["blind"] > MANY_BLIND * frames:
            return f": {seen['blind']} of {frames} frames are black, white or flashes"
        if seen["cuts"] * SHORT_SHOT > frames:
            return f": it has {seen['cuts']} cuts in {frames} frames, so no shot is long enough"
        if seen["grey"] < DARK_GREY * frames:
            return f": its pictures are very dark (mean grey {seen['grey'] / frames:.0f} of 255)"
        if min(clip.width, clip.height) < SMALL_PX:
            return f": its pictures are small ({clip.width} x {clip.height} px)"
        return ""

    def _after(self, state: dict[str, Any], resume_at: int, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames from where the take ends; those that the tracker must remember go to it first."""
        first_new: list[Frame] = []

        def old() -> Iterator[Frame]:
            for frame in frames:
                if frame.frame_index >= resume_at:
                    first_new.append(frame)
                    return
                yield frame

        try:
            self._tracker.restore(state, old(), resume_at)
        except MALFORMED as error:
            raise self._damaged(error) from error
        return chain(first_new, frames)

    def _damaged(self, error: Exception) -> TakeError:
        return TakeError(
            f"{self._writer.path}: what the last run knew of its people is damaged ({shortened(str(error))}); "
            "delete the take and reconstruct the clip again"
        )

    def backwards(self, given: dict[int, list[PersonBox]]) -> None:
        """Follow people from their first drawn box to the start of the clip."""
        first = {box.person_id: (index, box) for index in sorted(given, reverse=True) for box in given[index]}
        for person_id, (index, box) in first.items():
            seen = self._sighting(person_id, index)
            if seen is None:
                continue
            for sighting in self._tracker.backwards(seen, self._frames_before(index, box.frames[0] or 0)):
                self._written.add(sighting)
                if self._written.is_commit_due:
                    self._commit()
                self._tell("estimate backwards", index - sighting.frame_index)
        self._commit()
        self._written.settle()

    def _sighting(self, person_id: str, frame_index: int) -> Sighting | None:
        """What the take holds of a person in a frame; None where the frame could not be decoded."""
        take = Take.open(self._writer.path)
        if person_id not in take.people:
            return None
        person = take.person(person_id)
        rows = np.flatnonzero(person.frame_index == frame_index)
        if not len(rows):
            return None
        return Sighting(person_id, frame_index, float(person.time_s[rows[0]]), person.estimates[rows])

    def _frames_before(self, index: int, first: int = 0) -> Iterator[Frame]:
        """Frames from `first` to before `index`, the latest first; each window is decoded from the start again."""
        step, info = self._settings.step, self._clip.info
        window = max(8, BACKWARDS_BYTES // (info.width * info.height * 3)) * step
        first = max(first, self._start)
        while index > first:
            low = max(self._start, index - window)
            for frame in reversed(list(self._clip.frames(low, index - 1, step))):
                self._stop_if_asked()
                if frame.frame_index < first:
                    return
                yield frame
            index = low

    def _commit(self) -> None:
        self._written.commit(*self._tracker.checkpoint())

    def _stop_if_asked(self) -> None:
        if self._is_cancelled is not None and self._is_cancelled():
            self._commit()
            self._written.settle()
            raise Cancelled(f"{self._writer.path}: stopped before frame {self.next_frame}; the same command goes on")

    def _tell(self, stage: str, frame_index: int) -> None:
        if self._progress is None:
            return
        announced, end, step = self._clip.info.announced_frames, self._settings.end, self._settings.step
        last = min((n for n in (end, None if announced is None else announced - 1) if n is not None), default=None)
        total = None if last is None else max(0, last - self._start) // step + 1
        done = (frame_index - self._start) // step + 1
        if total is not None and stage == "estimate":
            total = max(total, done)
        self._progress(Progress(stage, done, total, self._tracker.told()))


def _first_of(state: dict[str, Any], resume_at: int) -> int:
    """The first frame that a resumed tracker must remember."""
    first = int(state["past"][0][0]) if state["past"] else resume_at
    if not 0 <= first <= resume_at:
        raise ValueError(f"a past from frame {first}")
    return first


def _on_the_steps(given: dict[int, list[PersonBox]], settings: ReconstructSettings) -> dict[int, list[PersonBox]]:
    """The drawn boxes on the frames that the run looks at: those just before, or just after where a box begins later.

    Raises:
        BoxesError: a box lies before the first or behind the last of them.
    """
    start, step = settings.start or 0, settings.step
    moved: dict[int, list[PersonBox]] = {}
    for index, boxes in given.items():
        if index < start or (settings.end is not None and index > settings.end):
            raise BoxesError(f"{settings.boxes}: frame {index} is not among the frames chosen with start and end")
        before = start + (index - start) // step * step
        for box in boxes:
            is_room = settings.end is None or before + step <= settings.end
            is_early = is_room and (box.frames[0] or 0) > before
            moved.setdefault(before + step if is_early else before, []).append(box)
    return moved

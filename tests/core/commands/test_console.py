import io
import json
import os
import signal
from collections.abc import Iterator

import pytest

from core.commands.console import Bar, JsonLines, StopRequest, bar_line, progress_printer
from core.types import Progress


def test_json_progress_is_one_object_a_line() -> None:
    stream = io.StringIO()
    JsonLines(stream)(Progress("estimate", 3, None, "Übung"))
    assert json.loads(stream.getvalue()) == {"stage": "estimate", "done": 3, "total": None, "message": "Übung"}


def test_bar_shows_the_share_that_is_done() -> None:
    assert bar_line(Progress("solve", 5, 10, "x")) == f"solve [{'#' * 15}{'-' * 15}] 5/10  x"


def test_bar_without_a_total_counts() -> None:
    assert bar_line(Progress("estimate", 7, None, "")) == "estimate 7"


def test_bar_leaves_its_line_before_other_text() -> None:
    stream = io.StringIO()
    bar = Bar(stream)
    bar(Progress("solve", 1, 1, ""))
    bar.end()
    bar.end()
    assert stream.getvalue().endswith("1/1\n")


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    assert progress_printer("auto", io.StringIO()) is None


def test_signal_interrupts_a_command_that_has_nothing_to_keep(restored_signals: None) -> None:
    StopRequest.interrupt()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def restored_signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_stop_signal_is_heard_once_and_then_ends_the_process(restored_signals: None) -> None:
    stop = StopRequest()
    stop.listen()
    assert not stop()
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

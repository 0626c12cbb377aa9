"""The flame graph: bars as wide as the time, those that are called on those that call."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import flame

SECONDS = {("a.run", "b.half"): 1.0, ("a.run",): 1.0, ("c.<rest>",): 2.0}


def bars(picture: str) -> dict[str, tuple[float, float, float]]:
    """(x, y, width) of each bar by its function."""
    found = re.findall(r'<title>(\S+) [\d.]+ %</title><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', picture)
    return {name: (float(x), float(y), float(width)) for name, x, y, width in found}


def test_svg_when_stacks_then_bars_are_as_wide_as_their_time() -> None:
    drawn = bars(flame.svg(SECONDS, "a title"))
    assert {name: bar[2] for name, bar in drawn.items()} == {
        "all": flame.WIDTH,
        "a.run": flame.WIDTH / 2,
        "b.half": flame.WIDTH / 4,
        "c.&lt;rest&gt;": flame.WIDTH / 2,
    }
    assert drawn["b.half"][1] < drawn["a.run"][1] < drawn["all"][1], "what is called lies above"
    assert drawn["c.&lt;rest&gt;"][0] == flame.WIDTH / 2


def test_svg_when_names_have_brackets_then_it_is_xml() -> None:
    ElementTree.fromstring(flame.svg(SECONDS, "a < b"))


def test_spent_in_when_a_function_is_meant_then_all_on_it_counts() -> None:
    assert flame.spent_in(SECONDS, lambda name: name == "a.run") == pytest.approx(0.5)


def test_sampler_when_one_thread_works_and_one_waits_then_the_work_alone_counts() -> None:
    sampler, is_over = flame.Sampler(Path(__file__).parent), threading.Event()

    def waits_here() -> None:
        is_over.wait(30)

    def works_here() -> None:
        begun = time.thread_time()
        while time.thread_time() - begun < 0.3:
            sum(range(1000))

    threads = [threading.Thread(target=waits_here), threading.Thread(target=works_here)]
    sampler.start()
    for thread in threads:
        thread.start()
    threads[1].join()
    is_over.set()
    threads[0].join()
    sampler.stop()
    work = flame.spent_in(sampler.seconds, lambda name: name == "test_flame.works_here")
    wait = flame.spent_in(sampler.seconds, lambda name: name == "test_flame.waits_here")
    assert work > 0.5
    assert wait < 0.1

"""One preset in every way of running it: pictures a second and CPU time, one core, random weights.

"int8" has its convolutions and matrix products in 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from core.nets import NetConfig, fold
from tests.fixtures.small_networks import build

from . import Row
from .graphs import WholeMesh, export_whole, graphs_folder, int8, open_session, random_image
from .timing import ROUNDS, cpu_seconds, one_thread

BATCHES = (1, 8)


@torch.no_grad()
def rows_of(config: NetConfig, rounds: int = ROUNDS) -> Iterable[Row]:
    """Rows of a preset: torch eager, ONNX Runtime in float32 and 8 bits; one and eight people.

    Args:
        config: of the preset.
        rounds: for eight people; with one, that is the first call.
    """
    one_thread()
    label = f"{config.preset} {config.input_size} px"
    with graphs_folder() as folder:
        network = fold(build(config))
        eager = WholeMesh(network).eval()
        file = export_whole(network, folder)
        small = int8(file, config.input_size)
        sessions = {"ONNX Runtime": open_session(file), "ONNX Runtime, int8": open_session(small)}
        for batch in BATCHES:
            image = random_image(batch, config.input_size)
            works: dict[str, Callable[[], object]] = {"torch": partial(eager, image)}
            feed: dict[str, Any] = {"image": image.numpy()}
            works |= {name: partial(session.run, None, feed) for name, session in sessions.items()}
            yield from _rates(label, works, batch, ROUNDS if batch == 1 else rounds)


@torch.no_grad()
def compiled_rows_of(config: NetConfig) -> Iterable[Row]:
    """Rows of a preset in torch, eager against compiled, which takes a compiler of C++ and minutes."""
    one_thread()
    eager = WholeMesh(fold(build(config))).eval()
    for batch in BATCHES:
        image = random_image(batch, config.input_size)
        compiled = torch.compile(eager)
        if not _is_compiler_there(compiled, image):
            return
        works = {"torch": partial(eager, image), "torch.compile": partial(compiled, image)}
        yield from _rates(f"{config.preset} {config.input_size} px", works, batch, ROUNDS)


def _rates(label: str, works: Mapping[str, Callable[[], object]], batch: int, rounds: int) -> Iterable[Row]:
    for name, seconds in cpu_seconds(works, rounds, is_warm=rounds == 1).items():
        each = seconds / batch
        yield Row(f"{label}, {name}, batch {batch}", 1 / each, "people/s of one core")
        yield Row(f"{label}, {name}, batch {batch}", 1000 * each, "ms of CPU a person")


def _is_compiler_there(compiled: Callable[..., object], image: torch.Tensor) -> bool:
    try:
        compiled(image)
    except Exception as error:  # what the compiler's own layers raise has no common base
        print(f"torch.compile: {str(error).splitlines()[0]}")
        return False
    return True


def at_size(config: NetConfig, size: int) -> NetConfig:
    """The same network on crops of another side."""
    return replace(config, input_size=size)

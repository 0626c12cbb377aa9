"""An ONNX file, looked through before it is loaded: is all of it in the file, and does it end by itself?

ONNX Runtime follows what a graph says: numbers that lie in other files, tensors of any size, loops of any length. None
of these is in a network that we read, so a file that has them is refused. The fields are those of ONNX's onnx.proto;
only lengths are followed, numbers are passed over.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError
from ..files.untrusted import told

LOOPS = {b"Loop", b"Scan", b"SequenceMap"}
DEEPEST = 16
"""Graphs within graphs."""

MODEL, GRAPH, FUNCTION, NODE, ATTRIBUTE, TENSOR, SPARSE, TRAINING = range(8)
INNER = {
    MODEL: {7: GRAPH, 20: TRAINING, 25: FUNCTION},
    TRAINING: {1: GRAPH, 2: GRAPH},
    GRAPH: {1: NODE, 5: TENSOR, 15: SPARSE},
    FUNCTION: {7: NODE, 11: ATTRIBUTE},
    NODE: {5: ATTRIBUTE},
    ATTRIBUTE: {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 22: SPARSE, 23: SPARSE},
}
"""Numbers of the fields that hold other messages."""
GRAPH_OF_MODEL, OP_TYPE, DIMS, EXTERNAL_DATA, DATA_LOCATION = 7, 4, 1, 13, 14


def check_onnx(file: Path) -> None:
    """Look a model through.

    Raises:
        WeightsError: missing, no ONNX, numbers outside the file, a tensor larger than the file, or a loop.
    """
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            whole = _Part(content, 0, len(content))
            if all(number != GRAPH_OF_MODEL for number, _ in whole.fields()):
                raise ValueError("there is no graph in it")
            _check(whole, MODEL, 0)
    except OSError as error:
        raise WeightsError(f"{file}: can't be read ({error.strerror}); get the weights again") from error
    except ValueError as error:
        raise WeightsError(f"{file}: is no ONNX file that is read here ({error}); export or get it again") from error


@dataclass(frozen=True, slots=True)
class _Part:
    """A message within the file: its bytes from `start` to before `end`."""

    content: mmap.mmap
    start: int
    end: int

    def fields(self) -> Iterator[tuple[int, int | _Part]]:
        """Number and value of each field; values of a fixed length as 0."""
        at = self.start
        while at < self.end:
            key, at = self._varint(at)
            number, wire = key >> 3, key & 7
            if wire == 0:
                value, at = self._varint(at)
                yield number, value
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
                yield number, 0
            elif wire == 2:
                length, at = self._varint(at)
                if length > self.end - at:
                    raise ValueError("it was cut off")
                yield number, _Part(self.content, at, at + length)
                at += length
            else:
                raise ValueError("it is damaged")
        if at > self.end:
            raise ValueError("it was cut off")

    def varints(self) -> Iterator[int]:
        """Numbers one after another."""
        at = self.start
        while at < self.end:
            value, at = self._varint(at)
            yield value

    def is_one_of(self, words: Collection[bytes]) -> bool:
        """Whether it is the text of one of these."""
        return self.end - self.start < 64 and self.content[self.start : self.end] in words

    def _varint(self, at: int) -> tuple[int, int]:
        """A number and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= self.end:
                raise ValueError("it was cut off")
            byte = self.content[at]
            value |= (byte & 127) << shift
            at += 1
            if byte < 128:
                return value, at
        raise ValueError("it is damaged")


def _check(part: _Part, kind: int, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError("graphs within graphs within graphs")
    if kind == SPARSE:
        raise ValueError("sparse numbers")
    if kind == TENSOR:
        return _check_tensor(part)
    for number, value in part.fields():
        if kind == NODE and number == OP_TYPE and isinstance(value, _Part) and value.is_one_of(LOOPS):
            raise ValueError("it has a loop, which may never end")
        inner = INNER[kind].get(number)
        if inner is not None:
            if not isinstance(value, _Part):
                raise ValueError("it is damaged")
            _check(value, inner, depth + (inner == GRAPH))


def _check_tensor(part: _Part) -> None:
    dims: list[int] = []
    for number, value in part.fields():
        if number == EXTERNAL_DATA or (number == DATA_LOCATION and value != 0):
            raise ValueError("it keeps numbers in another file")
        if number == DIMS:
            dims += [value] if isinstance(value, int) else list(value.varints())
    size = part.end - part.start
    if math.prod(dims) > 2 * size or max(dims, default=0) >= 2**63:  # two of the smallest numbers share a byte
        raise ValueError(f"a tensor of {told(dims)} in {size} bytes")

"""Ways to damage a file: bytes, lengths, and the values of a JSON document."""

import io
import json
import random
import zipfile
from collections.abc import Iterator
from typing import Any

NUMBERS = (0, 1, 127, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
"""What headers are made to claim."""
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 10**30, 1e308, float("inf"), float("nan"), "", "x", "a\0b", "\ud800", "../../x",
    "/etc/passwd", "9" * 5000, [], {}, [[]], [None] * 4, [1e300] * 4, "١٢",
)  # fmt: skip
DEEP = '{"a":' * 50_000


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four kinds of damage."""
    broken = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice((_flip, _cut, _claim, _noise, _repeat, _zeros, _drop))(broken, rng)
    return bytes(broken)


def _flip(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if content:
            content[_place(content, rng)] ^= 1 << rng.randrange(8)


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content) + 1) :]


def _claim(content: bytearray, rng: random.Random) -> None:
    """A number of 2, 4 or 8 bytes where a header may have a size."""
    width = rng.choice((2, 4, 8))
    at = _place(content, rng)
    number = min(rng.choice(NUMBERS), 256**width - 1)
    content[at : at + width] = number.to_bytes(width, rng.choice(("big", "little")))


def _noise(content: bytearray, rng: random.Random) -> None:
    at, size = _place(content, rng), rng.randrange(1, 200)
    content[at : at + size] = rng.randbytes(min(size, len(content) - at))


def _repeat(content: bytearray, rng: random.Random) -> None:
    at, size = _place(content, rng), rng.randrange(1, 2000)
    content[at:at] = content[at : at + size]


def _zeros(content: bytearray, rng: random.Random) -> None:
    at, size = _place(content, rng), rng.randrange(1, 500)
    content[at : at + size] = bytes(min(size, len(content) - at))


def _drop(content: bytearray, rng: random.Random) -> None:
    at = _place(content, rng)
    del content[at : at + rng.randrange(1, 100)]


def _place(content: bytearray, rng: random.Random) -> int:
    """Anywhere, and half of the time in the first or last 300 bytes, where headers and indices are."""
    count = max(1, len(content))
    near = rng.randrange(min(count, 300))
    return rng.choice((rng.randrange(count), near, count - 1 - near))


def damaged_arrays(content: bytes, rng: random.Random) -> bytes:
    """An .npz of which one array is damaged, header included, in a zip that is whole; now and then the zip itself."""
    if rng.random() < 0.3:
        return damaged(content, rng)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    members[name] = damaged(members[name], rng)
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for one, held in members.items():
            archive.writestr(one, held)
    return told.getvalue()


def damaged_json(text: str, rng: random.Random) -> bytes:
    """A document with one to three values replaced, removed or added; now and then no document at all."""
    if rng.random() < 0.2:
        return damaged(text.encode(), rng)
    if rng.random() < 0.03:
        return DEEP.encode()
    document = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(document))
        if not places:
            break
        holder, key = rng.choice(places)
        value = rng.choice(VALUES)
        if rng.random() < 0.2:
            del holder[key]
        elif isinstance(holder, dict) and rng.random() < 0.15:
            holder[str(value)[:100]] = holder.pop(key)
        else:
            holder[key] = value
    return json.dumps(document).encode()


def damaged_lines(text: str, rng: random.Random) -> bytes:
    """JSON lines of which one is damaged."""
    lines = [line.encode() for line in text.splitlines()]
    row = rng.randrange(len(lines))
    lines[row] = damaged_json(lines[row].decode(), rng)
    return b"\n".join(lines)


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    keys = document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for key in list(keys):
        yield document, key
        yield from _places(document[key])

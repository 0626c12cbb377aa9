"""Edits of MP4 files that OpenCV's writer can't make: a variable rate, rotation, damage."""

import struct
import wave
from pathlib import Path

import numpy as np

PARENTS = (b"stbl", b"minf", b"mdia", b"trak", b"moov")


def with_variable_rate(clip: Path, first_count: int) -> Path:
    """Twice the time a frame from frame `first_count` on: the table of durations gets a second entry."""
    content = bytearray(clip.read_bytes())
    at = content.index(b"stts") - 4
    entries, count, delta = struct.unpack(">III", content[at + 12 : at + 24])
    assert entries == 1, "expected a constant rate"
    for name in PARENTS:
        start = content.rindex(name, 0, at) - 4
        struct.pack_into(">I", content, start, struct.unpack_from(">I", content, start)[0] + 8)
    table = struct.pack(">IIIII", 2, first_count, delta, count - first_count, 2 * delta)
    content[at : at + 24] = struct.pack(">I4sI", 32, b"stts", 0) + table
    if b"edts" in content:  # an edit list that would cut the clip at its old length
        edit = content.index(b"edts")
        content[edit : edit + 4] = b"free"
    clip.write_bytes(content)
    return clip


def with_rotation(clip: Path, coded_height: int) -> Path:
    """Turned by 90 degrees in the metadata, as phones do."""
    content = bytearray(clip.read_bytes())
    at = content.index(b"tkhd") - 4 + 48
    one = 1 << 16
    struct.pack_into(">9i", content, at, 0, one, 0, -one, 0, 0, coded_height << 16, 0, 1 << 30)
    clip.write_bytes(content)
    return clip


def with_damage(clip: Path, share: float = 0.3, size: int = 300) -> Path:
    """Random bytes in place of the file's own, from that share of its length on."""
    content = bytearray(clip.read_bytes())
    at = int(len(content) * share)
    content[at : at + size] = np.random.default_rng(0).integers(0, 256, size, np.uint8).tobytes()
    clip.write_bytes(content)
    return clip


def cut_off(clip: Path, share: float = 0.6) -> Path:
    """The first part of the file."""
    content = clip.read_bytes()
    clip.write_bytes(content[: int(len(content) * share)])
    return clip


def sound_alone(path: Path) -> None:
    """A second of silence and no picture."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))

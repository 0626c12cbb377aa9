"""Why a file can't be opened as a video, in words and with what to do."""

from __future__ import annotations

from pathlib import Path

HEAD_BYTES = 12
PLAYLIST_BYTES = 4096
PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"v=0")
"""HLS, FFmpeg's own, SDP; DASH is XML."""
MOST_ATOMS = 10_000
"""A whole file has a handful; a damaged one may claim any number."""
SOUND_MAGIC = (b"ID3", b"OggS", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1")


def is_playlist(head: bytes) -> bool:
    """Whether a file's first bytes are those of a list of other files, which a reader would go and open."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith(PLAYLISTS) or (text.startswith(b"<") and b"<MPD" in text)


def why_unreadable(path: Path) -> str:
    """The rest of a sentence that begins with the file's name."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head[4:8] == b"ftyp":
        if b"moov" not in _atoms(path):
            return "was cut off before its index (no moov atom); copy or export it again"
        return "has no picture that can be decoded, perhaps sound only; choose a file with video"
    if (head[:4] == b"RIFF" and head[8:12] == b"WAVE") or head.startswith(SOUND_MAGIC):
        return "holds sound only; choose a file with video"
    return "is not a video that can be read; choose a video file, or convert it to mp4"


def _atoms(path: Path) -> list[bytes]:
    """Names of the top-level atoms of an MP4 or QuickTime file."""
    names: list[bytes] = []
    size_of_file = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size_of_file and len(names) < MOST_ATOMS:
            file.seek(at)
            header = file.read(16)
            size = int.from_bytes(header[:4], "big")
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            names.append(header[4:8])
            if size < 8:  # 0: to the end of the file; less: damaged
                break
            at += size
    return names

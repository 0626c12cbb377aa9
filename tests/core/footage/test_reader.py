import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import FootageError
from core.footage.pictures import PictureSequence, read_picture
from core.footage.reader import open_footage
from tests.fixtures import clips
from tests.fixtures.graphs import blob, write_clip

ROOT = Path(__file__).parents[3]


def _half_dark(index: int) -> np.ndarray:
    """The upper half is white, the lower black; (96, 160)."""
    image = np.zeros((96, 160, 3), np.uint8)
    image[:48] = 255
    return image


def _pictures(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for shade, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((20, 30, 3), 10 * shade, np.uint8))
    return folder


def test_video_at_constant_rate_yields_all_frames_with_their_stamps(tmp_path: Path) -> None:
    footage = open_footage(write_clip(tmp_path / "a.mp4", 12, fps=20))
    frames = list(footage.frames())
    assert [frame.frame_index for frame in frames] == list(range(12))
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(12) / 20, atol=1e-9)
    assert (footage.info.width, footage.info.height, footage.info.fps) == (320, 240, 20)


def test_video_read_from_start_to_end_by_step_keeps_frame_numbers(tmp_path: Path) -> None:
    footage = open_footage(write_clip(tmp_path / "a.mp4", 20))
    assert [frame.frame_index for frame in footage.frames(3, 14, 4)] == [3, 7, 11]


def test_video_read_by_step_shows_the_same_pictures_as_read_whole(tmp_path: Path) -> None:
    footage = open_footage(write_clip(tmp_path / "a.mp4", 12))
    whole = {frame.frame_index: frame.image for frame in footage.frames()}
    for frame in footage.frames(5, None, 3):
        np.testing.assert_array_equal(frame.image, whole[frame.frame_index])


def test_video_with_variable_rate_gives_the_containers_stamps(tmp_path: Path) -> None:
    clip = clips.with_variable_rate(write_clip(tmp_path / "a.mp4", 20, fps=20), first_count=10)
    times = [frame.time_s for frame in open_footage(clip).frames()]
    expected = [*np.arange(11) * 0.05, *(0.5 + np.arange(1, 10) * 0.1)]
    np.testing.assert_allclose(times, expected, atol=1e-6)


def test_video_rotated_in_its_metadata_comes_upright(tmp_path: Path) -> None:
    clip = clips.with_rotation(write_clip(tmp_path / "a.mp4", 3, _half_dark), coded_height=96)
    footage = open_footage(clip)
    assert (footage.info.width, footage.info.height) == (96, 160)
    image = next(iter(footage.frames())).image
    assert image[:, -20:].mean() > 240 > 15 > image[:, :20].mean()  # turned clockwise: the top is at the right


def test_video_with_damage_is_read_past_it_and_reported(tmp_path: Path) -> None:
    footage = open_footage(clips.with_damage(write_clip(tmp_path / "a.mp4", 60)))
    indices = [frame.frame_index for frame in footage.frames()]
    report = footage.report
    assert indices[-1] == 59
    assert report.lost and report.decoded == len(indices)
    assert sorted([*indices, *report.lost]) == list(range(60))


def test_video_cut_off_reports_the_frames_missing_at_its_end(tmp_path: Path) -> None:
    footage = open_footage(clips.cut_off(write_clip(tmp_path / "a.avi", 60)))
    decoded = len(list(footage.frames()))
    assert 0 < decoded < 60
    assert (footage.report.decoded, footage.report.missing_at_end) == (decoded, 60 - decoded)


def test_trimmed_video_when_read_to_its_end_has_lost_nothing(tmp_path: Path) -> None:
    footage = open_footage(clips.trimmed(write_clip(tmp_path / "a.mp4", 40, fps=20), 15, fps=20))
    frames = list(footage.frames())
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(25) / 20, atol=1e-6)
    assert (footage.report.decoded, footage.report.lost, footage.report.missing_at_end) == (25, (), 0)
    assert footage.info.announced_frames == 25


def test_video_of_variable_rate_when_read_to_its_end_has_lost_nothing(tmp_path: Path) -> None:
    footage = open_footage(clips.with_variable_rate(write_clip(tmp_path / "a.mp4", 20, fps=20), first_count=10))
    assert len(list(footage.frames())) == 20
    assert footage.report.missing_at_end == 0
    assert footage.info.fps == 20  # that of the shorter frames, which all stamps fit; not the mean, 13.3


def test_video_read_up_to_a_frame_reports_nothing_missing(tmp_path: Path) -> None:
    footage = open_footage(write_clip(tmp_path / "a.mp4", 20))
    list(footage.frames(end=5))
    assert (footage.report.decoded, footage.report.missing_at_end) == (6, 0)


@pytest.mark.parametrize("name", ["mit Leerzeichen.mp4", "Übung weiß 動画.mp4"])
def test_video_with_other_letters_in_its_name_opens(tmp_path: Path, name: str) -> None:
    assert len(list(open_footage(write_clip(tmp_path / name, 3)).frames())) == 3


def test_pictures_are_read_in_natural_order(tmp_path: Path) -> None:
    footage = open_footage(_pictures(tmp_path / "é 1", ["f2.png", "f10.png", "f1.png"]))
    assert [round(frame.image.mean()) for frame in footage.frames()] == [20, 0, 10]


def test_picture_that_cannot_be_decoded_is_reported_and_its_number_kept(tmp_path: Path) -> None:
    folder = _pictures(tmp_path / "p", ["1.png", "2.png", "3.png"])
    (folder / "2.png").write_bytes(b"no picture")
    footage = open_footage(folder)
    assert [frame.frame_index for frame in footage.frames()] == [0, 2]
    assert footage.report.lost == (1,)


def test_pictures_of_different_sizes_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    folder = _pictures(tmp_path / "p", ["1.png", "2.png"])
    cv2.imwrite(str(folder / "2.png"), np.zeros((5, 5, 3), np.uint8))
    with pytest.raises(FootageError, match=r"2\.png: 5 x 5"):
        list(open_footage(folder).frames())


def test_single_picture_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), blob([(50, 60)]))
    assert len(list(open_footage(tmp_path / "a.png").frames())) == 1


def test_picture_with_exif_orientation_comes_upright(tmp_path: Path) -> None:
    done, encoded = cv2.imencode(".jpg", _half_dark(0))
    orientation_6 = bytes.fromhex("ffe100224578696600004d4d002a00000008000101120003000000010006000000000000")
    plain = encoded.tobytes()
    file = tmp_path / "a.jpg"
    file.write_bytes(plain[:2] + orientation_6 + plain[2:])
    image = read_picture(file)
    assert done and image is not None
    assert image.shape[:2] == (160, 96)
    assert image[:, -20:].mean() > 200 > 50 > image[:, :20].mean()


def test_footage_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match=r"none\.mp4: no such file"):
        open_footage(tmp_path / "none.mp4")


def test_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(FootageError, match="empty"):
        open_footage(tmp_path / "a.mp4")


def test_text_renamed_to_mp4_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("hello " * 100)
    with pytest.raises(FootageError, match="not a video"):
        open_footage(tmp_path / "a.mp4")


def test_sound_alone_is_an_error(tmp_path: Path) -> None:
    clips.sound_alone(tmp_path / "a.mp4")
    with pytest.raises(FootageError, match="sound only"):
        open_footage(tmp_path / "a.mp4")


def test_mp4_cut_off_before_its_index_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="cut off before its index"):
        open_footage(clips.cut_off(write_clip(tmp_path / "a.mp4", 20)))


def test_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="no pictures"):
        open_footage(tmp_path)


def test_range_that_ends_before_it_starts_is_the_callers_mistake(tmp_path: Path) -> None:
    footage = open_footage(write_clip(tmp_path / "a.mp4", 3))
    with pytest.raises(ValueError, match="start <= end"):
        list(footage.frames(5, 2))


@pytest.mark.parametrize("head", ["#EXTM3U\n#EXT-X-VERSION:3\n", "ffconcat version 1.0\n", "v=0\n", "<?xml?><MPD>"])
def test_list_of_other_files_is_refused(tmp_path: Path, head: str) -> None:
    (tmp_path / "a.mp4").write_text(f"{head}file other.mp4\nhttp://127.0.0.1:9/a.ts\n")
    with pytest.raises(FootageError, match=r"a\.mp4: is a list of other files; choose the video itself"):
        open_footage(tmp_path / "a.mp4")


def test_names_with_odd_digits_are_put_in_order(tmp_path: Path) -> None:
    for name in ("a².png", "a10.png", "a2.png", "a٣.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4, 3), np.uint8))
    sequence = PictureSequence(tmp_path)
    assert {frame: file.name for frame, file in sequence.files.items()} == {0: "a2.png", 8: "a10.png"}
    assert "a².png, a٣.png left out" in sequence.report.warnings[0]


def _png_of(width: int, height: int) -> bytes:
    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(bytes(99))) + part(b"IEND", b"")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/status")
@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2), (0, 9)])
def test_picture_that_claims_too_many_pixels_is_refused_without_their_memory(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    (tmp_path / "a.png").write_bytes(_png_of(*size))
    code = (
        "import sys\nfrom pathlib import Path\nfrom core.footage.reader import open_footage\n"
        "from core.errors import FootageError\n"
        "try: open_footage(Path(sys.argv[1]))\n"
        "except FootageError as error: print(error)\n"
        # ru_maxrss would be the pytest process's, from which this one was forked
        "print(next(int(line.split()[1]) // 1024 for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    said, peak_mb = done.stdout.splitlines()
    assert "pictures can be decoded; export again" in said
    assert int(peak_mb) < 300


def test_picture_of_12000_by_8000_is_read(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8000, 12_000), np.uint8))
    info = open_footage(tmp_path / "a.png").info
    assert (info.width, info.height) == (12_000, 8000)


@pytest.mark.parametrize("kind", ["grey", "alpha", "16 bit"])
def test_picture_of_another_kind_comes_as_8_bit_colour(tmp_path: Path, kind: str) -> None:
    made = {
        "grey": np.full((5, 7), 90, np.uint8),
        "alpha": np.full((5, 7, 4), 90, np.uint8),
        "16 bit": np.full((5, 7, 3), 90 * 257, np.uint16),
    }[kind]
    cv2.imwrite(str(tmp_path / "a.png"), made)
    (frame,) = open_footage(tmp_path / "a.png").frames()
    assert (frame.image.shape, frame.image.dtype, int(frame.image.max())) == ((5, 7, 3), np.uint8, 90)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have names in Unicode alone")
def test_name_that_is_not_in_utf_8_is_an_error(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 3)
    clip = clip.rename(tmp_path / "caf\udce9.mp4")
    with pytest.raises(FootageError, match="not in UTF-8; rename"):
        open_footage(clip)

"""One download, against a stand-in for Hugging Face: faults of the line, the server and the repository."""

from collections import namedtuple
from pathlib import Path

import pytest

from core.errors import WeightsError
from core.files.folder_lock import TakeLock
from core.weights import download, library
from core.weights import hugging_face as hub_client
from core.weights.find import find_weights
from tests.fixtures.bundles import LARGE, NAME, assert_downloaded, edit, large_bundle, sum_of, whole
from tests.fixtures.hub import Hub


@pytest.fixture
def bundle(blob_weights: Path, tmp_path: Path) -> Path:
    return large_bundle(blob_weights, tmp_path / "bundle")


@pytest.fixture
def commit(hub: Hub, bundle: Path) -> str:
    return hub.add_folder(NAME, bundle)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hub_client, "RETRY_WAIT_S", 0.0)
    return tmp_path / "downloads"


def refused(name: str, *words: str, **options: bool) -> None:
    with pytest.raises(WeightsError) as caught:
        download.get(name, **options)
    said = str(caught.value)
    assert [word for word in words if word not in said] == [] and "\n" not in said, said


@pytest.mark.usefixtures("commit")
def test_cut_connection_goes_on_where_it_was_cut(hub: Hub, bundle: Path, folder: Path) -> None:
    hub.cuts = {"model.safetensors": [150_000, 0, 100_000]}
    download.get(NAME)
    spans = hub.fetched("model.safetensors")
    starts = [int(span[6:-1]) for span in spans[1:]]
    assert spans[0] == "" and len(starts) == 3
    assert 0 < starts[0] <= 150_000 and starts[1] == starts[0] and starts[1] < starts[2] <= 250_000
    assert_downloaded(folder, bundle)


@pytest.mark.usefixtures("commit")
def test_server_without_ranges_sends_it_again_and_it_is_whole(hub: Hub, bundle: Path, folder: Path) -> None:
    hub.cuts, hub.ignores_ranges = {"model.safetensors": [150_000]}, True
    download.get(NAME)
    assert_downloaded(folder, bundle)


def test_file_that_came_damaged_is_thrown_away(hub: Hub, bundle: Path, folder: Path) -> None:
    (bundle / "model.safetensors").write_bytes(LARGE[:-1] + bytes([LARGE[-1] ^ 1]))
    hub.add_folder(NAME, bundle)
    refused(NAME, "model.safetensors came damaged", "sha256")
    assert whole(folder) == [] and not list(folder.rglob("model.safetensors"))


@pytest.mark.usefixtures("commit")
def test_file_that_is_larger_than_announced_is_not_taken(hub: Hub, bundle: Path, folder: Path) -> None:
    edit(bundle, lambda config: config["files"]["model.safetensors"].update(bytes=100_000))
    hub.add_folder(NAME, bundle)
    hub.announced = {"model.safetensors": 100_000}
    refused(NAME, "larger than the 100000 bytes announced")
    assert whole(folder) == [] and not list(folder.rglob("model.safetensors"))


BAD = {
    "no config.json": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "no json": (lambda f: (f / "config.json").write_text("{"), "config.json is damaged"),
    "large config": (lambda f: (f / "config.json").write_bytes(b" " * 2_000_000), "config.json has 2.0 MB"),
    "climbs out": (lambda f: edit(f, lambda c: c["files"].update({"../x.onnx": sum_of(b"")})), "outside its folder"),
    "climbs out, Windows": (lambda f: edit(f, lambda c: c["files"].update({"a\\x.md": sum_of(b"")})), "outside its"),
    "could run": (lambda f: edit(f, lambda c: c["files"].update({"x.pkl": sum_of(b"")})), "that weights don't have"),
    "not there": (lambda f: (f / "model.safetensors").unlink(), "not in the repository"),
    "another size": (lambda f: (f / "model.safetensors").write_bytes(b"x"), "says 400000 bytes of model.safetensors"),
    "newer": (lambda f: edit(f, lambda c: c.update(format_version=9)), "newer version"),
}


@pytest.mark.parametrize("kind", BAD)
def test_repository_that_is_no_bundle_gets_one_sentence(kind: str, hub: Hub, bundle: Path, folder: Path) -> None:
    spoil, sentence = BAD[kind]
    spoil(bundle)
    hub.add_folder(NAME, bundle)
    refused(NAME, sentence)
    assert whole(folder) == [] and not (folder / "x.onnx").exists()


def test_file_of_absurd_size_is_refused_before_it_is_fetched(hub: Hub, bundle: Path) -> None:
    edit(bundle, lambda config: config["files"]["model.safetensors"].update(bytes=5_000_000_000))
    hub.add_folder(NAME, bundle)
    hub.announced = {"model.safetensors": 5_000_000_000}
    refused(NAME, "5.0 GB, more than 4")
    assert hub.fetched("model.onnx") == []


def test_line_that_stays_dead_is_one_sentence_and_what_came_is_kept(hub: Hub, bundle: Path, folder: Path) -> None:
    hub.add_folder(NAME, bundle)
    hub.cuts = {"model.safetensors": [150_000] + [0] * (hub_client.RETRIES + 1)}
    refused(NAME, "no connection to Hugging Face")
    assert whole(folder) == []
    (part,) = library.list_downloads()
    assert not part.is_whole and part.size > 100_000
    download.get(NAME)
    assert_downloaded(folder, bundle)


def test_disk_without_room_is_told_before_anything_large_is_fetched(
    hub: Hub, bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_folder(NAME, bundle)
    space = namedtuple("space", "total used free")
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _place: space(0, 0, download.SPARE_BYTES + 300_000))
    refused(NAME, "0 MB are to come and 50 MB are free", str(folder))
    assert hub.fetched("model.onnx") == []


def test_branch_that_moved_on_is_a_second_download(hub: Hub, bundle: Path, folder: Path) -> None:
    first = hub.add_folder(NAME, bundle)
    download.get(NAME)
    edit(bundle, lambda config: config.update(scores={"new": 1}))
    second = hub.add_folder(NAME, bundle)
    assert download.get(NAME).scores == {"new": 1}
    assert {each.commit for each in library.list_downloads()} == {first, second} and len(whole(folder)) == 2
    assert find_weights(f"{NAME}@{first}").scores == {}
    assert [each.commit for each in library.remove_downloads(f"{NAME}@{first}")] == [first] and len(whole(folder)) == 1


@pytest.mark.usefixtures("commit")
def test_second_download_at_the_same_time_waits_its_turn(folder: Path) -> None:
    folder.mkdir()
    lock = TakeLock(folder / ".lock")
    refused(NAME, "another download is running")
    lock.release()
    download.get(NAME)


@pytest.mark.usefixtures("commit")
def test_revision_that_is_not_there_gets_one_sentence() -> None:
    refused(f"{NAME}@v9", f"{NAME}@v9", "no such revision")


@pytest.mark.usefixtures("commit")
def test_gated_repository_says_how_to_get_in(hub: Hub) -> None:
    hub.gated.add(NAME)
    refused(NAME, "ask for access", "HF_TOKEN")


@pytest.mark.usefixtures("hub")
def test_repository_that_is_not_there_gets_one_sentence() -> None:
    with pytest.raises(WeightsError, match="nobody/nothing@main can't be downloaded: no such repository"):
        find_weights("nobody/nothing@main")


def test_weights_for_research_are_refused_before_they_are_fetched(hub: Hub, bundle: Path) -> None:
    edit(bundle, lambda config: config.update(commercial_use=False, licence="research only"))
    hub.add_folder(NAME, bundle)
    refused(NAME, "research only", "commercial use is on", is_commercial_only=True)
    assert hub.fetched("model.onnx") == []
    assert not download.get(NAME).is_commercial
    refused(NAME, "research only", is_commercial_only=True)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", ["name", "../name", "owner/../name", "owner/name@", "a/b/c", "-x/y"])
def test_name_of_another_form_is_refused(name: str) -> None:
    refused(name, "expected ORG/NAME")

"""Weights from Hugging Face by the command line, from a stand-in for it on this machine."""

import json
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.fixtures.bundles import LARGE, NAME, assert_downloaded, large_bundle, whole
from tests.fixtures.commands import ROOT, arguments, assert_one_sentence, environment, run_core
from tests.fixtures.hub import Hub

CANCEL_S = 2.0
GIVE_UP_S = 60


@pytest.fixture
def bundle(blob_weights: Path, tmp_path: Path) -> Path:
    return large_bundle(blob_weights, tmp_path / "bundle")


@pytest.fixture
def commit(hub: Hub, bundle: Path) -> str:
    return hub.add_folder(NAME, bundle)


def test_weights_by_name_and_revision_are_downloaded_and_run(commit: str) -> None:
    done = run_core("doctor", "--weights", f"{NAME}@{commit}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "blob" in done.stdout


def test_weights_downloaded_once_need_no_network_again(commit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_core("doctor", "--weights", f"{NAME}@main").returncode == 0
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers there
    assert run_core("doctor", "--weights", f"{NAME}@{commit[:8]}").returncode == 0


def test_get_downloads_names_the_commit_and_the_licence_and_tells_how_far(
    commit: str, bundle: Path, tmp_path: Path
) -> None:
    done = run_core("weights", "get", NAME, "--progress", "json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{NAME}@{commit}: blob (blob), CC0-1.0, commercial use allowed, ")
    told = [json.loads(line) for line in done.stderr.splitlines()]
    total = sum(file["bytes"] for file in json.loads((bundle / "config.json").read_text())["files"].values())
    assert {line["stage"] for line in told} == {"download"} and {line["total"] for line in told} == {total}
    counts = [line["done"] for line in told]
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == total and len(counts) > 4
    assert_downloaded(tmp_path / "downloads", bundle)


def test_list_check_and_remove_know_what_was_downloaded(commit: str, tmp_path: Path) -> None:
    run_core("weights", "get", NAME)
    listed = run_core("weights", "list").stdout.splitlines()
    assert any(line.startswith("open-tiny: CC0-1.0, commercial use allowed") for line in listed)
    assert any(line.startswith(f"{NAME}@{commit}: CC0-1.0") for line in listed) and "1 downloaded" in listed[-1]
    assert run_core("weights", "check").stdout.endswith("1 downloaded, 0 damaged\n")
    model = whole(tmp_path / "downloads")[0] / "model.safetensors"
    model.write_bytes(b"x" + LARGE[1:])
    checked = run_core("weights", "check", NAME)
    assert checked.returncode == 1 and "DAMAGED" in checked.stdout and "Traceback" not in checked.stderr
    assert run_core("weights", "get", NAME).returncode == 0 and model.read_bytes() == LARGE
    assert "removed" in run_core("weights", "remove", NAME).stdout
    assert whole(tmp_path / "downloads") == []
    assert_one_sentence(run_core("weights", "remove", NAME), "not among the downloads")


@pytest.mark.usefixtures("commit")
def test_cancelled_download_ends_in_time_and_the_next_goes_on(hub: Hub, bundle: Path, tmp_path: Path) -> None:
    hub.pause_s = 0.1
    child = subprocess.Popen(
        arguments("weights", "get", NAME), cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True
    )
    began = time.monotonic()
    part: list[Path] = []
    while not part or part[0].stat().st_size < 70_000:
        assert time.monotonic() - began < GIVE_UP_S
        time.sleep(0.02)
        part = list((tmp_path / "downloads").glob("*.part/model.safetensors"))
    child.send_signal(signal.SIGTERM)
    asked = time.monotonic()
    said = child.communicate(timeout=GIVE_UP_S)[1]
    assert time.monotonic() - asked < CANCEL_S
    assert (
        child.returncode == 130 and said.startswith("cancelled: what was downloaded is kept") and "\n" not in said[:-1]
    )
    assert whole(tmp_path / "downloads") == [] and "unfinished" in run_core("weights", "list").stdout
    kept, hub.pause_s = part[0].stat().st_size, 0.0
    assert run_core("weights", "get", NAME).returncode == 0
    assert hub.fetched("model.safetensors")[-1] == f"bytes={kept}-"
    assert_downloaded(tmp_path / "downloads", bundle)


@pytest.mark.usefixtures("commit")
def test_disk_that_gets_full_keeps_what_came(hub: Hub, bundle: Path, tmp_path: Path) -> None:
    limit = (200_000, 200_000)
    full = run_core("weights", "get", NAME, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert_one_sentence(full, "the disk is full", "free some space")
    assert whole(tmp_path / "downloads") == []
    assert run_core("weights", "get", NAME).returncode == 0
    assert int(hub.fetched("model.safetensors")[-1][6:-1]) > 100_000
    assert_downloaded(tmp_path / "downloads", bundle)


@pytest.mark.usefixtures("commit")
def test_without_a_connection_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers there
    assert_one_sentence(run_core("weights", "get", NAME), "no connection to Hugging Face", "local folder")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert_one_sentence(run_core("weights", "get", NAME), "switched off (HF_HUB_OFFLINE)")

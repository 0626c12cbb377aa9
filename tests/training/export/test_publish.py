"""A bundle goes up whole or not at all, and comes down byte for byte, by a stand-in for Hugging Face."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.weights import download, library
from tests.fixtures.hub import TOKEN, Hub
from tests.fixtures.small_run import make_run
from tests.training.export.test_network import SCORES
from training.export import bundle, network, publish

NAME = "lab/micro"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""huggingface_hub 2.4.0 gives its HTTP library a file in an old way."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    (folder / "scores.json").write_text(json.dumps(SCORES))
    assert network.export(make_run(folder / "mesh"), folder / "micro", "micro", [folder / "scores.json"])
    return folder / "micro"


@pytest.fixture
def ready(exported: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be spoiled, and a token."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    shutil.copytree(exported, tmp_path / "micro")
    config = json.loads((tmp_path / "micro" / bundle.CONFIG).read_text())
    (tmp_path / "micro" / bundle.CONFIG).write_text(json.dumps({**config, "commit": "c" * 40}))
    return tmp_path / "micro"


def run(folder: Path, *more: str) -> int:
    return publish.main([str(folder), "--repo", NAME, *more])


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("branch", ["main", "next"])
def test_published_bundle_comes_down_again_by_name_and_revision(
    branch: str, ready: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ready, "--revision", branch) == 0
    name = capsys.readouterr().out.splitlines()[-1].partition(":")[0]
    assert name == f"{NAME}@{hub.branches[NAME][branch]}"
    got = download.get(name)
    assert contents(ready) == {k: v for k, v in contents(got.folder).items() if k != library.SOURCE}
    assert download.get(f"{NAME}@{branch}").folder == got.folder


def test_all_files_go_up_in_one_commit(ready: Path, hub: Hub) -> None:
    assert run(ready) == 0
    commits = [path for method, path, _ in hub.asked if method == "POST" and "/commit/" in path]
    assert commits == [f"/api/models/{NAME}/commit/main"]


def test_dry_run_lists_sizes_and_uploads_nothing(
    ready: Path, hub: Hub, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "training.export.publish"):
        assert run(ready, "--dry-run") == 0
    assert hub.asked == [] and "nothing was uploaded" in capsys.readouterr().out
    listed = {line.split()[0]: line.split()[1] for line in caplog.messages if line.endswith(" MB")}
    assert listed == {file.name: f"{file.stat().st_size / 1e6:.3f}" for file in ready.iterdir()}


@pytest.mark.parametrize("step", ["/lfs/", f"/api/models/{NAME}/commit"])
def test_failure_half_way_leaves_no_new_commit(
    step: str, ready: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    first = hub.add(NAME, {"README.md": b"as it was"})
    hub.refuses = (step,)
    assert run(ready) == 1
    error = capsys.readouterr().err
    assert "not published" in error and "one commit or not at all" in error and error.count("\n") == 1
    assert hub.branches[NAME] == {"main": first} and list(hub.commits[NAME]) == [first]
    hub.refuses = ()
    assert run(ready) == 0


def test_without_a_token_there_is_one_sentence_and_no_request(
    ready: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert run(ready) == 1
    error = capsys.readouterr().err
    assert "needs a token" in error and error.count("\n") == 1 and hub.asked == []


def forget(key: str, value: Any = None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / bundle.CONFIG).read_text())
        (folder / bundle.CONFIG).write_text(json.dumps({**config, key: value if value is not None else ""}))

    return change


def rewrite_card(folder: Path) -> None:
    config = json.loads((folder / bundle.CONFIG).read_text())
    (folder / bundle.CARD).write_text(f"Licence: {config['licence']}. Trust me.\n")
    config["files"][bundle.CARD] = {"sha256": bundle.sha256(folder / bundle.CARD), "bytes": 1}
    (folder / bundle.CONFIG).write_text(json.dumps(config))


def append(folder: Path) -> None:
    with (folder / bundle.SAFETENSORS).open("ab") as file:
        file.write(b"x")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (forget("scores", {}), "no scores"),
        (forget("licence"), "no licence"),
        (forget("licence", "MIT-0"), "another than config.json"),
        (forget("training_data", []), "what it learned from"),
        (forget("training_data", [{"name": "pictures"}]), "with the licence of each"),
        (forget("commit"), "--commit HASH"),
        (rewrite_card, "commands"),
        (append, "damaged or changed"),
        (lambda folder: (folder / bundle.CONFIG).unlink(), "no config.json"),
    ],
)
def test_bundle_that_nobody_could_judge_is_refused(
    spoil: Callable[[Path], None], sentence: str, ready: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(ready)
    assert run(ready) == 1
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1 and hub.asked == []


def test_models_that_disagree_are_not_published(ready: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    other = network.network_of_run(make_run(ready.parent / "other", seed=1), network.load_body())
    network.write_safetensors(other, ready / bundle.SAFETENSORS)
    config = json.loads((ready / bundle.CONFIG).read_text())
    config["files"][bundle.SAFETENSORS]["sha256"] = bundle.sha256(ready / bundle.SAFETENSORS)
    (ready / bundle.CONFIG).write_text(json.dumps(config))
    assert run(ready) == 1
    assert "torch and ONNX disagree" in capsys.readouterr().err and hub.asked == []


def test_commit_is_written_into_an_older_bundle_once(ready: Path) -> None:
    forget("commit")(ready)
    bundle.say_commit(ready, "d" * 40)
    assert json.loads((ready / bundle.CONFIG).read_text())["commit"] == "d" * 40
    for wrong in ("e" * 40, "short"):
        with pytest.raises(ValueError, match="commit"):
            bundle.say_commit(ready, wrong)


def test_export_names_the_commit_of_the_checkout(exported: Path) -> None:
    said = json.loads((exported / bundle.CONFIG).read_text())["commit"]
    assert said == bundle.commit_of_checkout()

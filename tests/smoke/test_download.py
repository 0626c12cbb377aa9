"""Weights by `owner/name@revision`, from a stand-in for Hugging Face on this machine."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.smoke.commands import assert_one_sentence, run_core

REVISION = "a" * 40
REPOSITORY = "owner/name"


class _Hub(BaseHTTPRequestHandler):
    """Answers what `snapshot_download` asks for."""

    folder: Path

    def do_GET(self) -> None:
        """A file, the repository's description, or its list of files."""
        if self.path.startswith(f"/api/models/{REPOSITORY}/revision/"):
            names = [{"rfilename": file.name} for file in self.folder.iterdir()]
            self._answer(json.dumps({"id": REPOSITORY, "sha": REVISION, "siblings": names}).encode())
        elif self.path.startswith(f"/api/models/{REPOSITORY}/tree/"):
            files = [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": "0" * 40}
                for f in self.folder.iterdir()
            ]
            self._answer(json.dumps(files).encode())
        elif (file := self.folder / self.path.rpartition("/")[2]).is_file():
            self._answer(file.read_bytes())
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_HEAD = do_GET  # noqa: N815 the name that http.server looks for

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", f'"{abs(hash(content)):x}"')
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(blob_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Hub]]:
    handler = type("Hub", (_Hub,), {"folder": blob_weights})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("hub")
def test_weights_by_name_and_revision_are_downloaded_and_run() -> None:
    done = run_core("doctor", "--weights", f"{REPOSITORY}@{REVISION}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "blob" in done.stdout


@pytest.mark.usefixtures("hub")
def test_repository_that_is_not_there_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    name = f"nobody/nothing@{REVISION}"
    done = run_core("stills", tmp_path, "--boxes", tmp_path / "b.json", "-o", tmp_path / "o.npz", "--weights", name)
    assert_one_sentence(done, name, "can't be downloaded", "give a local folder")


@pytest.mark.usefixtures("hub")
def test_weights_downloaded_once_need_no_network_again(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{REPOSITORY}@{REVISION}"
    assert run_core("doctor", "--weights", name).returncode == 0
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers there
    assert run_core("doctor", "--weights", name).returncode == 0


def test_download_without_network_gets_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    name = f"{REPOSITORY}@{REVISION}"
    done = run_core("stills", tmp_path, "--boxes", tmp_path / "b.json", "-o", tmp_path / "o.npz", "--weights", name)
    assert_one_sentence(done, name, "can't be downloaded", "connection")

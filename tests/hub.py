"""A stand-in for Hugging Face on this machine: repositories in memory, HTTP on loopback, faults on request."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

PIECE = 1 << 14
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
TOKEN = "hf_of_a_test"


@dataclass
class Hub:
    """What the server has, and how it misbehaves.

    Attributes:
        commits: files of each commit, by repository.
        branches: commit of each branch, by repository.
        gated: repositories that let nobody in.
        cuts: bytes after which connections are cut, one after the other, by file; then no more.
        pause_s: between pieces of a file.
        ignores_ranges: sends everything again.
        announced: sizes that the listing says instead of the true ones.
        refuses: paths' beginnings of uploads that fail.
        asked: method, path and Range of each request.
    """

    commits: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    pause_s: float = 0.0
    ignores_ranges: bool = False
    announced: dict[str, int] = field(default_factory=dict)
    refuses: tuple[str, ...] = ()
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    stored: dict[str, bytes] = field(default_factory=dict)

    def add(self, repository: str, files: dict[str, bytes], branch: str = "main") -> str:
        """A new commit on a branch; returns it."""
        earlier = self.branches.setdefault(repository, {}).get(branch, "")
        text = json.dumps([repository, earlier, sorted((n, hashlib.sha256(c).hexdigest()) for n, c in files.items())])
        commit = hashlib.sha1(text.encode()).hexdigest()
        self.commits.setdefault(repository, {})[commit] = files
        self.branches[repository][branch] = commit
        return commit

    def add_folder(self, repository: str, folder: Path) -> str:
        """A commit of a folder's files."""
        return self.add(repository, {file.name: file.read_bytes() for file in folder.iterdir()})

    def fetched(self, name: str) -> list[str]:
        """Range of each time that a file was asked for."""
        return [span for method, path, span in self.asked if method == "GET" and path.endswith(f"/{name}")]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        """A repository's description, or a file."""
        path = self._noted()
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts[:2] == ["api", "models"] and parts[4:5] == ["revision"]:
            found = self._commit("/".join(parts[2:4]), "/".join(parts[5:]))
            if found is not None:
                files = self.hub.commits["/".join(parts[2:4])][found]
                sizes = {name: self.hub.announced.get(name, len(content)) for name, content in files.items()}
                names = [{"rfilename": name, "size": size, "blobId": "0" * 40} for name, size in sizes.items()]
                self._json({"id": "/".join(parts[2:4]), "sha": found, "siblings": names})
        elif parts[2:3] == ["resolve"]:
            repository, found = "/".join(parts[:2]), self._commit("/".join(parts[:2]), parts[3])
            if found is not None:
                content = self.hub.commits[repository][found].get("/".join(parts[4:]))
                self._file(content, found) if content is not None else self._refuse(404, "EntryNotFound")
        else:
            self._refuse(404, "RepoNotFound")

    do_HEAD = do_GET  # noqa: N815 the name that http.server looks for

    def do_POST(self) -> None:
        """What an upload asks for, step by step."""
        path, body = self._noted(), self._body()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}" and path != "/api/validate-yaml":
            self._refuse(401, "")
        elif path.startswith(self.hub.refuses or ("never",)):
            self._refuse(403, "")
        elif path == "/api/repos/create":
            said = json.loads(body)
            repository = f"{said['organization']}/{said['name']}"
            is_new = repository not in self.hub.branches
            if is_new:
                self.hub.add(repository, {".gitattributes": b"*.onnx filter=lfs\n"})
            self._json({"url": f"http://{self.headers['Host']}/{repository}"}, 200 if is_new else 409)
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            names = [each["path"] for each in json.loads(body)["files"]]
            kinds = {name: "lfs" if name.endswith((".onnx", ".safetensors")) else "regular" for name in names}
            self._json({"files": [{"path": n, "uploadMode": k, "shouldIgnore": False} for n, k in kinds.items()]})
        elif path.endswith("/info/lfs/objects/batch"):
            host = self.headers["Host"]
            objects = [
                {**each, "actions": {"upload": {"href": f"http://{host}/lfs/{each['oid']}", "header": {}}}}
                for each in json.loads(body)["objects"]
            ]
            self._json({"transfer": "basic", "objects": objects})
        elif "/commit/" in path:
            self._commit_files(path, body)
        elif "/branch/" in path:
            repository, branch = "/".join(path.split("/")[3:5]), unquote(path.rpartition("/")[2])
            self.hub.branches[repository][branch] = self.hub.branches[repository]["main"]
            self._json({})
        else:
            self._refuse(404, "RepoNotFound")

    def do_PUT(self) -> None:
        """A large file's content."""
        path, body = self._noted(), self._body()
        if path.startswith(self.hub.refuses or ("never",)):
            self._refuse(403, "")
            return
        self.hub.stored[path.rpartition("/")[2]] = body
        self._json({})

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _commit_files(self, path: str, body: bytes) -> None:
        repository, branch = "/".join(path.split("/")[3:5]), unquote(path.rpartition("/")[2])
        files = dict(self.hub.commits[repository][self.hub.branches[repository][branch]])
        for said in map(json.loads, body.splitlines()):
            value = said["value"]
            if said["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif said["key"] == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
            elif said["key"] == "deletedFile":
                files.pop(value["path"])
        commit = self.hub.add(repository, files, branch)
        self._json({"commitUrl": f"http://{self.headers['Host']}/{repository}/commit/{commit}", "commitOid": commit})

    def _noted(self) -> str:
        path = urlsplit(self.path).path
        self.hub.asked.append((self.command, path, self.headers.get("Range", "")))
        return path

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _commit(self, repository: str, revision: str) -> str | None:
        if repository in self.hub.gated:
            return self._refuse(401, "GatedRepo")
        if repository not in self.hub.branches:
            return self._refuse(404, "RepoNotFound")
        commit = self.hub.branches[repository].get(revision, revision)
        return commit if commit in self.hub.commits[repository] else self._refuse(404, "RevisionNotFound")

    def _file(self, content: bytes, commit: str) -> None:
        span = "" if self.hub.ignores_ranges else self.headers.get("Range", "")
        start = int(span.removeprefix("bytes=").partition("-")[0]) if span else 0
        self.send_response(206 if span else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(len(content) - start))
        if span:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        end = len(content)
        if cuts := self.hub.cuts.get(self.path.rpartition("/")[2]):
            end = start + cuts.pop(0)
        for at in range(start, min(end, len(content)), PIECE):
            self.wfile.write(content[at : min(at + PIECE, end)])
            time.sleep(self.hub.pause_s)
        self.close_connection = True

    def _json(self, said: Any, code: int = 200) -> None:
        content = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, code: int, reason: str) -> None:
        self.send_response(code)
        if reason:
            self.send_header("X-Error-Code", reason)
        self.send_header("Content-Length", "0")
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what the tests are about."""


@contextmanager
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that this process and its children take for Hugging Face; downloads go to tmp_path/downloads."""
    hub = Hub()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    settings = {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hub_home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "MOCAP_WEIGHTS_FOLDER": str(tmp_path / "downloads"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    at = settings["HF_ENDPOINT"]
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no_token"))
    monkeypatch.setattr(constants, "ENDPOINT", at)  # this process read its environment long ago
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", at + "/{repo_id}/resolve/{revision}/{filename}")
    for name in (*PROXIES, "HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

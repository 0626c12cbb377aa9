"""Hugging Face, as far as weights need it: what a repository holds at a revision, and one file of it, resumed.

Talks through `huggingface_hub`'s session, headers, addresses and errors. Its own `hf_hub_download` is not used: it
writes ten megabytes at a time (so that a slow line shows nothing for minutes and a cut loses them), takes as many
bytes as the server sends, and hides what it resumes in a cache that nobody can look at.
"""

from __future__ import annotations

import importlib
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WeightsError, first_line
from ..files.written_whole import output_error

CHUNK_BYTES = 1 << 16
ANSWER_S = 15.0
RETRIES = 4
"""Times that a cut connection is tried again without a byte coming in."""
RETRY_WAIT_S = 0.5
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
HASH_DIGITS = 40
logger = logging.getLogger(__name__)
ADVICE = "check the name, the revision and the connection, or give a local folder"


@dataclass(frozen=True, slots=True)
class Repository:
    """What a repository holds at one revision.

    Attributes:
        name: ORG/NAME.
        commit: that the revision was resolved to, 40 hex digits; everything is fetched at it.
        sizes: bytes of each file, by its path.
    """

    name: str
    commit: str
    sizes: dict[str, int]

    def __str__(self) -> str:
        return f"{self.name}@{self.commit}"


def split_hub_name(text: str) -> tuple[str, str]:
    """ORG/NAME and the revision of `ORG/NAME[@REVISION]`; without one it is main.

    Raises:
        WeightsError: it has another form.
    """
    name, at, revision = text.strip().partition("@")
    if not NAME.fullmatch(name) or ".." in name or (at and not revision.strip()):
        raise WeightsError(f"{text!r}: expected ORG/NAME or ORG/NAME@REVISION, as Hugging Face shows it")
    return name, revision.strip() or "main"


def look_up(name: str, revision: str) -> Repository:
    """What there is at a branch, a tag or a commit.

    Raises:
        WeightsError: no such repository or revision, no permission, no connection, or no `huggingface_hub`.
    """
    hub = library()
    try:
        info = hub.HfApi().model_info(name, revision=revision, files_metadata=True, timeout=ANSWER_S)
    except Exception as error:
        raise told(error, f"{name}@{revision}") from error
    commit = str(info.sha or "")
    if len(commit) != HASH_DIGITS or not all(digit in "0123456789abcdef" for digit in commit):
        raise WeightsError(f"{name}@{revision}: the server names no commit for it; {ADVICE}")
    return Repository(name, commit, {file.rfilename: int(file.size or 0) for file in info.siblings or []})


def fetch(repository: Repository, path: str, target: Path, said: Callable[[int], None]) -> None:
    """One file, appended to what an earlier try left in `target`.

    Args:
        repository: as looked up; its size of the file is a bound that no server gets past.
        path: of the file in the repository.
        target: where the bytes go.
        said: called with the bytes that `target` has, after each piece.

    Raises:
        WeightsError: not to be had, or not of the size that was announced.
        OutputError: it can't be written.
    """
    hub, size = library(), repository.sizes[path]
    url = hub.hf_hub_url(repository.name, path, revision=repository.commit)
    tries = 0
    while (done := bytes_of(target)) != size:
        if done > size:
            target.unlink()
            raise WeightsError(f"{repository}: {path} is larger than the {size} bytes announced; don't use it")
        try:
            _append(url, target, size, said)
            if bytes_of(target) < size:
                raise ConnectionResetError(f"{path} ended early")
        except (OSError, _http_error()) as error:
            if _is_answer(error):
                raise told(error, str(repository)) from error
            if isinstance(error, OSError) and not isinstance(error, ConnectionError):
                raise output_error(target, error) from error
            tries = 0 if bytes_of(target) > done else tries + 1
            if tries > RETRIES:
                raise told(error, str(repository)) from error
            logger.info("%s was cut at %d bytes; it goes on from there", path, bytes_of(target))
            time.sleep(RETRY_WAIT_S)


def _append(url: str, target: Path, size: int, said: Callable[[int], None]) -> None:
    """The rest of a file; stops one piece after more than `size` bytes came."""
    utils = _part("utils")
    done = bytes_of(target)
    headers = {**utils.build_hf_headers(), "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with library().get_session().stream("GET", url, headers=headers, timeout=ANSWER_S) as response:
        if response.is_error:
            response.read()
        utils.hf_raise_for_status(response)
        is_rest = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        done = done if is_rest else 0  # a server that doesn't know ranges sends everything again
        with target.open("ab" if is_rest else "wb") as file:
            for piece in response.iter_bytes(CHUNK_BYTES):
                file.write(piece)
                done += len(piece)
                said(min(done, size))
                if done > size:
                    return


def library() -> Any:
    """`huggingface_hub`.

    Raises:
        WeightsError: not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise WeightsError(
            "Downloading weights needs huggingface_hub; install it, or download the files by hand and give the folder"
        ) from error
    return huggingface_hub


def _part(name: str) -> Any:
    """A module of `huggingface_hub`, whose annotations don't say what it exports."""
    return importlib.import_module(f"huggingface_hub.{name}")


def told(error: Exception, what: str) -> WeightsError:
    """What went wrong with the hub and what to do, in one sentence.

    Args:
        error: of `huggingface_hub` or of its connection.
        what: was asked for.
    """
    errors = _part("errors")
    kinds = (
        (errors.OfflineModeIsEnabled, "downloads are switched off (HF_HUB_OFFLINE); allow them"),
        (errors.GatedRepoError, "its owners let in only whom they accepted; ask for access on its page, then log in "
         "with `hf auth login` or set HF_TOKEN"),
        (errors.RevisionNotFoundError, "no such revision; look on its page for branches, tags and commits"),
        (errors.RepositoryNotFoundError, "no such repository, or a private one; check its name, or log in with "
         "`hf auth login`"),
        (errors.EntryNotFoundError, "a file is missing in it; take another revision"),
    )  # fmt: skip
    for kind, sentence in kinds:
        if isinstance(error, kind):
            return WeightsError(f"{what} can't be downloaded: {sentence}")
    if isinstance(error, (ConnectionError, errors.HTTPError)) and not _is_answer(error):
        return WeightsError(f"{what} can't be downloaded: no connection to Hugging Face; {ADVICE}")
    return WeightsError(f"{what} can't be downloaded ({first_line(error)}); {ADVICE}")


def _http_error() -> type[Exception]:
    """The root of what `huggingface_hub`'s HTTP library raises: it does not wrap cut or missing connections."""
    root: type[Exception] = _part("errors").HTTPError
    return root


def _is_answer(error: Exception) -> bool:
    """Whether somebody said no, so that trying again is of no use."""
    errors = _part("errors")
    return isinstance(error, (errors.HfHubHTTPError, errors.OfflineModeIsEnabled))


def bytes_of(file: Path) -> int:
    """The size of a file; 0 where there is none."""
    return file.stat().st_size if file.is_file() else 0

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.graphs import write_bundle
from tests.fixtures.hub import Hub, serving


@pytest.fixture(scope="session")
def blob_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights bundle whose network finds a bright blob; read it, don't change it."""
    return write_bundle(tmp_path_factory.mktemp("weights") / "blob")


@pytest.fixture(scope="session")
def bone_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a rotation head and its vocabulary."""
    return write_bundle(tmp_path_factory.mktemp("weights") / "bones", has_bones=True)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A stand-in for Hugging Face, for this test's child processes."""
    with serving(tmp_path, monkeypatch) as started:
        yield started

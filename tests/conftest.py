from pathlib import Path

import pytest

from tests.graphs import write_bundle


@pytest.fixture(scope="session")
def blob_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights bundle whose network finds a bright blob; read it, don't change it."""
    return write_bundle(tmp_path_factory.mktemp("weights") / "blob")

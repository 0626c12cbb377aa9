"""A name, a folder or `owner/name@revision` -> a verified bundle.

`find_weights(None)` is the bundle that ships. A name is looked up in `assets/weights`, a path is a folder, and
`owner/name@revision` is downloaded from Hugging Face, once, unless a folder of that path is there.
"""

from __future__ import annotations

from pathlib import Path

from ..body.model import Body, load_body
from ..errors import WeightsError
from .bundle import CONFIG, WEIGHTS_FOLDER, WeightsBundle, check_body, read_bundle
from .library import named

DEFAULT_WEIGHTS = "open-base"


def find_weights(name_or_folder: str | Path | None = None, body: Body | None = None) -> WeightsBundle:
    """The bundle of that name, verified.

    Args:
        name_or_folder: a name in assets/weights, a folder, `owner/name@revision`, or None for the default.
        body: whose vertices are wanted; None is the open body, checked where the weights say that name.

    Raises:
        WeightsError: unknown, damaged, made for another body, or of a newer version.
    """
    bundle = read_bundle(_folder_of(name_or_folder))
    if body is None and bundle.body_name == "open":
        body = load_body()
    if body is not None:
        check_body(bundle, body)
    return bundle


def _folder_of(name_or_folder: str | Path | None) -> Path:
    name = str(DEFAULT_WEIGHTS if name_or_folder is None else name_or_folder)
    for folder in (Path(name), WEIGHTS_FOLDER / name):
        if folder.is_dir():
            return folder
    repository, _, revision = name.partition("@")
    if revision and repository.count("/") == 1:
        return downloaded(name)
    shipped = sorted(folder.parent.name for folder in WEIGHTS_FOLDER.glob(f"*/{CONFIG}"))
    known = f"known names: {', '.join(shipped)}" if shipped else f"there are none in {WEIGHTS_FOLDER} either"
    raise WeightsError(
        f"{name}: no such weights; give a name, a folder or owner/name@revision on Hugging Face ({known})"
    )


def downloaded(name: str, folder: Path | None = None) -> Path:
    """The folder of `ORG/NAME@REVISION`: an earlier download, without asking the network, or a new one.

    Raises:
        WeightsError: it can't be downloaded.
    """
    earlier = [each for each in named(name, folder) if each.is_whole]
    if earlier:
        return earlier[-1].folder
    from .download import get  # only a download needs what it needs

    return get(name, folder).folder

"""Whatever JSON says, it is read or refused in one sentence."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.commands.manifest import read_manifest
from core.errors import MocapError
from core.motion.contacts import read_contacts
from core.settings import ReconstructSettings
from core.take.take import Take
from core.tracking.drawn_boxes import read_boxes
from core.weights.bundle import read_bundle
from tests.fuzz.damage import VALUES

SCALARS = st.sampled_from(VALUES) | st.integers() | st.floats() | st.text(max_size=9)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=9
)
TAKE: dict[str, Any] = {
    "format_version": 2, "complete": True, "next_frame": 9,
    "people": [{"id": "1", "number": 0, "chunks": 1, "rows": 9}],
    "footage": {
        "path": "a.mp4", "kind": "video", "width": 320, "height": 240, "fps": 25.0, "announced_frames": 9, "bytes": 7,
    },
    "settings": {"step": 1}, "weights": {"name": "w", "digest": "0"}, "body": {"name": "open", "digest": "0"},
    "focal_px": 400.0, "report": {"decoded": 9, "lost": [3], "missing_at_end": 0, "warnings": []}, "notes": [],
    "tracker_state": {},
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "format_version": 1, "name": "w", "preset": "tiny", "input_size": 64, "box_factor": 1.2, "mean": [0.5] * 3,
    "std": [0.5] * 3, "body_name": "open", "body_digest": "0", "upsampler": "body", "licence": "CC0",
    "commercial_use": True, "files": {"model.onnx": {"sha256": "0"}},
}  # fmt: skip
LINE: dict[str, Any] = {"footage": "a.mp4", "output": "b.take", "people": 2, "start": 1, "end": 5, "focal_px": 400.0}
BOXES: dict[str, Any] = {"0": [{"id": "a", "box_xywh": [1, 2, 3, 4], "frames": [0, None]}]}
CONTACTS: dict[str, Any] = {"1": {"left": [[0, 5]], "right": []}}
READERS = {
    "take": (TAKE, "take.json", lambda file: Take.open(file.parent)),
    "config": (CONFIG, "config.json", lambda file: read_bundle(file.parent)),
    "manifest": (LINE, "clips.jsonl", lambda file: read_manifest(file, ReconstructSettings())),
    "boxes": (BOXES, "boxes.json", read_boxes),
    "contacts": (CONTACTS, "contacts.json", lambda file: read_contacts(file, ["1"], 25.0)),
}


def _places(document: Any) -> list[tuple[Any, ...]]:
    held = enumerate(document) if isinstance(document, list) else ()
    inner = document.items() if isinstance(document, dict) else held
    return [()] + [(key, *rest) for key, value in inner for rest in _places(value)]


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_json_with_any_value_anywhere_is_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    whole, name, read = READERS[kind]
    place = data.draw(st.sampled_from(_places(whole)))
    document: Any = copy.deepcopy(whole)
    value = data.draw(ANYTHING)
    if place:
        holder = document
        for key in place[:-1]:
            holder = holder[key]
        holder[place[-1]] = value
    else:
        document = value
    (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
    try:
        read(tmp_path / name)
    except MocapError as error:
        assert "\n" not in str(error) and len(str(error)) < 800


@pytest.mark.parametrize("kind", READERS)
def test_whole_document_has_nothing_wrong_but_its_files(tmp_path: Path, kind: str) -> None:
    """Else the property above would hold of a reader that refuses everything."""
    whole, name, read = READERS[kind]
    (tmp_path / name).write_text(json.dumps(whole))
    if kind == "config":
        with pytest.raises(MocapError, match=r"model\.onnx: missing"):
            read(tmp_path / name)
    else:
        read(tmp_path / name)

"""The arrays of a body file in SMPL's format, .npz or .pkl, without running anything that a pickle asks for.

SMPL's own files are Python 2 pickles of numpy arrays, SciPy sparse matrices and chumpy objects. The unpickler
here knows numpy's arrays; for the other two it builds inert records and reads the numbers out of them; any
other name in the pickle is refused before it is imported.
"""

from __future__ import annotations

import codecs
import math
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import BodyError
from ..files.untrusted import read_arrays, shortened

SMPL_KEYS = ("v_template", "f", "shapedirs", "posedirs", "weights", "J_regressor", "kintree_table")
EXPECTED = {
    "v_template": (6890, 3),
    "f": (13776, 3),
    "posedirs": (6890, 3, 207),
    "weights": (6890, 24),
    "J_regressor": (24, 6890),
    "kintree_table": (2, 24),
}
SHAPE_COMPONENTS = 10
MOST_DENSE = 10_000_000
"""Numbers of a sparse matrix when it is filled up; SMPL's largest has 24 x 6890."""


def read_smpl(path: Path) -> dict[str, Any]:
    """SMPL's seven arrays, and whatever else of plain arrays an .npz holds.

    Raises:
        BodyError: missing, unreadable, no body of SMPL's counts, or a pickle with anything but arrays in it.
    """
    if not path.is_file():
        raise BodyError(f"no such body file: {path}")
    if path.suffix.lower() not in (".npz", ".pkl"):
        raise BodyError(f"{path.name} is no body file: expected SMPL's .npz or .pkl")
    arrays = _read_npz(path) if path.suffix.lower() == ".npz" else _read_pickle(path)
    missing = [key for key in SMPL_KEYS if key not in arrays]
    if missing:
        raise BodyError(f"{path.name} is no body in SMPL's format: it lacks {', '.join(missing)}")
    for key, shape in EXPECTED.items():
        if arrays[key].shape != shape:
            raise BodyError(
                f"{path.name} is not SMPL: {key} is {arrays[key].shape}, expected {shape}; "
                "SMPL-X, SMPL+H and STAR files do not fit"
            )
    shapes = arrays["shapedirs"].shape
    if len(shapes) != 3 or shapes[:2] != (6890, 3) or shapes[2] < SHAPE_COMPONENTS:
        raise BodyError(f"{path.name} has shapedirs {shapes}, expected (6890, 3, 10 or more)")
    _check_numbers(path, arrays)
    return arrays


def _check_numbers(path: Path, arrays: dict[str, Any]) -> None:
    for key in SMPL_KEYS:
        if arrays[key].dtype.kind not in "fiu" or not np.isfinite(arrays[key]).all():
            raise BodyError(f"{path.name} is damaged: {key} holds something else than numbers; is it whole?")
    faces, parents = arrays["f"].astype(np.int64), arrays["kintree_table"][0, 1:].astype(np.int64)
    if faces.min() < 0 or faces.max() >= 6890 or (parents < 0).any() or (parents >= np.arange(1, 24)).any():
        raise BodyError(f"{path.name} is damaged: its faces or its joints point outside the body; is it whole?")


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        return read_arrays(path, are_objects_left_out=True)
    except (OSError, ValueError) as error:
        raise BodyError(f"{path.name} cannot be read as .npz ({shortened(str(error), 120)}); is it whole?") from error


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = ArraysOnlyUnpickler(file, path.name).load()
        if not isinstance(content, dict):
            raise BodyError(f"{path.name} is no body in SMPL's format: its pickle holds no dictionary")
        named = {str(key): _as_array(value) for key, value in content.items()}
    except BodyError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything; nothing of it was run
        raise BodyError(f"{path.name} is a damaged pickle ({shortened(str(error), 120)}); is it whole?") from error
    return {key: value for key, value in named.items() if value is not None}


class _Record:
    """Stands in for a chumpy object or a sparse matrix: keeps its state, does nothing."""

    state: dict[str, Any]

    def __new__(cls, *_: Any) -> _Record:
        """An empty record, whatever the pickle passes."""
        record = super().__new__(cls)
        record.state = {}
        return record

    def __init__(self, *_: Any) -> None:
        """Take and drop any arguments."""

    def __setstate__(self, state: Any) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.state.update({str(key): value for key, value in part.items()})


def _new_array(_subtype: Any, shape: Any, kind: Any) -> Any:
    if math.prod(shape) != 0:  # numpy's own pickles begin empty and get their numbers afterwards
        raise pickle.UnpicklingError("an array that claims memory before it has numbers")
    return np.ndarray.__new__(np.ndarray, shape, np.dtype(kind))


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("bytes in another encoding than numpy's")
    return codecs.encode(text, "latin1")


def _new_record(*_: Any) -> _Record:
    return _Record()


def _scalar(kind: np.dtype[Any], value: bytes) -> Any:
    if kind.hasobject:
        raise pickle.UnpicklingError("an object hidden in a scalar")
    return np.frombuffer(value, kind, 1)[0]


_ARRAY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    ("copy_reg", "_reconstructor"): _new_record,
    ("copyreg", "_reconstructor"): _new_record,
    ("copyreg", "__newobj__"): _new_record,
    ("__builtin__", "object"): _Record,
    ("builtins", "object"): _Record,
    **{(module, "_reconstruct"): _new_array for module in _ARRAY_MODULES},
    **{(module, "scalar"): _scalar for module in _ARRAY_MODULES},
}
_SPARSE_NAMES = {f"{kind}_{form}" for kind in ("csc", "csr", "coo") for form in ("matrix", "array")}
_CHUMPY_NAMES = {"Ch", "Select", "ChArray"}


class ArraysOnlyUnpickler(pickle.Unpickler):
    """Reads plain containers, numbers, text and numpy's arrays; refuses every other name before it is imported."""

    def __init__(self, file: BinaryIO, name: str, advice: str = "use the .npz of the model") -> None:
        """An unpickler.

        Args:
            file: opened for bytes.
            name: of the file, for the message.
            advice: what to do instead, for the message.
        """
        super().__init__(file, encoding="latin1")
        self.name, self.advice = name, advice

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name in the pickle. Raises a BodyError on a name that is not of an array."""
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module.split(".", maxsplit=1)[0] == "scipy" and name in _SPARSE_NAMES:
            return _Record
        if module.split(".", maxsplit=1)[0] == "chumpy" and name in _CHUMPY_NAMES:
            return _Record
        raise BodyError(
            f"{self.name} is refused: its pickle asks for {module}.{name}, and such a file holds arrays only; "
            f"{self.advice}"
        )


def _as_array(value: Any) -> Any:
    """The numbers of an array, a sparse matrix or a chumpy object; None for anything else."""
    if isinstance(value, np.ndarray):
        return None if value.dtype.hasobject else value
    if not isinstance(value, _Record):
        return None
    state = value.state
    if "indptr" in state:
        return _dense(state)
    if "idxs" in state and "a" in state:  # chumpy.reordering.Select
        picked = _as_array(state["a"])
        if picked is None:
            return None
        flat = picked.ravel()[np.asarray(state["idxs"])]
        return flat.reshape(state.get("preferred_shape") or flat.shape)
    return _as_array(state.get("x"))


def _dense(state: dict[str, Any]) -> Any:
    """(rows, columns) of a compressed matrix; the pointers' length tells which way it is compressed."""
    rows, columns = (int(n) for n in state.get("_shape", state.get("shape", (0, 0))))
    pointers, indices, values = (np.asarray(state[key]) for key in ("indptr", "indices", "data"))
    if not 0 <= rows * columns <= MOST_DENSE:
        raise ValueError(f"a sparse matrix of {rows} x {columns}")
    dense = np.zeros((rows, columns))
    along = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
    if len(pointers) == columns + 1:
        np.add.at(dense, (indices, along), values)
    else:
        np.add.at(dense, (along, indices), values)
    return dense

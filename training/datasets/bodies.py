"""The bodies that a set's parameters belong to: SMPL by gender, from the user's own licensed files.

METRO and FastMETRO make the truth with the neutral model whatever the label says; SPIN and PARE with the labelled
gender's. Both are here (`gendered`); a table names the one it used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.body.model import Body, load_body
from core.errors import BodyError
from training.datasets.sample import DatasetError, Float, Gender

GET_SMPL = "get SMPL for Python from smpl.is.tue.mpg.de, and the neutral model from smplify.is.tue.mpg.de"
WORDS: dict[Gender, tuple[str, ...]] = {
    "neutral": ("smpl_neutral", "basicmodel_neutral"),
    "male": ("smpl_male", "basicmodel_m_lbs"),
    "female": ("smpl_female", "basicmodel_f_lbs"),
}
"""How SMPL's files of a gender begin, in small letters: renamed for smplx, and as they are downloaded."""


def gender_of_file(path: Path) -> Gender | None:
    """The gender that SMPL's file names say; None where they say nothing."""
    name = path.name.lower()
    return next((gender for gender, words in WORDS.items() if name.startswith(words)), None)


def find_smpl(folder: Path) -> dict[Gender, Path]:
    """SMPL's files in a folder by gender, .npz before .pkl.

    Raises:
        DatasetError: the folder has no neutral model.
    """
    found: dict[Gender, Path] = {}
    for suffix in (".npz", ".pkl"):
        for path in sorted(folder.glob(f"*{suffix}")) if folder.is_dir() else []:
            gender = None if path.stem.endswith(".samplers") else gender_of_file(path)
            if gender is not None:
                found.setdefault(gender, path)
    if "neutral" not in found:
        raise DatasetError(f"{folder} holds no SMPL_NEUTRAL.npz or .pkl; {GET_SMPL}")
    return found


class Bodies:
    """Meshes of SMPL parameters.

    Attributes:
        neutral: the body whose vertices the network predicts.
        gendered: whether a label's gender chooses the model; METRO's neutral for all where not.
    """

    def __init__(self, by_gender: Mapping[Gender, Body], gendered: bool = True) -> None:
        """Bodies of one topology.

        Args:
            by_gender: with "neutral" in it.
            gendered: see above.

        Raises:
            DatasetError: two genders have the same body, or bodies of different topology.
        """
        self.by_gender, self.gendered = dict(by_gender), gendered
        self.neutral = self.by_gender["neutral"]

    @classmethod
    def read(cls, folder: Path | None, gendered: bool = True) -> Bodies:
        """SMPL's files of a folder, or the open body in the place of every gender.

        Raises:
            DatasetError: a file is missing, of another gender or of another size.
        """
        if folder is None:
            open_body = load_body()
            return cls({"neutral": open_body, "male": open_body, "female": open_body}, gendered)
        try:
            bodies = {gender: load_body(path) for gender, path in find_smpl(folder).items()}
        except BodyError as error:
            raise DatasetError(f"{error}; {GET_SMPL}") from error
        check_genders(bodies, folder)
        return cls(bodies, gendered)

    def body(self, gender: Gender) -> Body:
        """The body of a label.

        Raises:
            DatasetError: it is of a gender whose file is missing.
        """
        wanted: Gender = gender if self.gendered else "neutral"
        if wanted not in self.by_gender:
            raise DatasetError(
                f"the truth is of a {wanted} body, and there is no file {WORDS[wanted][0].upper()}.npz or .pkl; "
                f"{GET_SMPL}, or take METRO's neutral truth (gendered: false)"
            )
        return self.by_gender[wanted]

    def vertices(self, pose: Float, betas: Float, genders: Sequence[Gender]) -> Float:
        """Meshes about their mid-hip.

        Args:
            pose: (N, 72) rotation vectors, the root's in the camera's axes.
            betas: (N, 10).
            genders: of the N.

        Returns:
            (N, 6890, 3) metres, camera axes.
        """
        found = np.zeros((len(pose), 6890, 3), np.float32)
        for gender in set(genders):
            rows = [row for row, other in enumerate(genders) if other == gender]
            body = self.body(gender)
            posed = body.pose(pose[rows].reshape(-1, 24, 3), betas[rows]).vertices
            found[rows] = posed - mid_hip(body, posed)
        return found


def mid_hip(body: Body, vertices: Float) -> Float:
    """(N, 1, 3) middle of the two hips that the body's LSP regressor finds in meshes (N, 6890, 3)."""
    return np.asarray(np.einsum("jv,nvc->njc", body.lsp_regressor[2:4], vertices).mean(1, keepdims=True))


def check_genders(bodies: Mapping[Gender, Body], folder: Path) -> None:
    """Raises a DatasetError where two genders' files hold one body, or differ in their faces."""
    known: dict[str, Gender] = {}
    for gender, body in bodies.items():
        twin = known.setdefault(body.digest, gender)
        if twin != gender:
            raise DatasetError(
                f"{folder}: SMPL {twin} and SMPL {gender} are one body, so a file is of the wrong gender; {GET_SMPL}"
            )
        if not np.array_equal(body.faces, bodies["neutral"].faces):
            raise DatasetError(
                f"{folder}: the file of SMPL {gender} is of another topology than the neutral one's; {GET_SMPL}"
            )

"""A gallery: known people, each with one embedding. Its files hold numbers and text, nothing that runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import Field, ValidationError
from pydantic_core import from_json

from facenas import __version__
from facenas.data import InputContract
from facenas.data.faces import Labels
from facenas.data.formats.picture_files import person_of
from facenas.data.remarks import some
from facenas.errors import DataError, ModelError, in_short
from facenas.eval import unit
from facenas.eval.embed import Embeddings
from facenas.files import CHECKSUM, DamagedError, read_checked_json, replacing, write_checked_json
from facenas.recognition.aligning import Alignment
from facenas.recognition.embedding import Embedded
from facenas.recognition.face_model import FaceModel
from facenas.settings import Section

CARD, VALUES = "gallery.json", "embeddings.npy"
SPARE = 16  # candidates beyond those asked for, whose order the exact scores decide


class Person(Section):
    """A person whom a gallery knows."""

    name: str = Field(description="The folder of the pictures, or the name of the one picture.")
    pictures: tuple[str, ...] = Field(description="Those that the embedding is the mean of.")


class GalleryCard(Section):
    """The content of `gallery.json`."""

    people: tuple[Person, ...] = Field(description="In the order of the embeddings.")
    model: str = Field(description="Where the model was.")
    model_sha256: str = Field(description="Hash of its weights: no other model's embeddings can be compared.")
    input: InputContract = Field(description="What the model expects of a face.")
    alignment: Alignment = Field(description="How the faces were found.")
    pictures: str = Field("", description="Where the pictures were.")
    embeddings_sha256: str = Field(description="Hash of the embeddings' file.")
    facenas: str = Field(__version__, description="Version that wrote this.")


class Match(NamedTuple):
    """A person of a gallery with a score: the cosine of the face's embedding and the person's."""

    name: str
    score: float


@dataclass(frozen=True)
class Gallery:
    """Known people with their embeddings.

    Attributes:
        card: Names of the people, and the model that embedded them.
        values: Embedding of each person, (N, D), of unit length.
    """

    card: GalleryCard
    values: Embeddings

    def check(self, model: FaceModel) -> None:
        """Refuse a model that did not make the gallery's embeddings.

        Raises:
            ModelError: If the model's weights or its input contract differ from the gallery's.
        """
        if model.sha256 != self.card.model_sha256 or model.contract != self.card.input:
            raise ModelError(
                f"the gallery was built with {self.card.model}, {model.path} has other weights or another input: "
                "their embeddings cannot be compared; build the gallery anew, or give its model"
            )

    def search(self, faces: Embeddings, k: int) -> list[list[Match]]:
        """The k most alike people of each face, best first; people of equal score in the gallery's order.

        Args:
            faces: Embeddings (B, D), of unit length.
            k: Number of people for each face; a smaller gallery gives all.
        """
        rows = _nearest(faces, self.values, min(k + SPARE, len(self.values)))
        scores = np.einsum("bd,bkd->bk", faces, self.values[rows], dtype=np.float64)
        orders = [np.lexsort((row, -score))[:k] for row, score in zip(rows, scores, strict=True)]
        return [
            [Match(self.card.people[row[i]].name, float(score[i])) for i in order]
            for row, score, order in zip(rows, scores, orders, strict=True)
        ]


def check_place(folder: Path) -> None:
    """Raise an error where a gallery would be written among other things, such as pictures: it needs a folder of its own.

    Raises:
        DataError: If the folder holds something else than a gallery.
    """
    if not folder.is_dir() or any((folder / name).exists() for name in (CARD, VALUES)):
        return
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if others:
        raise DataError(f"a gallery has a folder of its own, and {folder} holds {some(others)}; give another --out")


def check_replaceable(folder: Path, pictures: Path, model: FaceModel) -> None:
    """Refuse to replace a gallery of other pictures or of another model; a damaged one, or one of the same, may be replaced.

    Args:
        folder: Folder of the gallery, there or not.
        pictures: Folder of the pictures for the new gallery.
        model: The model for the new gallery.

    Raises:
        DataError: If the folder holds another gallery.
    """
    try:
        card = GalleryCard.model_validate(read_checked_json(folder / CARD))
    except (OSError, ValueError):
        return
    if card.pictures != str(pictures.resolve()) or card.model_sha256 != model.sha256:
        raise DataError(
            f"{folder} holds another gallery already, {len(card.people):,} people of {card.pictures or 'other pictures'} by {card.model}; "
            "give another --out, or --replace"
        )


def build_gallery(embedded: Embedded, model: FaceModel, alignment: Alignment, *, source: Path | None = None) -> Gallery:
    """A gallery of embedded pictures: each person's embedding is the mean of those of the person's pictures.

    Args:
        embedded: The pictures, at any depth below a folder with the person's name, or called `person.jpg`.
        model: The model that embedded them.
        alignment: Settings by which the faces were found.
        source: Folder of the pictures; None: it is not remembered.

    Raises:
        DataError: If no picture shows a face.
    """
    rows: dict[str, list[int]] = {}
    pictures: dict[str, list[str]] = {}
    for cut, row in zip(embedded.cuts, embedded.rows, strict=True):
        if row is not None:
            name = person_of(cut.picture)
            rows.setdefault(name, []).append(row)
            pictures.setdefault(name, []).append(cut.picture)
    if not rows:
        reasons = "; ".join(f"{cut.picture}: {cut.reason or cut.status}" for cut in embedded.cuts[:3])
        raise DataError(f"none of the {len(embedded.cuts):,} pictures shows a face ({reasons}); give others, or another --align")
    values = unit(np.stack([embedded.values[each].mean(axis=0) for each in rows.values()]))
    card = GalleryCard(
        people=tuple(Person(name=name, pictures=tuple(pictures[name])) for name in rows),
        model=str(model.path.resolve()) if model.path.exists() else str(model.path),
        model_sha256=model.sha256,
        input=model.contract,
        alignment=alignment,
        pictures=str(source.resolve()) if source else "",
        embeddings_sha256=sha256(_npy(values)).hexdigest(),
    )
    return Gallery(card, values)


def save_gallery(gallery: Gallery, folder: Path) -> None:
    """Write a gallery's two files, `gallery.json` and `embeddings.npy`.

    Args:
        gallery: The gallery.
        folder: Folder that they are written to.
    """
    with replacing(folder / VALUES) as temporary:
        temporary.write_bytes(_npy(gallery.values))
    write_checked_json(folder / CARD, gallery.card.model_dump(mode="json"))


def load_gallery(folder: Path) -> Gallery:
    """Read a gallery.

    Raises:
        DataError: If there is no gallery, or it is damaged.
    """
    try:
        card = GalleryCard.model_validate({key: value for key, value in _object(folder / CARD).items() if key != CHECKSUM})
        data = (folder / VALUES).read_bytes()
        if sha256(data).hexdigest() != card.embeddings_sha256:
            raise DataError(f"{folder / VALUES} is not the file that {CARD} was written with; build the gallery anew")
        values = np.load(BytesIO(data), allow_pickle=False)
    except OSError as error:
        raise DataError(f"no gallery in {folder}: {error.strerror} {CARD} or {VALUES}; make one with `facenas gallery build`") from None
    except ValidationError as error:
        raise DataError(f"{folder} does not hold a gallery: {in_short(error)}; build the gallery anew") from None
    except ValueError:
        raise DataError(f"{folder} does not hold a gallery: {VALUES} cannot be read; build the gallery anew") from None
    if values.ndim != 2 or values.dtype != np.float32 or len(values) != len(card.people) or not np.isfinite(values).all():
        raise DataError(f"{folder / VALUES} does not hold an embedding of each of the {len(card.people)} people; build the gallery anew")
    try:
        read_checked_json(folder / CARD)
    except DamagedError as error:
        raise DataError(f"{error}; build the gallery anew") from None
    return Gallery(card, values)


def _object(file: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    value = from_json(file.read_bytes())
    return value if isinstance(value, dict) else {}


def _nearest(faces: Embeddings, values: Embeddings, k: int) -> Labels:
    """Rows (B, k) of the gallery with the largest cosines to each face, found by FAISS where it is installed."""
    if find_spec("faiss"):
        import faiss

        index = faiss.IndexFlatIP(values.shape[1])
        index.add(values)
        found: Labels = index.search(np.ascontiguousarray(faces), k)[1]
        return found
    return np.argsort(-(faces @ values.T), axis=1, kind="stable")[:, :k]


def _npy(values: Embeddings) -> bytes:
    stream = BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def told(matches: Sequence[Match], threshold: float | None) -> str | None:
    """The name of the best match if its score reaches the threshold.

    Args:
        matches: Matches of one face, best first.
        threshold: Least score at which two faces count as one person; None: there is none.

    Returns:
        The name; None if the person is unknown or there is no threshold.
    """
    return matches[0].name if threshold is not None and matches and matches[0].score >= threshold else None

"""`api.gallery` and `api.identify`: known people, and who of them a picture shows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facenas.api.given import Changes
from facenas.api.pictures import Choice, Finder, alignment_of, faces_in, open_model, say_taken_as_they_are, threshold_of
from facenas.api.progress import bar, showing
from facenas.data.formats.picture_files import pictures_below
from facenas.eval.settings import ContractOverride
from facenas.locks import locked_output
from facenas.recognition.aligning import Alignment, Cut
from facenas.recognition.embedding import Embedded, embed_pictures
from facenas.recognition.face_model import FaceModel, with_input
from facenas.recognition.gallery import Gallery, Match, build_gallery, check_place, check_replaceable, load_gallery, save_gallery, told
from facenas.recognition.thresholds import Threshold
from facenas.training.device import Device


@dataclass(frozen=True)
class GalleryResult:
    """A gallery that was made.

    Attributes:
        folder: Folder of the gallery.
        gallery: The people, with an embedding each.
        embedded: What became of each picture.
    """

    folder: Path
    gallery: Gallery
    embedded: Embedded

    @property
    def left_out(self) -> tuple[Cut, ...]:
        """Pictures without a face that could be used, and why."""
        return tuple(cut for cut, row in zip(self.embedded.cuts, self.embedded.rows, strict=True) if row is None)

    @property
    def several_faces(self) -> dict[str, int]:
        """The pictures that show several faces, with their number."""
        return {cut.picture: cut.found for cut in self.embedded.cuts if cut.found > 1}


@dataclass(frozen=True)
class Identified:
    """One face of a picture with the people whom it is most like.

    Attributes:
        name: Name of the person; None: unknown, or there is no threshold.
        candidates: The people most like it, best first.
        face: Place of the face in the picture.
    """

    name: str | None
    candidates: tuple[Match, ...]
    face: Cut


@dataclass(frozen=True)
class IdentifyResult:
    """The people of a gallery who are in a picture.

    Attributes:
        found: Every face, from the largest on.
        threshold: The least score that counts as one person; None: there is none.
        no_threshold: Why there is no threshold; "" where there is one.
        people: Number of people in the gallery.
    """

    found: tuple[Identified, ...]
    threshold: Threshold | None
    no_threshold: str
    people: int


def gallery(
    pictures: str | Path,
    out: str | Path,
    *,
    model: FaceModel | str | Path,
    align: Alignment | Finder = "none",
    detector_model: str | Path | None = None,
    min_size: int = 20,
    replace: bool = False,
    set: Changes = (),
    device: Device = "auto",
    progress: bool = False,
) -> GalleryResult:
    """Make a gallery: one embedding for each person, the mean of all pictures.

    Args:
        pictures: A folder of pictures for each person; a picture outside is a person of its name.
        out: Folder for the gallery.
        model: A model that is read already, the folder of a training run, an ONNX file of any origin, or `timm:NAME`.
        align: Name or settings of what finds the faces; `none`: each picture is an aligned face.
        detector_model: YuNet's ONNX file; otherwise it is downloaded once.
        min_size: Shorter side, in pixels, that a face's box must have.
        replace: Whether a gallery of other pictures or of another model is replaced.
        set: What the model does not say of its input, by path: `{"input.color": "bgr"}`.
        device: Device that torch models run on.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        DataError: If no picture shows a face, or the folder holds something else.
        RunError: If another process is making a gallery there.
    """
    source, folder = Path(pictures), Path(out)
    check_place(folder)
    with showing(progress):
        read, files = open_model(model, set, device), list(pictures_below(source))
        if not replace:
            check_replaceable(folder, source, read)
        alignment = alignment_of(align, detector_model, min_size=min_size)
        detector = alignment.make_detector()
        with locked_output(folder), bar("embed (pictures)", len(files)) as advance:
            embedded = embed_pictures(read, files, detector, alignment, after_picture=lambda: advance(1))
            made = build_gallery(embedded, read, alignment, source=source)
            save_gallery(made, folder)
        say_taken_as_they_are(embedded.cuts)
    return GalleryResult(folder, made, embedded)


def identify(
    picture: str | Path,
    *,
    gallery: str | Path,
    model: str | Path | None = None,
    align: Finder | None = None,
    detector_model: str | Path | None = None,
    faces: Choice = "largest",
    top: int = 5,
    far: float = 1e-3,
    threshold: float | None = None,
    device: Device = "auto",
    progress: bool = False,
) -> IdentifyResult:
    """Name the people of a gallery whom the faces of a picture are most like.

    Args:
        picture: The picture.
        gallery: Folder of a gallery.
        model: Where the gallery's model is now; by default where it was.
        align: What finds the faces; by default what found the gallery's.
        detector_model: YuNet's ONNX file; by default the gallery's.
        faces: Which faces of the picture are meant.
        top: Number of people that are named for each face, the most alike.
        far: False accept rate, a fraction, that the threshold of the model's evaluation is taken at.
        threshold: A threshold of your own instead.
        device: Device that torch models run on.
        progress: Whether what is logged is shown on standard error.

    Raises:
        DataError: If there is no gallery, or the picture shows no face.
        ModelError: If the model is another than the gallery's.
    """
    with showing(progress):
        known, read = open_gallery(Path(gallery), Path(model) if model else None, device)
        before = known.card.alignment
        alignment = alignment_of(align or before.detector, detector_model, faces=faces, min_size=before.min_size)
        if detector_model is None and alignment.detector == before.detector:
            alignment = alignment.model_copy(update={"detector_model": before.detector_model})
        cuts = faces_in(Path(picture), alignment.make_detector(), alignment, read.contract.size)
        matches = known.search(read.embed(np.stack([cut.pixels for cut in cuts if cut.pixels is not None])), top)
        limit, why = threshold_of(read, far, threshold)
    value = limit.value if limit else None
    found = (Identified(told(those, value), tuple(those), cut) for those, cut in zip(matches, cuts, strict=True))
    return IdentifyResult(tuple(found), limit, why, len(known.values))


def open_gallery(folder: Path, model: Path | None, device: Device) -> tuple[Gallery, FaceModel]:
    """A gallery with its model.

    Args:
        folder: Folder of the gallery.
        model: Where the gallery's model is now; None: where it was.
        device: Device that torch models run on.

    Raises:
        DataError: If there is no gallery.
        ModelError: If the model is another than the gallery's.
    """
    known = load_gallery(folder)
    place, wanted = model or Path(known.card.model), known.card.input
    read = with_input(place, ContractOverride(), device)
    if read.sha256 == known.card.model_sha256 and read.contract != wanted:  # what the file does not say was said when the gallery was made
        known_input = {key: getattr(wanted, key) for key in ContractOverride.model_fields}
        read = with_input(place, ContractOverride.model_validate(known_input), device)
    known.check(read)
    return known, read

"""`api.align`: a folder of pictures as a folder of aligned faces."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facenas.api.folders import open_run
from facenas.api.pictures import Choice
from facenas.api.progress import bar, showing
from facenas.data.alignment import template
from facenas.errors import SettingsError
from facenas.locks import locked_output
from facenas.recognition.align_folder import TABLE, FolderAlignment, align_folder, pictures_to_align, with_several_faces
from facenas.recognition.aligning import Alignment
from facenas.settings import assigned


@dataclass(frozen=True)
class AlignResult:
    """What became of a folder of pictures.

    Attributes:
        folder: Folder of the aligned faces.
        pictures: Number of pictures that were looked at.
        status: Number of faces or pictures by what became of them, most frequent first.
        several_faces: The pictures that show several faces, with their number.
    """

    folder: Path
    pictures: int
    status: Mapping[str, int]
    several_faces: Mapping[str, int]

    @property
    def faces(self) -> int:
        """Number of aligned faces."""
        return self.status.get("aligned", 0)

    @property
    def table(self) -> Path:
        """The file that says what became of every picture."""
        return self.folder / TABLE


def align(
    images: str | Path,
    out: str | Path,
    *,
    detector: str | None = None,
    detector_model: str | Path | None = None,
    landmarks: str | Path | None = None,
    faces: Choice = "largest",
    otherwise: Literal["none", "centre"] = "none",
    size: int = 112,
    min_size: int = 20,
    progress: bool = False,
) -> AlignResult:
    """Find the faces in pictures and cut them out, aligned to ArcFace's template; called again, it goes on where it was.

    `facenas.align` gives the faces of some pictures as an array, without files.

    Args:
        images: Folder of pictures, with folders of people or not; or one picture.
        out: Folder for the aligned faces, in the same folders, and for faces.csv.
        detector: What finds faces, `dlib` or `yunet`; give it or `landmarks`.
        detector_model: YuNet's ONNX file; otherwise it is downloaded once.
        landmarks: A list of pictures with five points each.
        faces: Which faces of a picture are meant.
        otherwise: What is cut out where no face is found: nothing, or the square in the picture's `centre`.
        size: Side of a face in pixels: a multiple of 112, or of 128.
        min_size: Shorter side, in pixels, that a face's box must have.
        progress: Whether lines and bars are shown on standard error.

    Raises:
        SettingsError: If both or none of a detector and landmarks are given.
        DataError: If there are no pictures, or the folders hold each other.
        RunError: If the folder was made with other settings, or another process is at work in it.
    """
    if (detector is None) == (landmarks is None):
        raise SettingsError("faces are found by a detector or listed: give either --detector dlib, --detector yunet, or --landmarks FILE")
    given = {
        "detector": detector or "none",
        "detector_model": str(detector_model) if detector_model else None,
        "landmarks": str(landmarks) if landmarks else None,
        "faces": faces,
        "otherwise": "centre" if otherwise == "centre" else None,
        "min_size": min_size,
    }
    folder, alignment = Path(out), assigned(Alignment, given)
    settings = FolderAlignment(alignment=alignment, size=size)
    template(size)
    pictures = pictures_to_align(Path(images), folder)
    finder = alignment.make_detector()
    with showing(progress), locked_output(folder), bar("align (pictures)", len(pictures)) as advance:
        open_run(folder, settings)
        counts = align_folder(pictures, folder, finder, settings, after_picture=lambda: advance(1))
    return AlignResult(folder, len(pictures), dict(counts.most_common()), with_several_faces(folder))

"""`facenas align`: find faces in pictures and cut them out as networks expect them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from facenas.cli.common import Json, open_run, print_json, print_result, progress_bars
from facenas.cli.using import with_several
from facenas.errors import SettingsError
from facenas.locks import locked_output

Images = Annotated[Path, typer.Argument(help="Folder of pictures, with folders of people or not; or one picture.")]
Out = Annotated[Path, typer.Argument(help="Folder for the aligned faces, in the same folders, and faces.csv.")]
Finder = Annotated[
    str | None,
    typer.Option("--detector", "--align", help="What finds faces: {detectors}; dlib needs dlib-bin and face-recognition-models."),
]
ModelFile = Annotated[Path | None, typer.Option("--detector-model", help="Its model file; YuNet's is otherwise downloaded once.")]
Landmarks = Annotated[Path | None, typer.Option("--landmarks", help="A list of pictures with five points each, instead of a detector.")]
Faces = Annotated[Literal["largest", "centre", "all"], typer.Option("--faces", help="Which faces of a picture are meant.")]
Otherwise = Annotated[
    Literal["none", "centre"],
    typer.Option("--otherwise", help="What is cut out where no face is found: nothing, or the square in the picture's centre."),
]
Size = Annotated[int, typer.Option("--size", help="Side of a face: a multiple of 112, or of 128.")]
MinSize = Annotated[int, typer.Option("--min-size", min=1, help="Shorter side, in pixels, that a face's box must have.")]


def align(
    images: Images,
    out: Out,
    detector: Finder = None,
    detector_model: ModelFile = None,
    landmarks: Landmarks = None,
    faces: Faces = "largest",
    otherwise: Otherwise = "none",
    size: Size = 112,
    min_size: MinSize = 20,
    as_json: Json = False,
) -> None:
    """Find the faces in pictures and cut them out, aligned to ArcFace's template; faces.csv says what became of every picture.

    Example: facenas align photographs aligned --detector dlib
    """
    from facenas.data.alignment import template
    from facenas.recognition.align_folder import TABLE, FolderAlignment, align_folder, pictures_to_align, with_several_faces
    from facenas.recognition.aligning import Alignment

    if (detector is None) == (landmarks is None):
        raise SettingsError("faces are found by a detector or listed: give either --detector dlib, --detector yunet, or --landmarks FILE")
    alignment = Alignment(
        detector=detector or "none",
        detector_model=str(detector_model) if detector_model else None,
        landmarks=str(landmarks) if landmarks else None,
        faces=faces,
        otherwise="centre" if otherwise == "centre" else None,
        min_size=min_size,
    )
    settings = FolderAlignment(alignment=alignment, size=size)
    template(size)
    pictures = pictures_to_align(images, out)
    detector_of_faces = alignment.make_detector()
    with locked_output(out), progress_bars() as progress:
        open_run(out, settings)
        bar = progress.add_task("align (pictures)", total=len(pictures))
        counts = align_folder(pictures, out, detector_of_faces, settings, after_picture=lambda: progress.advance(bar))
    several = with_several_faces(out)
    status = dict(counts.most_common())
    result = {"pictures": len(pictures), "faces": counts["aligned"], "status": status, "several_faces": several, "table": str(out / TABLE)}
    if as_json:
        print_json(result)
        return
    others = "".join(f"; {count:,} {name}" for name, count in status.items() if name != "aligned")
    found = f"{counts['aligned']:,} faces of {len(pictures):,} pictures"
    print_result(f"{found}{others}{with_several(several)} -> {out}, {out / TABLE}")

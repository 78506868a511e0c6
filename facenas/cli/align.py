"""`facenas align`: find faces in pictures and cut them out as networks expect them."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from facenas.cli.common import Json, print_json, print_result
from facenas.cli.using import with_several

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
    from facenas import api

    done = api.align(
        images,
        out,
        detector=detector,
        detector_model=detector_model,
        landmarks=landmarks,
        faces=faces,
        otherwise=otherwise,
        size=size,
        min_size=min_size,
        progress=True,
    )
    if as_json:
        counts = {"pictures": done.pictures, "faces": done.faces, "status": done.status}
        print_json(counts | {"several_faces": done.several_faces, "table": str(done.table)})
        return
    others = "".join(f"; {count:,} {name}" for name, count in done.status.items() if name != "aligned")
    found = f"{done.faces:,} faces of {done.pictures:,} pictures"
    print_result(f"{found}{others}{with_several(done.several_faces)} -> {out}, {done.table}")

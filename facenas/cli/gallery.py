"""`facenas gallery build` and `facenas identify`: known people, and who of them a picture shows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facenas.cli.common import Device, Json, Set, print_json, print_result, progress_bars, remark
from facenas.cli.using import (
    Align,
    Choice,
    DetectorModel,
    Far,
    MinSize,
    ModelPath,
    Value,
    alignment_of,
    faces_in,
    open_model,
    placed,
    remark_taken_as_they_are,
    threshold_of,
    told,
    with_several,
)
from facenas.locks import locked_output

if TYPE_CHECKING:
    from facenas.recognition import FaceModel
    from facenas.recognition.gallery import Gallery

Pictures = Annotated[Path, typer.Argument(help="A folder of pictures for each person; a picture outside is a person of its name.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the gallery.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a gallery of other pictures or of another model.")]
Image = Annotated[Path, typer.Argument(help="A picture.")]
GalleryPath = Annotated[Path, typer.Option("--gallery", help="Folder of a gallery.")]
OtherModel = Annotated[Path | None, typer.Option("--model", help="Where the gallery's model is now; by default where it was.")]
OtherAlign = Annotated[
    str | None, typer.Option("--align", "--detector", help="What finds the faces: {detectors}; by default what found the gallery's.")
]
Faces = Annotated[Choice, typer.Option("--faces", help="Which faces of the picture are meant.")]
Top = Annotated[int, typer.Option("--top", min=1, help="How many people are named.")]

gallery = typer.Typer(help="Known people, to be found in pictures by `facenas identify`.", no_args_is_help=True)


@gallery.callback()
def _gallery() -> None:
    pass


@gallery.command("build")
def build(
    pictures: Pictures,
    model: ModelPath,
    out: Out,
    align: Align = "none",
    detector_model: DetectorModel = None,
    min_size: MinSize = 20,
    replace: Replace = False,
    assignments: Set = [],
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Make a gallery: one embedding for each person, the mean of all pictures.

    Example: facenas gallery build people --model runs/ir50 --align dlib --out gallery
    """
    from facenas.data.formats.picture_files import pictures_below
    from facenas.recognition.embedding import embed_pictures
    from facenas.recognition.gallery import build_gallery, check_replaceable, save_gallery

    read, files = open_model(model, assignments, device), list(pictures_below(pictures))
    if not replace:
        check_replaceable(out, pictures, read)
    alignment = alignment_of(align, detector_model, min_size=min_size)
    detector = alignment.make_detector()
    with locked_output(out), progress_bars() as progress:
        bar = progress.add_task("embed (pictures)", total=len(files))
        embedded = embed_pictures(read, files, detector, alignment, after_picture=lambda: progress.advance(bar))
        made = build_gallery(embedded, read, alignment, source=pictures)
        save_gallery(made, out)
    remark_taken_as_they_are(embedded.cuts)
    left_out = [
        {"picture": cut.picture, "status": cut.status, "reason": cut.reason}
        for cut, row in zip(embedded.cuts, embedded.rows, strict=True)
        if row is None
    ]
    several = {cut.picture: cut.found for cut in embedded.cuts if cut.found > 1}
    count = len(embedded.values)
    if as_json:
        result = {"gallery": str(out), "people": len(made.card.people), "pictures": count, "left_out": left_out}
        print_json(result | {"several_faces": several})
        return
    for one in left_out:
        remark(": ".join(filter(None, one.values())))
    print_result(f"{len(made.card.people):,} people from {count:,} pictures, {len(left_out):,} left out{with_several(several)} -> {out}")


def identify(
    picture: Image,
    gallery: GalleryPath,
    model: OtherModel = None,
    align: OtherAlign = None,
    detector_model: DetectorModel = None,
    faces: Faces = "largest",
    top: Top = 5,
    far: Far = 1e-3,
    threshold: Value = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Name the people of a gallery whom a face is most like; unknown if none reaches the threshold.

    Example: facenas identify party.jpg --gallery gallery --faces all
    """
    import numpy as np
    from rich.table import Table

    from facenas.recognition.gallery import told as named

    known, read = open_gallery(gallery, model, device)
    before = known.card.alignment
    alignment = alignment_of(align or before.detector, detector_model, faces=faces, min_size=before.min_size)
    if detector_model is None and alignment.detector == before.detector:
        alignment = alignment.model_copy(update={"detector_model": before.detector_model})
    cuts = faces_in(picture, alignment.make_detector(), alignment, read.contract.size)
    matches = known.search(read.embed(np.stack([cut.pixels for cut in cuts if cut.pixels is not None])), top)
    limit, why = threshold_of(read, far, threshold)
    names = [named(those, limit.value if limit else None) for those in matches]
    if as_json:
        found = [
            {"person": name, "candidates": [match._asdict() for match in those], **placed(cut)}
            for name, those, cut in zip(names, matches, cuts, strict=True)
        ]
        print_json({"picture": str(picture), "found": found, **told(limit, why), "people": len(known.values)})
        return
    for number, (name, those) in enumerate(zip(names, matches, strict=True), 1):
        verdict = "no verdict" if limit is None else name or "unknown"
        table = Table("person", "score", title=f"{f'face {number}: ' if len(cuts) > 1 else ''}{verdict}")
        for match in those:
            table.add_row(match.name, f"{match.score:.3f}")
        print_result(table)
    print_result(limit.in_words if limit else f"no verdict: {why}")


def open_gallery(folder: Path, model: Path | None, device: Any) -> "tuple[Gallery, FaceModel]":
    """A gallery with its model."""
    from facenas.eval.settings import ContractOverride
    from facenas.recognition.face_model import with_input
    from facenas.recognition.gallery import load_gallery

    known = load_gallery(folder)
    place, wanted = model or Path(known.card.model), known.card.input
    read = with_input(place, ContractOverride(), device or "auto")
    if read.sha256 == known.card.model_sha256 and read.contract != wanted:  # what the file does not say was said when the gallery was made
        known_input = {key: getattr(wanted, key) for key in ContractOverride.model_fields}
        read = with_input(place, ContractOverride.model_validate(known_input), device or "auto")
    known.check(read)
    return known, read

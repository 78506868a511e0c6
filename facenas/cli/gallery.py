"""`facenas gallery build` and `facenas identify`: known people, and who of them a picture shows."""

from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Device, Json, Set, print_json, print_result, remark
from facenas.cli.using import Align, Choice, DetectorModel, Far, MinSize, ModelPath, Value, placed, told, with_several

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
    from facenas import api

    done = api.gallery(
        pictures,
        out,
        model=model,
        align=align,
        detector_model=detector_model,
        min_size=min_size,
        replace=replace,
        set=assignments,
        device=device or "auto",
        progress=True,
    )
    left_out = [{"picture": cut.picture, "status": cut.status, "reason": cut.reason} for cut in done.left_out]
    several, people, count = done.several_faces, len(done.gallery.card.people), len(done.embedded.values)
    if as_json:
        result = {"gallery": str(out), "people": people, "pictures": count, "left_out": left_out}
        print_json(result | {"several_faces": several})
        return
    for one in left_out:
        remark(": ".join(filter(None, one.values())))
    print_result(f"{people:,} people from {count:,} pictures, {len(left_out):,} left out{with_several(several)} -> {out}")


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
    from rich.table import Table

    from facenas import api

    done = api.identify(
        picture,
        gallery=gallery,
        model=model,
        align=align,
        detector_model=detector_model,
        faces=faces,
        top=top,
        far=far,
        threshold=threshold,
        device=device or "auto",
        progress=True,
    )
    limit, why = done.threshold, done.no_threshold
    if as_json:
        found = [
            {"person": one.name, "candidates": [match._asdict() for match in one.candidates], **placed(one.face)} for one in done.found
        ]
        print_json({"picture": str(picture), "found": found, **told(limit, why), "people": done.people})
        return
    for number, one in enumerate(done.found, 1):
        verdict = "no verdict" if limit is None else one.name or "unknown"
        table = Table("person", "score", title=f"{f'face {number}: ' if len(done.found) > 1 else ''}{verdict}")
        for match in one.candidates:
            table.add_row(match.name, f"{match.score:.3f}")
        print_result(table)
    print_result(limit.in_words if limit else f"no verdict: {why}")

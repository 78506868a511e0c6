"""`facenas data`: look at, check, pack and show faces."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from facenas.cli import make_bin
from facenas.cli.common import Json, Set, print_json, print_result, remark
from facenas.errors import DataError
from facenas.files import replacing
from facenas.locks import locked_output

if TYPE_CHECKING:
    from rich.table import Table

    from facenas.data.faces import Labels
    from facenas.data.inspection import Problem

Faces = Annotated[Path, typer.Argument(help="A folder of identities, a .rec file or its folder, a list of photographs, or Parquet files.")]
Size = Annotated[int, typer.Option("--size", min=16, help="Image side in pixels.")]
Shape = Annotated[
    Literal["refuse", "stretch", "centre"] | None,
    typer.Option("--shape", help="What is done with photographs that are not square; without it they are stretched, and that is said."),
]
Against = Annotated[Path | None, typer.Option("--against", help="Other faces, a benchmark for example, that these must not overlap.")]
Encoding = Annotated[Literal["png", "jpeg"], typer.Option("--encoding", help="How resized images are stored; png loses nothing.")]
Count = Annotated[int, typer.Option("--count", min=1, help="Faces on the sheet.")]
MOST_SHOWN = 20

data = typer.Typer(help="Look at, check, pack and show faces.", no_args_is_help=True)
data.command("make-bin")(make_bin.make_bin)


@data.command("info")
def info(path: Faces, shape: Shape = None, as_json: Json = False) -> None:
    """Identities, images, sizes, and the first problems, at a glance.

    Example: facenas data info faces/train.rec
    """
    import numpy as np

    from facenas.data import inspection, open_faces

    faces = open_faces(path, 112, shape)
    per_identity = np.bincount(faces.identities, minlength=len(faces.names))
    problems = [*inspection.label_gaps(faces), *inspection.unreadable(faces, inspection.sampled_rows(faces))]
    result = {
        "path": str(path),
        "kind": faces.dataset.split(":")[0],
        "identities": len(faces.names),
        "images": len(faces),
        "images_per_identity": spread(per_identity),
        "identities_with_one_image": int((per_identity == 1).sum()),
        "sampled_sizes": inspection.image_sizes(faces),
        "problems": [asdict(problem) for problem in problems],
    }
    if as_json:
        print_json(result)
        return
    print_result(facts(result))
    print_result(listing(problems, "first problems; facenas data check looks at every image"))


@data.command("check")
def check(path: Faces, against: Against = None, size: Size = 112, shape: Shape = None, as_json: Json = False) -> None:
    """Look at every image: unreadable files, gaps in labels, equal pictures, overlap with another set; exit code 1 if there are any.

    Example: facenas data check faces/train.rec --against lfw
    """
    from facenas.data import inspection, open_faces

    faces, other = open_faces(path, size, shape), open_faces(against, size, shape) if against else None
    remark(f"reading {len(faces) + (len(other) if other else 0)} images ...")
    problems = inspection.check(faces, other)
    if as_json:
        print_json({"path": str(path), "images": len(faces), "problems": [asdict(problem) for problem in problems]})
    else:
        print_result(listing(problems, "problems"))
    if problems:
        raise typer.Exit(1)


@data.command("pack")
def pack(
    path: Faces,
    output: Annotated[Path, typer.Argument(help="The .rec file to write.")],
    size: Size = 112,
    shape: Shape = None,
    encoding: Encoding = "png",
    as_json: Json = False,
) -> None:
    """Pack faces into one RecordIO file with its .idx and property, as InsightFace's tools read it.

    Example: facenas data pack faces train.rec
    """
    from facenas.data import open_faces
    from facenas.data.formats.packing import pack

    faces = open_faces(path, size, shape)
    with locked_output(output):
        images = pack(faces, output, encoding=encoding)
    result = {"file": str(output), "identities": len(faces.names), "images": images, "bytes": output.stat().st_size}
    if as_json:
        print_json(result)
    else:
        print_result(f"{images} images of {len(faces.names)} identities, {result['bytes'] / 1e6:.1f} MB -> {output}")  # type: ignore[operator]


@data.command("sample")
def sample(
    path: Faces,
    output: Annotated[Path, typer.Option("--out", help="The PNG file to write.")] = Path("sheet.png"),
    size: Size = 112,
    shape: Shape = None,
    count: Count = 8,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice and of the augmentation.")] = 0,
    assignments: Set = [],
    as_json: Json = False,
) -> None:
    """Write a sheet of faces, each beside what augmentation makes of it: AdaFace's, or a pipeline of your own.

    Example: facenas data sample faces/train.rec --out sheet.png, or
    facenas data sample faces --set augmentation.file=pipeline.yaml
    """
    import cv2

    from facenas.data import open_faces
    from facenas.data.augmentation.sheet import SheetSettings, contact_sheet
    from facenas.settings import assigned

    if output.suffix != ".png":
        raise DataError(f"a sheet is a PNG file, give --out a name that ends in .png, got {output}")
    augmentation = assigned(SheetSettings, {}, assignments).changes(size)
    sheet = contact_sheet(open_faces(path, size, shape), augmentation, count=count, variants=7, seed=seed)
    with replacing(output) as temporary:
        temporary.write_bytes(cv2.imencode(".png", sheet[..., ::-1])[1].tobytes())
    if as_json:
        print_json({"file": str(output), "width": sheet.shape[1], "height": sheet.shape[0]})
    else:
        print_result(str(output))


def spread(counts: "Labels") -> dict[str, float]:
    """Least, median and most of some counts."""
    import numpy as np

    return {"min": int(counts.min()), "median": float(np.median(counts)), "max": int(counts.max())}


def facts(result: dict[str, Any]) -> "Table":
    """The table that `info` shows, without the problems."""
    from rich.table import Table

    table = Table("", result["path"], title="faces")
    per_identity = result["images_per_identity"]
    sizes = ", ".join(f"{size} ({count})" for size, count in list(result["sampled_sizes"].items())[:5])
    for name, value in {
        "kind": result["kind"],
        "identities": f"{result['identities']:,}",
        "images": f"{result['images']:,}",
        "images of an identity": f"{per_identity['min']} to {per_identity['max']}, median {per_identity['median']:g}",
        "identities with one image": f"{result['identities_with_one_image']:,}",
        "sizes of some images": sizes,
    }.items():
        table.add_row(name, value)
    return table


def listing(problems: "list[Problem]", title: str) -> "Table | str":
    """A table of the first problems, one a row."""
    from rich.table import Table

    if not problems:
        return "no problems found"
    table = Table("problem", "where", title=f"{title}: {len(problems):,}")
    for problem in problems[:MOST_SHOWN]:
        rest = f" and {len(problem.places) - 5:,} more" if len(problem.places) > 5 else ""
        table.add_row(problem.kind, "\n".join(problem.places[:5]) + rest)
    if len(problems) > MOST_SHOWN:
        table.add_row("...", f"{len(problems) - MOST_SHOWN:,} more; --json lists all")
    return table

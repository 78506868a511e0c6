"""`facenas data make-bin`: a verification benchmark as one file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from facenas.cli.common import Json, print_json, print_result, remark
from facenas.locks import locked_output

Benchmark = Annotated[Path, typer.Argument(help="LFW's, CALFW's or CPLFW's list, CFP's folder, or a table of two paths and 0 or 1 a line.")]
Output = Annotated[Path, typer.Argument(help="The .bin file to write.")]
Root = Annotated[Path | None, typer.Option("--root", help="Folder of the aligned pictures; by default where the benchmark has them.")]
Size = Annotated[int, typer.Option("--size", min=16, help="Image side in pixels.")]
Encoding = Annotated[Literal["png", "jpeg"], typer.Option("--encoding", help="How resized images are stored; png loses nothing.")]


def make_bin(
    pairs: Benchmark, output: Output, root: Root = None, size: Size = 112, encoding: Encoding = "png", as_json: Json = False
) -> None:
    """Write pairs of aligned pictures as one .bin file, as InsightFace's and AdaFace's tools read it.

    Example: facenas data make-bin lfw/pairs.txt lfw.bin --root lfw-aligned
    """
    from facenas.data import open_pairs
    from facenas.data.formats.packing import pack_pairs

    benchmark = open_pairs(pairs, root=root, size=size)
    if benchmark.remark:
        remark(benchmark.remark)
    with locked_output(output):
        pack_pairs(benchmark, output, encoding=encoding)
    genuine = int(benchmark.pairs.same.sum())
    result = {
        "file": str(output),
        "pairs": len(benchmark.pairs),
        "genuine": genuine,
        "impostor": len(benchmark.pairs) - genuine,
        "pictures": benchmark.count,
        "bytes": output.stat().st_size,
    }
    if as_json:
        print_json(result)
        return
    print_result(
        f"{result['pairs']} pairs, {genuine} of them genuine, of {benchmark.count} different pictures, "
        f"{output.stat().st_size / 1e6:.1f} MB -> {output}"
    )

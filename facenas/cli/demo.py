"""`facenas demo`: a web page that compares pictures and searches a gallery."""

from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import Device, Set, print_result, remark
from facenas.cli.using import DetectorModel, Far, Value
from facenas.errors import SettingsError

Model = Annotated[Path | None, typer.Option("--model", help="Training run, ONNX file or timm:NAME; a gallery knows its own.")]
GalleryPath = Annotated[Path | None, typer.Option("--gallery", help="Folder of a gallery to search.")]
Align = Annotated[str | None, typer.Option("--align", help="{detectors}; by default what found the gallery's faces, or none.")]
Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port; by default the first free one from 7860 on.")]


def demo(
    model: Model = None,
    gallery: GalleryPath = None,
    align: Align = None,
    detector_model: DetectorModel = None,
    far: Far = 1e-3,
    threshold: Value = None,
    port: Port = None,
    assignments: Set = [],
    device: Device = None,
) -> None:
    """Open a web page, for this machine alone, that compares two pictures and searches a gallery.

    Example: facenas demo --model runs/ir50 --align dlib
    """
    from facenas.api.galleries import open_gallery
    from facenas.api.pictures import alignment_of, open_model, threshold_of
    from facenas.recognition.demo import Page, import_gradio, make_page, serve

    import_gradio()
    if gallery is None and model is None:
        raise SettingsError("the page needs a model: give --model, or --gallery, which knows its own")
    known, read = (
        open_gallery(gallery, model, device or "auto") if gallery else (None, open_model(model or "", assignments, device or "auto"))
    )
    alignment = known.card.alignment if known and align is None else alignment_of(align or "none", detector_model)
    limit, why = threshold_of(read, far, threshold)
    remark(limit.in_words if limit else f"no verdicts: {why}")
    page = make_page(Page(read, alignment.make_detector(), alignment, limit, known))
    address = serve(page, port=port, block=False)
    print_result(f"{address} (Ctrl-C ends it)")
    page.block_thread()

"""A small web page: two pictures compared, a picture searched for in a gallery."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from facenas.data.faces import Images
from facenas.data.formats.picture_files import one_picture
from facenas.errors import DataError, FacenasError
from facenas.recognition.aligning import Alignment, cut_faces
from facenas.recognition.face_model import FaceModel
from facenas.recognition.faces import Detector
from facenas.recognition.gallery import Gallery, told
from facenas.recognition.thresholds import Threshold

if TYPE_CHECKING:
    import gradio as gr

TOP = 5
KEPT_S = 600  # uploaded pictures are removed after ten minutes, and when the page ends
STYLE = "footer {display: none !important}"
NO_VERDICT = "No threshold is known for this model."
GAP = 16  # pixels between faces that are shown side by side
SAME_PLACE = b"default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"


class Page(NamedTuple):
    """What the web page works with.

    Attributes:
        model: The face model.
        detector: What finds the faces; None: each picture is an aligned face.
        alignment: Settings that say which faces are meant.
        threshold: Least score at which two faces count as one person; None: scores are shown without a verdict.
        gallery: The known people; None: pictures are only compared.
    """

    model: FaceModel
    detector: Detector | None
    alignment: Alignment
    threshold: Threshold | None
    gallery: Gallery | None

    def compare(self, first: str | None, second: str | None) -> tuple[str, Images]:
        """Compare the faces in two pictures.

        Args:
            first: Path of the first picture; None where the user gave none.
            second: Path of the second picture; None where the user gave none.

        Returns:
            The verdict with the score as Markdown, and one image of the two faces side by side.

        Raises:
            DataError: If a picture is missing or shows no usable face.
        """
        faces = [self._face(first), self._face(second)]
        a, b = self.model.embed(np.stack(faces))
        score = float(a @ b)
        if self.threshold is None:
            return f"## Score {score:.3f}\n{NO_VERDICT}", _side_by_side(faces)
        verdict = "One person" if score >= self.threshold.value else "Different people"
        return f"## {verdict}\nScore {score:.3f}, {self.threshold.in_words}.", _side_by_side(faces)

    def identify(self, picture: str | None) -> tuple[str, Images, list[list[str]]]:
        """Search the gallery for the face in a picture.

        Returns:
            The verdict as Markdown, the face (H, W, 3), and the most alike people as rows of name and score, best first.

        Raises:
            DataError: If there is no gallery, or the picture is missing or shows no usable face.
        """
        if self.gallery is None:
            raise DataError("there is no gallery")
        face = self._face(picture)
        (matches,) = self.gallery.search(self.model.embed(face[None]), TOP)
        name = told(matches, self.threshold.value if self.threshold else None)
        rows = [[match.name, f"{match.score:.3f}"] for match in matches]
        if self.threshold is None:
            return f"## No verdict\n{NO_VERDICT}", face, rows
        verdict = "Unknown" if name is None else f"Known as `{name.replace('`', ' ')}`"
        return f"## {verdict}\nBest score {matches[0].score:.3f}, {self.threshold.in_words}.", face, rows

    def _face(self, picture: str | None) -> Images:
        if picture is None:
            raise DataError("Give a picture first")
        (cut, *_) = cut_faces(one_picture(Path(picture)), self.detector, self.alignment, size=self.model.contract.size)
        if cut.pixels is None:
            raise DataError(f"{cut.picture} shows no usable face: {cut.reason or cut.status}")
        return cut.pixels


def make_page(page: Page) -> "gr.Blocks":
    """Build the web page with Gradio.

    Raises:
        DataError: If Gradio is not installed.
    """
    gr = import_gradio()
    with gr.Blocks(title="facenas", analytics_enabled=False, delete_cache=(KEPT_S, KEPT_S)) as blocks:
        gr.Markdown(f"# facenas\nModel `{page.model.path.name}`. Pictures stay on this machine.")
        with gr.Tab("Compare"):
            with gr.Row():
                first, second = _upload(gr, "First picture"), _upload(gr, "Second picture")
            button = gr.Button("Compare", variant="primary")
            with gr.Row():
                outputs = [gr.Markdown(), _shown(gr, "The faces compared")]
            button.click(_safely(page.compare, len(outputs)), [first, second], outputs, api_name="compare")
        if page.gallery:
            with gr.Tab("Find in the gallery"), gr.Row():
                with gr.Column():
                    picture = _upload(gr, f"One of {len(page.gallery.values):,} people?")
                    button = gr.Button("Find", variant="primary")
                with gr.Column():
                    outputs = [gr.Markdown(), _shown(gr, "The face"), gr.Dataframe(headers=["person", "score"], interactive=False)]
                button.click(_safely(page.identify, len(outputs)), [picture], outputs, api_name="identify")
    return blocks  # type: ignore[no-any-return]


def serve(blocks: "gr.Blocks", *, port: int | None = None, block: bool = True) -> str:
    """Serve a page to this machine alone; returns its address.

    Args:
        blocks: The page from `make_page`.
        port: Number of the TCP port; None: the first free one from 7860 on.
        block: Whether the call returns only after Ctrl-C.

    Raises:
        DataError: If the port is taken.
    """
    gr = import_gradio()
    theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    try:
        _, address, _ = blocks.launch(
            server_name="127.0.0.1",
            server_port=port,
            share=False,
            quiet=True,
            inbrowser=False,
            show_error=False,
            prevent_thread_lock=not block,
            ssr_mode=False,
            run_history=False,
            max_file_size="50mb",
            theme=theme,
            css=STYLE,
            footer_links=[],
            app_kwargs={"middleware": [_middleware()]},
        )
    except OSError as error:
        raise DataError(f"the page cannot be served: {str(error).split('.')[0]}; give another --port") from None
    return str(address)


def import_gradio() -> Any:
    """Import Gradio, which is told before that it must not report anything.

    Raises:
        DataError: If Gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        import gradio
    except ImportError:
        raise DataError("the page needs Gradio; run `pip install gradio`") from None
    return gradio


def _upload(gr: Any, label: str) -> Any:
    image = gr.Image(type="filepath", image_mode=None, sources=["upload", "clipboard"], label=label, height=320)
    image.preprocess = lambda payload: payload.path if payload else None  # as it was uploaded: the one reader of pictures decides
    return image


def _shown(gr: Any, label: str) -> Any:
    return gr.Image(label=label, height=180, interactive=False, buttons=[], format="png")


def _side_by_side(faces: list[Images]) -> Images:
    gap = np.full((faces[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([faces[0], gap, faces[1]], axis=1)


def _safely(function: Callable[..., Any], outputs: int) -> Callable[..., Any]:
    """A callback of the page that shows a user's mistake in place of the verdict."""

    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except FacenasError as error:
            return str(error), *[None] * (outputs - 1)

    return call


def _middleware() -> Any:
    """A step of the server that tells browsers to load nothing from elsewhere: no fonts, no scripts."""
    from starlette.middleware import Middleware

    return Middleware(_SamePlace)


class _SamePlace:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_header(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", SAME_PLACE)]
            await send(message)

        await self.app(scope, receive, with_header)

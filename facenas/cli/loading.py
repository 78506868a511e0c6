"""Any model that a command is given: a training run, or an ONNX file of whatever origin."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from facenas.data import ClassSource, InputContract
from facenas.errors import ModelError
from facenas.eval import Embedder, onnx_embedder, onnx_session, torch_embedder
from facenas.eval.embed import METADATA_KEY
from facenas.eval.settings import ContractOverride
from facenas.training.device import make_fabric
from facenas.training.models import ModelCard, Seen, load_model

if TYPE_CHECKING:
    from facenas.training.device import Device


class Recogniser(NamedTuple):
    """An embedding function with what is known about it."""

    embedder: Embedder
    contract: InputContract
    seen: tuple[Seen, ...]
    remark: str


class Classifier(NamedTuple):
    """A classifying function with what is known about it."""

    embedder: Embedder
    card: ModelCard
    data: ClassSource


def load_classifier(path: Path, device: "Device") -> Classifier:
    """Read a classifier that facenas trained or exported.

    Raises:
        ModelError: If there is none at `path`, or nothing is known of its data.
    """
    if path.suffix == ".onnx":
        session = _session(path)
        card = _card(path, session)
        embedder = onnx_embedder(session, card.input) if card else None
    else:
        network, card = load_model(path)
        where = make_fabric(device, "fp32").device
        embedder = torch_embedder(network.to(where), card.input, where)
    if card is None or embedder is None or card.data is None:
        raise ModelError(f"{path} is no classifier that facenas trained: it does not say which images it classifies")
    return Classifier(embedder, card, card.data)


def load_recogniser(path: Path, override: ContractOverride, device: "Device") -> Recogniser:
    """Read a face model.

    Raises:
        ModelError: If there is none at `path`, it is no face model, or its graph contradicts its contract.
    """
    if path.suffix == ".onnx":
        return _from_onnx(path, override)
    model = load_model(path)
    if model.card.space.name != "ir":
        raise ModelError(f"{path} is a classifier and yields no face embeddings")
    contract = override.applied(model.card.input)
    where = make_fabric(device, "fp32").device
    return Recogniser(torch_embedder(model.network.to(where), contract, where), contract, model.card.seen, "")


def _from_onnx(path: Path, override: ContractOverride) -> Recogniser:
    session = _session(path)
    channels, height, width = session.get_inputs()[0].shape[1:]
    card = _card(path, session)
    if card:
        contract, seen, remark = override.applied(card.input), card.seen, ""
    else:
        size = height if isinstance(height, int) else 112
        contract, seen = override.applied(InputContract(size=size)), ()
        convention = f"{contract.color.upper()}, (x - {contract.mean[0]:g}) / {contract.std[0]:g}, {contract.size} x {contract.size}"
        remark = (
            f"{path.name} says nothing about its input: taken by the ArcFace convention as {convention}; "
            "override with --set input.color=bgr, input.mean, input.std or input.size"
        )
    if any(isinstance(side, int) and side != wanted for side, wanted in ((channels, 3), (height, contract.size), (width, contract.size))):
        raise ModelError(
            f"the graph of {path} takes {channels} x {height} x {width}, the input contract says 3 x {contract.size} x {contract.size}"
        )
    return Recogniser(onnx_embedder(session, contract), contract, seen, remark)


def _session(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"no ONNX file at {path}")
    return onnx_session(path)


def _card(path: Path, session: Any) -> ModelCard | None:
    """What facenas wrote into an ONNX file; None in a file of other origin."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    try:
        return ModelCard.model_validate_json(text) if text else None
    except ValueError:
        raise ModelError(f"{path} carries facenas metadata that this version cannot read; export it again") from None

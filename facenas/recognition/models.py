"""Any model that a command is given: a training run, an ONNX file of whatever origin, a network of timm, saved embeddings."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from facenas.data import ClassSource, InputContract
from facenas.data.faces import as_size, sides, told_size
from facenas.data.formats.onnx_seal import is_changed
from facenas.errors import ModelError, nearest
from facenas.eval import Embedder, onnx_embedder, onnx_session, torch_embedder
from facenas.eval.embed import METADATA_KEY, Embeddings
from facenas.eval.onnx_data import onnx_digest, read_onnx
from facenas.eval.onnx_input import GraphInput, graph_input, normalisation
from facenas.eval.settings import ContractOverride
from facenas.training.device import make_fabric
from facenas.training.models import MODEL, WEIGHTS, ModelCard, Seen, load_model

if TYPE_CHECKING:
    from facenas.training.device import Device

TIMM = "timm:"
ORIGINS = "the folder of a finished `facenas train` run, an ONNX file, timm:NAME or embeddings (.npy)"
EDITED = "{} is not what facenas wrote: another tool has edited it, or it is damaged; if you did not edit it, export it again"
USUAL = 112  # side of a face in pixels, where a graph leaves it open


class Recogniser(NamedTuple):
    """A face model with what is known about it.

    Attributes:
        embedder: Function that embeds photographs of the contract's size; None where only saved embeddings of one benchmark are known.
        contract: What the network expects of an image.
        sha256: Hash of all that decides the embeddings but the contract.
        saved: Raw embeddings (M, D), where only these are known.
        seen: People that the model was trained on or selected by.
        remark: What was assumed about the input; empty if nothing.
    """

    embedder: Embedder | None
    contract: InputContract
    sha256: str
    saved: Embeddings | None = None
    seen: tuple[Seen, ...] = ()
    remark: str = ""


class Classifier(NamedTuple):
    """A classifier with its card and the source of its images."""

    embedder: Embedder
    card: ModelCard
    data: ClassSource


def load_classifier(path: Path, device: "Device") -> Classifier:
    """Read a classifier that facenas trained or exported.

    Args:
        path: A training run's folder, or an ONNX file that facenas exported.
        device: Where torch models run; ONNX runs on the CPU.

    Raises:
        ModelError: If there is no classifier at `path`, or it does not say which images it classifies.
    """
    if path.suffix.lower() == ".onnx":
        session = _session(path)
        card = _card(path, session)
        embedder = onnx_embedder(session, card.input, name=str(path)) if card else None
    else:
        network, card = load_model(path)
        where = make_fabric(device, "fp32").device
        embedder = torch_embedder(network.to(where), card.input, where)
    if card is None or embedder is None or card.data is None:
        raise ModelError(f"{path} is no classifier that facenas trained: it does not say which images it classifies")
    return Classifier(embedder, card, card.data)


def load_recogniser(name: Path, override: ContractOverride, device: "Device") -> Recogniser:
    """Read a face model: a training run, an ONNX file, `timm:NAME`, or embeddings in a .npy file.

    Args:
        name: Path of the run folder or file, or `timm:NAME`.
        override: What the user says about the input of a model that does not say it itself.
        device: Where torch models run; ONNX runs on the CPU.

    Raises:
        ModelError: If there is no model, it is no face model, or its graph or the override contradict its contract.
    """
    if str(name).startswith(TIMM):
        return _from_timm(str(name).removeprefix(TIMM), override, device)
    if name.suffix.lower() == ".npy":
        return _saved(name)
    if name.suffix.lower() == ".onnx":
        return _from_onnx(name, override)
    if name.name not in (MODEL, WEIGHTS) and not (name / MODEL).is_file():
        raise ModelError(
            f"{name} is no model that can be read; give {ORIGINS}" if name.is_file() else f"no {MODEL} in {name}; give {ORIGINS}"
        )
    model = load_model(name)
    if model.card.data:
        raise ModelError(f"{name} is a classifier and yields no face embeddings")
    contract = _as_it_is(name, model.card, override)
    where = make_fabric(device, "fp32").device
    embedder = torch_embedder(model.network.to(where), contract, where)
    return Recogniser(embedder, contract, model.card.weights_sha256, seen=model.card.seen)


def _as_it_is(name: Path, card: ModelCard, override: ContractOverride) -> InputContract:
    """The input contract that travels with the weights; an override that contradicts it is an error."""
    wanted = override.model_dump(exclude_none=True)
    known = card.input.model_dump()
    for key in wanted:
        if wanted[key] != known[key]:
            raise ModelError(
                f"{name} was trained with input.{key}={known[key]}, it cannot be measured with {wanted[key]}; leave input.{key} out"
            )
    return card.input


def _from_onnx(path: Path, override: ContractOverride) -> Recogniser:
    session, graph = _session(path), read_onnx(path)
    card = _card(path, session)
    if card:
        contract, seen, remark = _as_it_is(path, card, override), card.seen, EDITED.format(path) if is_changed(path) else ""
        taken = graph_input(session, layout=contract.layout)
    else:
        taken = graph_input(session, graph, layout=override.layout)
        (contract, remark), seen = _assumed(path, graph, taken, override), ()
    height, width = sides(contract.size)
    if any(
        side not in (None, wanted) for side, wanted in zip((taken.channels, taken.height, taken.width), (3, height, width), strict=True)
    ):
        shape = " x ".join("any" if side is None else str(side) for side in (taken.channels, taken.height, taken.width))
        raise ModelError(f"the graph of {path} takes {shape}, the input contract says 3 x {height} x {width}")
    embedder = onnx_embedder(session, contract, name=str(path))
    return Recogniser(embedder, contract, onnx_digest(path, graph), seen=seen, remark=remark)


def _assumed(path: Path, graph: Any, taken: GraphInput, override: ContractOverride) -> tuple[InputContract, str]:
    """The input contract assumed for a file of other origin, by its graph or else the ArcFace convention, and the sentence that says so."""
    height, width = taken.height or taken.width or USUAL, taken.width or taken.height or USUAL
    plain = InputContract(size=as_size(height, width), layout=taken.layout)
    itself, bytes_alone = normalisation(path, graph, taken), taken.dtype == np.uint8
    if itself is None and not bytes_alone:
        contract = override.applied(plain)
        return contract, f"{path.name} says nothing about its input: taken by the ArcFace convention as {_convention(contract)}"
    raw = plain.model_copy(update={"mean": (0.0,), "std": (1.0 if itself is None else 255 / itself.highest,)})
    agrees = all(value is None or value == known for value, known in ((override.mean, raw.mean), (override.std, raw.std)))
    if bytes_alone and not agrees:
        raise ModelError(f"{path} takes bytes, so nothing can be subtracted or divided before; leave input.mean and input.std out")
    contract = override.applied(raw if agrees else plain)
    why = f"normalises its input itself ({', '.join(itself.nodes)})" if itself else "takes bytes"
    return contract, f"{path.name} {why}: {'given' if agrees else 'yet given, since --set says so,'} {_convention(contract)}"


def _from_timm(name: str, override: ContractOverride, device: "Device") -> Recogniser:
    """A network of timm, `NAME` with its published weights or `NAME@FILE` with those of a safetensors file."""
    import timm
    from safetensors.torch import load_file
    from timm.data.config import resolve_data_config

    kind, _, weights = name.partition("@")
    if not timm.is_model(kind):
        raise ModelError(f"timm has no network {kind!r}; {nearest(kind, timm.list_models(f'{kind[:3]}*') or ['resnet18'])}")
    try:
        network = timm.create_model(kind, pretrained=not weights, num_classes=0)
        if weights:
            network.load_state_dict(load_file(weights))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"the weights of timm's {kind} cannot be read: {' '.join(str(error).split())[:200]}") from None
    own = resolve_data_config(model=network)  # type: ignore[no-untyped-call]
    mean, std = (tuple(round(255 * value, 3) for value in own[key]) for key in ("mean", "std"))
    if override.layout is not None:
        raise ModelError(f"input.layout is of ONNX files alone; leave it out with {TIMM}{name}")
    contract = override.applied(InputContract(size=as_size(*own["input_size"][1:]), mean=mean, std=std))
    digest = sha256(kind.encode())  # networks of equal weights may differ in what they do with them
    for key, value in network.state_dict().items():
        digest.update(f"{key} {tuple(value.shape)}".encode() + value.numpy().tobytes())
    where = make_fabric(device, "fp32").device
    remark = f"timm's {kind}, input by its own convention: {_convention(contract)}"
    return Recogniser(torch_embedder(network.to(where), contract, where), contract, digest.hexdigest(), remark=remark)


def _saved(path: Path) -> Recogniser:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} does not hold embeddings: {' '.join(str(error).split())[:200]}") from None
    if values.ndim != 2 or values.dtype.kind != "f" or not np.isfinite(values).all():
        raise ModelError(f"{path} must hold finite embeddings (M, D), got {values.dtype} of shape {values.shape}")
    features = values.astype(np.float32)
    return Recogniser(None, InputContract(), sha256(f"{features.shape}".encode() + features.tobytes()).hexdigest(), saved=features)


def _convention(contract: InputContract) -> str:
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (contract.mean, contract.std))
    last = ", channels last" if contract.layout == "nhwc" else ""
    return (
        f"{contract.color.upper()}, (x - {mean}) / {std}, {told_size(contract.size)}{last}; "
        "override with --set input.color=bgr, input.mean, input.std or input.size"
    )


def _session(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"no ONNX file at {path}")
    return onnx_session(path)


def _card(path: Path, session: Any) -> ModelCard | None:
    """The model card that facenas wrote into an ONNX file; None for a file of other origin."""
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    try:
        return ModelCard.model_validate_json(text) if text else None
    except ValueError:
        raise ModelError(f"{path} carries facenas metadata that this version cannot read; export it again") from None

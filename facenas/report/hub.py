"""A model's page and files as the Hugging Face hub lays them out."""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from huggingface_hub import EvalResult, ModelCardData
from huggingface_hub import ModelCard as Page

from facenas.data.faces import told_size
from facenas.errors import RunError
from facenas.files import DamagedError, read_checked_json
from facenas.training.models import ModelCard
from facenas.words import percent

RATES = {"accuracy": "accuracy", "auc": "AUC", "eer": "equal error rate"}


class Figures(NamedTuple):
    """The figures measured on one benchmark, as text for people and as rates for the front matter."""

    name: str
    figures: tuple[tuple[str, str], ...]
    rates: dict[str, float]


def measured(run: Path, card: ModelCard) -> list[Figures]:
    """The figures in the run's folder `eval` that belong to the model's weights.

    Args:
        run: Folder of the training run.
        card: The model's card, whose hash of the weights the evaluations must have.

    Raises:
        RunError: If a file of an evaluation is damaged.
    """
    found = []
    for file in sorted((run / "eval").glob("*.json")):
        try:
            content = read_checked_json(file)
        except DamagedError as error:
            raise RunError(f"{error}; run `facenas eval` again, or remove it") from None
        report = content.get(file.stem, {})
        if report.get("model_sha256", card.weights_sha256) == card.weights_sha256 and "accuracy" in report:
            rates = {key: float(report[key]) for key in RATES if isinstance(report.get(key), int | float)}
            found.append(Figures(file.stem, tuple(_told(report)), rates))
    return found


def _told(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, name in RATES.items():
        if isinstance(report.get(key), int | float):
            yield name, f"{report[key]:.4f}" if key == "auc" else percent(report[key])
    low, high = (report.get(key) or report.get(f"accuracy_{key}") for key in ("low", "high"))
    if low and high:
        yield "accuracy, 95 % interval", f"{percent(low)} to {percent(high)}"
    thresholds = report.get("threshold_at_far", {})
    for far, tar in report.get("tar_at_far", {}).items():
        if tar is not None and thresholds.get(far) is not None:
            yield f"true accept rate at FAR {far}", f"{percent(tar)}, at a cosine of {thresholds[far]:.4f}"


def page(run: Path, card: ModelCard, *, name: str, licence: str | None, onnx: Sequence[str]) -> str:
    """Make the README.md of a model: front matter that the hub reads, and the text.

    Args:
        run: Folder of the training run.
        card: Card of the run's model.
        name: Title of the page.
        licence: Identifier of the licence as the hub knows it, for example apache-2.0; None: the text says that there is none.
        onnx: Names of ONNX files beside the page.
    """
    space, architecture, benchmarks = card.space, card.architecture, measured(run, card)
    task, classes = ("image-classification", card.blueprint.dimension) if card.data else ("image-feature-extraction", 0)
    results = [
        EvalResult(
            task_type=task, dataset_type=one.name, dataset_name=one.name, metric_type=key, metric_name=RATES[key], metric_value=value
        )
        for one in benchmarks
        for key, value in one.rates.items()
    ]
    front = ModelCardData(
        model_name=name,
        license=licence,
        library_name="facenas",
        pipeline_tag=task,
        tags=["timm", "facenas", *([] if card.data else ["face-recognition"]), *(["onnx"] if onnx else [])],
        datasets=None,
        eval_results=results or None,
    )
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (card.input.mean, card.input.std))
    return str(
        Page.from_template(
            front,
            template_str=(files("facenas") / "report" / "model_card.md").read_text(encoding="utf-8"),
            name=name,
            facenas=card.facenas,
            classes=classes,
            dimension=card.blueprint.dimension,
            normalised=card.input.normalised,
            network=space.described(architecture),
            parameters=space.count_parameters(architecture),
            macs=space.macs(architecture),
            input=f"{card.input.color.upper()}, {told_size(card.input.size)}, (x - {mean}) / {std} of values from 0 to 255, "
            f"alignment: {card.input.alignment}",
            training=list(_training(run)),
            benchmarks=benchmarks,
            seen=card.seen,
            data=card.data.name if card.data else "",
            license=licence,
            onnx=onnx,
        )
    )


def _training(run: Path) -> Iterator[tuple[str, str]]:
    """Names and values of the run's settings that tell how the model was trained."""
    file = run / "config.yaml"
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (yaml.YAMLError, UnicodeDecodeError):
        raise RunError(f"{file} is not readable YAML; restore it, or remove it") from None
    for name, keys in (("trained on", ("data", "name")), ("margin head", ("head", "name")), ("epochs", ("epochs",)), ("seed", ("seed",))):
        value: Any = settings
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            yield name, str(value)

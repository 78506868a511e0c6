"""Trained models on disk. Nothing here unpickles objects: weights are tensors and nothing else."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from facenas import __version__
from facenas.backbones import Architecture, Blueprint, Builder
from facenas.data import SOURCES, ClassSource, Fingerprint, InputContract
from facenas.data.looks import Looks
from facenas.errors import ModelError, in_short
from facenas.files import CHECKSUM, DamagedError, read_checked_json, replacing, write_checked_json
from facenas.registry import OneOf
from facenas.settings import Section

MODEL, WEIGHTS = "model.json", "model.safetensors"


class Seen(Section):
    """Whom a face network was trained on or selected by, so that no evaluation uses these people again."""

    dataset: str = Field(description="Data set in which the names are unique.")
    identities: tuple[str, ...] = Field(description="Names of the people in the training and validation photographs.")
    looks: tuple[Looks, ...] = Field((), description="How these photographs look: they are known again wherever they lie.")


class ModelCard(Section):
    """The content of `model.json`: everything about a trained network but its weights."""

    architecture: Architecture = Field(description="What was trained.")
    space: Builder = Field(description="The space that builds it.")
    input: InputContract = Field(description="What the network expects of an image.")
    seen: tuple[Seen, ...] = Field((), description="People it was searched, trained or selected on, per data set.")
    data: Annotated[ClassSource, OneOf(SOURCES, ClassSource)] | None = Field(
        None, description="Data set of a classifier, wherever it lies."
    )
    trained_on: tuple[Fingerprint, ...] = Field((), description="Fingerprints of the training data, without the people; see data.json.")
    metrics: dict[str, float] = Field(description="Figures of the last epoch.")
    weights_sha256: str = Field(description="Hash of the weights' file.")
    facenas: str = Field(__version__, description="Version that wrote this.")

    @model_validator(mode="before")
    @classmethod
    def _without_checksum(cls, card: Any) -> Any:
        """The file's checksum is no part of what it holds."""
        return {key: value for key, value in card.items() if key != CHECKSUM} if isinstance(card, dict) else card

    @property
    def blueprint(self) -> Blueprint:
        """Architecture and space together."""
        return Blueprint(architecture=self.architecture, space=self.space)


class Model(NamedTuple):
    """A trained network with its card."""

    network: nn.Module
    card: ModelCard


def save_model(
    run: Path,
    network: nn.Module,
    *,
    blueprint: Blueprint,
    contract: InputContract,
    metrics: dict[str, float],
    seen: tuple[Seen, ...] = (),
    data: ClassSource | None = None,
    trained_on: tuple[Fingerprint, ...] = (),
) -> ModelCard:
    """Write `model.safetensors` and `model.json` into a run folder.

    Args:
        run: Folder of the run.
        network: Trained network, without its head.
        blueprint: Architecture and space of the network.
        contract: What the network expects of an image.
        metrics: Figures to keep with the model, by name.
        seen: People that the network was trained on or selected by.
        data: Data set of a classifier, which knows its classes; None: a face network.
        trained_on: Fingerprints of the training data.

    Returns:
        The content of `model.json`.
    """
    with replacing(run / WEIGHTS) as temporary:
        temporary.write_bytes(save({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}))
    card = ModelCard(
        architecture=blueprint.architecture,
        space=blueprint.space,
        input=contract,
        seen=seen,
        data=data,
        trained_on=tuple(one.brief for one in trained_on),
        metrics=metrics,
        weights_sha256=_digest(run / WEIGHTS),
    )
    write_checked_json(run / MODEL, json.loads(card.model_dump_json()))
    return card


def load_card(run: Path) -> ModelCard:
    """Read the `model.json` of a run folder.

    Raises:
        ValueError: If it does not hold what a card has.
    """
    return ModelCard.model_validate(read_checked_json(run / MODEL, edited=True))


def load_model(path: Path) -> Model:
    """Read a trained network from its run folder, its `model.json` or its `model.safetensors`.

    Raises:
        ModelError: If a file is missing, damaged, or the two do not belong together.
    """
    if path.is_file() and path.name not in (MODEL, WEIGHTS):
        raise ModelError(f"{path} is no {MODEL} and no {WEIGHTS}; give the folder of a finished `facenas train` run")
    run = path.parent if path.name in (MODEL, WEIGHTS) else path
    for name in (MODEL, WEIGHTS):
        if not (run / name).is_file():
            raise ModelError(f"no {name} in {run}; give the folder of a finished `facenas train` run")
    try:
        card = load_card(run)
        if _digest(run / WEIGHTS) != card.weights_sha256:
            raise ModelError(f"{run / WEIGHTS} is not the file that {MODEL} was written with; train again or restore it")
        network = card.blueprint.build()
        network.load_state_dict(load_file(run / WEIGHTS))
    except (ValidationError, DamagedError, SafetensorError, RuntimeError) as error:
        raise ModelError(f"{run} does not hold a usable model: {in_short(error)}") from None
    return Model(network.eval(), card)


class FoundArchitecture(Section):
    """The content of `architecture.json`: an architecture with its space, and whom it was chosen by."""

    architecture: Architecture = Field(description="The point in the space.")
    space: Builder = Field(description="The space that builds it.")
    seen: tuple[Seen, ...] = Field((), description="People that the search used, per data set.")
    searched_on: tuple[Fingerprint, ...] = Field((), description="Fingerprints of the search's data, without the people; see data.json.")

    @property
    def blueprint(self) -> Blueprint:
        """Architecture and space together."""
        return Blueprint(architecture=self.architecture, space=self.space)

    def save(self, file: Path) -> None:
        """Write the content of `architecture.json` to a file, with a checksum."""
        write_checked_json(file, json.loads(self.model_dump_json()))


def together(*groups: tuple[Seen, ...]) -> tuple[Seen, ...]:
    """All people of several groups, one entry for each data set."""
    sets: dict[str, list[Seen]] = {}
    for seen in (one for group in groups for one in group):
        sets.setdefault(seen.dataset, []).append(seen)
    return tuple(
        Seen(
            dataset=dataset,
            identities=tuple(sorted({name for one in those for name in one.identities})),
            looks=tuple(dict.fromkeys(looks for one in those for looks in one.looks)),
        )
        for dataset, those in sets.items()
    )


def names_of(seen: Iterable[Seen]) -> dict[str, tuple[str, ...]]:
    """Names of all people that a network was trained on or selected by, per data set."""
    return {one.dataset: one.identities for one in together(tuple(seen))}


def looks_of(seen: Iterable[Seen]) -> tuple[Looks, ...]:
    """Looks of all photographs that a network was trained on or selected by."""
    return tuple(looks for one in seen for looks in one.looks)


def load_found(path: Path) -> FoundArchitecture:
    """Read an architecture from `architecture.json`, `model.json`, or a run folder that has one of them.

    Raises:
        ModelError: If there is none, or it is damaged.
    """
    places = [path] if not path.is_dir() else [path / "architecture.json", path / MODEL]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise ModelError(f"no architecture at {path}; give an architecture.json, a run folder, or a name that `facenas models` lists")
    try:
        content = read_checked_json(file, edited=True)
        return FoundArchitecture.model_validate({key: content[key] for key in FoundArchitecture.model_fields if key in content})
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{file} does not hold an architecture: {in_short(error)}") from None


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()

"""The settings of `facenas train`, and what it shares with `facenas search`: data, head, recipe."""

from math import prod
from typing import Annotated, Self

from pydantic import Field, model_validator
from torch import Tensor

from facenas.backbones import Blueprint, Builder, timm_space
from facenas.backbones.cell_places import Shape
from facenas.backbones.output import Output
from facenas.backbones.timm_space import PREFIX as TIMM
from facenas.data import (
    SOURCES,
    ClassSource,
    FaceAugmentation,
    FaceDataset,
    FaceFiles,
    FaceSet,
    FaceSource,
    Fingerprint,
    InputContract,
    Pipeline,
    development_faces,
    fingerprint_of,
    in_memory,
    in_turn,
    pixel_statistics,
    share_of_each,
    split_by_identity,
    split_stratified,
    test_names,
)
from facenas.data.faces import sides
from facenas.errors import SettingsError
from facenas.eval.settings import BenchmarkSource
from facenas.heads import Head
from facenas.heads.adaface import AdaFaceHead
from facenas.registry import OneOf
from facenas.settings import Section
from facenas.training.device import Device
from facenas.training.keeper import CheckpointSettings
from facenas.training.models import Seen
from facenas.training.recipe import Recipe
from facenas.training.tasks import ClassTask, FaceTask, Task

Source = Annotated[FaceSource | ClassSource, OneOf(SOURCES)]


class TaskSettings(Section):
    """Data, objective and recipe."""

    data: Source = Field(description="Where the images come from.")
    validation_share: float = Field(0.25, ge=0, lt=1, description="Held out of the training data: a share of people, or of each class.")
    head: Head = Field(AdaFaceHead(), description="Margin head; faces only.")
    sample_rate: float | None = Field(
        None, gt=0, le=1, description="Spread the class centres over the devices and meet this share of them in a step (Partial FC); faces."
    )
    recipe: Recipe = Field(Recipe(), description="How to train.")
    face_augmentation: FaceAugmentation | None = Field(None, description="AdaFace's changes of training faces, by worker processes.")
    augmentation: Pipeline | None = Field(
        None,
        description="Your own changes of training faces, a pipeline of albumentations, after AdaFace's: augmentation.file=pipeline.yaml.",
    )
    workers: int | None = Field(None, ge=0, description="Processes that read faces, on each device; null: its share of the cores.")
    memory_gb: float = Field(4.0, ge=0, description="Faces that need no more, decoded, are kept in memory; 0: always read when needed.")
    seed: int = Field(0, description="Seed of everything random but the choice of the test people.")
    device: Device = Field("auto", description="Where to train.")

    @model_validator(mode="after")
    def _one_scaler(self) -> Self:
        if self.sample_rate is not None and self.recipe.precision == "fp16":
            raise ValueError("sample_rate and recipe.precision=fp16 do not go together: two optimisers cannot share a loss scale; use bf16")
        return self

    def task(self, space: Builder, *, on_test: bool = False, fraction: float = 1.0) -> Task:
        """Load the training data and cut the validation split from it.

        Args:
            space: The space that builds the networks.
            on_test: Train on all of it and validate on the test set, as the published search did.
            fraction: Share of every class's, or every identity's, training images to keep.

        Raises:
            DataError: If the data is missing or does not fit.
            SettingsError: If the space is not made for such data.
        """
        if isinstance(self.data, ClassSource):
            if named := [name for name in ("face_augmentation", "augmentation") if getattr(self, name)]:
                raise SettingsError(
                    f"{named[0]} changes faces, and {self.data.name} holds none: leave it out; recipe.augmentation is for all images"
                )
            return self._class_task(space, self.data, on_test=on_test, fraction=fraction)
        if space.classes:
            raise SettingsError(
                f"faces ({self.data.name}) are searched and trained in a space that ends in an embedding, such as 'ir', got {space.name!r} "
                f"with {space.classes} classes"
            )
        if self.augmentation:
            self.augmentation.check(space.input_size)
        train, validation = self._faces(self.data, space.input_size, on_test=on_test)
        train = train.rows(share_of_each(train.identities, fraction, seed=self.seed, least=2))
        contract = InputContract(size=space.input_size)
        data = (self._fingerprint(self.data, space.input_size, on_test=on_test),)
        return self.face_task(self.kept(train), self.kept(validation) if validation else None, contract=contract, data=data)

    def face_task(
        self, train: FaceDataset, validation: FaceDataset | None, *, contract: InputContract, data: tuple[Fingerprint, ...] = ()
    ) -> FaceTask:
        """Recognising the people of these photographs, validated by other people.

        Args:
            train: Photographs to train on.
            validation: Photographs of other people; None: it is not validated.
            contract: What the network expects of an image.
            data: Fingerprints of all of them, if they are kept with the run.
        """
        return FaceTask(
            train,
            validation,
            head=self.head,
            contract=contract,
            pair_seed=self.seed,
            sample_rate=self.sample_rate,
            augmentation=in_turn(self.face_augmentation, self.augmentation),
            workers=self.workers,
            data=data,
        )

    def kept(self, faces: FaceDataset) -> FaceDataset:
        """The photographs in memory, if there is room for them."""
        return in_memory(faces) if len(faces) * prod(sides(faces.size)) * 3 <= self.memory_gb * 1e9 else faces

    def _faces(self, source: FaceSource, size: int, *, on_test: bool) -> tuple[FaceSet | FaceFiles, FaceSet | FaceFiles | None]:
        """Photographs to train on and to validate with."""
        if on_test:
            faces = source.open(size)
            test = test_names(source, faces)
            return faces.of([name for name in faces.names if name not in test]), faces.of(test)
        faces = development_faces(source, size)
        if not self.validation_share:
            return faces, None
        split = split_by_identity(faces, held_out=max(2, round(self.validation_share * len(faces.names))), seed=self.seed)
        return split.train, split.validation

    def _fingerprint(self, source: FaceSource, size: int, *, on_test: bool) -> Fingerprint:
        """What the photographs are, by their own files, whatever was decoded before."""
        own = source.model_copy(update={"decoded": False}) if "decoded" in type(source).model_fields else source
        return fingerprint_of(own.open(size) if on_test else development_faces(own, size))

    def _class_task(self, space: Builder, source: ClassSource, *, on_test: bool, fraction: float) -> ClassTask:
        images = source.load()
        size, channels = images.images.shape[1], images.images.shape[3]
        wanted = (size, channels, images.num_classes)
        if (space.input_size, space.in_channels, space.classes) != wanted:
            raise SettingsError(
                f"{source.name} needs a space that ends in classes, such as plain, space.input_size={size}, space.in_channels={channels}, "
                f"space.num_classes={images.num_classes}, got {space}"
            )
        train, validation = images, source.test() if on_test else None
        data = tuple(fingerprint_of(each) for each in (train, validation) if each)
        if self.validation_share and not on_test:
            split = split_stratified(images, share=self.validation_share, seed=self.seed)
            train, validation = split.train, split.validation
        train = train.rows(share_of_each(train.labels, fraction, seed=self.seed))
        mean, std = (tuple(round(float(value), 3) for value in values) for values in pixel_statistics(train))
        contract = InputContract(size=size, color="grey" if channels == 1 else "rgb", mean=mean, std=std)
        return ClassTask(train, validation, contract=contract, data=data)


class HandMade(Section):
    """How a network of timm becomes a face network."""

    output: Output | None = Field(None, description="Output layer; null: gdc, where the network ends in a map, else pool.")
    embedding_size: int = Field(512, ge=1, description="Embedding dimension D.")
    dropout: float = Field(0.4, ge=0, lt=1, description="Dropout before the embedding layer, a fraction.")
    pretrained: bool = Field(False, description="Begin with the weights that timm publishes, or those of timm:NAME@FILE.")


class Validation(Section):
    """Cross-validation over people."""

    folds: int | None = Field(
        None, ge=2, description="Train so many networks, each validated by its own share of the people, then one of everybody; faces."
    )


class TrainSettings(TaskSettings):
    """Settings of `facenas train`."""

    validation: Validation = Field(Validation(), description="Cross-validation, instead of validation_share.")

    architecture: str = Field(description="A name of the zoo, an architecture.json, a search run's folder, or timm:NAME.")
    timm: HandMade = Field(HandMade(), description="Where the architecture is timm:NAME.")
    input_size: int | None = Field(None, ge=16, description="Image side in pixels; null: the architecture file's, 112 for timm:NAME.")
    num_classes: int | None = Field(None, ge=2, description="Classes of another data set than the search's; null: the architecture file's.")
    shape: Shape | None = Field(None, description="What is around cells; null: the architecture file says it.")
    depth: int | None = Field(None, ge=3, description="Cells of a network; null: the architecture file's.")
    channels: int | None = Field(None, ge=4, description="Of a node of the first cell; null: the architecture file's.")
    auxiliary: bool | None = Field(None, description="Whether a network of cells has its second head; null: the architecture file says it.")
    drop_path: float | None = Field(None, ge=0, lt=1, description="Of a network of cells; null: the architecture file's.")
    epochs: int = Field(26, ge=1, description="Training epochs.")
    care: CheckpointSettings = Field(CheckpointSettings(), description="How a long run is looked after.")
    watch: tuple[BenchmarkSource, ...] = Field((), description="Benchmarks measured with each validation, which choose nothing; faces.")

    @model_validator(mode="after")
    def _of_timm(self) -> Self:
        if self.timm.pretrained and not self.timm_name:
            raise ValueError(f"timm.pretrained is for architectures of timm, timm:NAME, which {self.architecture} is not")
        return self

    @property
    def timm_name(self) -> tuple[str, str] | None:
        """Name of a network of timm and the file of its weights, if the architecture is `timm:NAME` or `timm:NAME@FILE`."""
        if not self.architecture.startswith(TIMM):
            return None
        name, _, file = self.architecture.removeprefix(TIMM).partition("@")
        return name, file

    def of_everybody(self) -> "TrainSettings":
        """The same settings with nobody held out to validate."""
        return self.model_copy(update={"validation_share": 0.0, "care": self.care.model_copy(update={"validate_every_epochs": 0})})

    def hand_made(self, name: str) -> Blueprint:
        """A network of timm for these data: a face network, or a classifier of so many classes.

        Args:
            name: Name of the network in timm.

        Raises:
            ModelError: If timm cannot build it for such images.
        """
        if isinstance(self.data, ClassSource):
            images = self.data.load()
            size, channels = images.images.shape[1], images.images.shape[3]
            space = timm_space(name, input_size=size, in_channels=channels, num_classes=images.num_classes)
        else:
            options = self.timm.model_dump(exclude={"pretrained"}, exclude_none=True)
            space = timm_space(name, input_size=self.input_size or 112, **options)
        return Blueprint(architecture=space.start(), space=space)

    def initial(self, space: Builder) -> dict[str, Tensor] | None:
        """Weights to begin with, where they are not drawn.

        Raises:
            ModelError: If they cannot be had.
        """
        if not self.timm_name or not (self.timm.pretrained or self.timm_name[1]):
            return None
        return space.published_weights(self.timm_name[1] or None)


def seen_by(task: Task) -> tuple[Seen, ...]:
    """The people and photographs that a network of this task was trained on or selected by; empty for classifiers."""
    return (Seen(dataset=task.dataset, identities=task.seen, looks=(task.looks,)),) if isinstance(task, FaceTask) else ()

"""Every preset that ships loads."""

import pytest

from facenas.eval.settings import EvalSettings
from facenas.search import SearchSettings
from facenas.search.studies import InitialisationSettings, OverfittingSettings, RandomSettings, RankingSettings, RewardSettings
from facenas.settings import Section, load, presets
from facenas.training.recipe import Recipe
from facenas.training.settings import TrainSettings

SCHEMAS: dict[str, type[Section]] = {"search": SearchSettings, "train": TrainSettings, "eval": EvalSettings}


@pytest.mark.parametrize(("command", "name"), [(command, name) for command in SCHEMAS for name in presets(command)])
def test_preset_loads(command: str, name: str) -> None:
    settings = load(SCHEMAS[command], command=command, preset=name)
    assert load(SCHEMAS[command], command=command, preset=name).model_dump() == settings.model_dump()


SHAPES = {"digits": (8, 1, 10), "cifar10": (32, 3, 10), "cifar100": (32, 3, 100), "emnist": (32, 1, 47)}  # side, channels, classes
SHAPES |= dict.fromkeys(("mnist", "fashionmnist", "kmnist"), (32, 1, 10))


@pytest.mark.parametrize("name", presets("search"))
def test_a_space_fits_the_images_of_its_preset(name: str) -> None:
    settings = load(SearchSettings, command="search", preset=name)
    space = settings.space
    if settings.data.name in SHAPES:
        side, *others = SHAPES[settings.data.name]
        assert space.input_size == getattr(settings.data, "size", side)
        assert [space.in_channels, getattr(space, "num_classes", None)] == others
    else:
        assert getattr(space, "num_classes", None) is None


@pytest.mark.parametrize("schema", SCHEMAS.values())
def test_every_field_is_described(schema: type[Section]) -> None:
    undescribed = [name for name, field in schema.model_fields.items() if not field.description]
    assert undescribed == []


STUDIES: dict[str, type[Section]] = {
    "ranking": RankingSettings,
    "random": RandomSettings,
    "initialisation": InitialisationSettings,
    "reward": RewardSettings,
    "overfitting": OverfittingSettings,
}


@pytest.mark.parametrize("name", [name + suffix for name in STUDIES for suffix in ("", "-paper")])
def test_study_preset_loads(name: str) -> None:
    schema = STUDIES[name.removesuffix("-paper")]
    assert schema.model_validate(load(schema, command="study", preset=name).model_dump())


def test_every_study_has_its_two_presets() -> None:
    assert sorted(presets("study")) == sorted(name + suffix for name in STUDIES for suffix in ("", "-paper"))


@pytest.mark.parametrize("schema", STUDIES.values())
def test_every_field_of_a_study_is_described(schema: type[Section]) -> None:
    test_every_field_is_described(schema)


SETS = ("cifar10", "cifar100", "fashionmnist", "emnist", "kmnist")


@pytest.mark.parametrize("size", ["tiny", "mobile"])
@pytest.mark.parametrize("data", SETS)
def test_searches_have_the_papers_settings(data: str, size: str) -> None:
    """EGNAS, section 4.1, and what its published code adds."""
    settings = load(SearchSettings, command="search", preset=f"{data}-{size}")
    strategy = settings.strategy.model_dump()
    assert (strategy["max_width"], strategy["min_width"], strategy["width_step"]) == ({"tiny": 64, "mobile": 128}[size], 16, 2)
    assert (strategy["min_depth"], strategy["max_depth"], strategy["macro_epochs"], strategy["micro_epochs"]) == (10, 100, 10, 2)
    assert (strategy["depth_gain"], strategy["depth_drop"], strategy["patience"], strategy["params_slack"]) == (0.001, 0.0005, 3, 10_000)
    trained_as_published(settings.recipe, data)


@pytest.mark.parametrize("data", SETS)
def test_final_trainings_have_the_papers_settings(data: str) -> None:
    settings = load(TrainSettings, command="train", preset=f"{data}-600")
    assert settings.epochs == 600 and settings.validation_share == 0
    trained_as_published(settings.recipe, data)


def trained_as_published(recipe: Recipe, data: str) -> None:
    assert (recipe.lr, recipe.momentum, recipe.weight_decay, recipe.decay, recipe.clip_norm) == (0.025, 0.9, 3e-4, "all", 5)
    assert (recipe.batch_size, recipe.schedule.name, recipe.lr_warmup_epochs) == (64, "cosine", 0)
    augmentation = recipe.augmentation
    assert (augmentation.cutout, augmentation.cutout_side * 32) == (1, 16)
    assert augmentation.crop_padding == (4 if data.startswith("cifar") else 2)  # black pixels around 28x28 are two of its four
    assert augmentation.flip == (0 if data in ("emnist", "kmnist") else 0.5)

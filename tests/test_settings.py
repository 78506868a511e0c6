"""Overrides in any order and under any choice: each value finds its place, or is refused."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from facenas.errors import SettingsError
from facenas.search import SearchSettings
from facenas.search.studies import RandomSettings
from facenas.settings import load
from facenas.training.settings import TrainSettings


def searched(*overrides: str, preset: str = "quickstart") -> SearchSettings:
    return load(SearchSettings, command="search", preset=preset, overrides=overrides)


def of(settings: Any, *keys: str) -> list[Any]:
    return [getattr(settings, key) for key in keys]


@pytest.mark.parametrize("order", permutations(["head.margin=0.2", "head.name=cosface", "head.scale=8"]))
def test_a_value_before_or_after_its_choice_is_the_same(order: tuple[str, ...]) -> None:
    assert of(searched(*order).head, "name", "margin", "scale") == ["cosface", 0.2, 8]


@pytest.mark.parametrize("order", permutations(["strategy.schedule.period_epochs=7", "strategy.schedule.name=sgdr", "strategy.name=nar"]))
def test_choices_below_choices(order: tuple[str, ...]) -> None:
    settings = searched(*order, "space.name=refined", "space.base=ir18")
    assert of(settings.strategy.schedule, "name", "period_epochs") == ["sgdr", 7]  # type: ignore[union-attr]


def test_a_study_s_search_is_overridden_alike() -> None:
    given = ["search.head.margin=0.2", "search.head.name=cosface", "search.strategy.max_depth=12", "search.strategy.name=random"]
    search = load(RandomSettings, command="study", preset="random", overrides=[*given, "search.budget.trials=2"]).search
    assert of(search.head, "name", "margin") == ["cosface", 0.2]
    assert of(search.strategy, "name", "max_depth") == ["random", 12]


def test_another_strategy_keeps_the_bounds_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    settings = searched("strategy.name=random", "budget.trials=3", "strategy.min_width=12")
    bounds = of(settings.strategy, "min_depth", "max_depth", "min_width", "max_width", "width_step")
    assert bounds == [10, 16, 12, 16, 4]
    assert caplog.messages == [
        "strategy.name=random instead of dynamic_ranking keeps max_depth=16, max_width=16, width_step=4 "
        "and drops patience=1, micro=False, which it has not"
    ]


def test_a_written_configuration_says_no_more_than_its_preset(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It spells out the defaults too, which nobody has chosen."""
    import yaml

    (tmp_path / "config.yaml").write_text(yaml.safe_dump(searched().model_dump(mode="json")))
    again = searched("strategy.name=tpe", "budget.trials=3", "head.name=subcentre_arcface", preset=str(tmp_path / "config.yaml"))
    assert again.strategy == searched("strategy.name=tpe", "budget.trials=3").strategy
    assert of(again.head, "subcentres", "scale", "margin") == [3, 16, 0.5]
    assert "subcentres" not in caplog.text


def test_another_space_keeps_the_size_of_images() -> None:
    assert of(searched("space.name=refined", "space.base=ir18").space, "input_size", "embedding_size") == [64, None]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["strategy.macro_epochs=3", "strategy.name=random", "budget.trials=1"], "unknown setting strategy.random.macro_epochs"),
        (["strategy.name=random", "strategy.macro_epochs=3", "budget.trials=1"], "unknown setting strategy.random.macro_epochs"),
        (["strategy={name: random, macro_epochs: 3}", "budget.trials=1"], "unknown setting strategy.random.macro_epochs"),
        (["strategy={name: random, patience: 3}", "strategy.name=tpe", "budget.trials=1"], "unknown setting strategy.tpe.patience"),
        (["strategy.foo=1"], "unknown setting strategy.dynamic_ranking.foo"),
        (["recipe.augmentation.flop=1"], "unknown setting recipe.augmentation.flop; did you mean 'flip'?"),
        (["head.name=arkface"], "unknown head 'arkface'; did you mean 'arcface'?"),
        (["strategy=random"], "strategy is a group of settings such as strategy.name=dynamic_ranking, got 'random'"),
        (["limits=null"], "limits is a group of settings such as limits.parameters, got None"),
        (["limits=5"], "limits is a group of settings such as limits.parameters, got 5"),
        (["limits=null", "limits.macs=5"], "--set limits gives a value and --set limits.macs a setting below it"),
        (["limits.macs=5", "limits=null"], "--set limits gives a value and --set limits.macs a setting below it"),
        (["recipe.lr.most=1"], "'lr' is a value and has no settings below it"),
        (["seed.first=1"], "seed is a value and has no settings below it, got seed.first"),
        (["limits.macs.most=1"], "limits.macs is a value and has no settings below it, got limits.macs.most"),
    ],
)
def test_a_value_without_a_place_is_refused(overrides: list[str], sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        searched(*overrides)
    assert sentence in str(refused.value)


def test_of_equal_paths_the_last_counts() -> None:
    settings = searched("seed=1", "head.name=arcface", "head.margin=0.1", "seed=2", "head.name=cosface", "head.margin=0.2")
    assert [settings.seed, settings.head.name, settings.head.margin] == [2, "cosface", 0.2]  # type: ignore[union-attr]


def test_a_section_given_as_a_whole_forgets_the_preset_s_whatever_the_order() -> None:
    whole, below = "strategy={name: random, max_depth: 12}", "strategy.epochs=5"
    for order in ([whole, below], [below, whole]):
        assert of(searched(*order, "budget.trials=1").strategy, "max_depth", "max_width", "epochs") == [12, 64, 5]


def test_of_two_whole_sections_the_last_counts() -> None:
    settings = searched("strategy={name: random, max_depth: 12}", "strategy={name: tpe, startup: 3}", "budget.trials=1")
    assert of(settings.strategy, "name", "max_depth", "startup") == ["tpe", 100, 3]


def test_what_is_not_named_is_set_where_its_default_is() -> None:
    """The head of a file that names none, and a section that is null."""
    settings = load(TrainSettings, command="train", preset="digits", overrides=["head.margin=0.3", "face_augmentation.crop=0.1"])
    assert of(settings.head, "name", "margin") == ["adaface", 0.3]
    assert settings.face_augmentation


def test_a_file_on_top_of_a_preset_chooses_alike(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("base: quickstart\nstrategy: {name: random, max_width: 12}\nbudget: {trials: 2}\nhead: {name: cosface}\n")
    settings = searched(preset=str(file))
    assert of(settings.strategy, "max_depth", "max_width") == [16, 12]
    assert of(settings.head, "name", "margin", "scale") == ["cosface", 0.4, 16]
    assert "strategy.name=random instead of dynamic_ranking keeps max_depth=16" in caplog.text


def test_a_choice_that_was_left_open_keeps_its_values(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("base: digits\nhead: {margin: 0.2}\n")
    assert of(searched("head.name=cosface", preset=str(file)).head, "name", "margin") == ["cosface", 0.2]

"""The annealing of AllegroNAS, equation 8, against values by hand."""

import math
from itertools import pairwise

import pytest

from facenas.training.recipe import Recipe
from facenas.training.schedule import Cosine, ExponentialCosine, PrintedExponentialCosine


def rates(recipe: Recipe, epochs: int = 90) -> list[float]:
    return [recipe.learning_rate(epoch, epochs) for epoch in range(epochs + 1)]


PRINTED = Recipe(lr=0.025, schedule=PrintedExponentialCosine())
EVIDENT = Recipe(lr=0.025, schedule=ExponentialCosine(least=0.04))


def test_equation_8_as_printed_by_hand() -> None:
    """0.001 + 0.024 (exp(0.012 (1 + cos)) - 1) / (e - 1)."""
    curve = rates(PRINTED)
    assert curve[0] == pytest.approx(0.001 + 0.024 * (math.exp(0.024) - 1) / (math.e - 1), rel=1e-12)
    assert curve[0] == pytest.approx(0.00133928, abs=1e-8)
    assert curve[30] == pytest.approx(0.00125369, abs=1e-8)  # cos(60 degrees) = 1/2: exp(0.018)
    assert curve[45] == pytest.approx(0.00116862, abs=1e-8)  # exp(0.012)
    assert curve[90] == 0.001


def test_the_evident_reading_by_hand() -> None:
    curve = rates(EVIDENT)
    assert curve[0] == pytest.approx(0.025, rel=1e-12)
    assert curve[30] == pytest.approx(0.001 + 0.024 * (math.exp(0.75) - 1) / (math.e - 1), rel=1e-12)
    assert curve[45] == pytest.approx(0.01006097, abs=1e-8)  # (sqrt(e) - 1) / (e - 1) = 0.377541
    assert curve[90] == pytest.approx(0.001, rel=1e-12)


@pytest.mark.parametrize("recipe", [PRINTED, EVIDENT], ids=["printed", "evident"])
def test_it_falls_all_the_way_to_the_least_rate(recipe: Recipe) -> None:
    curve = rates(recipe)
    assert all(after < before for before, after in pairwise(curve))
    assert curve[-1] == pytest.approx(0.001, rel=1e-12)


def test_the_evident_reading_lies_below_the_cosine_and_the_printed_one_is_nearly_a_small_cosine() -> None:
    cosine = [0.001 + 0.024 * Cosine().factor(epoch, 90) for epoch in range(91)]
    assert all(a < b for a, b in zip(rates(EVIDENT)[1:-1], cosine[1:-1], strict=True))
    for lr in (0.025, 0.1):  # common rates: it stays within 7 % of the rate asked for, and within 6 % of a cosine of its own height
        curve = rates(Recipe(lr=lr, schedule=PrintedExponentialCosine(lr_max=lr, lr_min=0.0)))
        assert max(curve) < 0.07 * lr
        assert all(value == pytest.approx(curve[0] * Cosine().factor(epoch, 90), rel=0.06, abs=1e-9) for epoch, value in enumerate(curve))


def test_only_at_a_span_of_1_do_both_readings_agree() -> None:
    printed, evident = PrintedExponentialCosine(lr_max=1.0, lr_min=0.0), ExponentialCosine()
    assert all(printed.factor(epoch, 90) == pytest.approx(evident.factor(epoch, 90), abs=1e-12) for epoch in range(91))


def test_a_formula_of_other_rates_is_refused() -> None:
    with pytest.raises(ValueError, match=r"schedule.lr_max must equal lr"):
        Recipe(lr=0.1, schedule=PrintedExponentialCosine())

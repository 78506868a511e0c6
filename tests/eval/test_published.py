"""The paper's own averages follow from the rates that were copied."""

import pytest

from facenas.eval.published import BENCHMARKS, PUBLISHED


@pytest.mark.parametrize(("row", "average"), zip(PUBLISHED, (92.72, 93.62, 94.13, 94.45), strict=True))
def test_averages_of_table_6(row, average) -> None:  # type: ignore[no-untyped-def]
    mean = 100 * sum(row.rates[name] for name in BENCHMARKS[:5]) / 5
    assert mean == pytest.approx(average, abs=0.011)

"""What every face benchmark promises."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from facenas.data.faces import Size, sides
from facenas.errors import DataError
from facenas.eval.benchmark import Benchmark, BenchmarkSection, Conditions, Result
from facenas.eval.embed import Embeddings
from facenas.eval.result_table import table_of
from facenas.testing.members import check_settings, each


class BenchmarkContract:
    """Tests of a benchmark; a subclass whose name begins with Test names the settings, and pytest does the rest.

        class TestMine(facenas.testing.BenchmarkContract):
            settings = Mine(root="tests/mine")

    Attributes:
        settings: Settings of the benchmark, or several; their files must be there, or `placed` writes them.
        size: Side of an image in pixels, or height and width.
    """

    settings: BenchmarkSection | Sequence[BenchmarkSection]
    size: Size = 112

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test that takes `member` with each of the settings."""
        each(metafunc, "member", self.settings)

    def placed(self, member: BenchmarkSection, folder: Path) -> BenchmarkSection:
        """The settings of files that lie in a folder, which a subclass may write there first.

        Args:
            member: Settings of the benchmark that are tried.
            folder: An empty folder.
        """
        return member

    def test_its_settings_have_a_name_and_survive_json(self, member: BenchmarkSection) -> None:
        """The settings can be chosen by `data.name`, and kept with a result."""
        check_settings(member)

    def test_its_pictures_are_as_the_model_wants_them(self, member: BenchmarkSection, tmp_path: Path) -> None:
        """Pictures are RGB of 8 bits at the size that is asked for; a second opening gives the same.

        Args:
            member: Settings of the benchmark.
            tmp_path: Empty folder of the test.
        """
        first, second = (self._opened(member, tmp_path) for _ in range(2))
        assert first.pictures.count >= 2 and first.name
        assert first.pictures.stamp() == second.pictures.stamp()
        for row in (0, first.pictures.count - 1):
            image = first.pictures.image(row)
            assert image.shape == (*sides(self.size), 3) and image.dtype == np.uint8
            assert np.array_equal(image, second.pictures.image(row))

    def test_its_figures_are_rates_that_can_be_kept(self, member: BenchmarkSection, tmp_path: Path) -> None:
        """Figures can be kept in a report and shown on the screen; the same embeddings give the same figures.

        Args:
            member: Settings of the benchmark.
            tmp_path: Empty folder of the test.
        """
        benchmark = self._opened(member, tmp_path)
        result = benchmark.measure(_features(benchmark))
        report = _report(result)
        assert json.loads(json.dumps(report, allow_nan=False)) == json.loads(json.dumps(_report(benchmark.measure(_features(benchmark)))))
        assert not result.left_out, "no picture is missing"
        assert all(0 <= rate <= 1 for rate in result.rates.values())
        table = table_of(result, benchmark.name)
        assert table.rows and all(len(row) == len(table.columns) for row in table.rows)

    def test_its_decisions_and_curves_can_be_compared(self, member: BenchmarkSection, tmp_path: Path) -> None:
        """Two models can be compared question by question, and point by point of their curves.

        Args:
            member: Settings of the benchmark.
            tmp_path: Empty folder of the test.
        """
        benchmark = self._opened(member, tmp_path)
        for one, again in zip(*(benchmark.decisions(_features(benchmark)) for _ in range(2)), strict=True):
            assert one.rate and one.right.dtype == np.bool_ and len(one.right) == len(one.pairs)
            assert one.comparable(again) and max(one.pairs.first.max(), one.pairs.second.max()) < len(one.subjects)
        for points in benchmark.curves(_features(benchmark)).values():
            x, y = np.array(points, dtype=float).T
            assert (np.diff(x) >= 0).all() and (np.diff(y) >= 0).all() and 0 <= y.min() <= y.max() <= 1

    def test_a_picture_that_cannot_be_read_is_left_out_or_refused(self, member: BenchmarkSection, tmp_path: Path) -> None:
        """The embedding of such a picture, which is NaN, reaches no figure: it is left out, or an error says so in a sentence.

        Args:
            member: Settings of the benchmark.
            tmp_path: Empty folder of the test.
        """
        benchmark = self._opened(member, tmp_path)
        features = _features(benchmark)
        features[0] = np.nan
        try:
            result = benchmark.measure(features)
        except DataError:
            return
        json.dumps(_report(result), allow_nan=False)
        assert all(count > 0 for count in result.left_out.values())

    def test_saved_embeddings_of_other_pictures_are_refused(self, member: BenchmarkSection, tmp_path: Path) -> None:
        """Saved embeddings of the benchmark's own pictures are taken as they are, and those of another number of pictures are refused.

        Args:
            member: Settings of the benchmark.
            tmp_path: Empty folder of the test.
        """
        benchmark = self._opened(member, tmp_path)
        features = _features(benchmark)
        assert np.array_equal(benchmark.rows_of(features, Path("e.npy")), features)
        with pytest.raises(DataError, match="holds 1 embedding"):
            benchmark.rows_of(features[:1], Path("e.npy"))

    def test_files_that_are_not_there_are_one_sentence(self, member: BenchmarkSection, tmp_path: Path) -> None:
        """A benchmark without its files raises an error in a sentence, and `--benchmark all` knows before that they are missing.

        Args:
            member: Settings of the benchmark.
            tmp_path: Empty folder of the test.
        """
        if "root" not in type(member).model_fields:
            pytest.skip("it has no setting called root")
        nowhere = member.model_copy(update={"root": tmp_path / "nowhere"})
        assert not nowhere.present()
        with pytest.raises(DataError):
            nowhere.benchmark(Conditions(self.size, {}))

    def _opened(self, member: BenchmarkSection, folder: Path) -> Benchmark:
        there = self.placed(member, folder)
        assert there.present() is not False
        return there.benchmark(Conditions(self.size, {}))


def _features(benchmark: Benchmark) -> Embeddings:
    """Random embeddings (M, 16)."""
    return np.random.default_rng(0).normal(size=(benchmark.pictures.count, 16)).astype(np.float32)


def _report(result: Result) -> dict[str, object]:
    return asdict(result)  # type: ignore[call-overload, no-any-return]

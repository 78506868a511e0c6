"""Pictures that are missing or damaged: what needs them is left out and counted, the rest is measured as if they were never listed."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facenas.data import Pairs, open_bin, open_ijb, open_pairs, open_tinyface, write_bin
from facenas.data.faces import Images
from facenas.errors import DataError
from facenas.eval import extract, verify
from facenas.eval.benchmarks.ijb import TemplateBenchmark, ijb_benchmark
from facenas.eval.benchmarks.tinyface import tinyface_benchmark
from facenas.eval.embed import Embeddings
from facenas.eval.extraction import Features, kept
from facenas.eval.resolution import in_words, least_difference
from facenas.eval.settings import Weighting
from facenas.eval.verification import PairBenchmark, pair_benchmark
from tests.data.test_ijb import ijbc  # noqa: F401
from tests.data.test_tinyface import tinyface  # noqa: F401

rng = np.random.default_rng(0)


def embed(images: Images) -> Embeddings:
    return images.reshape(len(images), -1)[:, ::97].astype(np.float32) - 90


def embedded(benchmark: PairBenchmark | TemplateBenchmark, most_missing: float = 0.5) -> Features:
    return extract(embed, benchmark.pictures.image, benchmark.pictures.count, batch_size=3, most_missing=most_missing)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Twelve pictures of four people in 25 pairs."""
    for row in range(12):
        cv2.imwrite(str(tmp_path / f"{row}.png"), rng.integers(0, 255, (112, 112, 3), np.uint8))
    pairs = [(a, b) for a in range(12) for b in range(a + 1, 12) if a // 3 == b // 3 or b == a + 4 or b == a + 7]
    (tmp_path / "list.txt").write_text("\n".join(f"{a}.png {b}.png {int(a // 3 == b // 3)}" for a, b in pairs))
    return tmp_path / "list.txt"


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "not square"])
def test_pairs_without_a_picture_are_as_if_never_listed(listed: Path, damage: str) -> None:
    lost = listed.parent / "4.png"
    content = lost.read_bytes()
    lost.write_bytes({"empty": b"", "cut": content[:2000]}.get(damage, content))
    if damage == "gone":
        lost.unlink()
    if damage == "not square":
        cv2.imwrite(str(lost), np.zeros((20, 30, 3), np.uint8))
    images = open_pairs(listed, most_missing=0.5)
    benchmark = pair_benchmark(images, replicates=50, seed=0, most_missing=0.5)
    features = embedded(benchmark)
    found = benchmark.measure(features.values)
    assert len(features.problems) == 1
    assert "4.png" in features.problems[0]
    lines = [line for line in listed.read_text().splitlines() if "4.png" not in line.split()]
    assert found.left_out == {"pairs": 25 - len(lines)} == {"pairs": 5}
    listed.write_text("\n".join(lines))
    rest = pair_benchmark(open_pairs(listed), replicates=50, seed=0)
    wanted = rest.measure(embedded(rest).values)
    assert replace(found, left_out={}, accuracy_low=None, accuracy_high=None, tar_interval={}) == replace(
        wanted, accuracy_low=None, accuracy_high=None, tar_interval={}
    )
    assert np.array_equal(benchmark.decisions(features.values)[0].right, rest.decisions(embedded(rest).values)[0].right)
    assert benchmark.curves(features.values) == rest.curves(embedded(rest).values)


def test_how_many_may_be_missing(listed: Path) -> None:
    for row in (4, 5, 6):
        (listed.parent / f"{row}.png").write_bytes(b"")
    pictures = pair_benchmark(open_pairs(listed), replicates=0, seed=0).pictures
    assert np.flatnonzero(np.isnan(extract(embed, pictures.image, 12, most_missing=0.25).values).all(1)).tolist() == sorted(
        row for row in range(12) if Path(open_pairs(listed).photographs.place(row)).name in ("4.png", "5.png", "6.png")
    )
    with pytest.raises(DataError, match=r"^3 of the first of 12 pictures cannot be used: .*4\.png is not a readable image"):
        extract(embed, pictures.image, 12, most_missing=0.24)
    with pytest.raises(DataError, match=r"4\.png is not a readable image; repair or remove it$"):
        extract(embed, pictures.image, 12, batch_size=1)
    for file in listed.parent.glob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match="12 of the first of 12 pictures"):
        extract(embed, pictures.image, 12, most_missing=1)


def test_what_is_wrong_is_kept_with_the_embeddings(listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))
    (listed.parent / "4.png").unlink()
    benchmark = pair_benchmark(open_pairs(listed, most_missing=1), replicates=0, seed=0, most_missing=1)
    before = benchmark.pictures.stamp()
    first = kept("key", lambda: embedded(benchmark))
    again = kept("key", lambda: pytest.fail("it is computed again"))
    assert again.from_cache
    assert again.problems == first.problems != ()
    assert np.array_equal(again.values, first.values, equal_nan=True)
    cv2.imwrite(str(listed.parent / "4.png"), np.zeros((112, 112, 3), np.uint8))
    assert benchmark.pictures.stamp() != before  # what was missing and is there now is another benchmark


def test_one_kind_of_pairs_alone_is_refused_before_and_after_something_is_lost(listed: Path) -> None:
    lines = listed.read_text().splitlines()
    for label, counts in (("1", "12 genuine and 0 impostor"), ("0", "0 genuine and 13 impostor")):
        listed.write_text("\n".join(line for line in lines if line[-1] == label))
        with pytest.raises(
            DataError, match=f"list must have pairs of one person and pairs of two people to be measured, it has {counts} pairs"
        ):
            pair_benchmark(open_pairs(listed), replicates=0, seed=0)
    listed.write_text("0.png 1.png 1\n2.png 3.png 0\n")
    benchmark = pair_benchmark(open_pairs(listed), replicates=0, seed=0, most_missing=0.5)
    (listed.parent / "3.png").unlink()
    features = embedded(benchmark)
    for ask in (benchmark.measure, benchmark.decisions, benchmark.curves):
        with pytest.raises(
            DataError, match=r"list without the pictures that are missing must have .* it has 1 genuine and 0 impostor pairs"
        ):
            ask(features.values)


@pytest.mark.parametrize("count", [2, 3, 6, 9, 10, 11])
@pytest.mark.parametrize("equal", [False, True])
def test_few_pairs_make_as_many_folds(count: int, equal: bool) -> None:
    features = np.ones((2 * count, 4), np.float32) if equal else rng.normal(size=(2 * count, 4)).astype(np.float32)
    rows = np.arange(2 * count)
    pairs = Pairs(rows[::2], rows[1::2], np.arange(count) % 2 == 0)
    for replicates in (0, 1, 100):
        found = verify(features, pairs, subjects=rows, replicates=replicates)
        assert found.pairs == count
        assert count > 10 or found.accuracy == pytest.approx(found.correct / count)
        assert all(0 <= value <= 1 for value in (found.accuracy, found.exact_accuracy, found.auc, found.eer))
        assert not equal or (found.auc, found.eer) == (0.5, 0.5)


def test_which_difference_pairs_can_tell() -> None:
    assert least_difference(243, 270) == pytest.approx(1.96 * np.sqrt(2 * 0.9 * 0.1 / 270), rel=0.03)
    assert 0 < least_difference(270, 270) < 0.03
    assert least_difference(30000, 60000) < 0.006
    assert in_words(243, 270) == "270 pairs tell two networks apart whose accuracies differ by 5.2 points or more"


@pytest.mark.slow
def test_the_least_difference_covers_what_chance_does() -> None:
    n, p = 270, 0.9
    first, second = rng.binomial(n, p, 20000), rng.binomial(n, p, 20000)
    beyond = np.mean(np.abs(first - second) / n > [least_difference(int(one), n) for one in first])
    assert 0.03 < beyond < 0.06


def test_a_bin_files_damaged_entries(tmp_path: Path) -> None:
    images = [cv2.imencode(".png", rng.integers(0, 255, (112, 112, 3), np.uint8))[1].tobytes() for _ in range(8)]
    write_bin(tmp_path / "x.bin", [images[0], b"", *images[2:]], [True, False, True, False])
    benchmark = pair_benchmark(open_bin(tmp_path / "x.bin"), replicates=0, seed=0, most_missing=0.5)
    found = benchmark.measure(embedded(benchmark).values)
    assert (found.pairs, found.left_out) == (3, {"pairs": 1})


def test_ijb_pools_what_is_left(ijbc: Path) -> None:  # noqa: F811
    crops = ijbc / "IJBC" / "loose_crop"
    whole = ijb_benchmark(open_ijb(ijbc, "ijbc"), Weighting())
    features = embedded(whole).values
    (crops / "2.jpg").unlink()  # of template 1, which has two others
    some = ijb_benchmark(open_ijb(ijbc, "ijbc"), Weighting(), 0.5)
    found = some.measure(embedded(some).values)
    assert (found.pairs, found.probes, found.left_out) == (4, 2, {})
    assert found.auc != pytest.approx(-1)
    (crops / "4.jpg").unlink()  # all of template 2
    fewer = ijb_benchmark(open_ijb(ijbc, "ijbc"), Weighting(), 0.5)
    values = embedded(fewer).values
    found = fewer.measure(values)
    assert (found.pairs, found.probes, found.left_out) == (3, 2, {"pairs": 1})
    assert [len(one.right) for one in fewer.decisions(values)] == [2]
    assert set(fewer.curves(values)) == {"roc", "cmc"}
    lost = features.copy()
    lost[7] = np.nan  # template 7, in every impostor pair but one and the only probe of the second gallery
    found = whole.measure(lost)
    assert (found.pairs, found.probes, found.left_out) == (2, 1, {"pairs": 2, "probes": 1})
    lost[3] = np.nan
    with pytest.raises(DataError, match="ijbc must have pairs of one person and pairs of two people"):
        whole.measure(lost)


def test_tinyface_leaves_out_probes_and_gallery(tinyface: Path) -> None:  # noqa: F811
    folder = tinyface / "tinyface" / "Testing_Set"
    (folder / "Gallery_Match" / "12_1.jpg").unlink()
    with pytest.raises(DataError, match="1 of 4 pictures that gallery_match"):
        open_tinyface(tinyface)
    benchmark = tinyface_benchmark(open_tinyface(tinyface, most_missing=0.5), 0.5)
    values = extract(embed, benchmark.pictures.image, benchmark.pictures.count, most_missing=0.5).values
    found = benchmark.measure(values)
    assert (found.probes, found.gallery, found.left_out) == (len(benchmark.data.probes), len(benchmark.data.gallery) - 1, {"gallery": 1})
    values[0] = np.nan
    assert benchmark.measure(values).left_out == {"probes": 1, "gallery": 1}
    assert len(benchmark.decisions(values)[0].right) <= len(benchmark.data.probes) - 1
    values[benchmark.data.gallery[benchmark.data.gallery_identities >= 0]] = np.nan
    with pytest.raises(DataError, match="a probe's person must be in the gallery, which is true of none of"):
        benchmark.measure(values)

from pathlib import Path

import cv2
import numpy as np
import pytest

from facenas.data import OrlFaces
from facenas.errors import DataError
from facenas.eval.benchmarks.pair_files import VerificationFiles


def lfw_home(root: Path) -> dict[str, np.ndarray]:
    """What scikit-learn leaves, of four people with ten pictures each."""
    faces, pictures = OrlFaces().load(112), {}
    home = root / "lfw_home"
    for person in range(4):
        name = f"Person_{person}"
        (home / "lfw_funneled" / name).mkdir(parents=True)
        for number in range(10):
            picture = np.full((250, 250, 3), 30, np.uint8)
            picture[48:188, 55:195] = cv2.resize(faces.images[10 * person + number], (140, 140))
            path = home / "lfw_funneled" / name / f"{name}_{number + 1:04}.jpg"
            cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
            pictures[f"{name}/{number}"] = faces.images[10 * person + number]
    folds = "".join(f"Person_{i % 4}\t1\t{i % 9 + 2}\nPerson_{i % 4}\t3\tPerson_{(i + 1) % 4}\t{i % 9 + 1}\n" for i in range(10))
    (home / "pairs.txt").write_text("10\t1\n" + folds)
    for name in ("pairsDevTrain.txt", "pairsDevTest.txt"):
        (home / name).write_text("1\nPerson_0\t1\t2\nPerson_0\t1\tPerson_1\t1\n")
    return pictures


def test_what_scikit_learn_fetches_is_cut_out(tmp_path: Path) -> None:
    pictures = lfw_home(tmp_path)
    found = VerificationFiles(name="lfw", root=tmp_path, download=True).open(112)
    assert len(found.pairs) == 20
    assert found.pairs.same.tolist() == [True, False] * 10
    assert "the pictures are 250 x 250 pixels, so they are not aligned: the figures are not comparable" in found.remark
    first = found.photographs.image(int(found.pairs.first[0]))
    assert first.shape == (112, 112, 3)
    assert np.abs(first.astype(int) - pictures["Person_0/0"]).mean() < 3
    assert found.subjects is not None and len(set(found.subjects.tolist())) == 4


def test_without_a_network_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(**_: object) -> None:
        raise OSError("<urlopen error [Errno -3] Temporary failure in name resolution>")

    monkeypatch.setattr("sklearn.datasets.fetch_lfw_pairs", fetch)
    with pytest.raises(DataError, match=r"LFW cannot be downloaded to .*name resolution>; get lfw\.bin by other means"):
        VerificationFiles(name="lfw", root=tmp_path, download=True).open(112)
    with pytest.raises(DataError, match=r"no cfp_fp\.bin at .*with --data$"):
        VerificationFiles(name="cfp_fp", root=tmp_path / "none").open(112)

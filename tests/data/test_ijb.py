import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from facenas.data import OrlFaces, open_ijb
from facenas.data.alignment import align_face, template
from facenas.errors import DataError

rng = np.random.default_rng(0)
POINTS = rng.normal(template(112), 3, (8, 5, 2)).round(3) + np.array([11, 20])


@pytest.fixture
def ijbc(tmp_path: Path) -> Path:
    return write_ijbc(tmp_path)


def write_ijbc(tmp_path: Path) -> Path:
    """IJB-C's tree of eight crops: four templates of two people each in a gallery, and two probes."""
    faces = OrlFaces().open(150)
    (tmp_path / "IJBC" / "loose_crop").mkdir(parents=True)
    meta = tmp_path / "IJBC" / "meta"
    meta.mkdir()
    for number in range(8):
        cv2.imwrite(str(tmp_path / "IJBC" / "loose_crop" / f"{number + 1}.jpg"), faces.image(number)[:, :140, ::-1])
    numbers = [" ".join(f"{value:g}" for value in POINTS[i].ravel()) for i in range(8)]
    (meta / "ijbc_name_5pts_score.txt").write_text("".join(f"{i + 1}.jpg {numbers[i]} 0.{90 + i}\n" for i in range(8)))
    media = [(1, 10), (1, 11), (1, 11), (2, 20), (3, 30), (3, 31), (5, 50), (7, 70)]
    (meta / "ijbc_face_tid_mid.txt").write_text("".join(f"{i + 1}.jpg {t} {m}\n" for i, (t, m) in enumerate(media)))
    (meta / "ijbc_template_pair_label.txt").write_text("1 5 1\n1 7 0\n2 5 0\n3 7 1\n")
    header = "TEMPLATE_ID,SUBJECT_ID,FILENAME,FACE_X\n"
    (meta / "ijbc_1N_gallery_G1.csv").write_text(header + "1,100,img/1.jpg,3\n1,100,frames/2.png,4\n2,200,img/5.jpg,\n")
    (meta / "ijbc_1N_gallery_G2.csv").write_text(header + "3,300,img/1.jpg,3\n")
    (meta / "ijbc_1N_probe_mixed.csv").write_text(header + "7,300,img/1.jpg,3\n5,100,img/1.jpg,3\n5,100,img/9.jpg,3\n")
    return tmp_path


def test_everything_is_read(ijbc: Path) -> None:
    for root in (ijbc, ijbc / "IJBC"):
        found = open_ijb(root, "ijbc")
        assert found.names.tolist() == [f"{i + 1}.jpg".encode() for i in range(8)]
        np.testing.assert_allclose(found.points, POINTS.astype(np.float32), rtol=1e-5)
        assert found.points.dtype == found.detector_scores.dtype == np.float32
        np.testing.assert_allclose(found.detector_scores, np.arange(0.9, 0.975, 0.01), rtol=1e-6)
        assert found.template.tolist() == [1, 1, 1, 2, 3, 3, 5, 7]
        assert found.media.tolist() == [10, 11, 11, 20, 30, 31, 50, 70]
        assert found.pair_first.tolist() == [1, 1, 2, 3]
        assert found.pair_second.tolist() == [5, 7, 5, 7]
        assert found.pair_same.tolist() == [True, False, False, True]
        assert [(g.templates.tolist(), g.subjects.tolist()) for g in found.galleries] == [([1, 2], [100, 200]), ([3], [300])]
        assert (found.probes.templates.tolist(), found.probes.subjects.tolist()) == ([5, 7], [100, 300])
    assert found.remark.startswith("8 images, officially 469,375; 5 templates, officially 23,124; 4 pairs, officially 15,658,489")


def as_ijbb(ijbc: Path) -> None:
    for file in sorted((ijbc / "IJBC").rglob("ijbc_*")):
        file.rename(file.with_name(file.name.replace("ijbc", "ijbb").replace("_G", "_S")))
    (ijbc / "IJBC").rename(ijbc / "IJBB")


def test_ijbb_has_other_names(ijbc: Path) -> None:
    as_ijbb(ijbc)
    found = open_ijb(ijbc, "ijbb")
    assert (found.name, len(found.galleries[0].templates)) == ("ijbb", 2)
    assert "officially 8,010,270" in found.remark
    with pytest.raises(DataError, match="no IJBC at"):
        open_ijb(ijbc, "ijbc")


def test_crops_are_aligned_at_their_own_size(ijbc: Path) -> None:
    photographs = open_ijb(ijbc, "ijbc").photographs
    crop = cv2.cvtColor(cv2.imread(str(ijbc / "IJBC" / "loose_crop" / "3.jpg")), cv2.COLOR_BGR2RGB)
    assert crop.shape == (150, 140, 3)
    assert np.array_equal(photographs.image(2), align_face(crop, POINTS[2].astype(np.float32), 112))
    assert np.array_equal(pickle.loads(pickle.dumps(photographs)).image(2), photographs.image(2))
    assert open_ijb(ijbc, "ijbc", size=128).photographs.image(2).shape == (128, 128, 3)
    with pytest.raises(DataError, match="multiple of 112 or of 128 pixels, got 100"):
        open_ijb(ijbc, "ijbc", size=100)


def changed(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def test_pictures_that_cannot_be_aligned_are_named(ijbc: Path) -> None:
    changed(
        ijbc / "IJBC" / "meta" / "ijbc_name_5pts_score.txt", lambda text: text + "9.jpg" + " 5" * 10 + " 0.5\n10.jpg" + " nan" * 10 + " 0\n"
    )
    changed(ijbc / "IJBC" / "meta" / "ijbc_face_tid_mid.txt", lambda text: text + "9.jpg 7 71\n10.jpg 7 72\n")
    for number in (9, 10):
        (ijbc / "IJBC" / "loose_crop" / f"{number}.jpg").write_bytes((ijbc / "IJBC" / "loose_crop" / "1.jpg").read_bytes())
    photographs = open_ijb(ijbc, "ijbc").photographs
    with pytest.raises(DataError, match=r"9\.jpg: points to align must differ"):
        photographs.image(8)
    with pytest.raises(DataError, match=r"10\.jpg: points to align must be finite"):
        photographs.image(9)
    (ijbc / "IJBC" / "loose_crop" / "1.jpg").unlink()
    with pytest.raises(DataError, match=r"1\.jpg cannot be read"):
        photographs.image(0)


FILES = (
    "name_5pts_score.txt",
    "face_tid_mid.txt",
    "template_pair_label.txt",
    "1N_gallery_G1.csv",
    "1N_gallery_G2.csv",
    "1N_probe_mixed.csv",
)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named_with_its_place(ijbc: Path, file: str) -> None:
    (ijbc / "IJBC" / "meta" / f"ijbc_{file}").unlink()
    with pytest.raises(DataError, match=f"no file {ijbc}/IJBC/meta/ijbc_{file}"):
        open_ijb(ijbc, "ijbc")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("content", ["", "hello\n", "1 2\n1 2 3\n", "1.jpg 1.5 2.5\n", "1,2.5\n2,3\n", "\x00\n\x01", "1 5 2\n"])
def test_a_damaged_file_is_named(ijbc: Path, file: str, content: str) -> None:
    path = ijbc / "IJBC" / "meta" / f"ijbc_{file}"
    path.write_text("template,subject\n" + content if file.endswith("csv") else content)
    with pytest.raises(DataError, match=f"ijbc_{file} (must have|in .* must list the same)"):
        open_ijb(ijbc, "ijbc")


def test_bytes_that_are_no_text(ijbc: Path) -> None:
    for file in FILES:
        path = ijbc / "IJBC" / "meta" / f"ijbc_{file}"
        whole = path.read_bytes()
        path.write_bytes(b"\xff\xfe" + rng.bytes(200))
        with pytest.raises(DataError, match="ijbc_"):
            open_ijb(ijbc, "ijbc")
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("face_tid_mid.txt", "4.jpg", "5.jpg", "must list the same images"),
        ("template_pair_label.txt", "2 5 0", "9 5 0", "template 9 has none"),
        ("template_pair_label.txt", "2 5 0", "2 8 0", "template 8 has none"),
        ("1N_probe_mixed.csv", "7,300", "4,300", "template 4 has none"),
        ("1N_gallery_G2.csv", "3,300", "4,300", "template 4 has none"),
        ("1N_gallery_G1.csv", "1,100,frames", "1,101,frames", "gives template 1 several subjects"),
    ],
)
def test_contradictions(ijbc: Path, file: str, old: str, new: str, message: str) -> None:
    changed(ijbc / "IJBC" / "meta" / f"ijbc_{file}", lambda text: text.replace(old, new))
    with pytest.raises(DataError, match=message):
        open_ijb(ijbc, "ijbc")


def test_no_crops(ijbc: Path) -> None:
    (ijbc / "IJBC" / "loose_crop").rename(ijbc / "elsewhere")
    with pytest.raises(DataError, match=r"no folder .*loose_crop"):
        open_ijb(ijbc, "ijbc")

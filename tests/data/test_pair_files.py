import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from facenas.data import OrlFaces, in_memory, open_bin, open_pairs, write_bin
from facenas.data.benchmarks.verification_set import VerificationSet
from facenas.errors import DataError

PEOPLE = 6


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Six people of ORL with ten square pictures each."""
    return in_memory(OrlFaces().open(48).rows(np.arange(PEOPLE * 10))).images


def save(picture: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


@pytest.fixture
def lfw(tmp_path: Path, pictures: np.ndarray) -> Path:
    """LFW's tree and `pairs.txt`, two sets of three genuine and three impostor pairs."""
    for row, picture in enumerate(pictures):
        save(picture, tmp_path / "lfw" / f"Person_{row // 10}" / f"Person_{row // 10}_{row % 10 + 1:04d}.jpg")
    lines = ["2\t3"]
    for fold in (0, 1):
        lines += [f"Person_{fold + i}\t{i + 1}\t{i + 10 - 9 * (i > 0)}" for i in (0, 1, 2)]
        lines += [f"Person_{fold}\t{i + 1}\tPerson_{fold + 1 + i}\t10" for i in (0, 1, 2)]
    (tmp_path / "lfw" / "pairs.txt").write_text("\n".join(lines) + "\n")
    return tmp_path / "lfw" / "pairs.txt"


def told(found: VerificationSet) -> list[tuple[str, str, bool]]:
    """Pairs by their pictures' names."""
    pairs = zip(found.pairs.first.tolist(), found.pairs.second.tolist(), found.pairs.same.tolist(), strict=True)
    return [(Path(found.photographs.place(i)).name, Path(found.photographs.place(j)).name, same) for i, j, same in pairs]


def test_lfw_in_the_order_of_its_list(lfw: Path, pictures: np.ndarray) -> None:
    found = open_pairs(lfw, size=48)
    assert (found.name, found.count, len(found.pairs)) == ("lfw", len({name for pair in told(found) for name in pair[:2]}), 12)
    assert told(found)[:4] == [
        ("Person_0_0001.jpg", "Person_0_0010.jpg", True),
        ("Person_1_0002.jpg", "Person_1_0002.jpg", True),
        ("Person_2_0003.jpg", "Person_2_0003.jpg", True),
        ("Person_0_0001.jpg", "Person_1_0010.jpg", False),
    ]
    assert found.pairs.same.tolist() == [True] * 3 + [False] * 3 + [True] * 3 + [False] * 3
    assert found.subjects is not None
    assert ((found.subjects[found.pairs.first] == found.subjects[found.pairs.second]) == found.pairs.same).all()
    assert found.remark.startswith("12 pairs, the official lfw has 6,000")
    assert np.abs(found.photographs.image(0).astype(int) - pictures[0]).mean() < 3


@pytest.mark.parametrize(
    "change", [lambda text: text.split("\n", 1)[1], lambda text: text.replace("\t", " "), lambda text: "\ufeff" + text + "\n"]
)
def test_lfw_without_header_with_spaces_with_a_mark(lfw: Path, change: Callable[[str], str]) -> None:
    expected = told(open_pairs(lfw))
    lfw.write_text(change(lfw.read_text()), encoding="utf-8")
    assert told(open_pairs(lfw)) == expected


def test_lfw_elsewhere_and_of_another_kind(lfw: Path, tmp_path: Path) -> None:
    expected = [(a[:-4], b[:-4], same) for a, b, same in told(open_pairs(lfw.parent))]  # the folder has one list
    for file in lfw.parent.glob("*/*.jpg"):
        save(cv2.imread(str(file)), tmp_path / "aligned" / file.parent.name / f"{file.stem}.png")
        file.unlink()
    found = open_pairs(lfw, root=tmp_path / "aligned", name="mine")
    assert [(a[:-4], b[:-4], same) for a, b, same in told(found)] == expected
    assert found.name == "mine"
    (lfw.parent / "lfw").mkdir()
    with pytest.raises(
        DataError, match=r"\d+ of \d+ pictures of lfw are missing in .*: Person_0/Person_0_0001.jpg, .* and \d+ more; put them"
    ):
        open_pairs(lfw)


def test_a_list_that_announces_more_is_remarked(lfw: Path) -> None:
    lfw.write_text("10 300\n" + lfw.read_text().split("\n", 1)[1])
    assert "the list announces 6,000 pairs" in open_pairs(lfw).remark


@pytest.mark.parametrize("line", ["Person_1 1", "Person_1 1 x", "Person_1 1 Person_2", "a b c d e", "Person_1 x Person_2 3", "\x00"])
def test_a_damaged_line_is_named(lfw: Path, line: str) -> None:
    lfw.write_text(lfw.read_text() + "\n" + line + "\n")
    with pytest.raises(DataError, match=r"line 15 of .*pairs\.txt must have `name 1 2`"):
        open_pairs(lfw)


def flat(folder: Path, pictures: np.ndarray) -> list[str]:
    """CALFW's names: Person_x_0001.jpg."""
    return [save(p, folder / f"Person_{'abcdef'[i // 10]}_{i % 10 + 1:04d}.jpg").name for i, p in enumerate(pictures)]


@pytest.mark.parametrize("folder", ["aligned images", "images", "."])
def test_calfw_impostors_are_dealt_to_the_folds(tmp_path: Path, pictures: np.ndarray, folder: str) -> None:
    names = flat(tmp_path / folder, pictures)
    genuine = [(names[10 * i], names[10 * i + 1], fold) for i, fold in enumerate([1, 1, 2, 2])]
    impostor = [(names[i], names[55 - i], 0) for i in range(4)]
    (tmp_path / "pairs_CALFW.txt").write_text("".join(f"{a} {fold}\n{b} {fold}\n" for a, b, fold in genuine + impostor))
    found = open_pairs(tmp_path / "pairs_CALFW.txt")
    expected = [genuine[0], genuine[1], impostor[0], impostor[1], genuine[2], genuine[3], impostor[2], impostor[3]]
    assert told(found) == [(a, b, fold > 0) for a, b, fold in expected]
    assert found.name == "calfw"
    assert "8 pairs, the official calfw has 6,000" in found.remark
    assert "dealt to the folds" in found.remark
    assert found.subjects is not None
    assert len(set(found.subjects.tolist())) == 5


def test_cplfw_with_ones_and_zeros_stays_in_order(tmp_path: Path, pictures: np.ndarray) -> None:
    names = flat(tmp_path, pictures)
    pairs = [(names[0], names[1], 1), (names[2], names[13], 0), (names[20], names[21], 1)]
    (tmp_path / "pairs_CPLFW.txt").write_text("".join(f"{a} {label}\n{b} {label}\n" for a, b, label in pairs))
    found = open_pairs(tmp_path)
    assert told(found) == [(a, b, label == 1) for a, b, label in pairs]
    assert "dealt" not in found.remark


@pytest.mark.parametrize(
    ("text", "message"),
    [("a.jpg 1\n", "two lines for each pair, it has 1"), ("a.jpg 1\nb.jpg 0\n", "line 2 of .* the number of the line before, 'a.jpg 1'")],
)
def test_calfw_damaged(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pairs_CALFW.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        open_pairs(tmp_path / "pairs_CALFW.txt")


TABLES = {
    "commas": ("csv", "a 1/x.png,b/y, z.png,1\n".replace("b/y, z.png", '"b/y, z.png"') + 'a 1/x.png,c.png,0\n"b/y, z.png",c.png,0\n'),
    "commas and a header": ("csv", 'path1,path2,same\na 1/x.png,"b/y, z.png",True\na 1/x.png,c.png,False\n"b/y, z.png", c.png, false\n\n'),
    "tabs": ("tsv", "a 1/x.png\tb/y, z.png\t1\na 1/x.png\tc.png\t0\nb/y, z.png\tc.png\t0\n"),
    "tabs, a header and CRLF": (
        "txt",
        "first\tsecond\tlabel\r\na 1/x.png\tb/y, z.png\t1\r\na 1/x.png\tc.png\t0\r\nb/y, z.png\tc.png\t0\r\n",
    ),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_tables_of_ones_own(tmp_path: Path, pictures: np.ndarray, kind: str, elsewhere: bool) -> None:
    suffix, text = TABLES[kind]
    root = tmp_path / "other" if elsewhere else tmp_path
    for row, path in enumerate(["a 1/x.png", "b/y, z.png", "c.png"]):
        save(pictures[row], root / path)
    (tmp_path / f"pairs_of_mine.{suffix}").write_bytes(text.encode())
    found = open_pairs(tmp_path / f"pairs_of_mine.{suffix}", root=root if elsewhere else None, size=48)
    assert told(found) == [("x.png", "y, z.png", True), ("x.png", "c.png", False), ("y, z.png", "c.png", False)]
    assert (found.name, found.count, found.subjects) == ("of_mine", 3, None)
    assert np.array_equal(found.photographs.image(2), pictures[2])


def test_a_table_with_spaces_between(tmp_path: Path, pictures: np.ndarray) -> None:
    for row in range(3):
        save(pictures[row], tmp_path / f"{row}.png")
    (tmp_path / "list.txt").write_text("0.png 1.png 1\n  1.png   2.png 0\n")
    assert told(open_pairs(tmp_path / "list.txt")) == [("0.png", "1.png", True), ("1.png", "2.png", False)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no pairs"),
        ("path1,path2,same\n", "lists no pairs"),
        ("a.png,b.png,2\n", "line 1 of .* must have two paths and 0 or 1, got 'a.png,b.png,2'"),
        ("a.png,b.png,\n", "line 1 of"),
        ("a.png,b.png\n", "line 1 of"),
        ("a.png,b.png,1\nx,y,same\n", "line 2 of"),
        ("a.png,b.png,1\n\na.png\n", "line 3 of"),
        ("a.png,b.png,1\n'a,b.png,c,0\n", "line 2 of"),
        ('a.png,b.png,1\n"a,b.png,0\n', "cannot be read as a table"),
        ('a.png,b.png,1\n"a\n","b",0\n', "mend quotation marks"),
        ("hello\n", "line 1 of"),
        ("a.png,../../nowhere/b.png,1\n", "2 of 2 pictures of x are missing"),
    ],
)
def test_damaged_tables(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        open_pairs(tmp_path / "x.csv")


def test_no_list(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe\x00")
    for path, message in ((tmp_path / "none.txt", "no list of pairs"), (tmp_path / "x.txt", "no text in UTF-8"), (tmp_path, "it has none")):
        with pytest.raises(DataError, match=message):
            open_pairs(path)


@pytest.fixture
def cfp(tmp_path: Path, pictures: np.ndarray) -> Path:
    """CFP's tree: ten frontal and four profile pictures of each of six people, two folds."""
    protocol = tmp_path / "Protocol"
    lists: dict[str, list[str]] = {"F": [], "P": []}
    for person in range(PEOPLE):
        for kind, pose, count in (("F", "frontal", 3), ("P", "profile", 2)):
            for number in range(1, count + 1):
                path = f"{person + 1:03d}/{pose}/{number:02d}.jpg"
                save(pictures[10 * person + number + 3 * (kind == "P")], tmp_path / "Data" / "Images" / path)
                lists[kind].append(f"{len(lists[kind]) + 1} ../Data/Images/{path}")
    for kind, lines in lists.items():
        protocol.mkdir(exist_ok=True)
        (protocol / f"Pair_list_{kind}.txt").write_text("\n".join(lines) + "\n")
    for fold, same, different in (("01", "1,1\n5,4\n", "1,4\n4,1\n"), ("02", "9,6\n", "9,1\n"), ("10", "18,12\n", "18,1\n")):
        for kind in ("FP", "FF"):
            (protocol / "Split" / kind / fold).mkdir(parents=True)
            (protocol / "Split" / kind / fold / "same.txt").write_text(same)
            (protocol / "Split" / kind / fold / "diff.txt").write_text(different)
    return tmp_path


def test_cfp(cfp: Path) -> None:
    found = open_pairs(cfp)
    images = cfp / "Protocol" / ".." / "Data" / "Images"
    place = found.photographs.place
    listed = [(place(i), place(j)) for i, j in zip(found.pairs.first.tolist(), found.pairs.second.tolist(), strict=True)]
    assert listed[:3] == [
        (str(images / "001/frontal/01.jpg"), str(images / "001/profile/01.jpg")),
        (str(images / "002/frontal/02.jpg"), str(images / "002/profile/02.jpg")),
        (str(images / "001/frontal/01.jpg"), str(images / "002/profile/02.jpg")),
    ]
    assert found.pairs.same.tolist() == [True, True, False, False, True, False, True, False]
    assert found.remark.startswith("8 pairs, the official cfp_fp has 7,000")
    assert found.subjects is not None
    assert ((found.subjects[found.pairs.first] == found.subjects[found.pairs.second]) == found.pairs.same).all()
    assert found.photographs.image(0).shape == (112, 112, 3)
    (cfp / "Data" / "Images").rename(cfp / "aligned")
    assert "aligned" in open_pairs(cfp / "Protocol", root=cfp / "aligned").photographs.place(0)
    frontal = open_pairs(cfp, root=cfp / "aligned", name="CFP-FF")
    assert all("frontal" in frontal.photographs.place(key) for key in range(frontal.count))
    with pytest.raises(DataError, match=re.escape("pictures of cfp_fp are missing in")):
        open_pairs(cfp)


def test_cfp_damaged(cfp: Path) -> None:
    same = cfp / "Protocol" / "Split" / "FP" / "02" / "same.txt"
    for line in ("99,1", "1", "1;2"):
        same.write_text(line)
        with pytest.raises(DataError, match=r"line 1 of .*02/same\.txt must have two numbers"):
            open_pairs(cfp)
    same.unlink()
    with pytest.raises(DataError, match=r"no list of pairs at .*02/same\.txt"):
        open_pairs(cfp)
    (cfp / "Protocol" / "Pair_list_P.txt").write_text("1 picture.jpg\n")
    with pytest.raises(DataError, match="a number and a path that ends in"):
        open_pairs(cfp)


def test_pictures_must_be_square(tmp_path: Path, pictures: np.ndarray) -> None:
    save(pictures[0][:40], tmp_path / "a.png")
    save(pictures[1], tmp_path / "b.png")
    (tmp_path / "list.csv").write_text("b.png,a.png,1\n")
    found = open_pairs(tmp_path / "list.csv", size=48)
    assert found.photographs.image(0).shape == (48, 48, 3)
    with pytest.raises(DataError, match=r"a\.png is 48 x 40 pixels; an aligned face is square"):
        found.photographs.image(1)


def test_a_bin_file_is_recognised(tmp_path: Path, pictures: np.ndarray) -> None:
    images = [cv2.imencode(".png", picture)[1].tobytes() for picture in pictures[:4]]
    write_bin(tmp_path / "x.bin", images, [True, False])
    found, expected = open_pairs(tmp_path / "x.bin", name="y", size=48), open_bin(tmp_path / "x.bin", name="y", size=48)
    assert found.name == "y"
    assert np.array_equal(found.photographs.image(3), expected.photographs.image(3))

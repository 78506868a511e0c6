"""Lists of pairs as they are met: of every system, with names of every kind, with and without suffixes, in LFW's own layout."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facenas.data import OrlFaces, open_pairs
from facenas.errors import DataError
from facenas.eval.benchmarks.pair_files import VerificationFiles
from facenas.eval.benchmarks.pair_list import PairList

PAIRS = [(0, 1, True), (0, 2, False), (2, 3, True), (1, 3, False)]  # pictures 0 and 1 show one person, 2 and 3 another
NAMES = {"plain": ("Ann", "Bob"), "dots": ("m.0c7mh2", "m.03_x.jpg"), "spaces": ("Ann Lee", "Bob"), "accents": ("Zo\u00eb", "\u738b")}


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [Image.fromarray(OrlFaces().open(112).image(row)) for row in (0, 1, 10, 11)]


def tree(root: Path, pictures: list[Image.Image], names: tuple[str, str], suffix: str = ".jpg") -> list[str]:
    """`NAME/NAME_0001.jpg`, two pictures of each of two people; returns their paths without the suffix."""
    paths = [f"{names[row // 2]}/{names[row // 2]}_{row % 2 + 1:04d}" for row in range(4)]
    for path, picture in zip(paths, pictures, strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        picture.save(str(root / path) + suffix, {".jpg": "JPEG", ".png": "PNG"}[suffix.lower()])
    return paths


def lfw(names: tuple[str, str], tab: str = "\t") -> str:
    a, b = names
    rows = [(a, "1", "2"), (a, "1", b, "1"), (b, "1", "2"), (a, "2", b, "2")]
    return "\n".join(tab.join(row) for row in rows) + "\n"


def table(paths: list[str], suffix: str = ".jpg", sign: str = " ") -> str:
    return "\n".join(sign.join((paths[a] + suffix, paths[b] + suffix, str(int(same)))) for a, b, same in PAIRS) + "\n"


def read(file: Path, root: Path | None = None) -> list[tuple[int, int, bool]]:
    """The pairs by the pictures' numbers, each of which can be read."""
    found = open_pairs(file, root=root)
    for key in range(found.count):
        found.photographs.image(key)
    people = sorted({Path(found.photographs.place(key)).parent.name for key in range(found.count)})
    first = Path(found.photographs.place(0)).parent.name
    number = [
        2 * (people.index(place.parent.name) != people.index(first)) + int(place.stem[-1]) - 1
        for place in (Path(found.photographs.place(key)) for key in range(found.count))
    ]
    rows = zip(found.pairs.first.tolist(), found.pairs.second.tolist(), found.pairs.same.tolist(), strict=True)
    return [(number[a], number[b], same) for a, b, same in rows]


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".Jpg", ".png"])
@pytest.mark.parametrize("kind", NAMES)
def test_lfws_lines(tmp_path: Path, pictures: list[Image.Image], kind: str, suffix: str) -> None:
    tree(tmp_path, pictures, NAMES[kind], suffix)
    for head in ("", "2\t1\n", "2\r\n"):
        (tmp_path / "pairs.txt").write_text(head + lfw(NAMES[kind]), encoding="utf-8")
        assert read(tmp_path / "pairs.txt") == PAIRS


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.encode(),
        lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace("/", "\\").replace("\n", "\r\n").encode("utf-16"),
        lambda text: ("\n" + text.replace("\n", "  \n\n")).encode(),
    ],
    ids=["plain", "mark and CRLF", "CR", "UTF-16 and backslashes", "blank lines"],
)
@pytest.mark.parametrize("sign", [" ", "\t", ",", ";"], ids=["space", "tab", "comma", "semicolon"])
@pytest.mark.parametrize("suffix", [".jpg", "", ".PNG"], ids=["jpg", "none", "another"])
def test_tables(tmp_path: Path, pictures: list[Image.Image], written: Callable[[str], bytes], sign: str, suffix: str) -> None:
    paths = tree(tmp_path, pictures, NAMES["dots"])
    (tmp_path / "mine.txt").write_bytes(written(table(paths, suffix, sign)))
    assert read(tmp_path / "mine.txt") == PAIRS


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: ["first,second,same", *rows],
        lambda rows: [",first,second,same", *(f"{number},{row}" for number, row in enumerate(rows))],
        lambda rows: [f"{row[-1]},{row[:-2]}" for row in rows],
        lambda rows: ["same,first,second", *(f"{row[-1]},{row[:-2]}" for row in rows)],
        lambda rows: [f"{row}.0" for row in rows],
        lambda rows: [row[:-1] + {"0": "-1", "1": "1"}[row[-1]] for row in rows],
        lambda rows: [row + "," for row in rows],
        lambda rows: [row[:-1] + {"0": "False", "1": "TRUE"}[row[-1]] for row in rows],
    ],
    ids=["header", "row numbers", "label first", "header, label first", "1.0", "-1", "empty column", "words"],
)
def test_tables_as_spreadsheets_and_scripts_write_them(
    tmp_path: Path, pictures: list[Image.Image], change: Callable[..., list[str]]
) -> None:
    rows = table(tree(tmp_path, pictures, NAMES["plain"]), sign=",").splitlines()
    (tmp_path / "mine.csv").write_text("\n".join(change(rows)))
    assert read(tmp_path / "mine.csv") == PAIRS


def test_lfws_lines_with_commas(tmp_path: Path, pictures: list[Image.Image]) -> None:
    tree(tmp_path, pictures, NAMES["plain"])
    (tmp_path / "pairs.csv").write_text("name,imagenum1,imagenum2,\n" + lfw(NAMES["plain"], ",").replace("2\nAnn,1,B", "2,\nAnn,1,B"))
    assert read(tmp_path / "pairs.csv") == PAIRS


def test_paths_that_are_numbers(tmp_path: Path, pictures: list[Image.Image]) -> None:
    for row, picture in enumerate(pictures):
        picture.save(tmp_path / f"{row + 1}.jpg")
    (tmp_path / "mine.txt").write_text("1 2 1\n1 3 0\n3 4 1\n")
    found = open_pairs(tmp_path / "mine.txt")
    assert found.pairs.same.tolist() == [True, False, True]
    assert [Path(found.photographs.place(key)).name for key in range(4)] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]


def test_a_first_pair_is_never_taken_for_a_header(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("a.jpg b.jpg yes\nc.jpg d.jpg 1\n")
    with pytest.raises(DataError, match=r"line 1 of .* must have two paths and 0 or 1"):
        open_pairs(tmp_path / "mine.txt")


@pytest.mark.parametrize("line", ["Ann\t1\t" + "9" * 5000, '"Ann\t1\t2', "Ann\t1\t2\t3\t4", "x" * 200_000 + "\t1"])
def test_damaged_lines_are_one_sentence(tmp_path: Path, line: str) -> None:
    (tmp_path / "pairs.txt").write_text("Ann\t1\t2\n" + line)
    with pytest.raises(DataError, match=r"line 2 of .*pairs\.txt must have|cannot be read as a table"):
        open_pairs(tmp_path / "pairs.txt")


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_in_one_character_or_two(tmp_path: Path, pictures: list[Image.Image], listed: str, stored: str) -> None:
    names = NAMES["accents"]
    tree(tmp_path, pictures, tuple(unicodedata.normalize(stored, name) for name in names))  # type: ignore[arg-type]
    text = unicodedata.normalize(listed, lfw(names))  # type: ignore[arg-type]
    (tmp_path / "pairs.txt").write_text(text, encoding="utf-8")
    assert read(tmp_path / "pairs.txt") == PAIRS


def test_rfws_layout(tmp_path: Path, pictures: list[Image.Image]) -> None:
    tree(tmp_path / "data" / "African", pictures, NAMES["dots"])
    (tmp_path / "txts" / "African").mkdir(parents=True)
    (tmp_path / "txts" / "African" / "African_pairs.txt").write_text(lfw(NAMES["dots"]))
    assert read(tmp_path / "txts" / "African" / "African_pairs.txt") == PAIRS
    assert open_pairs(tmp_path / "txts" / "African").name == "african"


def test_cfps_lists_with_backslashes(tmp_path: Path, pictures: list[Image.Image]) -> None:
    protocol = tmp_path / "Protocol"
    for kind, pose in (("F", "frontal"), ("P", "profile")):
        (tmp_path / "Data" / "Images" / "001" / pose).mkdir(parents=True)
        pictures[0].save(tmp_path / "Data" / "Images" / "001" / pose / "01.JPG")
        protocol.mkdir(exist_ok=True)
        (protocol / f"Pair_list_{kind}.txt").write_text(f"\ufeff1 ..\\Data\\Images\\001\\{pose}\\01.jpg\r\n", encoding="utf-8")
    (protocol / "Split" / "FP" / "01").mkdir(parents=True)
    for name in ("same", "diff"):
        (protocol / "Split" / "FP" / "01" / f"{name}.txt").write_text("\ufeff1,1\r\n", encoding="utf-8")
    found = open_pairs(tmp_path)
    assert (len(found.pairs), found.photographs.image(0).shape) == (2, (112, 112, 3))


@pytest.mark.parametrize("below", ["lfw", "LFW", "lfw-deepfunneled/lfw-deepfunneled", "aligned"])
def test_lfws_own_layout(tmp_path: Path, pictures: list[Image.Image], below: str) -> None:
    tree(tmp_path / below, pictures, NAMES["plain"])
    for name in ("pairs.txt", "pairsDevTest.txt", "people.txt"):
        (tmp_path / name).write_text(lfw(NAMES["plain"]))
    source = VerificationFiles(name="lfw", root=tmp_path)
    found = source.open(112)
    assert (found.name, len(found.pairs), found.photographs.image(0).shape) == ("lfw", 4, (112, 112, 3))
    assert source.present()
    others = ("cplfw", "calfw", "cfp_fp", "agedb_30")
    assert not any(VerificationFiles.model_validate({"name": name, "root": tmp_path}).present() for name in others)


def test_a_list_of_another_benchmark_is_not_taken(tmp_path: Path, pictures: list[Image.Image]) -> None:
    paths = tree(tmp_path, pictures, NAMES["plain"])
    (tmp_path / "pairs_CALFW.txt").write_text(table(paths))
    assert VerificationFiles(name="calfw", root=tmp_path).open(112).name == "calfw"
    with pytest.raises(DataError, match=r"no cplfw\.bin at .*, nor pictures with a list of pairs; give the folder"):
        VerificationFiles(name="cplfw", root=tmp_path).open(112)
    with pytest.raises(DataError, match=r"no lfw\.bin at .*nowhere, nor pictures with a list of pairs; .*data\.download=true"):
        VerificationFiles(name="lfw", root=tmp_path / "nowhere").open(112)


def test_a_missing_first_picture_does_not_hide_the_folder(tmp_path: Path, pictures: list[Image.Image]) -> None:
    paths = tree(tmp_path / "lfw", pictures, NAMES["plain"])
    (tmp_path / "pairs.txt").write_text(lfw(NAMES["plain"]))
    (tmp_path / "lfw" / f"{paths[0]}.jpg").unlink()
    found = PairList(root=tmp_path / "pairs.txt").open(112)
    with pytest.raises(DataError, match=r"lfw/Ann/Ann_0001\.jpg cannot be read: No such file"):
        found.photographs.image(0)
    with pytest.raises(DataError, match=r"1 of 4 pictures of .* are missing in .*lfw: Ann/Ann_0001\.jpg; put them there"):
        PairList(root=tmp_path / "pairs.txt", most_missing=0).open(112)
    for path in paths[1:]:
        (tmp_path / "lfw" / f"{path}.jpg").unlink()
    with pytest.raises(DataError, match=r"4 of 4 pictures of .* are missing"):
        PairList(root=tmp_path / "pairs.txt").open(112)


@pytest.mark.parametrize(("side", "aligned"), [(250, False), (160, False), (112, True), (128, True), (224, True), (96, True)])
def test_pictures_that_are_not_aligned_are_remarked(tmp_path: Path, pictures: list[Image.Image], side: int, aligned: bool) -> None:
    paths = tree(tmp_path, [picture.resize((side, side)) for picture in pictures], NAMES["plain"])
    (tmp_path / "mine.txt").write_text(table(paths))
    said = f"the pictures are {side} x {side} pixels, so they are not aligned: the figures are not comparable with published ones"
    (tmp_path / f"{paths[0]}.jpg").write_bytes(b"")  # the next one is looked at
    assert (said in open_pairs(tmp_path / "mine.txt").remark) != aligned


def test_the_pixels_are_those_of_the_file(tmp_path: Path, pictures: list[Image.Image]) -> None:
    paths = tree(tmp_path, pictures, NAMES["plain"], ".png")
    (tmp_path / "mine.txt").write_text(table(paths, ""))
    assert np.array_equal(open_pairs(tmp_path / "mine.txt").photographs.image(1), np.asarray(pictures[1]))

import io
import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from facenas.data import (
    FaceSet,
    FolderFaces,
    ListFaces,
    OrlFaces,
    ParquetFaces,
    development_faces,
    in_memory,
    open_faces,
    share_of_each,
    split_by_identity,
)
from facenas.data.faces import of_people
from facenas.data.formats.images import decode_image
from facenas.errors import DataError

rng = np.random.default_rng(0)


def picture(side: int = 24) -> np.ndarray:
    return cv2.resize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)


def encoded(kind: str, pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six people with four photographs each."""
    for person in range(6):
        (tmp_path / "faces" / f"p{person}").mkdir(parents=True)
        for number in range(4):
            (tmp_path / "faces" / f"p{person}" / f"{number}.png").write_bytes(encoded("PNG", picture()))
    return tmp_path / "faces"


@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"progressive": True}, {"quality": 40}, {"orientation": 6}])
def test_jpeg_files_decode_as_by_pillow(options: dict[str, object]) -> None:
    pixels, exif = picture(40), Image.Exif()
    if "orientation" in options:
        exif[0x0112] = options.pop("orientation")
        pixels[:20] = 0
    data = encoded("JPEG", pixels, exif=exif, **options)
    expected = Image.open(io.BytesIO(data))
    if exif:
        expected = expected.transpose(Image.Transpose.ROTATE_270)
    assert np.array_equal(decode_image(data, 40), np.asarray(expected))
    assert np.array_equal(decode_image(memoryview(data), 40), np.asarray(expected))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1"])
def test_png_files_of_every_kind(mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(picture(20)).convert(mode).save(file, "PNG")
    assert np.array_equal(decode_image(file.getvalue(), 20), np.asarray(Image.open(file).convert("RGB")))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_is_cut_short_or_damaged_is_no_image(kind: str) -> None:
    data = encoded(kind, picture(64))
    assert decode_image(data, 64) is not None
    for cut in (0, 1, 30, len(data) // 2):
        assert decode_image(data[:cut], 64) is None
    assert decode_image(b"hello", 64) is None


def test_opencv_is_given_whole_files_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older OpenCVs fill up what is missing of a JPEG file with grey."""
    monkeypatch.setattr("facenas.data.formats.images._opencv", lambda data, decoder: np.zeros((64, 64, 3), np.uint8))
    data = encoded("JPEG", picture(64))
    assert decode_image(data, 64) is not None
    assert decode_image(data[: len(data) // 2], 64) is None


def test_nothing_but_markers_is_no_image() -> None:
    data = encoded("JPEG", picture(64))
    assert decode_image(data[:2] + data[-2:], 64) is None


@pytest.mark.extra("jpeg")
def test_the_fast_decoder_is_close_and_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facenas.data.formats.images.find_spec", lambda name: None)
    with pytest.raises(DataError, match="pip install simplejpeg"):
        OrlFaces(decoder="fast").open(16)
    monkeypatch.undo()
    data = encoded("JPEG", picture(112))
    exact, fast = decode_image(data, 112), decode_image(data, 112, decoder="fast")
    assert 0 < np.abs(exact.astype(int) - fast).max() < 40  # type: ignore[union-attr, operator]


def test_photographs_are_read_when_they_are_asked_for(folder: Path) -> None:
    (folder / "p3" / "0.png").write_bytes(b"damaged")
    faces = FolderFaces(root=str(folder)).open(16)
    assert len(faces) == 24
    assert faces.image(0).shape == (16, 16, 3)
    with pytest.raises(DataError, match=r"p3/0\.png is not a readable image"):
        faces.image(12)
    (folder / "p0" / "1.png").unlink()
    with pytest.raises(DataError, match=r"p0/1\.png cannot be read: No such file"):
        faces.image(1)
    others = faces.of(["p4", "p1"])
    assert others.identities.tolist() == [1] * 4 + [0] * 4
    assert others.place(4) == str(folder / "p4" / "0.png")
    assert in_memory(others).names == ("p4", "p1")


def test_a_share_is_cut_before_anything_is_decoded(folder: Path) -> None:
    for file in folder.glob("*/*.png"):
        file.write_bytes(b"damaged")
    faces = development_faces(FolderFaces(root=str(folder), test_people=2), 16)
    split = split_by_identity(faces, held_out=2, seed=0)
    assert len(split.train.rows(share_of_each(split.train.identities, 0.5, seed=0))) == 4


def test_people_are_found_as_one_by_one() -> None:
    names = tuple(f"n{i}" for i in range(50))
    faces = FaceSet("x", np.zeros((400, 1, 1, 3), np.uint8), rng.integers(0, 50, 400), names)
    chosen = [names[i] for i in rng.permutation(50)[:20]]
    rows, identities = of_people(faces, chosen)
    expected = [(row, chosen.index(names[i])) for row, i in enumerate(faces.identities) if names[i] in chosen]
    assert list(zip(rows.tolist(), identities.tolist(), strict=True)) == expected


def test_shares_are_drawn_identity_by_identity() -> None:
    labels = rng.integers(0, 9, 200)
    generator, kept = np.random.default_rng(4), []
    for label in range(9):
        rows = generator.permutation(np.flatnonzero(labels == label))
        kept.extend(rows[: max(2, round(0.3 * len(rows)))].tolist())
    assert share_of_each(labels, 0.3, seed=4, least=2).tolist() == sorted(kept)


def test_lists(folder: Path) -> None:
    listed = folder.parent / "list.txt"
    lines = [f"faces/p{p}/{n}.png{' ' if n else chr(9)}{10 * p}" for p in (3, 0, 1) for n in range(4)]
    listed.write_text("\n".join(lines) + "\n\n")
    faces = ListFaces(file=str(listed)).open(24)
    assert faces.names == ("0", "10", "30")
    assert faces.identities.tolist() == [2] * 4 + [0] * 4 + [1] * 4
    assert np.array_equal(faces.image(5), FolderFaces(root=str(folder)).load(24).images[1])
    listed.write_text("p0/0.png a\np1/0.png b")
    assert ListFaces(file=str(listed), root=str(folder)).load(24).names == ("a", "b")


@pytest.mark.parametrize(
    ("line", "end"),
    [
        ("p{p}\\{n}.png {label}", "\n"),
        ("faces\\..\\p{p}\\{n}.png\t{label}", "\r\n"),
        ("{row}\t{label}.000000\tp{p}/{n}.png", "\n"),
        ("{row}\t{label}\t0.5\t0.25\tp{p}/{n}.png", "\r\n"),
        ("1\tp{p}\\{n}.png\t{label}", "\n"),
        ("{row} {label}.000000 p{p}/{n}.png", "\n"),
    ],
)
def test_lists_of_other_tools_and_systems(folder: Path, line: str, end: str) -> None:
    """CASIA-WebFace's cleaned list, im2rec's with one and with several labels, InsightFace's; with and without a byte order mark."""
    (folder / "faces").mkdir()
    rows = [line.format(row=7 * p + n, p=p, n=n, label=3 * p) for p in (2, 0) for n in range(4)]
    text = end.join([*rows, ""])
    for written in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        (folder.parent / "list.lst").write_bytes(written)
        faces = ListFaces(file=str(folder.parent / "list.lst"), root=str(folder)).open(24)
        assert faces.names == ("0", "6")
        assert [Path(faces.place(row)).resolve() for row in (0, 7)] == [folder / "p2" / "0.png", folder / "p0" / "3.png"]
        assert faces.identities.tolist() == [1] * 4 + [0] * 4
        assert len(in_memory(faces)) == 8


@pytest.mark.parametrize("head", ["# people of 2024\n#\n", "path label\n", "image_path\tidentity\n", "Filename Person\n"])
def test_remarks_and_names_of_columns_are_no_photographs(folder: Path, head: str) -> None:
    (folder / "list.txt").write_text(head + "p0/0.png ann\np1/0.png person\n")
    faces = ListFaces(file=str(folder / "list.txt")).open(8)
    assert (faces.names, len(faces)) == (("ann", "person"), 2)


def test_photographs_of_nobody_are_left_out_of_a_list(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    listed = folder / "list.lst"
    listed.write_text("0\t-1.000000\tp0/0.png\n1\t4.000000\tp1/0.png\n2\t4.000000\tp1/1.png\n")
    assert ListFaces(file=str(listed)).open(8).names == ("4",)
    assert "left out 1 of 3 photographs that have no label" in caplog.text


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a 1\nb\n", "line 2 of .* got 'b'"),
        (b"", "lists no"),
        (b"# nothing\npath label\n", "lists no"),
        (b"\xff\xff", "no text in UTF-8"),
        (b"0\t1.0\ta\n1\t2\n", "line 2 of .* the columns of the first"),
    ],
)
def test_damaged_lists(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "l.txt").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        ListFaces(file=str(tmp_path / "l.txt")).open(8)


@pytest.mark.extra("parquet")
def test_parquet_as_hugging_face_has_it(folder: Path, tmp_path: Path) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    files = sorted(folder.glob("*/*.png"))
    images = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    metadata = {b"huggingface": b'{"info": {"features": {"label": {"names": ["p0", "p1", "p2", "p3", "p4", "p5"]}}}}'}
    table = arrow.table({"image": images, "label": [int(file.parent.name[1]) for file in files]}).replace_schema_metadata(metadata)
    (tmp_path / "data").mkdir()
    parquet.write_table(table[:9], tmp_path / "data" / "train-0.parquet", row_group_size=4)
    parquet.write_table(table[9:], tmp_path / "data" / "train-1.parquet", row_group_size=7)
    faces, expected = open_faces(tmp_path / "data", 24), FolderFaces(root=str(folder)).load(24)
    assert faces.names == expected.names
    assert np.array_equal(in_memory(faces).images, expected.images)
    assert np.array_equal(pickle.loads(pickle.dumps(faces)).image(20), expected.images[20])
    parquet.write_table(table.drop_columns("label"), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="needs the columns image"):
        ParquetFaces(root=str(tmp_path / "x.parquet")).open(8)


NAMES = ["anna", "ben", "carl", "dora", "emil", "fay"]


def write_parquet(file: Path, labels: object, *, images: object = None, names: list[str] | None = NAMES) -> None:
    """Rows of a photograph each, with the names of the classes as Hugging Face writes them."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    labels = labels if isinstance(labels, arrow.Array) else arrow.array(labels)
    about = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}} if names else {}
    images = images or [{"bytes": encoded("PNG", picture()), "path": None} for _ in range(len(labels))]
    file.parent.mkdir(parents=True, exist_ok=True)
    table = arrow.table({"image": images, "label": labels}).replace_schema_metadata({"huggingface": json.dumps(about)})
    parquet.write_table(table, file, row_group_size=3)


def people_of(path: Path, **settings: Any) -> list[str]:
    faces = ParquetFaces(root=str(path), **settings).open(24)
    assert len(in_memory(faces)) == len(faces)
    return [faces.names[identity] for identity in faces.identities]


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ([-1, 0, 5, -1], ["anna", "fay"]),
        ([None, 0, None, 1], ["anna", "ben"]),
        ([0.0, float("nan"), 1.0], ["anna", "ben"]),
        (["x", "", None, "y"], ["x", "y"]),
    ],
)
def test_rows_without_a_label_are_nobodys(tmp_path: Path, caplog: pytest.LogCaptureFixture, labels: list[Any], wanted: list[str]) -> None:
    write_parquet(tmp_path / "train.parquet", labels)
    assert people_of(tmp_path) == wanted
    assert f"left out {len(labels) - 2} of {len(labels)} photographs that have no label" in caplog.text


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([0, 6], "row 1 of .* has the label 6, the file names the classes 0 to 5"),
        ([0.5], "label of type float; a label is a whole number or a name"),
        ([b"a"], "label of type bytes"),
        ([[1, 2]], "label of type list"),
        ([True, False], "label of type bool"),
        ([-1, -1], "holds no photograph with a label"),
        ([], "holds no photograph with a label"),
    ],
)
def test_labels_that_name_nobody_are_refused(tmp_path: Path, labels: list[Any], sentence: str) -> None:
    write_parquet(tmp_path / "a.parquet", labels, images=[encoded("PNG", picture()) for _ in labels])
    with pytest.raises(DataError, match=sentence):
        people_of(tmp_path)


def test_images_as_bytes_and_as_paths(tmp_path: Path) -> None:
    pictures = [encoded("PNG", picture()) for _ in range(4)]
    write_parquet(tmp_path / "raw" / "a.parquet", [0, 1, 1, 0], images=pictures)
    for number, data in enumerate(pictures):
        (tmp_path / "paths").mkdir(exist_ok=True)
        (tmp_path / "paths" / f"{number}.png").write_bytes(data)
    write_parquet(tmp_path / "paths" / "a.parquet", [0, 1, 1, 0], images=[{"bytes": None, "path": f"{n}.png"} for n in range(4)])
    write_parquet(tmp_path / "texts" / "a.parquet", [0, 1, 1, 0], images=[str(tmp_path / "paths" / f"{n}.png") for n in range(4)])
    write_parquet(tmp_path / "pixels" / "a.parquet", [0], images=[[0, 1, 2]])
    raw, paths = (ParquetFaces(root=str(tmp_path / name)).load(24) for name in ("raw", "paths"))
    assert np.array_equal(raw.images, paths.images)
    assert np.array_equal(raw.images[3], decode_image(pictures[3], 24))
    with pytest.raises(DataError, match=r"stores its images as paths, and there is no .* below its folder; embed"):
        ParquetFaces(root=str(tmp_path / "texts")).open(24).image(0)
    with pytest.raises(DataError, match=r"the column image of .* is of type list"):
        ParquetFaces(root=str(tmp_path / "pixels")).open(24)


def test_shards_are_merged_by_the_names_of_their_classes(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00003.parquet", [0, 1, 1])
    write_parquet(tmp_path / "train-00001-of-00003.parquet", [], names=None)
    write_parquet(tmp_path / "train-00002-of-00003.parquet", [0, 1, 0], names=["ben", "zoe"])
    assert people_of(tmp_path) == ["anna", "ben", "ben", "ben", "zoe", "ben"]
    write_parquet(tmp_path / "train-00001-of-00003.parquet", [0], names=None)
    with pytest.raises(DataError, match=r"00001-of-00003.parquet numbers its classes, other files name them"):
        people_of(tmp_path)


def test_classes_of_one_name_in_a_file_are_not_merged(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", [0, 1, 2], names=["ann", "ann", "bob"])
    with pytest.raises(DataError, match="several classes one name"):
        ParquetFaces(root=str(tmp_path)).open(8)


def test_one_split_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number, name in enumerate(("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001", "validation")):
        write_parquet(tmp_path / "data" / f"{name}.parquet", [number] * 2)
    assert people_of(tmp_path) == ["anna", "anna", "ben", "ben"]
    assert "the split train is read, test, validation left out; --set data.split=NAME chooses another" in caplog.text
    assert people_of(tmp_path, split="test") == ["carl", "carl"]
    with pytest.raises(DataError, match="has no split 'tests'; did you mean 'test'"):
        people_of(tmp_path, split="tests")
    for file in (tmp_path / "data").glob("train*"):
        file.unlink()
    with pytest.raises(DataError, match=r"has the splits test, validation; choose one with --set data.split=NAME"):
        people_of(tmp_path)


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [0, 1] * 50)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    middle = len(data) // 3
    data[middle : middle + 4000] = bytes(4000)
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.parquet|not readable images"):
        people_of(tmp_path)
    (tmp_path / "a.parquet").write_bytes(data[:-9])
    with pytest.raises(DataError, match=r"a\.parquet is no readable Parquet file: .*; get it again"):
        people_of(tmp_path)


def test_decoded_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))
    source = FolderFaces(root=str(folder), decoded=True)
    expected = FolderFaces(root=str(folder)).load(24).images
    assert np.array_equal(source.load(24).images, expected)
    with monkeypatch.context() as without:
        without.setattr("facenas.data.face_files.decode_whole", lambda *_, **__: None)
        faces = source.open(24)
        assert np.array_equal(in_memory(faces).images, expected)
        assert len(pickle.dumps(faces)) < 3000
    cached = next((tmp_path / "cache" / "faces").glob("*.npy"))
    cached.write_bytes(cached.read_bytes()[:-1])  # cut short: made again
    assert np.array_equal(source.load(24).images, expected)
    (folder / "p0" / "0.png").write_bytes((folder / "p1" / "0.png").read_bytes())
    assert np.array_equal(source.load(24).images[0], expected[4])  # another file: decoded again


def test_a_list_means_files_in_capitals_and_of_another_kind(folder: Path, tmp_path: Path) -> None:
    for file in folder.glob("*/*.png"):
        file.rename(file.with_suffix(".PNG"))
    lines = [f"p{person}/{number}.jpg p{person}" for person in range(6) for number in range(4)]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    faces = ListFaces(file=str(tmp_path / "list.txt"), root=str(folder)).load(24)
    assert np.array_equal(faces.images, FolderFaces(root=str(folder)).load(24).images)


def test_another_librarys_mistake_in_short() -> None:
    from facenas.errors import in_short
    from facenas.training.models import Seen

    with pytest.raises(ValueError) as raised:
        Seen.model_validate({"dataset": 3, "identities": ["a"], "other": {"much": "more"}})
    assert in_short(raised.value) == "dataset: Input should be a valid string"
    assert in_short(ValueError("a\n   b")) == "a b"

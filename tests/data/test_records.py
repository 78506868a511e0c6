import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.data import FolderFaces, OrlFaces, RecordFaces, in_memory, open_faces
from facenas.data.formats.packing import pack
from facenas.data.formats.record_writer import record_bytes, write_records
from facenas.data.formats.records import MAGIC_BYTES, image_labels, open_records
from facenas.errors import DataError

MAGIC = bytes.fromhex("0a23d7ce")  # dmlc-core's 0xced7230a, little endian


def plain_record(data: bytes) -> bytes:
    """The format as dmlc-core's header describes it, restated: split at aligned magic words, three bits of flag, 29 of length."""
    parts, start = [], 0
    for at in range(0, len(data) - 3, 4):
        if data[at : at + 4] == MAGIC:
            parts.append(data[start:at])
            start = at + 4
    parts.append(data[start:])
    flags = [0] if len(parts) == 1 else [1] + [2] * (len(parts) - 2) + [3]
    padded = [part + b"\0" * ((4 - len(part) % 4) % 4) for part in parts]
    return b"".join(
        MAGIC + struct.pack("<I", flag * 2**29 + len(part)) + full for flag, part, full in zip(flags, parts, padded, strict=True)
    )


def image(label: float, content: bytes, *labels: float) -> bytes:
    return struct.pack("<IfQQ", len(labels), label, 7, 0) + struct.pack(f"<{len(labels)}f", *labels) + content


def write(path: Path, datas: list[bytes], *, keys: list[int] | None = None) -> Path:
    """A `.rec` file, with an `.idx` if keys are given."""
    records = [plain_record(data) for data in datas]
    path.write_bytes(b"".join(records))
    if keys is not None:
        offsets = [sum(map(len, records[:i])) for i in range(len(records))]
        path.with_suffix(".idx").write_text("".join(f"{key}\t{offset}\n" for key, offset in zip(keys, offsets, strict=True)))
    return path


def test_a_record_byte_by_byte() -> None:
    expected = "0a23d7ce 05000000 68656c6c6f 000000"
    assert record_bytes(b"hello") == bytes.fromhex(expected)
    split = "0a23d7ce 04000020 61626364 0a23d7ce 00000040 0a23d7ce 01000060 65000000"
    assert record_bytes(b"abcd" + MAGIC + MAGIC + b"e") == bytes.fromhex(split)
    assert record_bytes(b"a" + MAGIC) == plain_record(b"a" + MAGIC)  # not at a multiple of four: kept


pieces = st.lists(st.sampled_from([MAGIC, b"", b"a", b"bcd", MAGIC[:2], MAGIC[2:]]) | st.binary(max_size=9), max_size=8).map(b"".join)


@settings(deadline=None)  # it writes files
@given(st.lists(pieces, min_size=1, max_size=6), st.booleans())
def test_any_payload_survives(tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], indexed: bool) -> None:
    assert [record_bytes(data) for data in payloads] == [plain_record(data) for data in payloads]
    path = tmp_path_factory.mktemp("records") / "some.rec"
    records = open_records(write(path, payloads, keys=list(range(len(payloads))) if indexed else None))
    assert [bytes(records.data(i)) for i in range(len(payloads))] == payloads


@settings(deadline=None)  # it writes files
@given(st.lists(pieces.map(lambda content: content + b"!"), min_size=2, max_size=8))
def test_what_is_written_is_read_and_labelled(tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("written") / "train.rec"
    identities = [i // 2 for i in range(len(contents))]
    people = identities[-1] + 1
    assert write_records(path, zip(identities, contents, strict=True), names=["x"] * people, size=112) == len(contents)
    for indexed in (True, False):
        if not indexed:
            path.with_suffix(".idx").unlink()
        records = open_records(path)
        rows, labels = image_labels(records)
        assert labels.tolist() == identities
        assert [bytes(records.read(row)) for row in rows.tolist()] == contents


def test_insightface_layout(tmp_path: Path) -> None:
    write_records(tmp_path / "train.rec", [(0, b"a"), (0, b"b"), (1, b"c")], names=["x", "y"], size=96)
    datas = [image(0, b"", 4, 6), struct.pack("<IfQQ", 0, 0, 1, 0) + b"a", struct.pack("<IfQQ", 0, 0, 2, 0) + b"b"]
    datas += [struct.pack("<IfQQ", 0, 1, 3, 0) + b"c"]
    datas += [struct.pack("<IfQQ2f", 2, 0, 4, 0, 1, 3), struct.pack("<IfQQ2f", 2, 0, 5, 0, 3, 4)]
    datas[0] = struct.pack("<IfQQ2f", 2, 0, 0, 0, 4, 6)
    expected = write(tmp_path / "expected.rec", datas, keys=list(range(6)))
    assert (tmp_path / "train.rec").read_bytes() == expected.read_bytes()
    assert (tmp_path / "train.idx").read_text() == (tmp_path / "expected.idx").read_text()
    assert (tmp_path / "property").read_text() == "2,96,96\n"
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_a_damaged_record_of_our_own_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.rec"
    write_records(path, [(0, b"aaaa"), (0, MAGIC_BYTES * 2), (1, b"cccc")], names=["x", "y"], size=96)
    data = path.read_bytes()
    records = open_records(path)
    rows, _ = image_labels(records)
    assert [bytes(records.read(row)) for row in rows.tolist()] == [b"aaaa", MAGIC_BYTES * 2, b"cccc"]
    for photograph, row in ((b"aaaa", 1), (b"cccc", 3)):
        at = data.index(photograph)
        path.write_bytes(data[:at] + b"b" + data[at + 1 :])
        damaged = open_records(path)
        with pytest.raises(DataError, match=rf"train.rec, record {row} at byte \d+ is not what was written"):
            damaged.read(row)
        assert bytes(damaged.read(4 - row)) != photograph
        with pytest.raises(DataError, match="is not what was written"):
            pickle.loads(pickle.dumps(damaged)).read(row)
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["train.idx", "train.names.json", "train.checksums.json"])
def test_a_changed_file_beside_the_records_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "train.rec"
    write_records(path, [(0, b"aaaa"), (1, b"cccc")], names=["x", "y"], size=96)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(b"x", b"z").replace(b"1\t", b"2\t"))
    with pytest.raises(DataError, match=f"{name}.*train.checksums.json to do without|{name} holds no checksums"):
        open_records(path)
    (tmp_path / "train.checksums.json").unlink()
    assert len(open_records(path).keys) == 5


def test_checksums_of_another_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.rec"
    write_records(path, [(0, b"aaaa"), (1, b"cccc")], names=["x", "y"], size=96)
    write(path, [image(0, b"x"), image(1, b"y")], keys=[1, 2])
    path.with_suffix(".idx").unlink()
    with pytest.raises(DataError, match="2 records, and checksums of 5: a file is damaged or was replaced"):
        open_records(path)
    write_records(path, [(0, b"d")], names=["x"], size=96)
    assert len(open_records(path).keys) == 3


def test_files_without_a_header_and_with_several_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.rec", [image(3, b"x"), image(0, b"y", 5, 1.5), image(3, b"z")], keys=[8, 2, 5])
    records = open_records(path)
    rows, labels = image_labels(records)
    assert [bytes(records.read(row)) for row in rows.tolist()] == [b"y", b"z", b"x"]  # by key
    assert labels.tolist() == [5, 3, 3]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: data[:-6], "record 2 at byte 72 is cut short: the file ends at byte 102"),
        (lambda data: data[:72] + b"NOPE" + data[76:], "record 2 at byte 72 does not begin with RecordIO's magic number"),
        (lambda data: data[:76] + struct.pack("<I", 1 << 29 | 28) + data[80:], "record 2 at byte 72 is cut short"),
        (
            lambda data: data[:76] + struct.pack("<I", 2 << 29 | 28) + data[80:],
            "record 2 at byte 72 begins in the middle of a split record",
        ),
        (lambda data: data[:76] + struct.pack("<I", 3) + data[80:], "record 2 at byte 72 has 3 bytes, fewer than its header"),
        (lambda data: data[:48] + struct.pack("<f", 0.5) + data[52:], "record 1 has the label 0.5"),
        (lambda data: b"", "is empty"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[bytes], bytes], sentence: str) -> None:
    path = write(tmp_path / "a.rec", [image(0, b"abcd"), image(1, b"abcd"), image(1, b"abcd")], keys=[0, 1, 2])
    assert path.stat().st_size == 108
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=sentence):
        image_labels(open_records(path))


@pytest.mark.parametrize("label", [-1.0, 0.5, 2.0**24, float("nan"), float("inf")])
def test_labels_that_are_no_identities(tmp_path: Path, label: float) -> None:
    with pytest.raises(DataError, match="an identity's number is whole"):
        image_labels(open_records(write(tmp_path / "a.rec", [image(0, b"x"), image(label, b"x")])))


def test_an_index_that_misses_images(tmp_path: Path) -> None:
    datas = [image(0, b"", 4, 4), image(0, b"a"), image(0, b"b"), image(1, b"c")]
    path = write(tmp_path / "a.rec", datas, keys=[0, 1, 2, 3])
    assert len(image_labels(open_records(path))[0]) == 3
    index = path.with_suffix(".idx")
    index.write_text("\n".join(index.read_text().splitlines()[:3]))
    with pytest.raises(DataError, match="announces 3 images, 2 are found"):
        image_labels(open_records(path))
    beyond = [image(0, b"", 2.0**24 + 2, 2.0**24 + 2), *datas[1:]]  # float32 can no longer count: not looked at
    assert len(image_labels(open_records(write(tmp_path / "b.rec", beyond, keys=[0, 1, 2, 3])))[0]) == 3


@pytest.mark.parametrize("text", ["0 x\n", "0\t0\n1\n", "\xff", ""])
def test_a_damaged_index(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.rec", [image(0, b"x")], keys=[0])
    path.with_suffix(".idx").write_text(text)
    with pytest.raises(DataError, match=r"a\.idx is (damaged|empty)"):
        open_records(path)


def test_a_copy_for_another_process_is_small_and_reads_the_same(tmp_path: Path) -> None:
    records = open_records(write(tmp_path / "a.rec", [image(0, bytes(100_000)), image(1, b"x")]))
    assert len(records.read(0)) == 100_000  # the map is open
    copied = pickle.dumps(records)
    assert len(copied) < 2000
    assert pickle.loads(copied).read(1) == b"x"


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_records(tmp_path / "a.rec", ((1 // i, b"x") for i in (1, 0)), names=["a", "b"], size=8)
    assert not list(tmp_path.iterdir())


def test_packed_photographs_are_the_same_to_the_last_bit(tmp_path: Path) -> None:
    source = OrlFaces()
    pack(source.open(48), tmp_path / "train.rec")
    packed, loaded = RecordFaces(root=str(tmp_path)).load(48), source.load(48)
    assert np.array_equal(packed.images, loaded.images)
    assert np.array_equal(packed.identities, loaded.identities)
    assert packed.names == loaded.names


def test_files_of_the_size_are_packed_as_they_are(tmp_path: Path) -> None:
    import cv2

    (tmp_path / "faces" / "a").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for name in ("1.jpg", "2.png", "3.bmp"):
        cv2.imwrite(str(tmp_path / "faces" / "a" / name), pixels)
    faces = FolderFaces(root=str(tmp_path / "faces")).open(32)
    pack(faces, tmp_path / "a.rec")
    records = open_records(tmp_path / "a.rec")
    stored = [bytes(records.read(row)) for row in image_labels(records)[0].tolist()]
    assert stored[0] == (tmp_path / "faces" / "a" / "1.jpg").read_bytes()
    assert stored[1] == (tmp_path / "faces" / "a" / "2.png").read_bytes()
    assert np.array_equal(in_memory(open_faces(tmp_path / "a.rec", 32)).images, in_memory(faces).images)
    pack(FolderFaces(root=str(tmp_path / "faces")).open(16), tmp_path / "b.rec", encoding="jpeg")
    assert bytes(open_records(tmp_path / "b.rec").read(1))[:2] == b"\xff\xd8"

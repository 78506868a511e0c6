import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.data import open_bin, subjects_of
from facenas.data.benchmarks.pairs import Pairs
from facenas.data.formats.bin_pairs import read_bin, write_bin
from facenas.errors import DataError

rng = np.random.default_rng(0)


def test_a_damaged_byte_of_our_own_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    write_bin(file, [b"first", b"other"], [True])
    assert pickle.loads(file.read_bytes()) == ([b"first", b"other"], [True])  # as InsightFace reads it
    file.write_bytes(file.read_bytes().replace(b"other", b"ether"))
    with pytest.raises(DataError, match=r"a\.bin is damaged: its content is not what was written; get it again"):
        open_bin(file)


def drawn(kind: str = ".png", *, shape: tuple[int, int] = (112, 112)) -> bytes:
    return bytes(
        cv2.imencode(kind, np.kron(rng.integers(0, 256, (shape[0] // 8, shape[1] // 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8)))[1]
    )


PICTURES = [drawn() for _ in range(6)] + [drawn(".jpg") for _ in range(4)]
ROWS = [0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9]
SAME = [True, True, False, True, False, True]
IMAGES = [PICTURES[row] for row in ROWS]


class Python2(pickle._Pickler):  # type: ignore[name-defined]
    """Writes bytes as Python 2 wrote its `str`, and NumPy's text arguments too."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def save_str(self, value: Any) -> None:
        data = value if isinstance(value, bytes) else value.encode("latin1")
        if self.proto == 0:
            self.write(b"S" + repr(data)[1:].encode() + b"\n")
        elif len(data) < 256:
            self.write(b"U" + bytes([len(data)]) + data)
        else:
            self.write(b"T" + struct.pack("<i", len(data)) + data)
        self.memoize(value)

    dispatch[bytes] = save_str
    dispatch[str] = save_str


def python2_pickle(value: Any, protocol: int) -> bytes:
    file = io.BytesIO()
    Python2(file, protocol).dump(value)
    return file.getvalue()


def old_array(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(shape).copy()


WRITERS: dict[str, Callable[[], bytes]] = {
    **{f"bytes, protocol {p}": (lambda p=p: pickle.dumps((IMAGES, SAME), p)) for p in range(6)},
    **{f"arrays, protocol {p}": (lambda p=p: pickle.dumps(([old_array(i, (-1,)) for i in IMAGES], SAME), p)) for p in range(6)},
    "columns": lambda: pickle.dumps(([old_array(i, (-1, 1)) for i in IMAGES], SAME), 2),
    "arrays that cannot be written to": lambda: pickle.dumps(([np.frombuffer(i, np.uint8) for i in IMAGES], SAME), 5),
    "NumPy's booleans": lambda: pickle.dumps((IMAGES, [np.bool_(s) for s in SAME]), 4),
    "a row of booleans": lambda: pickle.dumps((IMAGES, np.array(SAME)), 4),
    "integers in a tuple": lambda: pickle.dumps((tuple(IMAGES), tuple(int(s) for s in SAME)), 3),
    "a list of two": lambda: pickle.dumps([IMAGES, SAME], 4),
    **{f"Python 2, protocol {p}": (lambda p=p: python2_pickle((IMAGES, SAME), p)) for p in range(3)},
    **{f"Python 2's arrays, protocol {p}": (lambda p=p: python2_pickle(([old_array(i, (-1,)) for i in IMAGES], SAME), p)) for p in (1, 2)},
    "floats": lambda: pickle.dumps((IMAGES, [float(s) for s in SAME]), 4),
    "floats of Python 2": lambda: pickle.dumps((IMAGES, [float(s) for s in SAME]), 0),
    **{f"a row of {kind}": (lambda kind=kind: pickle.dumps((IMAGES, np.array(SAME, kind)), 4)) for kind in ("i8", "f8", "f4", "i4")},
    **{f"NumPy's {kind}": (lambda kind=kind: pickle.dumps((IMAGES, list(np.array(SAME, kind))), 2)) for kind in ("i8", "f8")},
    "NumPy 1": lambda: pickle.dumps(([old_array(i, (-1,)) for i in IMAGES], SAME), 2).replace(b"numpy._core", b"numpy.core"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_way_of_writing_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "lfw.bin"
    path.write_bytes(WRITERS[kind]())
    assert read_bin(path) == (IMAGES, SAME)


def test_equal_photographs_are_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.bin"
    path.write_bytes(pickle.dumps(([bytes(bytearray(image)) for image in IMAGES], SAME), 4))
    found = open_bin(path, size=112)
    assert (found.name, found.count, found.subjects) == ("mine", 10, None)
    assert found.pairs.first.tolist() == ROWS[::2]
    assert found.pairs.second.tolist() == ROWS[1::2]
    assert found.pairs.same.tolist() == SAME
    expected = cv2.cvtColor(cv2.imdecode(np.frombuffer(PICTURES[8], np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.array_equal(found.photographs.image(8), expected)
    assert found.photographs.place(9) == f"{path}, entry 11"
    assert found.photographs.files() == [path]
    small = pickle.dumps(found.photographs)
    assert len(small) < 2000
    assert np.array_equal(pickle.loads(small).image(8), expected)
    assert open_bin(path, size=56).photographs.image(0).shape == (56, 56, 3)


def test_odd_sets_are_remarked(tmp_path: Path) -> None:
    path = tmp_path / "lfw.bin"
    write_bin(path, IMAGES, SAME)
    assert open_bin(path).remark == "6 pairs, the official lfw has 6,000; 6 of 6 folds hold only genuine or only impostor pairs"
    write_bin(path, IMAGES[:4] * 3000, [True, False] * 3000)
    assert open_bin(path).remark == ""
    assert open_bin(path, name="CFP-FP").remark == "6,000 pairs, the official CFP-FP has 7,000"


def test_what_is_written_is_read_as_insightface_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lfw.bin"
    write_bin(path, IMAGES, np.array(SAME))  # type: ignore[arg-type]
    with path.open("rb") as file:
        bins, issame_list = pickle.load(file, encoding="bytes")
    assert (bins, issame_list) == (IMAGES, SAME)
    assert all(type(label) is bool for label in issame_list)
    assert path.stat().st_size < sum(map(len, PICTURES)) + 500  # those that come again are stored once
    assert read_bin(path) == (IMAGES, SAME)
    assert [file.name for file in path.parent.iterdir()] == ["lfw.bin"]
    for images, same in (([], []), (IMAGES, SAME[:-1])):
        with pytest.raises(DataError, match="two photographs for each pair"):
            write_bin(path, images, same)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"images": IMAGES, "same": SAME}, "holds a dictionary and is no verification file: it must hold two lists"),
        (([{"x": IMAGES[0]}], SAME), "holds a dictionary"),
        ({1, 2}, "holds a set and is no verification file|asks for builtins.set"),
        ((IMAGES, [0.5] * 6), "one label is 0.5; mend it"),
        ((IMAGES, np.array(SAME, ">i8")), "numbers in big-endian order|type >i8"),
        ((IMAGES, [None] * 6), "one label is of type NoneType"),
    ],
)
def test_another_content_is_named_and_not_taken_for_damage(tmp_path: Path, content: Any, sentence: str) -> None:
    path = tmp_path / "lfw.bin"
    path.write_bytes(pickle.dumps(content, 4))
    with pytest.raises(DataError, match=sentence) as caught:
        read_bin(path)
    assert "get it again" not in str(caught.value) or "damaged" in sentence


class Calls:
    """Something whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def object_array() -> np.ndarray:
    array = np.empty(1, object)
    array[0] = b"x"
    return array


HOSTILE = {
    "os.system": (
        lambda flag: ([Calls(os.system, f"touch {flag}")], [True]),
        r"asks for (posix|nt)\.system, which no benchmark file needs",
    ),
    "nested": (lambda flag: ([b"", [(b"", [Calls(os.system, f"touch {flag}")])]], [True]), r"asks for (posix|nt)\.system"),
    "eval": (lambda flag: ([Calls(eval, f"open({str(flag)!r}, 'w')")], [True]), r"asks for (builtins|__builtin__)\.eval"),
    "getattr": (lambda flag: ([Calls(getattr, b"", "hex")], []), r"asks for (builtins|__builtin__)\.getattr"),
    "an instance": (lambda flag: ([np.random.default_rng(0)], []), r"asks for numpy\.random"),
    "objects": (lambda flag: ([object_array()], [True]), "NumPy array of type O8"),
    "a record type": (lambda flag: ([np.zeros(2, "u1,u1")], [True]), "NumPy array of type V2"),
    "a path": (lambda flag: ([Path("x")], []), r"asks for pathlib"),
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_run_nothing(tmp_path: Path, kind: str, protocol: int) -> None:
    make, message = HOSTILE[kind]
    path, flag = tmp_path / "lfw.bin", tmp_path / "flag"
    path.write_bytes(pickle.dumps(make(flag), protocol))
    with pytest.raises(DataError, match=message):
        open_bin(path)
    assert not flag.exists()


RAW = {
    "instance by INST": b"(S'touch flag'\nios\nsystem\n.",
    "instance by OBJ": b"(cos\nsystem\nS'touch flag'\no.",
    "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93)R.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent": b"Pname\n.",
    "attributes of a stand-in": b"\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00aK\x01sb.",
    "state of a stand-in": b"\x80\x02c_codecs\nencode\n)(K\x01K\x02\x86b.",
    "calls bytes with a length": b"\x80\x02cbuiltins\nbytes\n\x8a\x05\x00\x00\x00\x00\x10\x85R.",
    "a memo of four gigabytes": b"\x80\x02]r\xfe\xff\xff\xff.",
    "four gigabytes announced": b"\x80\x04B\xfe\xff\xff\xffabc.",
    "a terabyte announced": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"abc.",
    "a frame of an exabyte": b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"].",
    "an enormous number": b"I" + b"9" * 100_000 + b"\n.",
    "only an end": b".",
    "a future protocol": b"\x80\x63].",
    "labels of another shape": pickle.dumps(([b""] * 600, np.array([True] * 300)), 2).replace(b"M\x2c\x01", b"M\x2d\x01"),
    "a shape that does not fit": pickle.dumps(([np.zeros(300, np.uint8)] * 2, [True]), 2).replace(b"M\x2c\x01", b"M\x2d\x01"),
}


@pytest.mark.parametrize("kind", ["instance by INST", "instance by OBJ"])
def test_old_ways_of_calling_are_named_too(tmp_path: Path, kind: str) -> None:
    (tmp_path / "lfw.bin").write_bytes(RAW[kind])
    with pytest.raises(DataError, match=r"asks for os\.system"):
        open_bin(tmp_path / "lfw.bin")


@pytest.mark.parametrize("kind", RAW)
def test_odd_operations_are_one_sentence(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "lfw.bin"
    path.write_bytes(RAW[kind])
    with pytest.raises(DataError, match=r"lfw\.bin"):
        open_bin(path)
    assert [file.name for file in tmp_path.iterdir()] == ["lfw.bin"]


def test_a_laughing_file_is_described_in_a_word(tmp_path: Path) -> None:
    laugh: Any = b"ha"
    for _ in range(60):
        laugh = (laugh, laugh)
    for content in ((laugh, [True]), ([b"", b""], [laugh]), ([b"", laugh], [True]), ([Calls(np.dtype, laugh)], [True])):
        (tmp_path / "lfw.bin").write_bytes(pickle.dumps(content, 4))
        with pytest.raises(DataError, match=r"tuple|type"):
            open_bin(tmp_path / "lfw.bin")


WRONG = {
    "photographs and 5 labels": (IMAGES, SAME[:5]),
    "13 photographs and 6 labels": ([*IMAGES, b"x"], SAME),
    "0 photographs and 0 labels": ([], []),
    "its entry 1 is of type str": ([b"x", "x"], [True]),
    "its entry 0 is a NumPy array of type u1 and 3 dimensions": ([np.zeros((4, 4, 3), np.uint8), b"x"], [True]),
    "one label is 2": ([b"x", b"x"], [2]),
    "one label is of type NoneType": ([b"x", b"x"], [None]),
    "is no verification file": (IMAGES, SAME, 1),
    "is no verification file: it must hold two lists": b"hello",
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_content_is_told(tmp_path: Path, message: str) -> None:
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps(WRONG[message], 2))
    with pytest.raises(DataError, match=message):
        open_bin(tmp_path / "lfw.bin")


def test_missing_empty_and_not_square(tmp_path: Path) -> None:
    path = tmp_path / "lfw.bin"
    with pytest.raises(DataError, match="no verification file at"):
        open_bin(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"lfw\.bin is empty"):
        open_bin(path)
    write_bin(path, [PICTURES[0], drawn(shape=(128, 112)), drawn(shape=(128, 128)), b"no picture"], [True, True])
    photographs = open_bin(path, size=112).photographs
    with pytest.raises(DataError, match=r"lfw\.bin, entry 1 is 112 x 128 pixels; an aligned face is square"):
        photographs.image(1)
    assert photographs.image(2).shape == (112, 112, 3)
    with pytest.raises(DataError, match=r"lfw\.bin, entry 3 is not a readable image"):
        photographs.image(3)


@pytest.mark.parametrize(
    "kind", ["bytes, protocol 4", "arrays, protocol 5", "Python 2, protocol 2", "bytes, protocol 0", "Python 2's arrays, protocol 1"]
)
def test_a_truncated_file_is_always_one_sentence(tmp_path: Path, kind: str) -> None:
    whole, path = WRITERS[kind](), tmp_path / "lfw.bin"
    for cut in [*range(1, len(whole), 977), *range(len(whole) - 60, len(whole))]:
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match="cut short"):
            open_bin(path)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["arrays, protocol 2", "Python 2, protocol 2", "NumPy's booleans"]),
    st.integers(0, 10**9),
    st.binary(min_size=1, max_size=4),
)
def test_damage_is_one_sentence_or_another_picture(tmp_path_factory: pytest.TempPathFactory, kind: str, at: int, by: bytes) -> None:
    whole = bytearray(WRITERS[kind]())
    at %= min(len(whole), 400) if at % 2 else len(whole)
    whole[at : at + len(by)] = by
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    path.write_bytes(whole)
    try:
        images, same = read_bin(path)
    except DataError:
        return
    assert len(images) == 2 * len(same)


def test_people_that_genuine_pairs_tell() -> None:
    pairs = Pairs(np.array([0, 1, 5, 3, 0]), np.array([1, 2, 4, 4, 3]), np.array([True, True, True, False, False]))
    subjects = subjects_of(pairs, 7)
    assert subjects[0] == subjects[1] == subjects[2]
    assert subjects[4] == subjects[5]
    assert len(set(subjects.tolist())) == 4

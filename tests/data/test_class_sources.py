"""Published data sets in every form that they come in, made by hand in the same format, and the real Fashion-MNIST."""

import gzip
import hashlib
import pickle
import re
import struct
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchvision import datasets

from facenas.data.formats.decoded import decoded_once
from facenas.data.formats.idx import read_idx
from facenas.data.sources.class_sources import CifarImages, DigitImages, MnistImages
from facenas.errors import DataError
from tests.conftest import needs_fashion_mnist

RNG = np.random.default_rng(0)
PIXELS, LABELS = RNG.integers(0, 256, (60, 28, 28), dtype=np.uint8), np.arange(60, dtype=np.uint8) % 10


def idx(array: np.ndarray[Any, Any]) -> bytes:
    return struct.pack(f">{1 + array.ndim}i", 8 << 8 | array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, *, prefix: str = "", test: str = "t10k", ending: str = "", mark: str = "-") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in (("train", slice(0, 40)), (test, slice(40, 60))):
        for kind, array in (("images", PIXELS[rows]), ("labels", LABELS[rows])):
            content = idx(array)
            name = f"{prefix}{split}-{kind}{mark}idx{array.ndim}-ubyte{ending}"
            (folder / name).write_bytes(gzip.compress(content) if ending else content)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACENAS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(
    ("name", "folder", "form"),
    [
        ("fashionmnist", "", {"ending": ".gz"}),
        ("fashionmnist", "fashion-mnist", {"ending": ".gz"}),
        ("fashionmnist", "FashionMNIST/raw", {}),
        ("mnist", "raw", {"mark": "."}),
        ("kmnist", "K-MNIST", {}),
        ("emnist", "EMNIST/raw", {"prefix": "emnist-balanced-", "test": "test"}),
        ("emnist", "gzip", {"prefix": "emnist-balanced-", "test": "test", "ending": ".gz"}),
    ],
)
def test_idx_files_are_found_in_every_form(name: Any, folder: str, form: dict[str, str], tmp_path: Path) -> None:
    write_idx(tmp_path / folder, **form)
    source = MnistImages(name=name, root=str(tmp_path))
    train, test = source.load(), source.test()
    assert train.images.shape == (40, 32, 32, 1) and test.images.shape == (20, 32, 32, 1)
    assert np.array_equal(train.images[:, 2:-2, 2:-2, 0], PIXELS[:40]) and train.images.sum() == PIXELS[:40].sum(dtype=np.int64)
    assert np.array_equal(test.labels, LABELS[40:])
    assert MnistImages(name=name, root=str(tmp_path), size=28, classes=(7, 3)).load().labels.tolist() == [1, 0] * 4


@pytest.mark.parametrize("size", [14, 16, 8])
def test_smaller_images_are_means_of_blocks(size: int, tmp_path: Path) -> None:
    write_idx(tmp_path)
    made = MnistImages(name="mnist", root=str(tmp_path), size=size).load().images
    block = -(-28 // size)
    margin = (block * size - 28) // 2
    whole = np.pad(PIXELS[:40].astype(float), ((0, 0), (margin, margin), (margin, margin)))
    for row, column in ((0, 0), (size // 2, size // 3), (size - 1, size - 1)):
        part = whole[:, block * row : block * (row + 1), block * column : block * (column + 1)]
        assert np.abs(made[:, row, column, 0] - part.mean(axis=(1, 2))).max() <= 0.5


def test_a_size_without_a_middle_is_refused(tmp_path: Path) -> None:
    write_idx(tmp_path)
    with pytest.raises(DataError, match="28 x 28 pixels have no middle in 33 x 33; choose an even"):
        MnistImages(name="mnist", root=str(tmp_path), size=33).load()


def test_another_data_set_is_not_taken_for_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "fashion-mnist")
    with pytest.raises(DataError, match=r"no KMNIST in .*which needs train-images-idx3-ubyte .* --data-root"):
        refuse_downloads(monkeypatch, datasets.KMNIST)
        MnistImages(name="kmnist", root=str(tmp_path)).load()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fashion-mnist"]


def refuse_downloads(monkeypatch: pytest.MonkeyPatch, reader: Any) -> None:
    monkeypatch.setattr(reader, "mirrors", ["http://127.0.0.1:9/"])


@pytest.mark.parametrize("damage", ["short", "text", "gzip", "labels", "classes"])
def test_damaged_files_are_one_sentence(damage: str, tmp_path: Path) -> None:
    write_idx(tmp_path, ending=".gz" if damage == "gzip" else "")
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    match damage:
        case "short":
            images.write_bytes(images.read_bytes()[:-5])
        case "text":
            images.write_text("<html>not found</html>")
        case "gzip":
            images = images.with_name(images.name + ".gz")
            images.write_bytes(images.read_bytes()[:-40])
        case "labels":
            labels.write_bytes(idx(LABELS[:39]))
        case "classes":
            labels.write_bytes(idx(LABELS[:40] + 5))
    with pytest.raises(DataError, match=r"damaged|no idx file|as many labels as images"):
        MnistImages(name="mnist", root=str(tmp_path)).load()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (rb"(?s)^(.*)...$", rb"\1new"),
        (rb'"classes": 10', b'"classes": 11'),
        (rb"\[40, 28, 28, 1\]", b"[40, 14, 56, 1]"),
        (rb"(?m)^\{.*\}$", b"7"),
        (rb"(?m)^\{.*\}$", b"[" * 100_000),
        (rb"^[^\n]*", b"7"),
        (rb"(?s)^.*$", b""),
    ],
    ids=["labels", "classes", "shape", "number", "brackets", "first line", "empty"],
)
def test_a_cache_file_that_was_changed_is_made_again(before: bytes, after: bytes, tmp_path: Path) -> None:
    write_idx(tmp_path / "raw")
    source = MnistImages(name="mnist", root=str(tmp_path), size=28)
    first = source.load()
    (file,) = (tmp_path / "cache" / "images").glob("mnist-train-*")
    content = file.read_bytes()
    changed, changes = re.subn(before, after, content, count=1)
    assert changes and changed != content
    file.write_bytes(changed)
    again = source.load()
    assert np.array_equal(again.images, first.images) and np.array_equal(again.labels, first.labels)
    assert again.num_classes == first.num_classes == 10
    assert file.read_bytes() == content


def test_decoding_happens_once(tmp_path: Path) -> None:
    write_idx(tmp_path)
    files, calls = [tmp_path / "train-images-idx3-ubyte"], []

    def decode() -> Any:
        calls.append(1)
        return DigitImages().load()

    first, second = (decoded_once("digits", files, decode) for _ in range(2))
    assert len(calls) == 1
    assert np.array_equal(first.images, second.images) and np.array_equal(first.labels, second.labels)
    files[0].write_bytes(b"changed")
    decoded_once("digits", files, decode)
    assert len(calls) == 2


def write_cifar(folder: Path, reader: Any, monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    """Batches in CIFAR's format, whose checksums take the place of the published ones."""
    folder.mkdir(parents=True)

    def batch(name: str, rows: int) -> tuple[str, str]:
        content = pickle.dumps({"data": RNG.integers(0, 256, (rows, 3072), dtype=np.uint8), label: [i % 10 for i in range(rows)]})
        (folder / name).write_bytes(content)
        return name, hashlib.md5(content).hexdigest()

    monkeypatch.setattr(reader, "train_list", [batch(name, 20) for name, _ in reader.train_list])
    monkeypatch.setattr(reader, "test_list", [batch(name, 10) for name, _ in reader.test_list])
    meta = pickle.dumps({reader.meta["key"]: [str(i) for i in range(100)]})
    (folder / reader.meta["filename"]).write_bytes(meta)
    monkeypatch.setattr(reader, "meta", {**reader.meta, "md5": hashlib.md5(meta).hexdigest()})


@pytest.mark.parametrize(
    ("name", "reader", "label"), [("cifar10", datasets.CIFAR10, "labels"), ("cifar100", datasets.CIFAR100, "fine_labels")]
)
@pytest.mark.parametrize("archived", [False, True])
def test_cifar(name: Any, reader: Any, label: str, archived: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / reader.base_folder
    write_cifar(folder, reader, monkeypatch, label)
    if archived:
        with tarfile.open(tmp_path / reader.filename, "w:gz") as archive:
            archive.add(folder, reader.base_folder)
        monkeypatch.setattr(reader, "tgz_md5", hashlib.md5((tmp_path / reader.filename).read_bytes()).hexdigest())
        folder.rename(tmp_path / "elsewhere")
    source = CifarImages(name=name, root=str(tmp_path))
    train, test = source.load(), source.test()
    assert train.images.shape == (20 * len(reader.train_list), 32, 32, 3) and test.images.shape == (10, 32, 32, 3)
    assert train.labels[:12].tolist() == [*range(10), 0, 1]
    assert train.num_classes == (10 if name == "cifar10" else 100)


def test_a_pickle_of_another_checksum_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / datasets.CIFAR10.base_folder
    write_cifar(folder, datasets.CIFAR10, monkeypatch, "labels")

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "was here",)

    (folder / "data_batch_2").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match="damaged or not those that were published"):
        CifarImages(name="cifar10", root=str(tmp_path)).load()
    assert not (tmp_path / "was here").exists()


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A web server that holds what MNIST's mirrors hold."""
    write_idx(tmp_path / "mirror", ending=".gz")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "mirror")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def test_a_missing_set_is_downloaded_and_verified(
    mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sums = [(name, hashlib.md5((tmp_path / "mirror" / name).read_bytes()).hexdigest()) for name, _ in datasets.MNIST.resources]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [mirror])
    monkeypatch.setattr(datasets.MNIST, "resources", sums)
    source = MnistImages(name="mnist", root=str(tmp_path / "new"), size=28)
    assert np.array_equal(source.load().images[..., 0], PIXELS[:40])
    assert "100%" in capfd.readouterr().err
    monkeypatch.setattr(datasets.MNIST, "resources", [(sums[0][0], "0" * 32), *sums[1:]])
    with pytest.raises(DataError, match="could not be downloaded"):
        MnistImages(name="mnist", root=str(tmp_path / "other")).load()


@needs_fashion_mnist
def test_the_real_fashion_mnist() -> None:
    source = MnistImages(name="fashionmnist")
    train, test = source.load(), source.test()
    assert (len(train), len(test)) == (60_000, 10_000)
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert train.images[:, 2:-2, 2:-2].mean() / 255 == pytest.approx(0.2860, abs=1e-4)  # the mean that everybody quotes
    assert read_idx(Path("/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz"), dimensions=1).tolist() == test.labels.tolist()

"""Where labelled images come from: the published sets, read from wherever they lie or downloaded, and scikit-learn's digits."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field

from facenas.data.classes import ImageSet, framed, of_classes
from facenas.data.formats.decoded import decoded_once
from facenas.data.formats.idx import find_idx, read_idx
from facenas.data.sources.source import ClassSource
from facenas.errors import DataError
from facenas.files import cache_folder

DOWNLOAD_TIMEOUT_S = 20.0
ROOT = "Folder that holds the data set, in any of its usual forms; it is downloaded into it if it is not there. null: the usual places."
CLASSES = "Only these classes, numbered anew in this order; empty: all."


class DigitImages(ClassSource):
    """scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels, 10 classes; nothing to download."""

    name: Literal["digits"] = Field("digits", description="Name of the source.")
    classes: tuple[int, ...] = Field((), description=CLASSES)

    def load(self) -> ImageSet:
        """The first 1,437 images, which are for training; the remaining 360 are the test set."""
        return of_classes(self._all().rows(np.arange(1437)), self.classes)

    def test(self) -> ImageSet:
        """The test images."""
        return of_classes(self._all().rows(np.arange(1437, 1797)), self.classes)

    def at(self, root: str) -> Self:
        """There is no folder to read from, since the package scikit-learn brings the images.

        Raises:
            DataError: Always.
        """
        raise DataError("the digits come with scikit-learn and lie in no folder; leave --data-root out")

    def _all(self) -> ImageSet:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
        return ImageSet(images, digits.target.astype(np.int64), 10)


class PublishedSet(NamedTuple):
    """The names and words by which a published data set is found and downloaded.

    Attributes:
        title: Name of the set as people write it.
        torchvision: Name of torchvision's class that downloads the set.
        classes: Number of classes.
        folders: Names that the set's folder may have, without case and punctuation.
        prefix: Beginning of the names of the set's idx files.
        test: Word for the test set in the names of the idx files.
        get: Advice how to get the set without torchvision.
    """

    title: str
    torchvision: str
    classes: int
    folders: tuple[str, ...] = ()
    prefix: str = ""
    test: str = "t10k"
    get: str = ""


IDX = {
    "mnist": PublishedSet("MNIST", "MNIST", 10, ("mnist",)),
    "fashionmnist": PublishedSet(
        "Fashion-MNIST", "FashionMNIST", 10, ("fashionmnist", "fashion"), get="install Debian's package dataset-fashion-mnist, or "
    ),
    "kmnist": PublishedSet("KMNIST", "KMNIST", 10, ("kmnist", "kuzushijimnist", "kuzushiji")),
    "emnist": PublishedSet("EMNIST (balanced)", "EMNIST", 47, ("emnist", "gzip"), "emnist-balanced-", "test"),
}
CIFAR = {"cifar10": PublishedSet("CIFAR-10", "CIFAR10", 10), "cifar100": PublishedSet("CIFAR-100", "CIFAR100", 100)}


class MnistImages(ClassSource):
    """MNIST (LeCun, 1998), Fashion-MNIST (Xiao, 2017), KMNIST (Clanuwat, 2018) or EMNIST balanced (Cohen, 2017): grey, 28x28 pixels.

    EMNIST's letters lie on their side, as its files and torchvision have them.
    """

    name: Literal["mnist", "fashionmnist", "kmnist", "emnist"] = Field(description="Name of the source.")
    root: str | None = Field(None, description=ROOT)
    size: int = Field(32, ge=4, description="Image side in pixels, of all images: larger by a black frame, smaller by means.")
    classes: tuple[int, ...] = Field((), description=CLASSES)

    def load(self) -> ImageSet:
        """The training images."""
        return of_classes(framed(self._read("train"), self.size), self.classes)

    def test(self) -> ImageSet:
        """The test images."""
        return of_classes(framed(self._read(IDX[self.name].test), self.size), self.classes)

    def placeless(self) -> Self:
        """The same source without its folder."""
        return self.model_copy(update={"root": None})

    def at(self, root: str) -> Self:
        """The same source with its images in another folder."""
        return self.model_copy(update={"root": root})

    def _read(self, split: str) -> ImageSet:
        known, places = IDX[self.name], _places(self.root)
        prefixes = f"{known.prefix}{split}-images", f"{known.prefix}{split}-labels"

        def find() -> tuple[Path, Path] | None:
            return find_idx(places, prefixes, known.folders, named=self.root is not None)

        files = find()
        if files is None:
            options = {"split": "balanced"} if self.name == "emnist" else {}
            wanted = f"{prefixes[0]}-idx3-ubyte and {prefixes[1]}-idx1-ubyte, plain or .gz, in a folder called {known.folders[0]}"
            _download(known, places, wanted, **options)
            files = find()
        if files is None:
            raise DataError(f"{known.title} was downloaded to {places[0]} and is still not found there")
        images_file, labels_file = files

        def decode() -> ImageSet:
            images, labels = read_idx(images_file, dimensions=3), read_idx(labels_file, dimensions=1)
            if len(images) != len(labels) or labels.max() >= known.classes:
                raise DataError(
                    f"{images_file} holds {len(images)} images and {labels_file.name} {len(labels)} labels up to {labels.max()}; "
                    f"{known.title} has as many labels as images, and {known.classes} classes"
                )
            return ImageSet(images[..., None], labels.astype(np.int64), known.classes)

        return decoded_once(f"{self.name}-{split}", files, decode)


class CifarImages(ClassSource):
    """CIFAR-10 or CIFAR-100 (Krizhevsky, 2009): 50,000 training and 10,000 test images, colour, 32x32 pixels."""

    name: Literal["cifar10", "cifar100"] = Field(description="Name of the source.")
    root: str | None = Field(None, description=ROOT)
    classes: tuple[int, ...] = Field((), description=CLASSES)

    def load(self) -> ImageSet:
        """The training images."""
        return of_classes(self._read(train=True), self.classes)

    def test(self) -> ImageSet:
        """The test images."""
        return of_classes(self._read(train=False), self.classes)

    def placeless(self) -> Self:
        """The same source without its folder."""
        return self.model_copy(update={"root": None})

    def at(self, root: str) -> Self:
        """The same source with its images in another folder."""
        return self.model_copy(update={"root": root})

    def _read(self, *, train: bool) -> ImageSet:
        known, places = CIFAR[self.name], _places(self.root)
        reader = _torchvision(known)
        names = [name for name, _ in (reader.train_list if train else reader.test_list)]

        def find() -> list[Path] | None:
            sets = ([place / reader.base_folder / name for name in names] for place in places)
            return next((files for files in sets if all(file.is_file() for file in files)), None)

        files = find()
        if files is None:
            archived = [place for place in places if (place / reader.filename).is_file()]
            _download(known, archived or places, f"{reader.filename} or the folder {reader.base_folder}, as published for Python")
            files = find()
        if files is None:
            raise DataError(f"{known.title} was downloaded to {places[0]} and is still not found there")
        root = files[0].parents[1]

        def decode() -> ImageSet:
            try:
                images = reader(root, train=train)  # unpickles nothing but files of the published checksum
            except RuntimeError:
                raise DataError(
                    f"the files of {known.title} in {root} are damaged or not those that were published; get them again"
                ) from None
            return ImageSet(images.data, np.array(images.targets, dtype=np.int64), known.classes)

        return decoded_once(f"{self.name}-{'train' if train else 'test'}", files, decode)


def _places(root: str | None) -> list[Path]:
    """Folders to look for a published set in; the first is where downloads go."""
    return [Path(root).expanduser()] if root else [cache_folder() / "datasets", Path("data"), Path("/usr/share/datasets")]


def _torchvision(known: PublishedSet) -> Any:
    from torchvision import datasets

    return getattr(datasets, known.torchvision)


def _download(known: PublishedSet, places: Sequence[Path], wanted: str, **options: Any) -> None:
    """Download a data set into the first place with torchvision, which shows a bar and compares checksums.

    Raises:
        DataError: If the set cannot be downloaded.
    """
    looked = ", ".join(str(place) for place in places)
    try:
        with _impatient():
            _torchvision(known)(places[0], download=True, **options)
    except (OSError, RuntimeError, ValueError) as error:
        for folder in (places[0] / known.torchvision / "raw", places[0] / known.torchvision):  # left empty by torchvision
            with suppress(OSError):
                folder.rmdir()
        reason = " ".join(str(error).split())[:160]
        raise DataError(
            f"no {known.title} in {looked}, which needs {wanted}; it could not be downloaded ({reason}); {known.get}"
            f"get it elsewhere and name its folder with --data-root"
        ) from None


@contextmanager
def _impatient() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)

"""What every source of images promises, of faces or of classes."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from facenas.data import ClassSource, FaceSource, fingerprint_of
from facenas.data.faces import FaceDataset, Size, sides
from facenas.data.sources.source import SourceSection
from facenas.errors import DataError
from facenas.testing.members import check_settings, each

SIZES: tuple[Size, ...] = (32, (40, 32))


class ReaderContract:
    """Tests of a source of images; a subclass whose name begins with Test names the settings, and pytest does the rest.

        class TestMine(facenas.testing.ReaderContract):
            settings = Mine(root="tests/mine")

    Attributes:
        settings: Settings of the source, or several; their files must be there, or `placed` writes them.
    """

    settings: SourceSection | Sequence[SourceSection]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test with each of the settings that fit: `people` are sources of faces, `classes` those of images in classes."""
        several = list(self.settings) if isinstance(self.settings, Sequence) else [self.settings]
        each(metafunc, "member", several)
        each(metafunc, "people", [one for one in several if isinstance(one, FaceSource)])
        each(metafunc, "classes", [one for one in several if isinstance(one, ClassSource)])

    def placed(self, member: SourceSection, folder: Path) -> SourceSection:
        """The settings of files that lie in a folder, which a subclass may write there first.

        Args:
            member: Settings of the source that are tried.
            folder: An empty folder.
        """
        return member

    def test_its_settings_have_a_name_and_survive_json(self, member: SourceSection) -> None:
        """The settings can be chosen by `data.name`, and kept in `config.yaml`."""
        check_settings(member)
        assert isinstance(member, FaceSource | ClassSource)

    def test_files_that_are_not_there_are_one_sentence(self, member: SourceSection, tmp_path: Path) -> None:
        """A source without its files raises an error that the user sees as a sentence, without a traceback.

        Args:
            member: Settings of the source.
            tmp_path: Empty folder of the test.
        """
        places = [key for key in ("root", "file") if type(member).model_fields.get(key)]
        if not places or isinstance(member, ClassSource):
            pytest.skip("it reads no files, or gets them")
        nowhere = member.model_copy(update={key: str(tmp_path / "nowhere") for key in places})
        assert isinstance(nowhere, FaceSource)
        with pytest.raises(DataError):
            nowhere.load(32)

    @pytest.mark.parametrize("size", SIZES, ids=str)
    def test_photographs_are_of_people(self, people: FaceSource, size: Size, tmp_path: Path) -> None:
        """Each row shows one person, and each person has a name and at least two rows.

        Args:
            people: Settings of a source of faces.
            size: Side of an image in pixels, or height and width.
            tmp_path: Empty folder of the test.
        """
        faces = self._people(people, tmp_path).open(size)
        assert faces.size == size and faces.dataset
        assert len(set(faces.names)) == len(faces.names) >= 2
        assert len(faces.identities) == len(faces) and faces.identities.dtype == np.int64
        assert np.bincount(faces.identities, minlength=len(faces.names)).min() >= 2 and faces.identities.max() < len(faces.names)
        for row in (0, len(faces) - 1):
            assert faces.image(row).shape == (*sides(size), 3) and faces.image(row).dtype == np.uint8

    def test_photographs_are_the_same_in_memory_and_in_another_process(self, people: FaceSource, tmp_path: Path) -> None:
        """Photographs that are kept in memory equal those that are read one by one, also where worker processes read them.

        Args:
            people: Settings of a source of faces.
            tmp_path: Empty folder of the test.
        """
        source = self._people(people, tmp_path)
        faces, loaded = source.open(32), source.load(32)
        sent = pickle.loads(pickle.dumps(faces))  # our own bytes
        assert (len(loaded), loaded.names, loaded.dataset) == (len(faces), faces.names, faces.dataset)
        for row in {0, len(faces) // 2, len(faces) - 1}:
            assert np.array_equal(faces.image(row), loaded.images[row]) and np.array_equal(faces.image(row), sent.image(row))
        some: FaceDataset = faces.of(faces.names[-1:])
        assert some.names == faces.names[-1:] and set(some.identities.tolist()) == {0}

    def test_the_same_photographs_have_the_same_fingerprint(self, people: FaceSource, tmp_path: Path) -> None:
        """A second opening has the same fingerprint, by which a run knows its data again.

        Args:
            people: Settings of a source of faces.
            tmp_path: Empty folder of the test.
        """
        source = self._people(people, tmp_path)
        first, second = (source.open(32) for _ in range(2))
        assert first.names == second.names and np.array_equal(first.identities, second.identities)
        assert fingerprint_of(first) == fingerprint_of(second)

    def test_images_are_of_classes(self, classes: ClassSource, tmp_path: Path) -> None:
        """Images for training and images for testing are of one size, and labelled with the same classes.

        Args:
            classes: Settings of a source of images in classes.
            tmp_path: Empty folder of the test.
        """
        source = self._classes(classes, tmp_path)
        train, test = source.load(), source.test()
        for images in (train, test):
            assert images.images.dtype == np.uint8 and images.images.ndim == 4 and len(images.images) == len(images.labels)
            assert set(np.unique(images.labels)) <= set(range(images.num_classes))
        assert train.num_classes == test.num_classes >= 2
        assert train.images.shape[1:] == test.images.shape[1:]
        assert fingerprint_of(train) == fingerprint_of(source.load()) != fingerprint_of(test)

    def test_a_classifier_remembers_its_classes_without_their_place(self, classes: ClassSource, tmp_path: Path) -> None:
        """What `model.json` keeps of the data, which others read, names no folder of this machine.

        Args:
            classes: Settings of a source of images in classes.
            tmp_path: Empty folder of the test.
        """
        told = self._classes(classes, tmp_path).placeless().model_dump_json()
        assert str(tmp_path) not in told

    def _people(self, member: FaceSource, folder: Path) -> FaceSource:
        found = self.placed(member, folder)
        assert isinstance(found, FaceSource)
        return found

    def _classes(self, member: ClassSource, folder: Path) -> ClassSource:
        found = self.placed(member, folder)
        assert isinstance(found, ClassSource)
        return found

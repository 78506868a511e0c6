"""What a source of images is: settings that say where they are, and read them. A source is one file; other packages add theirs."""

from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field

from facenas.data.classes import ImageSet
from facenas.data.face_files import Contents, Decoding, FaceFiles, Shape, in_memory
from facenas.data.faces import FaceSet, Labels, Size
from facenas.data.formats.decoded_faces import decoded_faces
from facenas.data.formats.images import Decoder, check_decoder
from facenas.data.remarks import say
from facenas.data.shapes import unlike_aligned
from facenas.registry import Registry
from facenas.settings import Section


class SourceSection(Section):
    """The settings of a source of images, which is one of faces or of classes; its own class adds `name: Literal["..."]`."""

    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """Name of the source."""


class FaceSource(SourceSection):
    """A source of photographs of people, some of whom may be kept for testing."""

    test_people: int = Field(0, ge=0, description="Identities kept for testing: never used for search or training.")
    split_seed: int = Field(0, description="Seed of the choice of the test identities.")

    def open(self, size: Size) -> FaceSet | FaceFiles:
        """All photographs, read when they are asked for.

        Args:
            size: Size in pixels that the photographs are resized to: a side, or height and width.

        Raises:
            DataError: If the photographs are missing, damaged, or not of people.
        """
        raise NotImplementedError

    def load(self, size: Size) -> FaceSet:
        """The same photographs as `open` gives, decoded into memory."""
        return in_memory(self.open(size))

    @classmethod
    def found(cls, path: Path, shape: Shape | None) -> Self | None:
        """The source that reads the files at a path, where a command is given a path alone; None if it cannot read them.

        Args:
            path: A file or a folder that is there.
            shape: What is done with photographs of other proportions; None: they are stretched, and a remark says so.
        """
        return None


class EncodedFaces(FaceSource):
    """A source whose photographs have to be decoded."""

    decoder: Decoder = Field("exact", description="fast: JPEG files by simplejpeg's fast DCT, to slightly different pixels.")
    shape: Shape | None = Field(
        None,
        description="Photographs of other proportions than the network's: stretch, the middle (centre), refuse; null: stretch, and say so.",
    )
    decoded: bool = Field(False, description="Decode once, into a cache file of size * size * 3 bytes a photograph, and train from it.")

    def files(self, dataset: str, contents: Contents, identities: Labels, names: tuple[str, ...], *, keys: Labels, size: Size) -> FaceFiles:
        """The source's photographs, decoded as its settings say; a remark tells of photographs that do not look aligned.

        Args:
            dataset: Name of the data set.
            contents: The encoded photographs.
            identities: Number of the person in each photograph, shape (M,).
            names: Name of each identity.
            keys: Key of each photograph in `contents`, shape (M,).
            size: Size in pixels that photographs are resized to: a side, or height and width.

        Raises:
            DataError: If the decoder is not installed, or more than 1 % of photographs to be decoded once cannot be.
        """
        check_decoder(self.decoder)
        photographs = Decoding(contents, size, self.decoder, self.shape or "stretch")
        faces = FaceFiles(dataset, photographs, keys, identities, names)
        if self.shape is None and (remark := unlike_aligned(faces)):
            say(remark)
        return decoded_faces(faces, contents.files(), decoder=self.decoder) if self.decoded else faces


class ClassSource(SourceSection):
    """A source of labelled images."""

    def load(self) -> ImageSet:
        """The training images.

        Raises:
            DataError: If the images are missing or damaged.
        """
        raise NotImplementedError

    def test(self) -> ImageSet:
        """The test images."""
        raise NotImplementedError

    def placeless(self) -> Self:
        """The same source without its folder, which is what a trained classifier remembers of its data."""
        return self

    def at(self, root: str) -> Self:
        """The same source with its images in another folder."""
        raise NotImplementedError


SOURCES = Registry("facenas.sources", "facenas.data.sources", SourceSection)

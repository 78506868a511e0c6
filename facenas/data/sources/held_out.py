"""What all sources of faces share: whom they keep for testing, and how they are decoded."""

from pydantic import Field

from facenas.data.face_files import Contents, Decoding, FaceFiles, Shape
from facenas.data.faces import Labels, Size
from facenas.data.formats.decoded_faces import decoded_faces
from facenas.data.formats.images import Decoder, check_decoder
from facenas.data.remarks import say
from facenas.data.shapes import unlike_aligned
from facenas.settings import Section


class HeldOut(Section):
    """Identities that are kept for testing."""

    test_people: int = Field(0, ge=0, description="Identities kept for testing: never used for search or training.")
    split_seed: int = Field(0, description="Seed of the choice of the test identities.")


class EncodedFaces(HeldOut):
    """Photographs that have to be decoded."""

    decoder: Decoder = Field("exact", description="fast: JPEG files by simplejpeg's fast DCT, to slightly different pixels.")
    shape: Shape | None = Field(
        None,
        description="Photographs of other proportions than the network's: stretch, the middle (centre), refuse; null: stretch, and say so.",
    )
    decoded: bool = Field(False, description="Decode once, into a cache file of size * size * 3 bytes a photograph, and train from it.")

    def files(self, dataset: str, contents: Contents, identities: Labels, names: tuple[str, ...], *, keys: Labels, size: Size) -> FaceFiles:
        """The source's photographs, decoded as it says."""
        check_decoder(self.decoder)
        photographs = Decoding(contents, size, self.decoder, self.shape or "stretch")
        faces = FaceFiles(dataset, photographs, keys, identities, names)
        if self.shape is None and (remark := unlike_aligned(faces)):
            say(remark)
        return decoded_faces(faces, contents.files(), decoder=self.decoder) if self.decoded else faces

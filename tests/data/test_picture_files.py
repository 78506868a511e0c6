"""Pictures of every kind that people have, and what is no picture at all."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facenas.data.formats.images import decode_whole
from facenas.data.formats.picture_files import PictureError, pictures_below, printable, read_picture

ramp = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8) * 2
colours = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=-1)


def encoded(kind: str, image: Image.Image | np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def read(tmp_path: Path, data: bytes) -> tuple[np.ndarray, str]:
    (tmp_path / "picture").write_bytes(data)
    return read_picture(tmp_path / "picture")


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_grey_of_16_bits_keeps_its_upper_8(tmp_path: Path, kind: str) -> None:
    pixels, _ = read(tmp_path, encoded(kind, ramp.astype(np.uint16) * 257))
    assert np.array_equal(pixels, np.repeat(ramp[..., None], 3, axis=-1))


def test_colours_of_16_bits_keep_their_upper_8(tmp_path: Path) -> None:
    for suffix in (".png", ".tif"):
        data = cv2.imencode(suffix, colours[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
        assert np.array_equal(read(tmp_path, data)[0], colours)


def test_cmyk_is_as_by_pillow(tmp_path: Path) -> None:
    data = encoded("JPEG", Image.fromarray(colours).convert("CMYK"), quality=95)
    assert mean_difference(read(tmp_path, data)[0], np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))) < 1.5


def test_transparency_is_ignored_without_a_word(tmp_path: Path) -> None:
    clear = Image.fromarray(colours).convert("RGBA")
    clear.putalpha(0)
    palette = Image.fromarray(colours).quantize(16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read(tmp_path, encoded("PNG", clear))[0], colours)
        shown, _ = read(tmp_path, encoded("PNG", palette, transparency=bytes(range(16))))
    assert np.array_equal(shown, np.asarray(palette.convert("RGB")))


def test_grey_black_and_white_and_tiny(tmp_path: Path) -> None:
    assert np.array_equal(read(tmp_path, encoded("PNG", ramp))[0][..., 1], ramp)
    assert set(np.unique(read(tmp_path, encoded("PNG", Image.fromarray(ramp).convert("1")))[0])) == {0, 255}
    assert read(tmp_path, encoded("PNG", colours[:1, :1]))[0].shape == (1, 1, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turns_upright(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, _ = read(tmp_path, encoded(kind, colours, exif=exif))
    assert turned.shape == (64, 48, 3)
    assert mean_difference(turned, np.rot90(colours, -1)) < 4


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_picture_of_an_animation_is_read_and_said(tmp_path: Path, kind: str) -> None:
    pixels, remark = read(tmp_path, encoded(kind, colours, save_all=True, append_images=[Image.fromarray(255 - colours)]))
    assert mean_difference(pixels, colours) < 8
    assert remark == "the first picture of an animation"


def test_the_first_page_is_read_and_said(tmp_path: Path) -> None:
    pages = encoded("TIFF", colours, save_all=True, append_images=[Image.fromarray(255 - colours)])
    assert read(tmp_path, pages)[1] == "the first page"


def png_of(width: int, height: int) -> bytes:
    """A PNG file that says that it has this size, and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    data = bytearray(encoded("JPEG", ramp))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


HUGE = {
    "png": png_of(20_000, 20_000),
    "most of png": png_of(2**31 - 1, 2**31 - 1),
    "jpeg": jpeg_of(60_000, 60_000),
    "jpeg between the limits": jpeg_of(12_000, 12_000),
    "gif": encoded("GIF", ramp)[:6] + struct.pack("<HH", 65_535, 65_535) + encoded("GIF", ramp)[10:],
    "bmp": encoded("BMP", ramp)[:18] + struct.pack("<ii", 50_000, 50_000) + encoded("BMP", ramp)[26:],
    "pgm": b"P5 40000 40000 255 " + bytes(100),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_small_file_that_would_unfold_to_gigabytes_is_not_decoded(tmp_path: Path, name: str) -> None:
    with pytest.raises(PictureError, match="has more than 120 million pixels; make it smaller"):
        read(tmp_path, HUGE[name])
    assert decode_whole(HUGE[name]) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"hello, I am a photograph", "is no picture of a kind that is read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no picture of a kind that is read"),
        (encoded("JPEG", colours)[:-50], "is damaged or cut short"),
        (encoded("PNG", colours)[:-50], "is damaged or cut short"),
        (encoded("TIFF", ramp.astype(np.float32)), "fractional values whose range is not known"),
    ],
    ids=["empty", "text", "PostScript", "half a JPEG", "half a PNG", "fractions"],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(PictureError, match=reason) as caught:
        read(tmp_path, data)
    assert str(caught.value) == f"{tmp_path / 'picture'} {caught.value.reason}"


def test_a_file_of_any_size_is_looked_at_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "large.jpg").open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(PictureError, match="larger than 500 MB"):
        read_picture(tmp_path / "large.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("pipe.jpg", "none.jpg", "."):
        with pytest.raises(PictureError, match="is no file"):
            read_picture(tmp_path / name)


def test_nothing_outside_the_folder_is_listed_for_reading(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(encoded("PNG", colours))
    root = tmp_path / "root"
    (root / "b").mkdir(parents=True)
    (root / "a10.png").write_bytes(encoded("PNG", colours))
    (root / "a2.png").symlink_to("a10.png")
    (root / "b" / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "b" / "gone.png").symlink_to("nothing")
    (root / "b" / "up").symlink_to(tmp_path)
    (root / "b" / "Thumbs.db").write_text("")
    (root / "b" / "faces.csv").write_text("")
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX" / "a.png").write_bytes(b"")
    (root / ".hidden.png").write_bytes(b"")
    os.mkfifo(root / "pipe")
    found = {one.name: one.left_out for one in pictures_below(root)}
    assert found == {
        "a2.png": "",
        "a10.png": "",
        "pipe": "no regular file",
        "b/gone.png": "a link to nothing",
        "b/out.png": "a link that leaves the folder",
        "b/up": "a link to a folder",
    }
    assert list(found)[:2] == ["a2.png", "a10.png"]
    assert [one.name for one in pictures_below(root / "a10.png")] == ["a10.png"]


def test_names_of_any_bytes_can_be_written(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(encoded("PNG", colours))
    except OSError:
        pytest.skip("this file system takes no such names")
    (listed,) = pictures_below(tmp_path)
    assert listed.name == "caf\\xe9.png"
    assert read_picture(listed.path).pixels.shape == (48, 64, 3)
    assert printable(Path("a") / "é") == "a/é"


SEEDS = [
    *(encoded(kind, colours) for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000")),
    encoded("PNG", colours, save_all=True, append_images=[Image.fromarray(255 - colours)]),
    *HUGE.values(),
]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SEEDS), st.integers(0, 4000), st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=8)), max_size=4))
def test_damaged_pictures_are_read_or_refused(tmp_path: Path, seed: bytes, cut: int, changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(seed)
    for at, content in changes:
        data[at % len(data) : at % len(data) + len(content)] = content
    try:
        pixels, _ = read(tmp_path, bytes(data[: cut or None]) if cut % 3 == 0 else bytes(data))
    except PictureError as error:
        assert error.reason
    else:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"II*\0", b"P6 ", b"BM"]), st.binary(max_size=200))
def test_random_bytes_are_refused(tmp_path: Path, head: bytes, data: bytes) -> None:
    try:
        read(tmp_path, head + data)
    except PictureError as error:
        assert error.reason

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from facenas.data import open_tinyface
from facenas.errors import DataError

PROBES = ["12_3.jpg", "7_1.jpg", "7_2.jpg"]
MATCHES = ["7_10.jpg", "12_1.jpg", "7_9.jpg", "30_1.jpg"]
DISTRACTORS = ["0001.jpg", "x.png"]


def cells(names: list[str]) -> np.ndarray:
    """A cell array (n, 1) as MATLAB writes it."""
    array = np.empty((len(names), 1), object)
    array[:, 0] = names
    return array


def draw(folder: Path, *, shape: tuple[int, int] = (20, 16)) -> None:
    for part, names in (("Probe", PROBES), ("Gallery_Match", MATCHES), ("Gallery_Distractor", DISTRACTORS)):
        (folder / part).mkdir(parents=True)
        for number, name in enumerate(names):
            cv2.imwrite(str(folder / part / name), np.full((*shape, 3), 20 * number + 10, np.uint8))
        (folder / part / "Thumbs.db").write_bytes(b"no picture")


def lists(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "probe_img_ID_pairs.mat", {"probe_set": cells(PROBES), "probe_ids": np.array([[12], [7], [7]], np.uint16)})
    savemat(
        folder / "gallery_match_img_ID_pairs.mat",
        {"gallery_set": cells(MATCHES), "gallery_ids": np.array([[7], [12], [7], [30]], np.uint16)},
    )


@pytest.fixture
def tinyface(tmp_path: Path) -> Path:
    draw(tmp_path / "tinyface" / "Testing_Set")
    lists(tmp_path / "tinyface" / "Testing_Set")
    return tmp_path


@pytest.mark.parametrize("root", [".", "tinyface", "tinyface/Testing_Set"])
def test_official_layout(tinyface: Path, root: str) -> None:
    found = open_tinyface(tinyface / root, size=32)
    assert found.count == 9
    assert [Path(found.photographs.place(row)).name for row in found.probes.tolist()] == PROBES
    assert [Path(found.photographs.place(row)).name for row in found.gallery.tolist()] == MATCHES + DISTRACTORS
    assert found.probe_identities.tolist() == [12, 7, 7]
    assert found.gallery_identities.tolist() == [7, 12, 7, 30, -100, -100]
    assert not found.aligned
    assert found.remark.startswith(
        "3 probes, officially 3,728; 4 gallery matches, officially 4,443; 2 distractors, officially 153,428; the"
    )
    assert "not aligned" in found.remark
    assert found.photographs.image(2).shape == (32, 32, 3)
    assert abs(int(found.photographs.image(2)[16, 16, 0]) - 50) < 3


@pytest.mark.parametrize("beside", ["", "tinyface", "tinyface/Testing_Set"])
def test_aligned_pictures_come_first(tinyface: Path, beside: str) -> None:
    folder = tinyface / beside / "aligned_pad_0.1_pad_high"
    draw(folder, shape=(112, 112))
    for root in (tinyface, folder) if beside else (tinyface, tinyface / "tinyface", folder):
        found = open_tinyface(root)
        assert found.aligned
        assert found.photographs.place(0) == str(folder / "Probe" / "12_3.jpg")
        assert [Path(found.photographs.place(row)).name for row in found.probes.tolist()] == PROBES  # in the order of the lists
        assert "not aligned" not in found.remark
    assert not open_tinyface(tinyface / "tinyface" / "Testing_Set").aligned


@pytest.mark.parametrize("inside", [True, False])
def test_aligned_pictures_alone(tmp_path: Path, inside: bool) -> None:
    folder = tmp_path / "aligned_pad_0.1_pad_high"
    draw(folder, shape=(112, 112))
    if inside:
        lists(folder)
    found = open_tinyface(tmp_path)
    names = [Path(found.photographs.place(row)).name for row in range(found.count)]
    assert names == ([*PROBES, *MATCHES, *DISTRACTORS] if inside else [*sorted(PROBES), *sorted(MATCHES), *DISTRACTORS])
    assert dict(zip(names, [*found.probe_identities.tolist(), *found.gallery_identities.tolist()], strict=True))["30_1.jpg"] == 30


def test_lists_of_other_shapes(tinyface: Path) -> None:
    folder = tinyface / "tinyface" / "Testing_Set"
    savemat(folder / "probe_img_ID_pairs.mat", {"probe_set": np.array(PROBES[:2], object)})
    savemat(folder / "gallery_match_img_ID_pairs.mat", {"gallery_set": np.array(MATCHES)})  # a character matrix
    found = open_tinyface(tinyface)
    assert found.probe_identities.tolist() == [12, 7]
    assert found.gallery_identities.tolist() == [7, 12, 7, 30, -100, -100]


def test_missing_things_are_named(tinyface: Path, tmp_path: Path) -> None:
    folder = tinyface / "tinyface" / "Testing_Set"
    with pytest.raises(DataError, match="no TinyFace at"):
        open_tinyface(tmp_path / "none")
    (folder / "Gallery_Match" / "12_1.jpg").unlink()
    (folder / "Gallery_Match" / "30_1.jpg").unlink()
    with pytest.raises(DataError, match=r"2 of 4 pictures that gallery_match_img_ID_pairs\.mat lists are not in .*: 12_1\.jpg, 30_1\.jpg"):
        open_tinyface(tinyface)
    (folder / "gallery_match_img_ID_pairs.mat").unlink()
    with pytest.raises(DataError, match=r"no list .*gallery_match"):
        open_tinyface(tinyface)
    draw(tmp_path / "whole")
    (tmp_path / "whole" / "Gallery_Distractor").rename(tmp_path / "whole" / "x")
    with pytest.raises(DataError, match=r"no folder .*Gallery_Distractor"):
        open_tinyface(tmp_path / "whole")


@pytest.mark.parametrize("content", [b"", b"hello", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_damaged_lists(tinyface: Path, content: bytes) -> None:
    (tinyface / "tinyface" / "Testing_Set" / "probe_img_ID_pairs.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"probe_img_ID_pairs\.mat (is no readable MATLAB file|must hold)"):
        open_tinyface(tinyface)


def test_lists_cut_short(tinyface: Path) -> None:
    path = tinyface / "tinyface" / "Testing_Set" / "probe_img_ID_pairs.mat"
    whole = path.read_bytes()
    for cut in range(0, len(whole) - 8, 24):
        path.write_bytes(whole[:cut])
        try:
            assert open_tinyface(tinyface).count == 9  # the names come first: what is lost are the identities, which the names tell
        except DataError as error:
            assert "probe_img_ID_pairs.mat" in str(error)


def test_a_list_of_something_else(tinyface: Path) -> None:
    path = tinyface / "tinyface" / "Testing_Set" / "probe_img_ID_pairs.mat"
    savemat(path, {"probe_set": np.arange(3)})
    with pytest.raises(DataError, match="must hold file names as probe_set"):
        open_tinyface(tinyface)
    savemat(path, {"probe_set": cells(["picture.jpg"])})
    (path.parent / "Probe" / "picture.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match=r"named after its identity, like 12_3\.jpg, got picture\.jpg"):
        open_tinyface(tinyface)

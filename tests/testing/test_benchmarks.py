"""Every benchmark there is keeps the contract, on small files of its real form."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from facenas.data import FaceSet, OrlFaces, Pairs, balanced_pairs, write_bin
from facenas.eval import BENCHMARKS, BenchmarkSection
from facenas.eval.benchmarks.pair_files import VerificationFiles
from facenas.testing import BenchmarkContract
from tests.data import test_tinyface
from tests.data.test_ijb import as_ijbb, write_ijbc

PEOPLE = 5


@cache
def pairs() -> tuple[FaceSet, Pairs]:
    """Photographs of five people of ORL, and pairs of them."""
    faces = OrlFaces().open(112)
    some = faces.of(faces.names[:PEOPLE])
    photographs = FaceSet("orl", np.stack([some.image(row) for row in range(len(some))]), some.identities, some.names)
    return photographs, balanced_pairs(photographs.identities, seed=0, limit=20)


def png(row: int) -> bytes:
    return cv2.imencode(".png", pairs()[0].images[row][..., ::-1])[1].tobytes()


def write_list(folder: Path) -> None:
    faces, listed = pairs()
    folder.mkdir(parents=True, exist_ok=True)
    for row in range(len(faces)):
        (folder / f"{row}.png").write_bytes(png(row))
    lines = zip(listed.first.tolist(), listed.second.tolist(), listed.same.tolist(), strict=True)
    (folder / "pairs.csv").write_text("".join(f"{first}.png,{second}.png,{int(same)}\n" for first, second, same in lines))


def write_bin_of(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        listed = pairs()[1]
        rows = np.stack([listed.first, listed.second], 1).ravel().tolist()
        folder.mkdir(parents=True, exist_ok=True)
        write_bin(folder / f"{name}.bin", [png(row) for row in rows], listed.same.tolist())

    return write


def write_ijb(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir()
        write_ijbc(folder)
        if name == "ijbb":
            as_ijbb(folder)

    return write


def write_tinyface(folder: Path) -> None:
    test_tinyface.draw(folder / "tinyface" / "Testing_Set")
    test_tinyface.lists(folder / "tinyface" / "Testing_Set")


FILES = {name: write_bin_of(name) for name in ("lfw", "cfp_fp", "cfp_ff", "cplfw", "agedb_30", "calfw")}
FILES |= {"pairs": write_list, "ijbb": write_ijb("ijbb"), "ijbc": write_ijb("ijbc"), "tinyface": write_tinyface}


class TestOurs(BenchmarkContract):
    settings = tuple(member.model_validate({"name": name}) for name, member in BENCHMARKS.members.items())

    def placed(self, member: BenchmarkSection, folder: Path) -> BenchmarkSection:
        if not (folder / "files").exists():
            FILES[member.name](folder / "files")
        return member.model_copy(update={"root": folder / "files" / ("pairs.csv" if member.name == "pairs" else "")})


def test_published_benchmarks_are_present_only_where_they_are(tmp_path: Path) -> None:
    write_bin_of("cfp_fp")(tmp_path)
    there = {name: VerificationFiles.model_validate({"name": name, "root": tmp_path}).present() for name in ("cfp_fp", "lfw", "cfp_ff")}
    assert there == {"cfp_fp": True, "lfw": False, "cfp_ff": None}

"""Members of another package, from the contract suites to the commands, and what is said when they are gone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from facenas.backbones import Blueprint, IRSpace
from facenas.data import InputContract, OrlFaces
from facenas.data.sources.source import SourceSection
from facenas.errors import ModelError
from facenas.eval import BenchmarkSection
from facenas.export import FORMATS
from facenas.heads import HeadSection, MarginHead
from facenas.heads.rule import Margin
from facenas.testing import BenchmarkContract, FormatContract, HeadContract, ReaderContract
from facenas.training.models import load_model, save_model
from tests.testing.plugins.arrays import ArrayFaces
from tests.testing.plugins.packed import PackedFormat
from tests.testing.plugins.siblings import Siblings

PLUGINS = Path(__file__).parent / "plugins"
POINTS = {"benchmarks": "siblings:Siblings", "formats": "packed:PackedFormat", "sources": "arrays:ArrayFaces"}
RUN = "import json, sys; from facenas.cli import run; print(json.dumps([run(line) for line in json.loads(sys.argv[1])]), file=sys.stderr)"


def write_siblings(folder: Path) -> Path:
    faces = OrlFaces().open(112)
    for side, shift in (("left", 0), ("right", 1)):
        (folder / side).mkdir(parents=True)
        for person in range(12):
            Image.fromarray(faces.image(10 * person + shift)).save(folder / side / f"{person:02}.png")
    return folder


def write_arrays(folder: Path) -> Path:
    faces = OrlFaces().open(32)
    rows = [10 * person + number for person in range(8) for number in range(6)]
    images = np.stack([faces.image(row) for row in rows])
    np.savez(folder / "faces.npz", images=images, people=np.array([faces.names[faces.identities[row]] for row in rows]))
    return folder / "faces.npz"


class TestSiblings(BenchmarkContract):
    settings = Siblings()

    def placed(self, member: BenchmarkSection, folder: Path) -> BenchmarkSection:
        root = folder / "siblings"
        return member.model_copy(update={"root": root if root.exists() else write_siblings(root)})


class TestPacked(FormatContract):
    settings = PackedFormat(level=1)


class TestArrays(ReaderContract):
    settings = ArrayFaces(root="")

    def placed(self, member: SourceSection, folder: Path) -> SourceSection:
        return member.model_copy(update={"root": str(write_arrays(folder))})


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that holds the package as pip installs it."""
    site = tmp_path / "site"
    about = site / "theirs-1.0.dist-info"
    about.mkdir(parents=True)
    for file in PLUGINS.glob("[a-z]*.py"):
        (site / file.name).write_text(file.read_text())
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    names = {"benchmarks": "siblings", "formats": "onnx-gz", "sources": "npz"}
    (about / "entry_points.txt").write_text("".join(f"[facenas.{kind}]\n{names[kind]} = {place}\n" for kind, place in POINTS.items()))
    return site


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    space = IRSpace(embedding_size=16, input_size=112, output="gdc", dropout=0.0)
    blueprint = Blueprint(architecture=space.start(depth=10, width=8), space=space)
    network = blueprint.build()
    with torch.no_grad():
        network.train()(torch.randn(8, 3, 112, 112))
    save_model(tmp_path / "model", network, blueprint=blueprint, contract=InputContract(), metrics={})
    return tmp_path / "model"


def commands(folder: Path, *lines: list[object], site: Path | None = None) -> tuple[list[int], str, str]:
    """Exit codes and output of commands, in a process that has the package, or has it not."""
    path = [str(site)] if site else []
    environment = {"PYTHONPATH": ":".join([*path, *sys.path]), "FACENAS_CACHE": str(folder / "cache"), "PATH": "", "COLUMNS": "200"}
    given = json.dumps([[str(part) for part in line] for line in lines])
    done = subprocess.run([sys.executable, "-c", RUN, given], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    *said, codes = done.stderr.splitlines()
    return json.loads(codes), done.stdout, "\n".join(said)


def test_members_of_another_package_go_through_the_commands_and_are_missed_when_they_are_gone(
    installed: Path, model: Path, tmp_path: Path
) -> None:
    root, faces = write_siblings(tmp_path / "siblings"), write_arrays(tmp_path)
    measure = ["eval", "--model", model, "--data", root, "--benchmark"]
    export = ["export", "--model", model, "--check-on", "siblings", "--set", f"data.root={root}", "--format", "onnx-gz"]
    data = ["--set", "data.name=npz", "--set", f"data.root={faces}", "--set", "epochs=1", "--set", "architecture=small.json"]
    space = IRSpace(embedding_size=16, input_size=32, output="gdc", dropout=0.0)
    small = Blueprint(architecture=space.start(depth=10, width=8), space=space)
    (tmp_path / "small.json").write_text(small.model_dump_json())
    train = ["train", "--config", "smoke", "--run", "trained", *data]
    lines = [[*measure, "siblings"], [*measure, "all"], [*measure, "sibling"], ["eval", "--help"]]
    lines += [[*export, "--set", "format.level=3"], [*export, "--set", "format.levle=3"], train]
    codes, out, said = commands(tmp_path, *lines, site=installed)
    assert codes == [0, 0, 1, 0, 0, 1, 0], said
    assert out.count("siblings: 24 pairs, ten folds") == 2 and "tinyface, siblings; faces" in " ".join(out.split())
    assert "unknown benchmark 'sibling'; did you mean 'siblings'?" in said
    assert "--format onnx-gz: unknown setting levle; did you mean 'level'?" in said
    report: dict[str, Any] = json.loads((model / "model.onnx.gz.json").read_text())
    assert report["parity"]["min_cosine"] > 0.9999 and report["opset"] is None
    assert json.loads((model / "eval" / "siblings.json").read_text())["siblings"]["pairs"] == 24
    assert "name: npz" in (tmp_path / "trained" / "config.yaml").read_text()
    codes, out, said = commands(tmp_path, [*measure, "siblings"], [*export, "--set", "data.seed=1"], train, ["eval", "--help"])
    assert codes == [1, 1, 1, 0]
    assert "unknown benchmark 'siblings'" in said and "unknown format 'onnx-gz'" in said and "unknown data 'npz'" in said
    assert "siblings" not in out


def test_a_classifier_whose_data_set_is_of_a_package_that_is_gone(model: Path) -> None:
    card = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(card | {"data": {"name": "gone"}}))
    with pytest.raises(ModelError, match="'gone'"):
        load_model(model)


class Restless(HeadSection):
    """A head whose running mean nobody can hold: it is no buffer."""

    name: str = "restless"

    def rule(self) -> torch.nn.Module:
        return RestlessRule()


class RestlessRule(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.nn.Parameter(torch.zeros(()), requires_grad=False)

    def forward(self, own: torch.Tensor, norms: torch.Tensor) -> Margin:
        self.mean.data.lerp_(norms.mean().to(self.mean.dtype), 0.1)
        return Margin(own + 0 * self.mean)


class Dated(PackedFormat):
    """A format that writes when it was written."""

    def write(self, network: Any, path: Path, **given: Any) -> list[str]:
        super().write(network, path, **given)
        path.write_bytes(path.read_bytes() + str(path).encode())
        return []


def test_the_suites_can_fail(tmp_path: Path) -> None:
    assert isinstance(Restless().build(4, 3), MarginHead)
    with pytest.raises(AssertionError):
        HeadContract().test_its_statistics_stand_still_in_evaluation_and_where_they_are_frozen(Restless())
    with pytest.raises(AssertionError):
        FormatContract().test_two_exports_are_equal_byte_for_byte_and_name_no_place(Dated())
    with pytest.raises(AssertionError, match="Literal"):
        HeadContract().test_its_settings_have_a_name_and_survive_json(Restless())
    assert "onnx-gz" not in FORMATS.members

"""The toy package, installed for real: what its author, its users and those who miss it see.

It is what `docs/extending.md` shows. Its own tests, `tests/toy/test_members.py`, run where it is installed, as do the page's commands.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from facenas.backbones import Blueprint, IRSpace
from facenas.cli.members import member_names
from facenas.data import InputContract
from facenas.errors import ModelError
from facenas.eval import BENCHMARKS
from facenas.export import FORMATS
from facenas.heads import HeadSection, MarginHead
from facenas.heads.rule import Margin
from facenas.registry import Registry
from facenas.search import STRATEGIES, read_journal
from facenas.testing import FormatContract, HeadContract
from facenas.training.models import load_model, save_model
from tests.toy.facenas_toy.format import PackedFormat

ROOT = Path(__file__).parents[2]
TOY, PAGE = ROOT / "tests" / "toy", ROOT / "docs" / "extending.md"
NEEDED = [name for name in ("hatchling", "pip") if not find_spec(name)]
installable = pytest.mark.skipif(bool(NEEDED), reason=f"needs {' and '.join(NEEDED)}: pip install {' '.join(NEEDED)}")
RUN = """
import json, sys
from facenas.cli import run
for line in json.loads(sys.argv[1]):
    print("== exit", run(line), file=sys.stderr)
"""
WRITE = "from pathlib import Path; from test_members import *; write_siblings(Path('siblings')); write_arrays(Path('faces.npz'))"
BOUNDS = "--set strategy.min_depth=3 --set strategy.max_depth=3 --set strategy.min_width=8 --set strategy.max_width=8"
NPZ = "--set data.name=npz --set data.root=faces.npz"
OF_IR = BOUNDS.replace("depth=3", "depth=10")


class Environment(NamedTuple):
    """An environment in which what is installed here can be imported too, and a folder beside it to work in.

    Attributes:
        python: Its interpreter.
        folder: Its author's folder of the package, where commands run.
    """

    python: Path
    folder: Path

    def pip(self, *arguments: object) -> None:
        line = [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", *arguments]
        subprocess.run([str(part) for part in line], cwd=self.folder, check=True, capture_output=True)

    def call(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment |= {"FACENAS_CACHE": str(self.folder / "cache"), "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
        return subprocess.run([self.python, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def facenas(self, *commands: str) -> tuple[list[int], str, list[str]]:
        """Exit codes of commands, one after the other in one process, what was printed, and what each said beside it, as one line."""
        done = self.call("-c", RUN, json.dumps([shlex.split(command.removeprefix("facenas ")) for command in commands]))
        assert not done.returncode, done.stderr
        said = re.findall(r"(.*?)== exit (\d+)\n", done.stderr, flags=re.DOTALL)
        return [int(code) for _, code in said], " ".join(done.stdout.split()), [" ".join(one.split()) for one, _ in said]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With the toy package, installed by pip."""
    here = tmp_path_factory.mktemp("toy")
    venv.create(here / "venv", symlinks=True, with_pip=False)
    python = here / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    shutil.copytree(TOY, here / "facenas-toy", ignore=shutil.ignore_patterns("__pycache__"))
    made = Environment(python, here / "facenas-toy")
    site = made.call("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    (Path(site) / "what_is_here.pth").write_text("\n".join(str(Path(entry).resolve()) for entry in sys.path if entry))
    made.pip("install", "--no-index", "--no-deps", "--no-build-isolation", made.folder)
    assert not made.call("-c", WRITE).returncode
    return made


def blocks(language: str) -> list[tuple[str, str]]:
    """The blocks of the page in a language, each with its title."""
    return re.findall(rf'```{language}(?: title="(.*?)")?\n(.*?)```', PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_page_has_every_file_as_it_stands() -> None:
    shown = {title: code for language in ("python", "toml") for title, code in blocks(language) if title}
    files = [
        file for file in sorted(TOY.rglob("*")) if file.suffix in (".py", ".toml") and file.name not in ("__init__.py", "test_members.py")
    ]
    assert {name: code.rstrip() for name, code in shown.items()} == {
        str(file.relative_to(TOY)): file.read_text(encoding="utf-8").rstrip() for file in files
    }
    order = ["head", "space", "strategy", "benchmark", "format", "source"]
    assert [Path(title).stem for title in shown if title.endswith(".py")] == order


@pytest.mark.slow
@installable
def test_its_author_runs_the_contracts(environment: Environment) -> None:
    """All but the format's, which exports four times."""
    done = environment.call("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_members.py", "-k", "not Packed")
    passed = re.search(r"(\d+) passed", done.stdout)
    assert not done.returncode and passed and int(passed[1]) >= 48, done.stdout + done.stderr


@pytest.mark.slow
@installable
def test_its_author_runs_the_contract_of_the_format(environment: Environment) -> None:
    done = environment.call("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "test_members.py", "-k", "Packed")
    assert not done.returncode and "4 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("registry", [BENCHMARKS, FORMATS, STRATEGIES], ids=lambda registry: registry.kind)
def test_helps_name_our_members_without_importing_them(registry: Registry) -> None:
    assert sorted(member_names(registry.group.removeprefix("facenas."))) == sorted(registry.members)


@pytest.mark.slow
@installable
@pytest.mark.parametrize("module", ["space", "benchmark"])
def test_its_modules_may_be_imported_before_facenas(environment: Environment, module: str) -> None:
    found = "from facenas.backbones import SPACES, ZOO; from facenas.eval import BENCHMARKS; len(ZOO)"
    told = "print('ladder' in SPACES.members, 'siblings' in BENCHMARKS.members)"
    done = environment.call("-c", f"import facenas_toy.{module}; {found}; {told}")
    assert done.stdout == "True True\n", done.stdout + done.stderr


@pytest.mark.slow
@installable
def test_its_members_are_named_by_the_commands(environment: Environment) -> None:
    wrong = {
        "head.name=mv_softmx": "head 'mv_softmx'; did you mean 'mv_softmax'",
        "space.name=laddr": "space 'laddr'; did you mean 'ladder'",
    }
    wrong |= {"strategy.name=halvin": "strategy 'halvin'; did you mean 'halving'"}
    lines = [f"search --config smoke --set {setting}" for setting in wrong]
    codes, out, said = environment.facenas(*lines, "search --help", "eval --help", "export --help", "models")
    assert codes == [1, 1, 1, 0, 0, 0, 0], said
    assert all(f"unknown {sentence}?" in one for sentence, one in zip(wrong.values(), said, strict=False)), said
    assert "sample, tpe, halving" in out and "tinyface, siblings; faces" in out and "onnx-gz" in out
    assert "ladder-4" in out and "A chain of layers at half the image's resolution" in out and "facenas_toy" in out


@pytest.mark.slow
@installable
def test_it_goes_through_the_commands_and_is_missed_when_it_is_gone(environment: Environment) -> None:
    everything(environment)
    folder, file = environment.folder, Path(environment.call("-c", "import facenas_toy.strategy as it; print(it.__file__)").stdout.strip())
    whole = file.read_text()
    file.write_text("import a_package_that_is_not_there\n")
    codes, out, said = environment.facenas(
        "search --help",
        "search --config smoke --strategy halving",
        "report halved",
        "train --config smoke --set epochs=1 --architecture ladder-4 --run ours",
    )
    assert codes == [0, 1, 0, 0], said
    assert (
        "".join(said).count(
            "facenas.strategies 'halving' of facenas-toy cannot be loaded and is left out: ModuleNotFoundError: No module named"
        )
        == 1
    )
    assert "unknown strategy 'halving'" in said[1] and "Traceback" not in "".join(said)
    file.write_text(whole)

    environment.pip("uninstall", "--yes", "facenas-toy")
    shutil.rmtree(folder / "facenas_toy")  # commands run here
    codes, out, said = environment.facenas(
        "journal runs/toy", "compare-searches runs/toy", "report halved", "models", "search --help", "eval --help", "export --help"
    )
    assert (
        codes == [0] * 7
        and not any(name in out for name in ("ladder-4", "siblings", "onnx-gz", "sample, tpe, halving"))
        and "Traceback" not in "".join(said)
    ), said
    gone = {
        "search --config halved/config.yaml --run halved": "strategy 'halving'",
        "search --finish --run halved": "strategy 'halving'",
        "search --config micro/config.yaml --run micro": "space 'ladder'",
        "report runs/toy": "space 'ladder'",
        "train --config smoke --architecture runs/toy --run again": "space 'ladder'",
        "train --config smoke --architecture ladder-4 --run again": "architecture 'ladder-4'",
        "train --config plain/config.yaml --run plain": "data 'npz'",
        "train --config smoke --set epochs=1 --architecture halved --set head.name=mv_softmax --run other": "head 'mv_softmax'",
        f"train --config smoke --set epochs=1 --architecture halved {NPZ} --run other": "data 'npz'",
        "eval --model runs/model --benchmark synthetic": "space 'ladder'",
        "eval --model plain --benchmark siblings --data siblings": "benchmark 'siblings'",
        "export --model runs/model": "space 'ladder'",
        "export --model plain --format onnx-gz": "format 'onnx-gz'",
    }
    codes, _, said = environment.facenas(*gone)
    assert codes == [1] * len(gone) and "Traceback" not in "".join(said), said
    for command, what, sentence in zip(gone, gone.values(), said, strict=True):
        assert sentence.startswith("facenas: ") and sentence.count("unknown ") == 1, f"{command}: {sentence}"
        assert f"unknown {what}" in sentence and "once that package is installed" in sentence, f"{command}: {sentence}"


def everything(environment: Environment) -> None:
    """The page's commands, and those with a choice of ours in the place of one of the package's."""
    page = [line for _, block in blocks("sh") for line in block.splitlines() if line.startswith("facenas ")]
    assert [line.split()[1] for line in page] == ["search", "report", "train", "eval", "export"]
    search, report, train, measure, export = page
    halved = f"search --config smoke --strategy halving --set strategy.count=3 {OF_IR} --run halved"
    micro = f"search --config smoke --set space.name=ladder {BOUNDS} --run micro"
    plain = f"train --config smoke --set epochs=1 --architecture halved {NPZ} --run plain"
    works = [
        f"{search} {BOUNDS}",
        report,
        f"{halved} --set budget.trials=2",
        halved,
        "journal halved --json",
        "report halved",
        "compare-searches halved",
    ]
    works += [micro, "report micro", f"{train} --set epochs=1", plain, measure, measure.replace("siblings --", "all --"), export]
    wrong = [measure.replace("siblings --", "sibling --"), export.replace("level", "levle")]
    codes, out, said = environment.facenas(*works, *wrong)
    assert codes == [0] * len(works) + [1] * len(wrong), said
    folder = environment.folder

    rows = read_journal(folder / "halved")
    assert [row.candidate.phase for row in rows] == ["rung of 3"] * 3 + ["rung of 2"] * 2
    assert [row.candidate.epochs for row in rows] == [1] * 3 + [2] * 2
    drawn = (folder / "halved" / "report.html").read_text()
    assert "rung of 3" in drawn and "rung of 2" in drawn
    assert drawn.count("and the best so far</") == 2  # scores of 1 and of 2 epochs
    assert {row.candidate.architecture.space for row in read_journal(folder / "runs" / "toy")} == {"ladder"}
    kernels = [row for row in read_journal(folder / "micro") if row.candidate.phase == "kernels"]
    assert len(kernels) == 3 * 2
    assert "whole 3x3" in (folder / "micro" / "report.html").read_text()

    settings = (folder / "runs" / "model" / "config.yaml").read_text()
    assert "name: npz" in settings and "name: mv_softmax" in settings
    assert out.count("siblings: 24 pairs, ten folds") == 2
    assert json.loads((folder / "runs" / "model" / "eval" / "siblings.json").read_text())["siblings"]["pairs"] == 24
    told: dict[str, Any] = json.loads((folder / "runs" / "model" / "model.onnx.gz.json").read_text())
    assert told["parity"]["min_cosine"] > 0.9999 and told["opset"] is None
    assert "unknown benchmark 'sibling'; did you mean 'siblings'?" in said[-2]
    assert "--format onnx-gz: unknown setting levle; did you mean 'level'?" in said[-1]


def test_a_classifier_whose_data_set_is_of_a_package_that_is_gone(tmp_path: Path) -> None:
    space = IRSpace(embedding_size=16, input_size=32, output="gdc", dropout=0.0)
    blueprint = Blueprint(architecture=space.start(depth=10, width=8), space=space)
    save_model(tmp_path, blueprint.build(), blueprint=blueprint, contract=InputContract(size=32), metrics={})
    card = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(card | {"data": {"name": "gone"}}))
    with pytest.raises(ModelError, match="'gone'"):
        load_model(tmp_path)


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
        packed = bytearray(path.read_bytes())
        packed[4:8] = hash(path).to_bytes(8, "little", signed=True)[:4]  # gzip's time of writing
        path.write_bytes(packed)
        return []


@pytest.mark.slow
def test_the_suites_can_fail(tmp_path: Path) -> None:
    assert isinstance(Restless().build(4, 3), MarginHead)
    with pytest.raises(AssertionError):
        HeadContract().test_its_statistics_stand_still_in_evaluation_and_where_they_are_frozen(Restless())
    with pytest.raises(AssertionError):
        FormatContract().test_two_exports_are_equal_byte_for_byte_and_name_no_place(Dated())
    with pytest.raises(AssertionError, match="Literal"):
        HeadContract().test_its_settings_have_a_name_and_survive_json(Restless())
    assert "onnx-gz" not in FORMATS.members

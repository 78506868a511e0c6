"""Every command of README.md and docs/*.md, as it stands there: page by page, one after the other, on small data.

WAYS says what is added to a command to make it quick, and which cannot be run here and why. One that it does not name is run as it is.
"""

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import onnx
import pytest

from facenas.data import OrlFaces, write_bin
from facenas.data.formats.packing import pack
from facenas.export import export_network
from tests.conftest import FASHION_MNIST, save_random_model

Command = Callable[..., Any]
ROOT = Path(__file__).parents[1]
PAGES = sorted(str(page.relative_to(ROOT)) for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))


class Less(NamedTuple):
    """Run with this added; with `instead` for a part that is not to be had here."""

    added: str = ""
    part: str = ""
    instead: str = ""


class Missing(NamedTuple):
    """Run up to the data, which is not here; its last sentence."""

    says: str
    added: str = "--data-root nowhere --run runs/missing-{}"


class Elsewhere(NamedTuple):
    """Not run by this test."""

    why: str


def settings(*changes: str) -> str:
    return " ".join(f"--set {change}" for change in changes)


NARROW = ("strategy.min_depth=10", "strategy.max_depth=10", "strategy.min_width=8", "strategy.max_width=8", "strategy.macro_epochs=1")
SEARCH = Less(settings(*NARROW, "space.input_size=32", "validation_share=0.3", "recipe.batch_size=16", "threads=1") + " --workers 1")
RANDOM = Less(
    settings(*NARROW[:4], "budget.trials=2", "strategy.epochs=1", "space.input_size=32", "validation_share=0.3", "recipe.batch_size=16")
)
CIFAR = Missing("nowhere")
CELLS = Missing("nowhere", "--data-root nowhere --run runs/missing-{} --set auxiliary=false")  # runs/cells is of smaller images here
SERVER = Elsewhere("serves until it is stopped: tests/cli/test_dashboard.py")
GPUS = Elsewhere("needs several GPUs or machines: tests/training/test_trainer.py trains on two devices")
STUDY = Elsewhere("minutes; tests/cli/test_study.py runs each through this command, on less")
FASHION = Less(
    settings("data_fraction=0.003", "validation_share=0.003", "strategy.min_depth=4", "strategy.max_depth=4", "strategy.macro_epochs=1")
    + " --set strategy.micro=false --workers 1"
)
EXPORT = Less("--check-on synthetic")
CASIA = settings("epochs=1", "recipe.batch_size=8", "workers=0", "validation_share=0.34", "watch=[]")
WAYS: dict[str, Less | Missing | Elsewhere] = {
    # README.md
    'python3 -m venv .venv && .venv/bin/pip install ".[quickstart]" && .venv/bin/facenas quickstart': Elsewhere("minutes; .ci/run runs it"),
    'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/pytest': Elsewhere("runs these tests; .ci/run runs it"),
    "facenas align pictures photographs --detector dlib": Elsewhere("needs dlib: tests/test_use_page.py"),
    "facenas search --config folder --set data.root=photographs --run runs/search": SEARCH,
    "facenas train --config folder --set data.root=photographs --architecture runs/search --run runs/model": Less(settings("epochs=1")),
    "facenas search --config folder --set data.root=photographs --run runs/faster --workers 4 --set limits.latency_ms=5": SEARCH,
    "facenas search --config folder --set data.root=photographs --run runs/random --strategy random --set budget.trials=20": RANDOM,
    "facenas dashboard runs/search": SERVER,
    "facenas study ranking": STUDY,
    "apt-get install dataset-fashion-mnist": Elsewhere("changes the machine; .ci/run runs it"),
    "facenas search --config fashionmnist-cpu --run runs/fashion --workers 2": FASHION,
    "facenas train --config fashionmnist-600 --architecture runs/fashion --run runs/classifier --set epochs=10": Less(
        settings("epochs=1", "validation_share=0.97")
    ),
    # docs/allegro.md
    "facenas search --config allegro-cpu --run runs/cells": Less(
        settings("data_fraction=0.002", "validation_share=0.002", "strategy.epochs=1", "strategy.chi_epochs=1", "strategy.retrain_epochs=1")
        + " "
        + settings("strategy.eigenvalue_iterations=1", "strategy.channels=4", "space.channels=4", "threads=1")
    ),
    "facenas search --config cifar10-allegro --run runs/cells": CIFAR,
    "facenas search --config face-allegro --data-root casia-webface --run runs/cells": CIFAR,
    "facenas train --config allegro-eval --architecture runs/cells --run runs/final": CELLS,
    "facenas train --config allegro-eval --set data.name=cifar100 --num-classes 100 --architecture runs/cells --run runs/cifar100": CELLS,
    # docs/data.md
    "facenas data sample faces --set augmentation.file=pipeline.yaml": Less("--out own.png"),
    "facenas train --config folder --set data.root=faces --set augmentation.file=pipeline.yaml --run runs/own": Less(
        "--set data.root=lfw-aligned --set epochs=1 --set recipe.batch_size=8"
    ),
    "facenas data check faces/train.rec --against lfw": Less("--size 32"),
    # docs/evaluation.md
    "facenas eval --compare runs/a runs/b w600k.onnx --benchmark lfw,cfp_fp,ijbc --data benchmarks --run comparison": Less(
        settings("replicates=20"), "lfw,cfp_fp,ijbc", "lfw,cfp_fp"
    ),
    # docs/export.md
    "facenas export --model runs/model --format onnx-int8 --max-accuracy-drop 0.002": Less("--check-on synthetic --max-accuracy-drop 1"),
    "facenas export --model runs/model --input raw": EXPORT,
    "facenas export --model runs/model --insightface-pack packs/mine": EXPORT,
    "facenas bench runs/model runs/model/model.onnx runs/model/model-int8.onnx": Less("--batch 1 --threads 1 --rounds 1"),
    # docs/refinement.md
    "facenas search --config nar-orl --run runs/refined": Less(
        settings("strategy.epochs=2", "strategy.pretrain_epochs=1", "strategy.samples=2", "strategy.shortlist=1")
        + " "
        + settings("strategy.retrain_epochs=1", "strategy.controller.steps=1", "limits.macs=null", "space.input_size=32")
    ),
    "facenas search --config nar-ir50 --data-root proxy-4000x40 --pretrain-epochs 10": CIFAR,
    "facenas search --config nar-resnet18 --set space.positions_per=unit": CIFAR,
    "facenas search --strategy nar --base ir50 --config face-small": CIFAR,
    "facenas train --architecture runs/refined --run runs/refined-model": Less(settings("epochs=1")),
    # docs/results.md
    "python benchmarks/fashionmnist.py --scale paper --run runs/fashionmnist --minutes 9 --per-gpu 4": Elsewhere("hours on a GPU"),
    # docs/search.md
    "facenas search --config quickstart --run runs/orl": SEARCH,
    "facenas search --config quickstart --run runs/orl --workers 4": SEARCH,
    "facenas search --config quickstart --run runs/orl --executor ray --address auto --workers 32 --gpus 0.5": Elsewhere(
        "needs a Ray cluster: tests/cli/test_survival.py searches on one"
    ),
    "facenas search --config cifar10-tiny --run runs/cifar --per-gpu 4": GPUS,
    "facenas dashboard runs/orl": SERVER,
    "facenas search --config quickstart --run runs/random --strategy random --set budget.trials=20": RANDOM,
    "facenas search --config face-small --data-root casia-webface --max-latency-ms 8 --latency-target onnxruntime-cpu-1thread": CIFAR,
    # docs/studies.md
    **{
        f"facenas study {name} --run runs/{name}": STUDY
        for name in ("ranking", "random", "initialisation", "reward", "overfitting")
    },
    # docs/timm.md
    "facenas train --config casia-adaface --data-root casia-webface --backbone timm:mobilenetv4_conv_small --run runs/mnv4": Less(CASIA),
    "facenas train --config cifar10-600 --backbone timm:mobilenetv4_conv_small --run runs/mnv4-cifar": CIFAR,
    "facenas eval --compare runs/mnv4 runs/found --benchmark lfw --data DIR": Less(settings("replicates=20")),
    # docs/training.md
    "facenas train --config casia-adaface --data-root casia-webface --architecture ir50 --run runs/ir50": Less(CASIA),
    "facenas train --config casia-adaface --data-root casia-webface --run runs/ir50 --devices 4": GPUS,
    "torchrun --nnodes 2 --nproc-per-node 8 ... -m facenas train --config ms1mv3-r50-arcface --data-root ms1mv3 --run runs/r50": GPUS,
}  # fmt: skip
OWN_TEST = {"docs/use.md": "tests/test_use_page.py", "docs/extending.md": "tests/testing/test_toy.py"}


def commands(page: str) -> list[str]:
    """The commands of a page, without remarks, as one line each."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [re.sub(r"\s+#\s.*", "", line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [" ".join(line.split()) for line in lines if line.strip() and not line.startswith("#")]


def test_all_ways_are_of_commands_that_exist() -> None:
    everything = {command for page in PAGES for command in commands(page)}
    assert everything >= WAYS.keys(), WAYS.keys() - everything
    indented = [
        line for page in PAGES for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line.startswith("    facenas ")
    ]
    assert not indented, "commands stand in ```sh blocks, where this test finds them"


def own(page: str) -> list[str]:
    """The commands of a page; none if it repeats what the README has."""
    return [] if page != "README.md" and set(commands(page)) <= set(commands("README.md")) else commands(page)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if own(page) and page not in OWN_TEST])
def test_the_commands_of(page: str, facenas: Command, tmp_path: Path) -> None:
    if any("fashion" in command or "allegro" in command for command in commands(page)) and not FASHION_MNIST.exists():
        pytest.skip("the real Fashion-MNIST: apt-get install dataset-fashion-mnist")
    PREPARED.get(page, nothing)(tmp_path)
    for number, command in enumerate(commands(page)):
        way = WAYS.get(command, Less())
        if isinstance(way, Elsewhere):
            continue
        assert command.startswith("facenas "), f"{page}: nobody says how to run {command}"
        if isinstance(way, Missing):
            said = facenas(*shlex.split(f"{command} {way.added.format(number)}")[1:], code=1).stderr
            assert way.says in said and "Traceback" not in said, command
            continue
        assert way.part in command
        facenas(*shlex.split(f"{command.replace(way.part, way.instead) if way.part else command} {way.added}")[1:])


def nothing(folder: Path) -> None:
    """What a page needs that stands on no page: here, nothing."""


def people(folder: Path, first: int, count: int, photographs: int = 6) -> None:
    """Some of the ORL people, aligned, in folders."""
    faces = OrlFaces().load(112)
    for row in range(first * 10, (first + count) * 10):
        if row % 10 < photographs:
            name = faces.names[faces.identities[row]]
            (folder / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / name / f"{name}_{row % 10 + 1:04}.jpg"), faces.image(row)[..., ::-1])


def foreign(folder: Path, *names: str) -> None:
    """The same as ONNX files of somebody else, which say nothing of their input."""
    from facenas.training.models import load_model

    save_random_model(folder / "other")
    built, card = load_model(folder / "other")
    export_network(built, folder / names[0], contract=card.input, images=OrlFaces().load(112).images[:4])
    model = onnx.load(folder / names[0])
    del model.metadata_props[:]
    for name in names:
        onnx.save(model, folder / name)


def of_readme(folder: Path) -> None:
    people(folder / "photographs", 0, 10)
    people(folder / "other-people", 20, 6)


def of_data(folder: Path) -> None:
    (folder / "faces").mkdir()
    pack(OrlFaces().open(112).rows(np.arange(60)), folder / "faces" / "train.rec")
    (python,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "data.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(compile(python, "data.md", "exec"), {})  # as it stands on the page
    people(folder / "lfw-aligned", 20, 4)
    shutil.copytree(folder / "lfw-aligned", folder / "lfw")
    names = sorted(path.name for path in (folder / "lfw-aligned").iterdir())
    same = [f"{name}\t{one}\t{one + 1}" for name in names[:2] for one in (1, 3)]
    other = [f"{names[0]}\t{one}\t{names[2]}\t{one}" for one in (1, 2)] + [f"{names[1]}\t{one}\t{names[3]}\t{one}" for one in (1, 2)]
    (folder / "lfw" / "pairs.txt").write_text("\n".join(["2\t2", *same[:2], *other[:2], *same[2:], *other[2:]]) + "\n")


def bins(folder: Path, *names: str) -> None:
    """Pairs of the ORL people in InsightFace's form, and as a table."""
    people(folder / "pairs", 30, 10, photographs=4)
    files = sorted(path.relative_to(folder) for path in (folder / "pairs").glob("*/*.jpg"))
    rows = [(files[i], files[i + 1 if same else (i + 9) % 40], same) for i in range(0, 40, 2) for same in (1, 0)]
    (folder / "my-pairs.csv").write_text("".join(f"{a},{b},{same}\n" for a, b, same in rows))
    (folder / "benchmarks").mkdir(exist_ok=True)
    for name in names:
        write_bin(folder / name, [(folder / one).read_bytes() for row in rows for one in row[:2]], [bool(row[2]) for row in rows])


def of_evaluation(folder: Path) -> None:
    save_random_model(folder / "runs" / "ir50", folder / "runs" / "a", folder / "runs" / "b")
    foreign(folder, "adaface.onnx", "w600k.onnx")
    bins(folder, "benchmarks/lfw.bin", "benchmarks/cfp_fp.bin")
    np.save(folder / "embeddings.npy", np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32))


def of_timm(folder: Path) -> None:
    (folder / "casia-webface").mkdir()
    (folder / "DIR").mkdir()
    pack(OrlFaces().open(112).rows(np.arange(60)), folder / "casia-webface" / "train.rec")
    save_random_model(folder / "runs" / "found", folder / "runs" / "orl-model")
    bins(folder, "DIR/lfw.bin")


PREPARED: dict[str, Callable[[Path], None]] = {
    "README.md": of_readme,
    "docs/data.md": of_data,
    "docs/evaluation.md": of_evaluation,
    "docs/export.md": lambda folder: save_random_model(folder / "runs" / "model"),
    "docs/timm.md": of_timm,
    "docs/training.md": of_timm,
}

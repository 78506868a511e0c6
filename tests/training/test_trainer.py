"""The trainer for long runs: killed, stopped, spread over processes, short of memory, or diverging."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from facenas.backbones import Blueprint, IRSpace
from facenas.data import Augmentation, InputContract, SyntheticFaces, development_faces
from facenas.errors import DivergedError, SettingsError, StoppedError
from facenas.heads.settings import CosFaceHead
from facenas.training import tasks
from facenas.training.device import make_fabric
from facenas.training.feed import BatchSampler
from facenas.training.fit import Fitted, fit, prepare
from facenas.training.keeper import CheckpointSettings
from facenas.training.logbook import Log
from facenas.training.loop import train
from facenas.training.memory import largest_batch
from facenas.training.models import load_model
from facenas.training.recipe import Recipe
from facenas.training.schedule import Polynomial, Restarts
from facenas.training.tasks import FaceTask

SPACE = IRSpace(embedding_size=16, input_size=16, output="gdc", dropout=0.3)
BLUEPRINT = Blueprint(architecture=SPACE.start(depth=10, width=8), space=SPACE)
RECIPE = Recipe(batch_size=16, lr=0.05, augmentation=Augmentation(flip=0.5, shift=0.05), precision="fp32")
EVERY_STEP = CheckpointSettings(log_every=1)


@pytest.fixture(scope="module")
def task() -> FaceTask:
    faces = development_faces(SyntheticFaces(), 16)
    return FaceTask(faces, None, head=CosFaceHead(margin=0.2, scale=16), contract=InputContract(size=16))


def losses(task: FaceTask, recipe: Recipe = RECIPE, **options: Any) -> list[float]:
    told: list[Log] = []
    fit(task, BLUEPRINT, recipe=recipe, epochs=3, seed=1, device="cpu", care=EVERY_STEP, after_log=told.append, **options)
    return [log.loss for log in told]


def stopping_after(steps: int) -> Callable[[], bool]:
    calls = iter(range(1, 1000))
    return lambda: next(calls) == steps


def test_a_run_that_is_stopped_at_any_step_goes_on_with_the_same_losses(task: FaceTask, tmp_path: Path) -> None:
    averaged = RECIPE.model_copy(update={"ema": 0.9})
    whole = losses(task, averaged)
    assert len(whole) == 24
    for steps in (1, 7, 8, 13, 16):
        file, told = tmp_path / f"{steps}.pt", list[Log]()
        options: dict[str, Any] = {"recipe": averaged, "epochs": 3, "seed": 1, "device": "cpu", "care": EVERY_STEP}
        with pytest.raises(StoppedError, match="saved; run the same command to go on"):
            fit(task, BLUEPRINT, checkpoint=file, after_log=told.append, stop=stopping_after(steps), **options)
        torch.rand(5)
        fitted = fit(task, BLUEPRINT, checkpoint=file, after_log=told.append, **options)
        assert [log.loss for log in told] == whole, steps
        assert [log.step for log in told] == list(range(1, 25))
        assert len(fitted.history) == 3


def test_a_stretch_of_the_log_survives_the_stop(task: FaceTask, tmp_path: Path) -> None:
    def told(**options: Any) -> list[Log]:
        heard: list[Log] = []
        try:
            fit(
                task,
                BLUEPRINT,
                recipe=RECIPE,
                epochs=2,
                seed=1,
                device="cpu",
                care=CheckpointSettings(log_every=3),
                after_log=heard.append,
                **options,
            )
        except StoppedError:
            heard += told(checkpoint=options["checkpoint"])
        return heard

    whole, parts = told(), told(checkpoint=tmp_path / "c.pt", stop=stopping_after(5))
    assert [(log.step, log.loss) for log in parts] == [(log.step, log.loss) for log in whole]
    assert [log.step for log in whole] == [3, 6, 8, 11, 14, 16]


def test_parts_of_a_step_add_up_to_the_step(task: FaceTask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unequal parts too; statistics are frozen, since BatchNorm sees a part."""
    stepped: list[dict[str, torch.Tensor]] = []
    for parts in (1, 3, 8):
        recipe = RECIPE.model_copy(update={"accumulate": parts, "precision": "fp64"})
        fabric = make_fabric("cpu", "fp64")
        training, feed = prepare(task, BLUEPRINT, recipe=recipe, seed=1, fabric=fabric), task.feed(fabric, recipe)
        training.model.eval()
        monkeypatch.setattr(training.model, "train", lambda: None)
        options: dict[str, Any] = {"contract": task.contract, "recipe": recipe, "fabric": fabric, "layout": torch.channels_last}
        next(train(training, feed, epochs=1, seed=1, **options))
        stepped.append(training.model.state_dict())
    for other in stepped[1:]:
        for name, value in stepped[0].items():
            torch.testing.assert_close(other[name], value, rtol=0, atol=1e-12)


def test_parts_of_single_images_are_refused(task: FaceTask) -> None:
    with pytest.raises(SettingsError, match="accumulate=9 cuts the 16 images of a device into parts of fewer than 2"):
        losses(task, RECIPE.model_copy(update={"accumulate": 9}))


def test_the_average_of_the_weights_is_what_is_kept(task: FaceTask) -> None:
    def trained(ema: float) -> Fitted:
        return fit(task, BLUEPRINT, recipe=RECIPE.model_copy(update={"ema": ema}), epochs=1, seed=1, device="cpu")

    plain, averaged = trained(0.0), trained(0.5)
    assert plain.history == averaged.history
    assert not torch.equal(plain.network.state_dict()["0.weight"], averaged.network.state_dict()["0.weight"])


@pytest.mark.parametrize("decay", ["matrices", "all_but_batchnorm", "all"])
def test_weight_decay_groups_are_as_their_sources_have_them(task: FaceTask, decay: str) -> None:
    model = task.model(BLUEPRINT)
    optimiser = Recipe.model_validate({"decay": decay}).optimiser(model, torch.device("cpu"))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, spared = ({names[id(parameter)] for parameter in group["params"]} for group in optimiser.param_groups)
    norms = {
        f"{name}.{leaf}" for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d) for leaf in ("weight", "bias")
    }
    one_dimensional = {name for name, parameter in model.named_parameters() if parameter.ndim == 1}
    assert spared == {"matrices": one_dimensional, "all_but_batchnorm": norms, "all": set()}[decay]
    assert decayed | spared == set(names.values())
    assert "head.weight" in decayed


def test_a_loss_that_is_not_finite_names_the_step_and_the_images(task: FaceTask, tmp_path: Path) -> None:
    wild = RECIPE.model_copy(update={"lr": 1e18, "clip_norm": 0.0})
    with pytest.raises(
        DivergedError, match=r"the loss became \S+ in step \d+ of epoch 1, on image \d+, image .* and 12 others; a lower learning"
    ):
        fit(
            task, BLUEPRINT, recipe=wild, epochs=2, seed=0, device="cpu", care=CheckpointSettings(log_every=3), checkpoint=tmp_path / "c.pt"
        )
    assert not (tmp_path / "c.pt").exists()  # nothing that is not finite is ever saved


def test_a_batch_that_does_not_fit_is_told_with_one_that_does(task: FaceTask, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = tasks.BackboneWithHead.forward

    def forward(self: tasks.BackboneWithHead, images: torch.Tensor, labels: torch.Tensor) -> Any:
        if len(images) > 9:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(self, images, labels)

    monkeypatch.setattr(tasks.BackboneWithHead, "forward", forward)
    with pytest.raises(
        SettingsError, match=r"a batch of 16 images does not fit into the memory of one cpu device, 9 would; set recipe\.accumulate=2"
    ):
        losses(task)


@pytest.mark.parametrize("room", [0, 2, 3, 100, 511, 900])
def test_the_largest_batch_is_found(room: int) -> None:
    def attempt(batch: int) -> None:
        assert batch >= 2
        if batch > room:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    found = largest_batch(attempt, 1024)
    assert found <= room
    assert room - found <= 64


def test_schedules_of_other_trainers() -> None:
    assert [Polynomial().factor(epoch, 20) for epoch in (0, 5, 20)] == pytest.approx([1, 0.75, 0])
    assert Polynomial(power=2).factor(5, 20) == pytest.approx(0.75**2)
    assert [Restarts(period_epochs=2, growth=2).factor(epoch, 14) for epoch in (0, 1, 2, 4, 6, 10)] == pytest.approx(
        [1, 0.5, 1, 0.5, 1, 0.5]
    )


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(SettingsError, match="a batch of 30 cannot be shared by 4 devices; choose a multiple of 4"):
        BatchSampler(100, 30, ranks=4)
    with pytest.raises(SettingsError, match="fp16 needs a GPU"):
        make_fabric("cpu", "fp16")


def test_ranks_share_every_batch_and_every_draw() -> None:
    whole = BatchSampler(50, 12)
    order = whole.order(torch.Generator().manual_seed(0))
    assert sorted(order.flatten().tolist()) == sorted(set(order.flatten().tolist()))
    parts = [BatchSampler(50, 12, 3, rank).share(order) for rank in range(3)]
    assert torch.equal(torch.cat(parts, 1), order)


def command(run: Path, *arguments: object) -> list[str]:
    """Training of the tiny network on drawn faces, 15 logged steps; in fp32 rounding alone would part two runs within ten."""
    found = run.parent / "architecture.json"
    found.write_text(BLUEPRINT.model_dump_json())
    settings = ["epochs=3", "care.log_every=1", "recipe.precision=fp64"]
    options = [part for one in settings for part in ("--set", one)]
    start = [sys.executable, "-m", "facenas", "train", "--config", "smoke", "--architecture", str(found), "--run", str(run)]
    return [*start, *options, *map(str, arguments)]


def curve(run: Path) -> list[tuple[int, float]]:
    with (run / "log.csv").open() as stream:
        return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    subprocess.run(command(run), check=True, capture_output=True, timeout=300)
    return run


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_curve_and_model(uninterrupted: Path, tmp_path: Path) -> None:
    """Killed wherever it happens to be, with a checkpoint after every step; whatever was logged twice is logged once."""
    run, rng = tmp_path / "run", random.Random(0)
    arguments = command(run, "--set", "care.save_minutes=0.0001")
    for _ in range(3):
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = len(curve(run)) if (run / "log.csv").exists() else 0
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and process.poll() is None:
            if (run / "log.csv").exists() and len(curve(run)) >= seen + 2:
                break
            time.sleep(0.02)
        time.sleep(rng.random() / 5)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(arguments, check=True, capture_output=True, timeout=300)
    assert curve(run) == curve(uninterrupted)
    one, other = (load_model(folder).network.state_dict() for folder in (run, uninterrupted))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_sigterm_saves_and_exits(uninterrupted: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = subprocess.Popen(command(run), stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (run / "log.csv").exists():
        time.sleep(0.02)
    process.terminate()
    _, said = process.communicate(timeout=200)
    assert process.returncode == 143, said
    assert "saved; run the same command to go on" in said
    done = len(curve(run))
    assert 1 <= done < 15
    subprocess.run(command(run), check=True, capture_output=True, timeout=300)
    assert curve(run) == curve(uninterrupted)


def on_two(run: Path, *arguments: object) -> list[float]:
    """The losses of a training in two processes, gloo on the CPU."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command(run, "--devices", "2", *arguments), check=True, capture_output=True, timeout=300, env=environment)
    return [loss for _, loss in curve(run)]


@pytest.mark.slow
def test_two_processes_train_as_one(uninterrupted: Path, tmp_path: Path) -> None:
    """Dropout, BatchNorm and augmentation are those of the whole batch."""
    two = on_two(tmp_path / "run")
    assert len(two) == 15
    assert two == pytest.approx([loss for _, loss in curve(uninterrupted)], abs=1e-4)


def test_a_head_of_all_identities_trains_as_the_plain_one(task: FaceTask) -> None:
    """Partial FC at rate 1, from the same centres; its own optimiser decays and remembers as the other's does."""
    recipe = RECIPE.model_copy(update={"precision": "fp64", "clip_norm": 0.0})
    spread = FaceTask(task.train, None, head=task.head, contract=task.contract, sample_rate=1.0)
    fabric, curves, centres = make_fabric("cpu", "fp64"), list[list[float]](), list[torch.Tensor]()
    for one in (task, spread):
        training = prepare(one, BLUEPRINT, recipe=recipe, seed=1, fabric=fabric)
        weight = training.model.head.weight
        centres.append(weight.detach().clone())
        weight.data.copy_(centres[0])
        options: dict[str, Any] = {"contract": one.contract, "recipe": recipe, "fabric": fabric, "layout": torch.channels_last}
        steps = train(training, one.feed(fabric, recipe), epochs=3, seed=1, **options)
        curves.append([float(training.loss) for _ in steps])
    assert len(curves[0]) == 24
    assert curves[1] == pytest.approx(curves[0], abs=1e-6)


def test_a_sampled_head_goes_on_after_a_stop_with_the_same_losses(task: FaceTask, tmp_path: Path) -> None:
    sampled = FaceTask(task.train, None, head=task.head, contract=task.contract, sample_rate=0.3)
    whole = losses(sampled)
    assert whole != losses(task)
    for steps in (3, 8):
        file, told = tmp_path / f"{steps}.pt", list[Log]()
        options: dict[str, Any] = {"recipe": RECIPE, "epochs": 3, "seed": 1, "device": "cpu", "care": EVERY_STEP, "checkpoint": file}
        with pytest.raises(StoppedError):
            fit(sampled, BLUEPRINT, after_log=told.append, stop=stopping_after(steps), **options)
        fit(sampled, BLUEPRINT, after_log=told.append, **options)
        assert [log.loss for log in told] == whole, steps


@pytest.mark.slow
def test_centres_on_two_ranks_are_stopped_and_go_on_to_the_curve_of_one(tmp_path: Path) -> None:
    """Each rank's centres and their momentum are kept; the run ends with the code of SIGTERM."""
    spread = ("--set", "sample_rate=1", "--set", "recipe.clip_norm=0", "--set", "care.save_minutes=0.0001")
    subprocess.run(command(tmp_path / "one", *spread), check=True, capture_output=True, timeout=300)
    run, environment = tmp_path / "two", os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command(run, "--devices", "2", *spread), stderr=subprocess.PIPE, text=True, env=environment)
    while process.poll() is None and not ((run / "log.csv").exists() and len(curve(run)) >= 2):
        time.sleep(0.02)
    process.terminate()
    _, said = process.communicate(timeout=200)
    assert process.returncode == 143, said
    assert 2 <= len(curve(run)) < 15
    assert on_two(run, *spread) == pytest.approx([loss for _, loss in curve(tmp_path / "one")], abs=1e-4)


@pytest.mark.slow
def test_the_quickstarts_training_on_two_devices_is_that_on_one(tmp_path: Path) -> None:
    """The ORL photographs, with all of the quickstart's augmentation; a few steps in double precision."""
    architecture = tmp_path / "architecture.json"
    space = IRSpace(embedding_size=None, input_size=64)
    architecture.write_text(Blueprint(architecture=space.start(depth=10, width=8), space=space).model_dump_json())
    start = [sys.executable, "-m", "facenas", "train", "--config", "quickstart", "--architecture", str(architecture)]
    settings = [part for one in ("epochs=2", "care.log_every=1", "recipe.precision=fp64") for part in ("--set", one)]
    curves = []
    for devices in (1, 2):
        run = tmp_path / str(devices)
        environment = os.environ | {"OMP_NUM_THREADS": str(3 - devices)}
        arguments = [*start, *settings, "--run", str(run), "--devices", str(devices)]
        subprocess.run(arguments, check=True, capture_output=True, timeout=500, env=environment)
        curves.append([loss for _, loss in curve(run)])
    assert len(curves[0]) == 18  # 300 photographs, 9 batches of 32 an epoch
    assert curves[1] == pytest.approx(curves[0], abs=1e-4)


@pytest.mark.slow
def test_benchmarks_are_watched_and_choose_nothing(tmp_path: Path) -> None:
    """The weights and the best epoch are those of a run that watches nothing; people that the model trains on are left out."""
    found = tmp_path / "architecture.json"
    found.write_text(BLUEPRINT.model_dump_json())
    said = []
    for name, extra in (("alone", []), ("watched", ["--set", "watch=[{name: synthetic}]"])):
        start = [sys.executable, "-m", "facenas", "train", "--config", "smoke", "--architecture", str(found), "--run", str(tmp_path / name)]
        settings = ["--set", "epochs=2", "--set", "care.validate_every_epochs=1", *extra]
        said.append(subprocess.run([*start, *settings], check=True, capture_output=True, text=True, timeout=300).stderr)
    assert "watched" not in said[0]
    assert [line.split(":")[0] for line in said[1].splitlines() if "watched" in line] == ["epoch 1, watched", "epoch 2, watched"]
    for folder in ("", "best"):
        one, other = (load_model(tmp_path / name / folder).network.state_dict() for name in ("alone", "watched"))
        assert all(torch.equal(one[name], other[name]) for name in one)

"""The fast path learns what the usual loop learns: the same losses on the same batches."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from facenas.backbones import Blueprint, IRSpace, PlainSpace
from facenas.data import ClassSource, DigitImages, InputContract, split_stratified
from facenas.data.sources.class_sources import MnistImages
from facenas.native import fused
from facenas.training.device import derive_seed, make_fabric
from facenas.training.fit import fit, memory_format
from facenas.training.recipe import Recipe
from facenas.training.tasks import ClassTask
from tests.conftest import needs_fashion_mnist

STEPS = 10  # beyond these, rounding alone parts two runs: torch in fp32 leaves torch in double precision no later than the fast path does


@pytest.mark.parametrize(
    ("source", "side", "width"),
    [(DigitImages(), 8, 8), pytest.param(MnistImages(name="fashionmnist"), 32, 22, marks=needs_fashion_mnist)],
)
def test_loss_curves_are_those_of_a_plain_loop(source: ClassSource, side: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """fp32, one batch an epoch, so that an epoch's loss is a step's: torch's modules, NCHW, an unfused optimiser give the same curve."""
    images = source.load()
    train = split_stratified(images, share=64 / len(images), seed=0).validation  # about one batch
    recipe = Recipe(batch_size=len(train), precision="fp32", lr=0.01)
    task = ClassTask(train, None, contract=InputContract(size=side, color="grey", mean=(60.0,), std=(80.0,)))
    space = PlainSpace(in_channels=1, num_classes=10, input_size=side)
    point = space.start(depth=6, width=width)
    blueprint = Blueprint(architecture=point.replace(operations=("sep",) * 5 + ("conv",), kernels=(3, 5, 3, 3, 5, 3)), space=space)
    fast = [epoch.loss for epoch in fit(task, blueprint, recipe=recipe, epochs=STEPS, seed=3, device="cpu").history]

    monkeypatch.setattr(fused, "library", lambda *_: None)
    torch.manual_seed(derive_seed(3, "initialisation"))
    network = blueprint.build().train()
    decayed = [{"params": [p], "weight_decay": recipe.weight_decay * (p.ndim > 1)} for p in network.parameters()]
    optimiser = torch.optim.SGD(decayed, lr=0.01, momentum=0.9, foreach=False)
    plain = []
    for step in range(STEPS):
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(derive_seed(3, step)))
        batch = ((task.images[order].float() - 60) / 80).contiguous()
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate(step + 0.5, STEPS)
        loss = functional.cross_entropy(network(batch), task.labels[order])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        plain.append(loss.item())
    assert plain[-1] < 0.95 * plain[0]
    assert fast == pytest.approx(plain, abs=1e-4)


def test_the_fast_path_learns_in_bf16_too() -> None:
    """Slow where it is emulated, but the same losses to the digits that bf16 has."""
    train = split_stratified(DigitImages().load(), share=0.2, seed=0).validation
    task = ClassTask(train, None, contract=InputContract(size=8, color="grey"))
    space = PlainSpace(in_channels=1, num_classes=10, input_size=8)
    blueprint = Blueprint(architecture=space.start(depth=5, width=16), space=space)
    recipes = [Recipe(precision=precision, lr=0.01) for precision in ("fp32", "bf16")]
    full, half = ([e.loss for e in fit(task, blueprint, recipe=r, epochs=3, seed=0, device="cpu").history] for r in recipes)
    assert half != full
    assert half == pytest.approx(full, rel=0.02)


@pytest.mark.gpu
def test_a_recorded_step_gives_the_losses_of_steps_that_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    from facenas.training import loop

    train = split_stratified(DigitImages().load(), share=0.5, seed=0).train
    task = ClassTask(train, None, contract=InputContract(size=8, color="grey"))
    space = PlainSpace(in_channels=1, num_classes=10, input_size=8)
    blueprint = Blueprint(architecture=space.start(depth=6, width=16), space=space)

    def losses() -> list[float]:
        return [epoch.loss for epoch in fit(task, blueprint, recipe=Recipe(precision="fp32"), epochs=3, seed=0, device="cuda").history]

    recorded = losses()
    monkeypatch.setattr(loop, "Recorded", lambda step: step)
    assert recorded == pytest.approx(losses(), rel=1e-4)


def test_the_whole_set_lies_on_the_device_in_bytes() -> None:
    train = split_stratified(DigitImages().load(), share=0.2, seed=0).train
    task = ClassTask(train, None, contract=InputContract(size=8, color="grey"))
    assert task.images.dtype == torch.uint8 and len(task.images) == len(train)
    assert memory_format(PlainSpace().build(PlainSpace().start(depth=5, width=16))) == torch.channels_last
    assert make_fabric("cpu", "fp32").device.type == "cpu"


@pytest.mark.parametrize(("width", "layout"), [(8, torch.contiguous_format), (16, torch.channels_last)])
def test_narrow_networks_have_the_default_layout(width: int, layout: torch.memory_format) -> None:
    """And train in it."""
    space = IRSpace(embedding_size=16, input_size=32, output="gdc")
    network = space.build(space.start(depth=10, width=width)).train()
    assert memory_format(network) == layout
    network.to(memory_format=layout)
    assert all(one.is_contiguous(memory_format=layout) for one in network.parameters() if one.ndim == 4)
    loss = network(torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))).square().sum()
    if layout == torch.contiguous_format:
        loss.backward()
    assert loss.isfinite()

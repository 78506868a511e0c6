"""What users hold in hand is made of torch's own modules, for all that goes by exact types; faster ways are put on for a step alone."""

import copy
from collections import Counter
from typing import Any

import pytest
import timm
import torch
from torch import fx, nn

import facenas.backbones.timm_models  # noqa: F401 - registers ours
from facenas.backbones import ZOO, Blueprint, CellSpace, IRSpace, PlainSpace, RefinedSpace, convolution, get_blueprint
from facenas.backbones.fast import FastPaths, fast, tell_without_compiler
from facenas.backbones.supernet import Supernet
from facenas.data import ClassSource, DigitImages, InputContract, split_stratified
from facenas.native import compiler, fused, norm_prelu
from facenas.training.fit import fit, prepare
from facenas.training.recipe import Recipe
from facenas.training.tasks import ClassTask

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
IR = IRSpace(embedding_size=16, input_size=32)
PLAIN = PlainSpace(in_channels=1, input_size=12)
CELLS = CellSpace(depth=3, channels=4, input_size=16, num_classes=5, drop_path=0.1)
REFINED = RefinedSpace(base="resnet18", width=8, input_size=16, num_classes=5)
LINKED = REFINED.encoded(["conv3", "depthwise3", "max3", "avg3"] * 4, [1, 0, 1] * 9 + [1])
NETWORKS: dict[str, Blueprint] = {
    "ir": Blueprint(architecture=IR.start(depth=10, width=16).replace(operations=("conv", "sep") * 2), space=IR),
    "plain": Blueprint(architecture=PLAIN.start(depth=4, width=16).replace(operations=("sep", "conv") * 2), space=PLAIN),
    "cells": Blueprint(architecture=CELLS.start(), space=CELLS),
    "refined": Blueprint(architecture=LINKED, space=REFINED),
}
every = pytest.mark.parametrize("name", NETWORKS)


def stand_ins(network: nn.Module) -> set[type]:
    """Types of modules that are neither torch's own nor composites."""
    kinds = {type(module) for module in network.modules()}
    own = [kind for kind in kinds if not kind.__module__.startswith("torch.nn.modules")]
    return {kind for kind in own if any(base.__module__.startswith("torch.nn.modules") and base not in (nn.Module, *CONTAINERS)
                                        for base in kind.__mro__[1:])}  # fmt: skip


def counted(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Multiply-accumulates as counters with hooks on exact types see them."""
    seen = list[int]()

    def convolved(module: Any, _: object, out: torch.Tensor) -> None:
        seen.append(out[0].numel() * module.weight[0].numel())

    for module in network.modules():
        if type(module) in (nn.Conv2d, nn.Linear):
            module.register_forward_hook(convolved)
    network(torch.zeros(2, *shape))
    return sum(seen)


@pytest.mark.parametrize("name", [*ZOO])
def test_every_named_network_is_made_of_torchs_modules(name: str) -> None:
    with torch.device("meta"):
        assert not stand_ins(get_blueprint(name).build())


def test_what_timm_hands_out_too() -> None:
    assert not stand_ins(timm.create_model("facenas_ir18", num_classes=0, img_size=32))


@pytest.mark.parametrize("training", [False, True])
@every
def test_hooks_on_exact_types_see_all_arithmetic(name: str, training: bool) -> None:
    blueprint = NETWORKS[name]
    network, space = blueprint.build().train(training), blueprint.space
    assert not stand_ins(network)
    assert counted(network, (space.in_channels, space.input_size, space.input_size)) == space.macs(blueprint.architecture)


@every
def test_a_tracer_sees_every_module(name: str) -> None:
    """torch.fx, on which quantisation and pruning rest, in training and out of it."""
    for training in (False, True):
        network = NETWORKS[name].build().train(training)
        called = Counter(str(node.target) for node in fx.symbolic_trace(network).graph.nodes if node.op == "call_module")
        leaves = [name for name, module in network.named_modules() if type(module) in (nn.Conv2d, nn.BatchNorm2d, nn.PReLU, nn.Linear)]
        assert {name: called[name] for name in leaves} == dict.fromkeys(leaves, 1)


def test_a_supernet_is_made_of_torchs_modules() -> None:
    assert not stand_ins(Supernet(REFINED))


def test_faster_ways_are_taken_off_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "slow_here", lambda: True)
    network = NETWORKS["ir"].build()
    before, paths = network.state_dict().keys(), FastPaths(network)
    with pytest.raises(ZeroDivisionError), paths:
        assert fast() and convolution.Conv2d in map(type, network.modules())
        assert network.state_dict().keys() == before
        raise ZeroDivisionError
    assert not fast() and not stand_ins(network)
    copy.deepcopy(network).load_state_dict(network.state_dict())


@pytest.mark.skipif(not compiler(), reason="no C compiler: the fused operations cannot be built")
@pytest.mark.parametrize(("name", "operation"), [("ir", "_NormPReLUBackward"), ("plain", "_NormReluDepthwiseBackward")])
def test_within_them_the_compiled_operations_are_at_work(name: str, operation: str) -> None:
    blueprint = NETWORKS[name]
    network = blueprint.build().to(memory_format=torch.channels_last)
    side = blueprint.space.input_size
    images = torch.zeros(2, blueprint.space.in_channels, side, side).contiguous(memory_format=torch.channels_last)

    def operations() -> set[str]:
        waiting, found = [network(images).grad_fn], set[str]()
        while waiting:
            if (one := waiting.pop()) is not None:
                found.add(type(one).__name__)
                waiting += [following for following, _ in one.next_functions]
        return found

    assert operation not in operations()
    with FastPaths(network):
        assert operation in operations()


def digits(source: ClassSource) -> ClassTask:
    return ClassTask(split_stratified(source.load(), share=0.1, seed=0).validation, None, contract=InputContract(size=8, color="grey"))


def test_training_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither between two steps nor at the end."""
    monkeypatch.setattr(convolution, "slow_here", lambda: True)
    kinds, held = set[type](), list[nn.Module]()
    monkeypatch.setattr("facenas.training.fit.prepare", lambda *given, **options: noted(held, prepare(*given, **options)))
    space = PlainSpace(in_channels=1, input_size=8)
    blueprint = Blueprint(architecture=space.start(depth=3, width=16), space=space)

    def look(_: float) -> None:
        kinds.update(*map(stand_ins, held))

    fitted = fit(digits(DigitImages()), blueprint, recipe=Recipe(precision="fp32"), epochs=1, seed=0, device="cpu", after_step=look)
    assert held and not kinds and not stand_ins(fitted.network)


def noted(held: list[nn.Module], training: Any) -> Any:
    held.append(training.model.network)
    return training


@pytest.mark.parametrize(("switch", "lines"), [("1", 1), ("0", 0)])
def test_without_a_compiler_training_says_so_once(
    switch: str, lines: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FACENAS_FUSED", switch)
    monkeypatch.setattr(fused, "compiled", lambda *_: None)
    monkeypatch.setattr("facenas.backbones.fast._told", [])
    for cached in (fused.library, norm_prelu.library):
        cached.cache_clear()
    try:
        for name in ("ir", "plain", "cells", "plain"):
            tell_without_compiler(NETWORKS[name].build())
    finally:
        monkeypatch.undo()
        for cached in (fused.library, norm_prelu.library):
            cached.cache_clear()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == lines
    assert all("no C compiler" in one and "times slower" in one for one in told)


def test_thop_counts_what_we_count() -> None:
    thop = pytest.importorskip("thop", reason="needs thop 0.1.1, which is installed by hand")
    blueprint = get_blueprint("ir50")
    uncounted = dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.PReLU))  # as the field does
    shape = torch.zeros(1, 3, 112, 112)
    macs, _ = thop.profile(blueprint.build(), (shape,), custom_ops=uncounted, verbose=False)
    _, parameters = thop.profile(blueprint.build(), (shape,), verbose=False)
    assert (parameters, macs) == blueprint.space.cost(blueprint.architecture)
    assert parameters == pytest.approx(43.6e6, rel=1e-3)


def test_ptflops_counts_what_we_count() -> None:
    ptflops = pytest.importorskip("ptflops", reason="needs ptflops 0.7.5, which is installed by hand")
    blueprint = get_blueprint("ir50")
    options = {"as_strings": False, "print_per_layer_stat": False, "backend": "pytorch"}
    macs, parameters = ptflops.get_model_complexity_info(blueprint.build(), (3, 112, 112), **options)
    assert parameters == blueprint.space.count_parameters(blueprint.architecture)
    assert macs == pytest.approx(blueprint.space.macs(blueprint.architecture), rel=5e-3)  # it counts BatchNorm, PReLU and sums too

"""The network of all refinements: a path is the stand-alone network, and trains itself alone."""

from random import Random

import pytest
import torch
from torch import nn

from facenas.backbones import RefinedSpace
from facenas.backbones.supernet import Supernet
from tests.backbones.test_refined import SPACES, drawn, every_space, images


@every_space
@pytest.mark.parametrize("training", [False, True])
def test_a_paths_output_is_that_of_the_stand_alone_network_with_its_weights(space: RefinedSpace, training: bool) -> None:
    torch.manual_seed(0)
    supernet = Supernet(space)
    for module in supernet.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    for seed in range(3):
        path = drawn(space, seed)
        alone = space.build(path)
        alone.load_state_dict(supernet.weights(path))
        for network in (supernet, alone):
            network.train(training)
            [module.eval() for module in network.modules() if isinstance(module, nn.Dropout)]
        supernet.take(path)
        assert torch.allclose(supernet(images(space)), alone(images(space)), rtol=0, atol=1e-6)


def test_a_path_trains_its_own_weights_alone_even_with_momentum_and_decay() -> None:
    space, paths = SPACES[0], [drawn(SPACES[0], seed) for seed in (0, 1, 2)]
    supernet = Supernet(space).train()
    optimiser = torch.optim.SGD(supernet.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    for path in paths:
        before = {name: value.clone() for name, value in supernet.state_dict().items()}
        supernet.take(path)
        optimiser.zero_grad()
        supernet(images(space, 4)).square().mean().backward()
        optimiser.step()
        changed = {name for name, value in supernet.state_dict().items() if not torch.equal(value, before[name])}
        own = _own(supernet)
        assert changed <= own
        assert {name for name, _ in supernet.named_parameters()} & own <= changed


def _own(supernet: Supernet) -> set[str]:
    """Names of the weights that all paths share or that are the present path's."""
    idle = [module for place in supernet.places for choice in place for module in choice.choices.values() if module is not choice.chosen]
    others = {id(value) for module in idle for value in (*module.parameters(), *module.buffers())}
    return {name for name, value in (*supernet.named_parameters(), *supernet.named_buffers()) if id(value) not in others}


def test_it_holds_every_operator_once() -> None:
    space = SPACES[0]
    own = [sum(p.numel() for p in choice.parameters()) for place in Supernet(space).places for choice in place]
    assert len(own) == 32
    rng = Random(0)
    assert sum(p.numel() for p in Supernet(space).parameters()) > space.count_parameters(space.sample(rng))

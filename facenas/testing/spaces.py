"""What every search space promises, and every network made by hand."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import pytest
import torch

from facenas.backbones import SPACES, Architecture, Blueprint, NetworkSection, SpaceSection
from facenas.backbones.counting import counted
from facenas.errors import ModelError
from facenas.report.drawing import blocks, draw, legend
from facenas.testing.members import check_settings, each

NO_TORCH = "import importlib, sys; importlib.import_module(sys.argv[1]); sys.exit('torch' in sys.modules)"


class NetworkContract:
    """Tests of settings that build networks; a subclass whose name begins with Test names the settings, and pytest does the rest.

        class TestMine(facenas.testing.NetworkContract):
            settings = Mine()

    Attributes:
        settings: Settings of the network, or several.
    """

    settings: NetworkSection | Sequence[NetworkSection]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test that takes `space` with each of the settings."""
        each(metafunc, "space", self.settings)

    def point(self, space: Any, seed: int) -> Architecture:
        """An architecture to build: that of `start`, which suits settings that build a single network.

        Args:
            space: Settings that build the network.
            seed: Seed of the choice, where there are several.
        """
        architecture: Architecture = space.start()
        return architecture

    def test_it_is_registered_and_its_settings_survive_json(self, space: Any) -> None:
        """The class can be chosen by its name, and its networks are built again from files."""
        check_settings(space)
        assert SPACES.members.get(space.name) is type(space), f"no entry point in {SPACES.group} is {type(space).__name__}"
        blueprint = Blueprint(architecture=self.point(space, 0), space=space)
        assert Blueprint.model_validate_json(blueprint.model_dump_json()) == blueprint

    def test_its_file_loads_no_torch(self, space: Any) -> None:
        """Settings, counts and reports work without torch: networks have a file of their own, or import it where they are built."""
        done = subprocess.run([sys.executable, "-c", NO_TORCH, type(space).__module__], capture_output=True, text=True, check=False)
        assert not done.returncode, done.stderr or "torch is imported with the file of the space"

    def test_an_architecture_survives_json_with_its_identity(self, space: Any) -> None:
        """An architecture that is read again has the same identity, and one of another content has another."""
        architecture = self.point(space, 3)
        again = Architecture.model_validate_json(architecture.model_dump_json())
        assert (again, again.identity, hash(again)) == (architecture, architecture.identity, hash(architecture))
        assert architecture.replace(width=architecture.width + 1).identity != architecture.identity

    @pytest.mark.parametrize("seed", range(3))
    def test_counts_and_output_are_those_of_the_built_network(self, space: Any, seed: int) -> None:
        """Parameters, multiply-accumulates and output size are those of the built network.

        Args:
            space: Settings that build the network.
            seed: Seed of the architecture.
        """
        architecture = self.point(space, seed)
        assert space.cost(architecture) == counted(partial(space.build, architecture), channels=space.in_channels, size=space.input_size)
        assert (space.count_parameters(architecture), space.macs(architecture)) == space.cost(architecture)
        with torch.no_grad():
            out = space.build(architecture).eval()(torch.zeros(2, space.in_channels, space.input_size, space.input_size))
        assert out.shape == (2, space.dimension(architecture))
        assert space.classes in (0, space.dimension(architecture))

    def test_back_propagates_into_every_parameter(self, space: Any) -> None:
        """Every parameter has a gradient; one without would be dead weight."""
        network = space.build(self.point(space, 1)).train()
        network(torch.randn(4, space.in_channels, space.input_size, space.input_size)).square().mean().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())

    def test_what_it_does_not_know_is_refused(self, space: Any) -> None:
        """An architecture that is not of the space is refused by a sentence, before a network is built."""
        architecture = self.point(space, 2)
        changes: list[dict[str, Any]] = [{"space": "elsewhere"}, {"links": (7,)}, {"operations": (*architecture.operations, "nothing")}]
        if architecture.operations:
            changes.append({"operations": ("nothing",) * len(architecture.operations)})
        for change in changes:
            with pytest.raises(ModelError):
                space.build(architecture.replace(**change))

    def test_a_report_can_draw_it(self, space: Any) -> None:
        """The blocks of a drawing follow from each other, and each has a name in the legend."""
        architecture = self.point(space, 1)
        layers = space.drawing(architecture).layers
        assert all(one.channels_out == after.channels_in for one, after in pairwise(layers))
        blueprint = Blueprint(architecture=architecture, space=space)
        drawn = blocks(blueprint)
        assert len(drawn) == len(layers) + 2 and all(0 < block.height <= 1 for block in drawn)
        assert {block.kind for block in drawn[1:-1]} == {kind for kind, _ in legend(blueprint)}
        assert draw(blueprint, 640).startswith("<svg")
        for graph in space.graphs(architecture):
            assert all(edge.source < len(graph.inputs) + edge.node and edge.node < graph.nodes for edge in graph.edges)

    def test_its_named_networks_lie_in_it(self, space: Any) -> None:
        """The networks that `facenas models` lists lie in the space."""
        for name, known in type(space).known().items():
            assert name and type(known.space) is type(space)
            known.space.check(known.architecture)


class SpaceContract(NetworkContract):
    """Tests of a search space, those of its networks among them.

        class TestMine(facenas.testing.SpaceContract):
            settings = Mine()

    Attributes:
        settings: Settings of the space, or several.
        depths: Fewest and most layers of the architectures that are tried.
        widths: Channels of the architectures that are tried.
    """

    settings: SpaceSection | Sequence[SpaceSection]
    depths: tuple[int, int] = (10, 22)
    widths: range = range(8, 21, 2)

    def ranges(self, space: Any) -> dict[str, Any]:
        """The depths and widths that architectures are drawn from."""
        return dict(space.ranges(depths=self.depths, widths=self.widths))

    def point(self, space: Any, seed: int) -> Architecture:
        """A random architecture of the space.

        Args:
            space: Settings of the space.
            seed: Seed of the architecture.
        """
        architecture: Architecture = space.sample(Random(seed), **self.ranges(space))
        return architecture

    def test_there_is_something_to_choose(self, space: Any) -> None:
        """The space has an architecture to start from, and two operations or kernel sizes for its positions."""
        ranges = self.ranges(space)
        start = space.start(depth=ranges["depths"][0], width=ranges["widths"][0])
        space.check(start)
        assert len(start.operations) == len(start.kernels) == space.positions(start.depth)
        assert len(set(space.choices)) == len(space.choices) >= 2
        if not space.one_size:  # the micro search goes by steps to the width that has as many parameters
            assert space.cost(start.replace(width=start.width + space.width_step)) > space.cost(start)

    def test_samples_and_mutants_stay_in_the_space_and_its_bounds(self, space: Any) -> None:
        """Samples and mutants are the same with the same seed, and a mutant is another architecture."""
        ranges = self.ranges(space)
        for seed in range(20):
            rng = Random(seed)
            parent = space.sample(rng, **ranges)
            child = space.mutate(parent, rng, **ranges)
            assert parent == space.sample(Random(seed), **ranges)
            assert child != parent
            for one in (parent, child):
                space.check(one)
                assert one.depth in ranges["depths"] and one.width in ranges["widths"]
                assert set(zip(one.operations, one.kernels, strict=True)) <= set(space.choices)

    def test_alternatives_lie_in_the_space(self, space: Any) -> None:
        """Each alternative is another choice for one position, and the space knows the architecture with it."""
        architecture = self.point(space, 4)
        for position, there in enumerate(architecture.operations):
            alternatives = space.alternatives(architecture, position)
            assert there not in alternatives.operations
            for field, values in alternatives._asdict().items():
                assert len(set(values)) == len(values)
                for value in values:
                    changed = [*getattr(architecture, field)]
                    changed[position] = value
                    space.check(architecture.replace(**{field: tuple(changed)}))

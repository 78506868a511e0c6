"""A network that holds all refinements of a base: a path through it computes, and trains, its own operators alone."""

from collections.abc import Mapping

from torch import Tensor, nn

from facenas.backbones.architecture import Architecture
from facenas.backbones.links import linked
from facenas.backbones.refined import OPERATORS, RefinedSpace


class Choice(nn.Module):
    """Several modules for one place, of which one is at work.

    Args:
        modules: The modules, by the name of their operator.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.choices = nn.ModuleDict(modules)
        self.name = next(iter(modules))

    @property
    def chosen(self) -> nn.Module:
        """The module that is at work."""
        return self.choices[self.name]

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, H, W) -> what the module at work makes of them."""
        out: Tensor = self.chosen(x)
        return out


class Supernet(nn.Module):
    """The base with all operators of the space at every position, each with a BatchNorm of its own; the rest is shared.

    Args:
        space: Space of refinements that it holds.

    Source: NAR, section 3.3, after Pham et al., "Efficient neural architecture search via parameter sharing", 2018 (ENAS), section 2.
    """

    def __init__(self, space: RefinedSpace) -> None:
        super().__init__()
        self.space, self.base = space, space.build_base()
        self.places = list[tuple[Choice, Choice]]()
        for place in space.places():
            residual = self.base.units[place.unit].residual
            operators: dict[str, nn.Module] = {name: space.operator(place, *OPERATORS[name]) for name in space.operators}
            residual[place.at] = operator = Choice(operators)
            residual[place.at + 1] = norm = Choice({name: nn.BatchNorm2d(place.channels_out) for name in operators})
            self.places.append((operator, norm))
        self.links: tuple[int, ...] = ()

    def take(self, path: Architecture) -> None:
        """Compute the network of this architecture from now on."""
        each = 1 if self.space.positions_per == "convolution" else 2
        names = [name for name in self.space.decoded(path) for _ in range(each)]
        for (operator, norm), name in zip(self.places, names, strict=True):
            operator.name = norm.name = name
        self.links = path.links

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> embeddings (B, D) or logits (B, N) of the network that was taken last."""
        out: Tensor = linked(self.base, self.links, x) if self.links else self.base(x)
        return out

    def weights(self, path: Architecture) -> dict[str, Tensor]:
        """The state of a path's modules, by the names in the network that the space builds of this architecture."""
        self.take(path)
        left_out = {
            id(module) for place in self.places for choice in place for module in choice.choices.values() if module is not choice.chosen
        }
        skipped = tuple(f"{name}." for name, module in self.base.named_modules() if id(module) in left_out)
        kept = {name: value for name, value in self.base.state_dict().items() if not name.startswith(skipped or ("-",))}
        named = {_without_choice(name): value for name, value in kept.items()}
        return {f"base.{name}": value for name, value in named.items()} if path.links else named


def _without_choice(name: str) -> str:
    """A parameter's name in a network without choices: 3.residual.1.choices.conv3.weight is 3.residual.1.weight there."""
    before, marker, after = name.partition(".choices.")
    return f"{before}.{after.partition('.')[2]}" if marker else name

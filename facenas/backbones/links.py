"""Skips between units besides their shortcuts: the binary variables S(j, t) of NAR."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from facenas.backbones.ir_network import IRNetwork
from facenas.backbones.link_pairs import pairs
from facenas.backbones.resnet_network import ResNet

__all__ = ["Base", "Linked", "fitted", "linked", "pairs"]

Base = IRNetwork | ResNet


class Linked(nn.Module):
    """A network with links.

    Args:
        base: The network without them.
        links: One for each of `pairs`.
    """

    def __init__(self, base: Base, links: Sequence[int]) -> None:
        super().__init__()
        self.base: Base = base
        self.links = tuple(links)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> what the base gives."""
        return linked(self.base, self.links, x)


def linked(base: Base, links: Sequence[int], x: Tensor) -> Tensor:
    """Images (B, C, H, W) through a network whose unit j is given its predecessor's output plus those of all t with S(j, t) = 1.

    A link has no parameters: where it crosses stages, pixels are left out and channels of zeros appended.

    Source: NAR, section 3.2; He et al., "Deep residual learning", 2016, section 3.3, option A.
    """
    outputs, of = [base.stem(x)], dict(zip(pairs(len(base.units)), links, strict=True))
    for number, unit in enumerate(base.units, 1):
        given = outputs[-1]
        for source in range(number - 1):
            if of[number, source]:
                given = given + fitted(outputs[source], given)
        outputs.append(unit(given))
    result: Tensor = base[-1](outputs[-1])
    return result


def fitted(x: Tensor, to: Tensor) -> Tensor:
    """Features (B, C, H, W) at the resolution and with the channels of others, which have fewer pixels and more channels."""
    stride = -(-x.shape[2] // to.shape[2])
    return functional.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, to.shape[1] - x.shape[1]))

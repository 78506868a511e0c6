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
        links: The links, each 0 or 1, in the order of `link_pairs.pairs`.
    """

    def __init__(self, base: Base, links: Sequence[int]) -> None:
        super().__init__()
        self.base: Base = base
        self.links = tuple(links)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> what the base gives."""
        return linked(self.base, self.links, x)


def linked(base: Base, links: Sequence[int], x: Tensor) -> Tensor:
    """Compute a network whose unit j is given its predecessor's output plus those of all t with S(j, t) = 1.

    A link has no parameters: where it crosses stages, pixels are left out and channels of zeros appended.

    Args:
        base: The network without links.
        links: The links, each 0 or 1, in the order of `link_pairs.pairs`.
        x: Images (B, C, H, W).

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
    """The features with pixels left out and channels of zeros appended, so that they can be added to others.

    Args:
        x: Features (B, C, H, W).
        to: The other features (B, C', H', W'), which have as many pixels or fewer, and as many channels or more.
    """
    stride = -(-x.shape[2] // to.shape[2])
    return functional.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, to.shape[1] - x.shape[1]))

"""Networks of cells: the cells, and what is before and after them.

Source: Liu et al., "DARTS: differentiable architecture search", 2019, appendix A, and its `model.py`.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from facenas.backbones import layers
from facenas.backbones.cell_operations import Edge, FactorizedReduce, operator, relu_conv_norm
from facenas.backbones.cell_places import NODES, CellPlace, Shape

AUXILIARY = (128, 768)  # channels of the auxiliary head
AUXILIARY_WEIGHT = 0.4  # of its loss (DARTS, appendix A)


class DropPath(nn.Module):
    """Drops an operator's whole output for single images, the more often the further training is; others are scaled up.

    Source: Larsson et al., "FractalNet", 2017, as DARTS' `utils.py` has it.
    """

    kept: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kept", torch.ones(()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, C, H, W), some of them 0."""
        if not self.training:
            return x
        return x / self.kept.to(x) * (self.draws(x) < self.kept)

    def draws(self, x: Tensor) -> Tensor:
        """A number in [0, 1) for each image (B, 1, 1, 1)."""
        return torch.rand_like(x[:, :1, :1, :1], dtype=torch.float32)


class Cell(nn.Module):
    """Four nodes, each the sum of what its edges compute.

    Args:
        place: The cell's place in the network, with its sizes.
        edges: Operation and kernel size of each edge, two edges per node.
        links: The input of each edge: 0 and 1 are the outputs of the two cells before, 2 and so on the nodes.
        groups: Number of groups of the pointwise convolutions in AllegroNAS' modules.
        dropping: Whether outputs of operators but the identity are dropped.
    """

    def __init__(self, place: CellPlace, edges: Sequence[Edge], links: Sequence[int], *, groups: int, dropping: bool = False) -> None:
        super().__init__()
        self.links = tuple(links)
        self.first, self.second = entrances(place)
        made = [
            operator(edge, place.channels, stride=2 if place.reduction and link < 2 else 1, groups=groups)
            for edge, link in zip(edges, links, strict=True)
        ]
        self.edges = nn.ModuleList(nn.Sequential(one, DropPath()) if dropping and not isinstance(one, nn.Identity) else one for one in made)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Output of the cell (B, 4 x channels, H, W).

        Args:
            first: Output of the cell before the last (B, C, H, W); it may have twice the resolution.
            second: Output of the last cell (B, C, H, W).
        """
        states = [self.first(first), self.second(second)]
        for at in range(0, 2 * NODES, 2):
            one, other = (self.edges[edge](states[self.links[edge]]) for edge in (at, at + 1))
            states.append(one + other)
        return torch.cat(states[2:], 1)


def entrances(place: CellPlace, *, affine: bool = True) -> tuple[nn.Module, nn.Module]:
    """The two modules that bring the inputs of a cell to one size and one number of channels.

    Args:
        place: The cell's place in the network, with its sizes.
        affine: Whether the BatchNorms have weights.
    """
    reduce: Callable[..., nn.Module] = FactorizedReduce if place.reduced_before else relu_conv_norm
    return reduce(place.first, place.channels, affine=affine), relu_conv_norm(place.second, place.channels, affine=affine)


class AuxiliaryClassifier(nn.Sequential):
    """Classes from the features after the second reduction, which sharpens the gradient of the cells before; side 6 or more.

    Pooling to 2x2 with windows of 5: stride 3 at side 8 and 2 at side 7, as DARTS' heads for CIFAR and ImageNet have.

    Args:
        channels: Channels of the features.
        size: Side of the features in pixels.
        classes: Number of classes.
    """

    def __init__(self, channels: int, size: int, classes: int) -> None:
        narrow, wide = AUXILIARY
        super().__init__(
            nn.ReLU(),
            nn.AvgPool2d(5, size - 5),
            layers.conv(channels, narrow, 1),
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            nn.Conv2d(narrow, wide, 2, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(wide, classes),
        )


class CellNetwork(nn.Module):
    """Stem, cells and head of a network of cells.

    Args:
        stem: Modules that make the first cell's two inputs from images, one after the other; the second may be the identity.
        cells: The cells in their order.
        head: Module that makes logits or embeddings from the last cell's output.
        auxiliary: Second classifier, which is used in training alone; None: there is none.
        after: Number of the cell whose output the second classifier sees, from 0.
        drop_path: Share of dropped outputs at the end of training.
    """

    def __init__(
        self,
        stem: tuple[nn.Module, nn.Module],
        cells: Sequence[nn.Module],
        head: nn.Module,
        *,
        auxiliary: AuxiliaryClassifier | None = None,
        after: int = 0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.stem, self.cells, self.head = nn.ModuleList(stem), nn.ModuleList(cells), head
        self.auxiliary, self.after, self.drop_path = auxiliary, after, drop_path

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits (B, N) or embeddings (B, D)."""
        return self.with_auxiliary(x)[0]

    def with_auxiliary(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """What `forward` gives, and the auxiliary head's logits where there is one and the network is in training, else None."""
        first = self.stem[0](x)
        second, aside = self.stem[1](first), None
        for number, cell in enumerate(self.cells):
            first, second = second, cell(first, second)
            if number == self.after and self.auxiliary is not None and self.training:
                aside = self.auxiliary(second)
        return self.head(second), aside

    @property
    def auxiliary_weight(self) -> float:
        """Factor of the auxiliary head's loss; 0 where there is no such head."""
        return 0.0 if self.auxiliary is None else AUXILIARY_WEIGHT

    def progress(self, share: float) -> None:
        """Set the share of dropped outputs for training that has come so far, a share in [0, 1]."""
        for module in self.modules():
            if isinstance(module, DropPath):
                module.kept.fill_(1 - self.drop_path * share)


def stem(width: int, in_channels: int, shape: Shape) -> tuple[nn.Module, nn.Module]:
    """The modules that make the two inputs of the first cell from images; the second input is made from the first.

    Args:
        width: Channels of a node before the first reduction, or of the stem itself in the shape ir.
        in_channels: Channels of the image.
        shape: Shape of the network: cifar, imagenet or ir.
    """
    if shape == "ir":  # as in IR networks
        return nn.Sequential(layers.conv(in_channels, width, 3), nn.BatchNorm2d(width), nn.PReLU(width)), nn.Identity()
    if shape == "cifar":
        return nn.Sequential(layers.conv(in_channels, 3 * width, 3), nn.BatchNorm2d(3 * width)), nn.Identity()
    return nn.Sequential(
        *(layers.conv(in_channels, width // 2, 3, stride=2), nn.BatchNorm2d(width // 2), nn.ReLU()),
        *(layers.conv(width // 2, width, 3, stride=2), nn.BatchNorm2d(width)),
    ), nn.Sequential(nn.ReLU(), layers.conv(width, width, 3, stride=2), nn.BatchNorm2d(width))


def classifier(channels: int, classes: int) -> nn.Module:
    """Mean over all pixels, then a linear layer: features (B, C, H, W) -> logits (B, N).

    Args:
        channels: Channels C of the features.
        classes: Number of classes N.
    """
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))

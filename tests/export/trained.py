"""Networks as training leaves them, without training."""

import torch
from torch import nn

from facenas.backbones import IRSpace
from facenas.data import InputContract
from facenas.data.faces import Images


def shaken(network: nn.Module) -> nn.Module:
    """With BatchNorms and PReLUs as after training: no mean is 0, no scale 1, some negative."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.3, 2)
            if module.affine:
                nn.init.uniform_(module.weight, 0.3, 2)
                nn.init.normal_(module.bias)
                module.weight.data[::3] *= -1
        elif isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, -0.5, 1.5)
    return network.eval()


def settled(network: nn.Module, images: Images, contract: InputContract) -> nn.Module:
    """With scales and offsets shaken, and means and variances those of the images."""
    return with_statistics_of(images, shaken(network), contract)


def with_statistics_of(images: Images, network: nn.Module, contract: InputContract) -> nn.Module:
    """With the means and variances of the images."""
    network.train()
    batch = contract.prepare(torch.from_numpy(images).permute(0, 3, 1, 2))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network(batch)
    return network.eval()


def small_face_network(size: int, images: Images, contract: InputContract, *, width: int = 8, shake: bool = True) -> nn.Module:
    """An IR network of ten layers whose outputs differ from face to face; shaken, hard on few bits."""
    space = IRSpace(embedding_size=24, input_size=size, dropout=0.0)
    torch.manual_seed(0)
    network = space.build(space.start(depth=10, width=width))
    return settled(network, images, contract) if shake else with_statistics_of(images, network, contract)

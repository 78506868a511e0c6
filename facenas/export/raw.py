"""The input contract baked into a network, which then takes RGB values from 0 to 255 as they are."""

import torch
from torch import Tensor, nn

from facenas.data import InputContract


class RawInput(nn.Module):
    """A network behind its own preparation of images: the same sum as `InputContract.prepare`, the channel order last."""

    mean: Tensor
    gain: Tensor

    def __init__(self, network: nn.Module, contract: InputContract) -> None:
        super().__init__()
        self.network, self.reverse = network, contract.color == "bgr"
        for name, values in (("mean", contract.mean), ("gain", tuple(1 / value for value in contract.std))):
            per_channel = torch.tensor(values, dtype=torch.float32).expand(contract.channels)
            self.register_buffer(name, (per_channel.flip(0) if self.reverse else per_channel).reshape(1, -1, 1, 1).clone())

    def forward(self, x: Tensor) -> Tensor:
        """From images (B, C, H, W), RGB or grey, 0 to 255, to the network's outputs (B, D)."""
        x = (x - self.mean) * self.gain
        out: Tensor = self.network(x.flip(1) if self.reverse else x)
        return out


def raw_contract(contract: InputContract) -> InputContract:
    """What a network behind `RawInput` expects of an image."""
    color = "grey" if contract.color == "grey" else "rgb"
    return InputContract.model_validate(contract.model_dump() | {"color": color, "mean": (0.0,), "std": (1.0,)})

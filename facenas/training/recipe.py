"""How a network is trained: everything but its architecture, its data and the number of epochs."""

from collections.abc import Iterator
from typing import Literal, NamedTuple, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from facenas.data import Augmentation
from facenas.settings import Section
from facenas.training.schedule import Cosine, Schedule, check_rate

Precision = Literal["auto", "fp32", "bf16", "fp16", "fp64"]


class Recipe(Section):
    """Optimiser, schedule, batch and precision; the defaults are EGNAS' (section 4.1)."""

    batch_size: int = Field(64, ge=2, description="Images per optimiser step, on all devices together.")
    accumulate: int = Field(
        1, ge=1, description="Parts that a device computes its share of a step in, one after the other, to save memory."
    )
    lr: float = Field(0.025, gt=0, description="Largest learning rate.")
    lr_warmup_epochs: float = Field(0.0, ge=0, description="Epochs of linear increase at the beginning.")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD momentum.")
    weight_decay: float = Field(3e-4, ge=0, description="Weight decay of the parameters that `decay` names.")
    decay: Literal["matrices", "all_but_batchnorm", "all"] = Field(
        "matrices",
        description="matrices: kernels, matrices and class centres, as CVLface; all_but_batchnorm: slopes and biases too, as AdaFace; "
        "all: as arcface_torch.",
    )
    clip_norm: float = Field(5.0, ge=0, description="Largest norm of the gradient; 0: not clipped.")
    clip_head: bool = Field(True, description="Whether the head's gradient is clipped with the network's.")
    ema: float = Field(
        0.0, ge=0, lt=1, description="Share of the old average in that of the weights after each step, which is then kept; 0: none."
    )
    schedule: Schedule = Field(Cosine(), description="Shape of the learning rate.")
    augmentation: Augmentation = Field(Augmentation(), description="Random changes of training images.")
    precision: Precision = Field("auto", description="auto: bf16 where the hardware computes in it.")
    sync_batchnorm: bool = Field(True, description="Whether BatchNorm looks at the images of all devices.")
    compile: bool = Field(False, description="Compile the network with torch.compile.")

    @model_validator(mode="after")
    def _one_largest_rate(self) -> Self:
        check_rate(self.schedule, self.lr)
        return self

    def learning_rate(self, epoch: float, epochs: int) -> float:
        """Learning rate at a moment of the training; with a warm-up, it first rises linearly from 0.

        Args:
            epoch: Progress in epochs; fractions count, and the loop asks for the middle of each step, so the first step is not wasted at 0.
            epochs: Number of epochs in all.
        """
        warm = min(1.0, epoch / self.lr_warmup_epochs) if self.lr_warmup_epochs else 1.0
        return self.lr * warm * self.schedule.factor(epoch, epochs)

    def optimiser(self, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
        """SGD over all parameters that require a gradient, in two groups: `decayed`, with weight decay, and `spared`, without.

        Args:
            model: Network or network with head whose parameters are trained.
            device: Device on which they lie.
        """
        parameters = [one for one in _named(model) if one.parameter.requires_grad]
        decayed = [one for one in parameters if self._decays(one)]
        spared = [one for one in parameters if not self._decays(one)]
        groups = [
            {"name": "decayed", "params": [one.parameter for one in decayed], "weight_decay": self.weight_decay},
            {"name": "spared", "params": [one.parameter for one in spared], "weight_decay": 0.0},
        ]
        return torch.optim.SGD(groups, lr=self.lr, momentum=self.momentum, fused=device.type in ("cpu", "cuda"))

    def _decays(self, one: "_Parameter") -> bool:
        if self.decay == "matrices":
            return one.parameter.ndim > 1
        return self.decay == "all" or not isinstance(one.owner, nn.modules.batchnorm._BatchNorm)


class _Parameter(NamedTuple):
    parameter: Tensor
    owner: nn.Module


def _named(model: nn.Module) -> Iterator[_Parameter]:
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            yield _Parameter(parameter, module)

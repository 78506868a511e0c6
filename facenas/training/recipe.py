"""How a network is trained: everything but its architecture, its data and the number of epochs."""

from collections.abc import Iterable
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from facenas.data import Augmentation
from facenas.settings import Section
from facenas.training.schedule import Cosine, Schedule


class Recipe(Section):
    """Optimiser, schedule, batch and precision; the defaults are EGNAS' (section 4.1)."""

    batch_size: int = Field(64, ge=2, description="Images per step.")
    lr: float = Field(0.025, gt=0, description="Largest learning rate.")
    lr_warmup_epochs: float = Field(0.0, ge=0, description="Epochs of linear increase at the beginning.")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD momentum.")
    weight_decay: float = Field(3e-4, ge=0, description="Weight decay of matrices and kernels; none on biases, BatchNorm and PReLU.")
    clip_norm: float = Field(5.0, ge=0, description="Largest norm of the gradient; 0: not clipped.")
    schedule: Schedule = Field(Cosine(), description="Shape of the learning rate.")
    augmentation: Augmentation = Field(Augmentation(), description="Random changes of training images.")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bf16 where the hardware computes in it.")

    def learning_rate(self, epoch: float, epochs: int) -> float:
        """Learning rate after `epoch` (a fraction of epochs counts) of `epochs` epochs; the first step is never wasted at 0."""
        warm = min(1.0, epoch / self.lr_warmup_epochs) if self.lr_warmup_epochs else 1.0
        return self.lr * warm * self.schedule.factor(epoch, epochs)

    def optimiser(self, modules: Iterable[nn.Module], device: torch.device) -> torch.optim.Optimizer:
        """SGD over all parameters, decaying those with two dimensions or more."""
        parameters = [parameter for module in modules for parameter in module.parameters()]
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.SGD(groups, lr=self.lr, momentum=self.momentum, fused=device.type in ("cpu", "cuda"))

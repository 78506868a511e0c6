"""SGD with momentum for parameters of which a step meets few rows."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class RowSGD(torch.optim.Optimizer):
    """Per row: v <- momentum v + (g + weight_decay w), w <- w - lr v, for the rows that the step has met and no others.

    A row that was not met keeps value and momentum, and does not decay. The momentum takes as much memory as the parameter. With dense
    gradients it equals torch.optim.SGD.

    Args:
        parameters: Matrices (N, D) whose gradients are sparse by rows, or dense.
        lr: Learning rate.
        momentum: Share of v that is kept.
        weight_decay: Pull of the rows towards zero.

    Source: An et al., "Partial FC", 2021: only the sampled centres, and their optimiser state, are read and written.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float, momentum: float = 0.9, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step for all parameters with a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, parameter.grad, group)

    def _step(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer = state["momentum_buffer"]
        if not grad.is_sparse:
            buffer.mul_(group["momentum"]).add_(grad).add_(parameter, alpha=group["weight_decay"])
            parameter.addcmul_(buffer, torch.as_tensor(group["lr"], dtype=buffer.dtype, device=buffer.device), value=-1)
            return
        rows, values = _rows(grad)
        moved = buffer[rows].mul_(group["momentum"]).add_(values)
        if group["weight_decay"]:
            moved.add_(parameter[rows], alpha=group["weight_decay"])
        buffer[rows] = moved
        parameter.index_add_(0, rows, moved.mul_(-group["lr"]))


def _rows(grad: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of a sparse gradient and their values; only those of several backward passes have to be added up, which costs a copy."""
    if bool((grad._indices().diff() <= 0).any()):
        grad = grad.coalesce()
    return grad._indices().squeeze(0), grad._values()

"""Network, head and optimiser steps against a restatement of the published formulas in double precision, from elementary operations."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from facenas.backbones import Blueprint, IRSpace
from facenas.data import FaceSet, InputContract
from facenas.heads.settings import AdaFaceHead
from facenas.training.device import derive_seed, make_fabric
from facenas.training.fit import prepare
from facenas.training.loop import train
from facenas.training.recipe import Recipe
from facenas.training.tasks import FaceTask

SIZE, WIDTH, DIMENSION, PEOPLE, BATCH = 32, 16, 24, 6, 8
EPS, MOMENTUM = 1e-5, 0.1  # of BatchNorm
State = dict[str, Tensor]


def blueprint(operation: str, kernel: int, output: str) -> Blueprint:
    space = IRSpace(embedding_size=DIMENSION, input_size=SIZE, output=output, dropout=0.0)
    start = space.start(depth=10, width=WIDTH).model_dump()
    return Blueprint(architecture={**start, "operations": (operation,) * 4, "kernels": (kernel,) * 4}, space=space)


class Restated:
    """AdaFace's `net.py` (IR), as its formulas are; features are (B, C, H, W)."""

    def __init__(self, state: State, *, output: str, training: bool) -> None:
        self.state, self.output, self.training = state, output, training

    def conv(self, x: Tensor, name: str, *, stride: int = 1, groups: int = 1) -> Tensor:
        """out[b, o, i, j] = sum over c, u, v of w[o, c, u, v] x[b, c, i stride + u - k // 2, j stride + v - k // 2]."""
        weight = self.state[f"{name}.weight"]
        outputs, inputs, kernel, _ = weight.shape
        margin = kernel // 2
        padded = x.new_zeros(*x.shape[:2], *(side + 2 * margin for side in x.shape[2:]))
        padded[:, :, margin : margin + x.shape[2], margin : margin + x.shape[3]] = x
        windows = padded.unfold(2, kernel, stride).unfold(3, kernel, stride)  # (B, C, H', W', K, K)
        batch, _, height, width = windows.shape[:4]
        windows = windows.reshape(batch, groups, inputs, height, width, kernel, kernel)
        weight = weight.view(groups, outputs // groups, inputs, kernel, kernel)
        return torch.einsum("bgchwuv,gocuv->bgohw", windows, weight).reshape(batch, outputs, height, width)

    def norm(self, x: Tensor, name: str) -> Tensor:
        axes, shape = [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
        if self.training:
            mean, variance = x.mean(axes), ((x - x.mean(axes).view(shape)) ** 2).mean(axes)
        else:
            mean, variance = self.state[f"{name}.running_mean"], self.state[f"{name}.running_var"]
        x = (x - mean.view(shape)) / torch.sqrt(variance.view(shape) + EPS)
        if f"{name}.weight" not in self.state:
            return x
        return x * self.state[f"{name}.weight"].view(shape) + self.state[f"{name}.bias"].view(shape)

    def prelu(self, x: Tensor, name: str) -> Tensor:
        return torch.where(x > 0, x, self.state[f"{name}.weight"].view(1, -1, 1, 1) * x)

    def operation(self, x: Tensor, name: str, stride: int) -> Tensor:
        """A convolution; or pointwise, BatchNorm, ReLU, depthwise: the separable one of EGNAS."""
        if f"{name}.weight" in self.state:
            return self.conv(x, name, stride=stride)
        parts = sorted({key.split(".")[len(name.split("."))] for key in self.state if key.startswith(f"{name}.")}, key=int)
        for part in parts:
            full = f"{name}.{part}"
            weight = self.state[f"{full}.weight"]
            if weight.ndim == 1:
                x = self.norm(x, full)
                x = torch.where(x > 0, x, torch.zeros_like(x))
            elif weight.shape[1] == 1:
                x = self.conv(x, full, stride=stride, groups=len(weight))
            else:
                x = self.conv(x, full)
        return x

    def unit(self, x: Tensor, name: str) -> Tensor:
        inner = self.operation(self.norm(x, f"{name}.residual.0"), f"{name}.residual.1", 1)
        inner = self.prelu(self.norm(inner, f"{name}.residual.2"), f"{name}.residual.3")
        inner = self.norm(self.operation(inner, f"{name}.residual.4", 2), f"{name}.residual.5")
        if f"{name}.shortcut.0.weight" in self.state:
            return inner + self.norm(self.conv(x, f"{name}.shortcut.0", stride=2), f"{name}.shortcut.1")
        return inner + x[:, :, ::2, ::2]

    def __call__(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> embeddings (B, D)."""
        x = self.prelu(self.norm(self.conv(x, "0"), "1"), "2")
        for unit in range(3, 7):
            x = self.unit(x, str(unit))
        if self.output == "gdc":
            x = torch.einsum("bchw,chw->bc", x, self.state["7.0.weight"][:, 0])[:, :, None, None]
            norm, linear, last = "7.1", "7.4", "7.5"
        else:
            norm, linear, last = "7.0", "7.3", "7.4"
        x = self.norm(x, norm).reshape(len(x), -1)
        return self.norm(x @ self.state[f"{linear}.weight"].T + self.state[f"{linear}.bias"], last)


def adaface_loss(embeddings: Tensor, weight: Tensor, labels: Tensor, *, mean: float, deviation: float) -> Tensor:
    """AdaFace, equations 14 to 17, with m = 0.4, h = 0.333, s = 64."""
    norms = embeddings.pow(2).sum(1).sqrt()
    cosines = (embeddings / norms[:, None]) @ (weight / weight.pow(2).sum(1, keepdim=True).sqrt()).T
    kept = norms.detach()
    mean, deviation = 0.99 * mean + 0.01 * float(kept.mean()), 0.99 * deviation + 0.01 * float(kept.std())
    losses = []
    for row, label, norm in zip(cosines, labels.tolist(), kept.tolist(), strict=True):
        z = min(1.0, max(-1.0, 0.333 * (norm - mean) / (deviation + 1e-3)))
        target = torch.cos(torch.acos(row[label]) - 0.4 * z) - (0.4 + 0.4 * z)
        logits = [64 * (target if column == label else row[column]) for column in range(len(row))]
        losses.append(torch.stack(logits).logsumexp(0) - logits[label])
    return torch.stack(losses).mean()


CASES = [("conv", 3, "flatten"), ("conv", 5, "gdc"), ("sep", 3, "flatten"), ("sep", 5, "gdc")]


@pytest.mark.parametrize(("operation", "kernel", "output"), CASES)
@pytest.mark.parametrize("training", [True, False])
def test_embeddings_are_those_of_the_formulas(operation: str, kernel: int, output: str, training: bool) -> None:
    torch.manual_seed(0)
    network = blueprint(operation, kernel, output).build().double()
    for name, value in network.state_dict().items():
        if value.ndim == 1 and value.is_floating_point():  # slopes, statistics: none at its start
            value.copy_(torch.rand_like(value) + 0.5 if "var" in name or "weight" in name else torch.randn_like(value))
    images, state = torch.randn(BATCH, 3, SIZE, SIZE, dtype=torch.float64), {k: v.clone() for k, v in network.state_dict().items()}
    expected = Restated(state, output=output, training=training)(images)
    torch.testing.assert_close(network.train(training)(images), expected, rtol=0, atol=1e-9)
    network.load_state_dict(state)
    single = network.float().to(memory_format=torch.channels_last).train(training)
    given = images.float().contiguous(memory_format=torch.channels_last)
    scale = float(expected.abs().max())
    torch.testing.assert_close(single(given).double() / scale, expected / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("operation", "kernel", "output"), CASES)
def test_optimiser_steps_are_those_of_the_formulas(operation: str, kernel: int, output: str) -> None:
    """SGD with momentum, decay of matrices alone, a clipped gradient and a cosine of the rate: two steps, so that momentum counts."""
    rng = np.random.default_rng(0)
    faces = FaceSet(
        "noise", rng.integers(0, 256, (2 * BATCH, SIZE, SIZE, 3), dtype=np.uint8), np.arange(2 * BATCH) % PEOPLE, tuple("abcdef")
    )
    task = FaceTask(faces, None, head=AdaFaceHead(margin=0.4, h=0.333, scale=64), contract=InputContract(size=SIZE))
    recipe = Recipe(batch_size=BATCH, lr=0.1, momentum=0.9, weight_decay=5e-4, clip_norm=5.0, precision="fp64")
    point, fabric = blueprint(operation, kernel, output), make_fabric("cpu", "fp64")
    training = prepare(task, point, recipe=recipe, seed=3, fabric=fabric)
    state: State = {name: value.clone() for name, value in training.model.state_dict().items()}
    trained = {name.removeprefix("_forward_module.") for name, _ in training.model.named_parameters()}
    feed, buffers, mean, deviation = task.feed(fabric, recipe), dict[str, Tensor](), 20.0, 100.0
    options = {"contract": task.contract, "recipe": recipe, "fabric": fabric, "layout": torch.channels_last}
    steps = train(training, feed, epochs=1, seed=3, **options)
    for index, inputs in enumerate(feed.epoch(derive_seed(3, 0), 0)):
        pixels, labels, _ = feed.batch(*inputs)
        for name in trained:
            state[name] = state[name].detach().requires_grad_()
        network = {name.removeprefix("network."): value for name, value in state.items() if name.startswith("network.")}
        embeddings = Restated(network, output=output, training=True)(task.contract.prepare(pixels).double())
        loss = adaface_loss(embeddings, state["head.weight"], labels, mean=mean, deviation=deviation)
        norms = embeddings.detach().norm(dim=1)
        mean, deviation = 0.99 * mean + 0.01 * float(norms.mean()), 0.99 * deviation + 0.01 * float(norms.std())
        gradients = dict(zip(sorted(trained), torch.autograd.grad(loss, [state[name] for name in sorted(trained)]), strict=True))
        length = math.sqrt(sum(float(g.pow(2).sum()) for g in gradients.values()))
        lr = next(steps)
        assert lr == pytest.approx(0.1 * 0.5 * (1 + math.cos(math.pi * (index + 0.5) / 2)), rel=1e-12)
        assert float(training.loss) == pytest.approx(loss.item(), rel=1e-6)  # kept in single precision
        for name, gradient in gradients.items():
            gradient = gradient * min(1.0, 5.0 / (length + 1e-6))
            if state[name].ndim > 1:
                gradient = gradient + 5e-4 * state[name].detach()
            buffers[name] = 0.9 * buffers[name] + gradient if index else gradient
            state[name] = state[name].detach() - lr * buffers[name]
        now = training.model.state_dict()
        for name in trained:
            torch.testing.assert_close(now[name], state[name], rtol=0, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}")
        assert float(now["head.rule.norm_mean"]) == pytest.approx(mean, abs=1e-9)
        assert float(now["head.rule.norm_std"]) == pytest.approx(deviation, abs=1e-9)

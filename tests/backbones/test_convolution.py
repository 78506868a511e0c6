"""The weight gradient by matrix products is that of the convolution."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from facenas.backbones import convolution
from facenas.backbones.convolution import Conv2d, weight_gradient


def wanted(x: Tensor, weight: Tensor, grad: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    x, weight = x.double().requires_grad_(), weight.double().requires_grad_()
    functional.conv2d(x, weight, None, stride, weight.shape[-1] // 2).backward(grad.double())
    assert x.grad is not None and weight.grad is not None
    return x.grad, weight.grad


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("height", "width"), [(14, 14), (9, 16), (15, 8)])
def test_equals_autograd_in_double_precision(kernel: int, stride: int, height: int, width: int) -> None:
    x, weight = torch.randn(3, 5, height, width), torch.randn(4, 5, kernel, kernel)
    grad = torch.randn_like(functional.conv2d(x, weight, None, stride, kernel // 2))
    exact = wanted(x, weight, grad, stride)[1]
    torch.testing.assert_close(weight_gradient(x.double(), grad.double(), kernel, stride), exact, rtol=0, atol=1e-10)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_layer_takes_it_where_oneDNN_is_slow(stride: int, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: N802
    layer = Conv2d(16, 24, 3, stride, 1, bias=False).to(memory_format=torch.channels_last)
    x = torch.randn(2, 16, 16, 14).contiguous(memory_format=torch.channels_last)
    called: list[int] = []
    usual = convolution.weight_gradient

    def noted(x: Tensor, grad: Tensor, kernel: int, stride: int) -> Tensor:
        called.append(stride)
        return usual(x, grad, kernel, stride)

    monkeypatch.setattr(convolution, "weight_gradient", noted)
    for slow in (False, True):
        monkeypatch.setattr(convolution, "slow_here", lambda slow=slow: slow)
        layer.zero_grad()
        given = x.clone(memory_format=torch.preserve_format).requires_grad_()
        out = layer(given)
        grad = torch.randn_like(out)
        out.backward(grad)
        exact_x, exact_weight = wanted(x, layer.weight.detach(), grad, stride)
        assert given.grad is not None and layer.weight.grad is not None
        torch.testing.assert_close(given.grad.double(), exact_x, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(layer.weight.grad.double(), exact_weight, rtol=1e-4, atol=1e-3)
    assert called == [stride]
    with torch.no_grad():
        assert torch.equal(layer(x), functional.conv2d(x, layer.weight, None, stride, 1))

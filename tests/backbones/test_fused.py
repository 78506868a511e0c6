"""The fused operations against torch in double precision."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from facenas.backbones import PlainSpace
from facenas.native import compiler, fused

needs_compiler = pytest.mark.skipif(not compiler(), reason="no C compiler: the fused operations cannot be built")
pytestmark = needs_compiler


KINDS = pytest.mark.parametrize(("kind", "rounding"), [(torch.float32, 2e-5), (torch.bfloat16, 4e-3)])  # bf16 has 8 digits


def error(given: Tensor | None, expected: Tensor | None) -> float:
    assert given is not None and expected is not None
    return float((given.detach().double() - expected.detach()).norm() / expected.detach().norm())


def random_norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def doubled(*modules: nn.Module) -> Iterator[nn.Module]:
    return (copy.deepcopy(module).double() for module in modules)


@KINDS
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("channels", "side"), [(16, 32), (17, 7), (46, 8), (96, 5)])
def test_norm_relu_depthwise(channels: int, side: int, kernel: int, stride: int, kind: torch.dtype, rounding: float) -> None:
    torch.manual_seed(0)
    norm, conv = random_norm(channels), nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
    norm2, conv2 = doubled(norm, conv)
    x = (torch.randn(5, channels, side, side) * 3 + 70).to(kind).requires_grad_()  # a mean far from 0: sums of squares must not cancel
    x2 = x.detach().double().requires_grad_()
    y, y2 = fused.norm_relu_depthwise(x, norm, conv), conv2(torch.relu(norm2(x2)))
    grad = torch.randn_like(y2).to(kind)
    y.backward(grad)
    y2.backward(grad.double())
    assert type(y.grad_fn).__name__ == "_NormReluDepthwiseBackward"
    pairs = [(y, y2), (x.grad, x2.grad), (norm.weight.grad, norm2.weight.grad), (norm.bias.grad, norm2.bias.grad)]
    pairs += [(conv.weight.grad, conv2.weight.grad), (norm.running_mean, norm2.running_mean), (norm.running_var, norm2.running_var)]
    assert max(error(*pair) for pair in pairs) < rounding
    assert max(error(*pair) for pair in pairs[2:]) < 2e-5, "only features are rounded"
    assert y.dtype == x.grad.dtype == kind
    assert norm.num_batches_tracked == 1


@KINDS
def test_norm_pool(kind: torch.dtype, rounding: float) -> None:
    torch.manual_seed(0)
    norm, x = random_norm(20), torch.randn(6, 20, 4, 4, dtype=kind, requires_grad=True)
    with torch.no_grad():
        norm.weight[3] = 0  # its gradient does not vanish
    (norm2,) = doubled(norm)
    x2 = x.detach().double().requires_grad_()
    y, y2 = fused.norm_pool(x, norm), norm2(x2).mean((2, 3), keepdim=True)
    grad = torch.randn_like(y2)
    y.backward(grad.float())
    y2.backward(grad)
    for pair in [(y, y2), (x.grad, x2.grad), (norm.weight.grad, norm2.weight.grad), (norm.bias.grad, norm2.bias.grad)]:
        assert error(*pair) < rounding


@KINDS
@pytest.mark.parametrize(("depth", "channels"), [(1, 32), (3, 18)])
def test_stem(depth: int, channels: int, kind: torch.dtype, rounding: float) -> None:
    torch.manual_seed(0)
    conv, x = nn.Conv2d(depth, channels, 3, padding=1, bias=False), torch.randn(3, depth, 9, 6)
    (conv2,) = doubled(conv)
    with torch.autocast("cpu", kind, enabled=kind != torch.float32):
        y = fused.stem(x, conv)
    y2 = conv2(x.to(kind).double())
    grad = torch.randn_like(y2).to(kind)
    y.backward(grad)
    y2.backward(grad.double())
    assert type(y.grad_fn).__name__ == "_StemBackward"
    assert y.dtype == kind
    assert error(y, y2) < rounding
    assert error(conv.weight.grad, conv2.weight.grad) < 1e-5


def test_a_network_in_bf16_hands_features_on_as_they_are() -> None:
    """Nothing between two convolutions converts: each conversion is a pass over memory."""
    space = PlainSpace(in_channels=1, num_classes=10, input_size=12)
    network, kinds = space.build(space.start(depth=6, width=18)), []
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
            module.register_forward_hook(lambda _, given, out: kinds.append((given[0].dtype, out.dtype)))
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.randn(4, 1, 12, 12)).sum().backward()
    assert kinds == 6 * [(torch.bfloat16, torch.bfloat16)]


def test_numbers_that_are_not_finite_stay_so() -> None:
    norm, conv = nn.BatchNorm2d(16), nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False)
    x = torch.randn(2, 16, 4, 4)
    x[0, 0, 0, 0] = torch.nan
    assert fused.norm_relu_depthwise(x, norm, conv).isnan().any()
    with torch.no_grad():
        norm.weight.fill_(torch.nan)
    assert fused.norm_relu_depthwise(torch.randn(2, 16, 4, 4), norm, conv).isnan().all()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_and_its_gradients_are_those_of_torch(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    space = PlainSpace(in_channels=channels, num_classes=10, input_size=12)
    start = space.start(depth=6, width=18)
    architecture = start.replace(operations=("sep", "conv", "sep", "sep", "conv", "sep"), kernels=(3, 3, 5, 5, 5, 3))
    torch.manual_seed(0)
    network = space.build(architecture)
    reference, images = copy.deepcopy(network).double(), torch.randn(8, channels, 12, 12)
    logits = network(images)
    logits.square().sum().backward()
    with monkeypatch.context() as without:
        without.setattr(fused, "library", lambda *_: None)
        expected = reference(images.double())
        expected.square().sum().backward()
    assert error(logits, expected) < 1e-5
    for (name, given), wanted in zip(network.named_parameters(), reference.parameters(), strict=True):
        assert error(given.grad, wanted.grad) < 1e-4, name
    for (name, given), wanted in zip(network.named_buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(given, wanted, check_dtype=False, msg=name)


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    def gradients(threads: int) -> list[Tensor]:
        torch.manual_seed(0)
        norm, conv = random_norm(24), nn.Conv2d(24, 24, 5, 2, 2, groups=24, bias=False)
        x = torch.randn(7, 24, 9, 9, requires_grad=True)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        y = fused.norm_relu_depthwise(x, norm, conv)
        y.sum().backward()
        torch.set_num_threads(before)
        found = [y, x.grad, norm.weight.grad, norm.bias.grad, conv.weight.grad, norm.running_var]
        assert all(tensor is not None for tensor in found)
        return [tensor for tensor in found if tensor is not None]

    assert all(torch.equal(one, two) for one, two in zip(gradients(1), gradients(2), strict=True))

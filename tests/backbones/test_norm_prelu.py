"""BatchNorm and PReLU as one operation: torch's numbers."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from facenas.backbones import get_blueprint
from facenas.native import compiler
from facenas.native.norm_prelu import norm_prelu

pytestmark = pytest.mark.skipif(not compiler(), reason="no C compiler")
LAST = torch.channels_last


def modules(channels: int) -> tuple[nn.BatchNorm2d, nn.PReLU]:
    torch.manual_seed(0)
    norm, prelu = nn.BatchNorm2d(channels), nn.PReLU(channels)
    with torch.no_grad():
        norm.weight.uniform_(-1.5, 1.5)
        norm.bias.normal_()
        prelu.weight.uniform_(-0.5, 1.5)
    return norm, prelu


def features(channels: int, *, mean: float = 3.0, batch: int = 5, side: int = 7) -> tuple[Tensor, Tensor]:
    x = torch.randn(batch, channels, side, side + 1) * 2 + mean
    return x.contiguous(memory_format=LAST), torch.randn_like(x).contiguous(memory_format=LAST)


def results(x: Tensor, grad: Tensor, norm: nn.BatchNorm2d, prelu: nn.PReLU, *, fused: bool) -> list[Tensor]:
    """Output, gradients of the input and of the three parameters, running statistics."""
    norm, prelu, x = deepcopy(norm), deepcopy(prelu), x.clone(memory_format=torch.preserve_format).requires_grad_()
    out = norm_prelu(x, norm, prelu) if fused else prelu(norm(x))
    out.backward(grad)
    found = [out, x.grad, norm.weight.grad, norm.bias.grad, prelu.weight.grad, norm.running_mean, norm.running_var]
    return [tensor.detach() for tensor in found if tensor is not None]


@pytest.mark.parametrize("channels", [16, 24, 64, 67])
@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_equals_double_precision(channels: int, mean: float) -> None:
    (norm, prelu), (x, grad) = modules(channels), features(channels, mean=mean)
    wanted = results(x.double(), grad.double(), deepcopy(norm).double(), deepcopy(prelu).double(), fused=False)
    for ours, exact in zip(results(x, grad, norm, prelu, fused=True), wanted, strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=1e-4, atol=2e-4 if mean else 1e-5)


def test_half_precision_is_rounded_once() -> None:
    (norm, prelu), (x, grad) = modules(24), (tensor.bfloat16() for tensor in features(24))
    wanted = results(x.float(), grad.float(), norm, prelu, fused=True)
    ours = results(x, grad, norm, prelu, fused=True)
    assert ours[0].dtype == ours[1].dtype == torch.bfloat16
    assert torch.equal(ours[0], wanted[0].bfloat16())
    assert torch.equal(ours[1], wanted[1].bfloat16())
    for half, full in zip(ours[2:], wanted[2:], strict=True):
        assert torch.equal(half, full)


def test_does_not_depend_on_the_number_of_threads() -> None:
    (norm, prelu), (x, grad) = modules(16), features(16)
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(results(x, grad, norm, prelu, fused=True))
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_nan_stays_one(kind: torch.dtype) -> None:
    (norm, prelu), (x, grad) = modules(20), features(20)
    x[1, 2, 3, 4] = float("nan")
    out, *_ = results(x.to(kind), grad.to(kind), norm, prelu, fused=True)
    assert out[:, 2].isnan().all()
    assert out[:, [0, 1, *range(3, 20)]].isfinite().all()


def test_evaluation_and_other_layouts_are_torchs() -> None:
    (norm, prelu), (x, _) = modules(16), features(16)
    plain = x.contiguous()
    assert torch.equal(norm_prelu(plain, deepcopy(norm), prelu), prelu(deepcopy(norm)(plain)))
    norm.eval()
    assert torch.equal(norm_prelu(x, norm, prelu), prelu(norm(x)))


def test_a_face_networks_step_is_that_of_the_plain_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    network = get_blueprint("ir18").space.model_copy(update={"input_size": 32, "embedding_size": 16, "dropout": 0.0})
    point = network.start(depth=10, width=16)
    x = torch.randn(6, 3, 32, 32).contiguous(memory_format=LAST)
    wanted, gradients = torch.randn(6, 16), []
    for switched_off in (False, True):
        torch.manual_seed(0)
        model = network.build(point).to(memory_format=LAST).train()
        if switched_off:
            monkeypatch.setattr("facenas.native.norm_prelu.library", lambda: None)
        (model(x) * wanted).sum().backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    assert gradients[0].keys() == gradients[1].keys()
    largest = max(float(gradient.abs().max()) for gradient in gradients[1].values())  # biases before a BatchNorm have none but rounding
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-3, atol=1e-5 * largest)

"""Networks of timm as backbones: built, counted, refused with a sentence."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from facenas.backbones import TimmSpace, published_weights, timm_space
from facenas.errors import ModelError


def test_the_output_layer_fits_the_features() -> None:
    network = timm_space("mobilenetv4_conv_small")
    assert (network.output, network.features.shape) == ("gdc", (1280, 4, 4))
    assert timm_space("vit_tiny_patch16_224").output == "pool"  # tokens
    assert timm_space("swin_tiny_patch4_window7_224").output == "pool"  # a map with its channels last
    with pytest.raises(ModelError, match="ends in 50 x 192 features, for which output=gdc does not do; set pool"):
        timm_space("vit_tiny_patch16_224", output="gdc")


def test_the_cost_of_attention_is_counted() -> None:
    space = timm_space("vit_tiny_patch16_224", input_size=112, embedding_size=64)
    tokens, width, depth = 50, 192, 12
    products = 12 * width**2 * tokens + 2 * tokens**2 * width  # query, key, value, projection and MLP; scores and sums
    assert space.macs(space.start()) == 49 * 768 * width + depth * products + width * 64
    assert space.count_parameters(space.start()) == sum(p.numel() for p in space.build(space.start()).parameters())


def test_building_does_not_depend_on_what_was_counted_before() -> None:
    space = TimmSpace(model="test_resnet", input_size=96, embedding_size=8)
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        weights.append(space.build(space.start()).state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_what_timm_cannot_build_is_one_sentence() -> None:
    for name in ("resnet_18", "hf-hub:somebody/something", "local-dir:/tmp"):
        with pytest.raises(ModelError, match="timm has no network"):
            timm_space(name)
    with pytest.raises(ModelError, match=r"takes no images of 112 x 112 pixels: .*; give another input_size"):
        timm_space("hrnet_w18_small")
    space = timm_space("test_resnet", input_size=64)
    with pytest.raises(ModelError, match="no operations, kernels, depth or width to choose"):
        space.build(space.start().replace(width=8))


def test_published_weights_begin_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = timm.create_model("test_efficientnet", num_classes=1000)  # with its classifier, as timm publishes them
    file = str(tmp_path / "weights.safetensors")
    save_file(published.state_dict(), file)
    space = timm_space("test_efficientnet", input_size=64, embedding_size=8)
    network = space.build(space.start()).eval()
    lost = network.load_state_dict(published_weights(space, file), strict=False)
    assert not lost.unexpected_keys and all(key.startswith("head.") for key in lost.missing_keys)
    assert isinstance(network.head, nn.Sequential)
    image = torch.rand(2, 3, 64, 64)
    expected = published.eval().forward_head(published.forward_features(image), pre_logits=True)
    torch.testing.assert_close(network.body(image).mean((2, 3)), expected)  # type: ignore[operator]
    with pytest.raises(ModelError, match=r"must be a \.safetensors file"):
        published_weights(space, "weights.pth")
    with pytest.raises(ModelError, match=r"cannot be had from .*/none.safetensors: .*; fetch them"):
        published_weights(space, str(tmp_path / "none.safetensors"))

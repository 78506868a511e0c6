"""The networks of facenas in timm."""

import json
from pathlib import Path
from random import Random

import pytest
import timm
import torch
from safetensors.torch import save_file

import facenas.backbones.timm_models as registered
from facenas.backbones import ZOO, Blueprint, IRSpace, PlainSpace, timm_space
from facenas.data import InputContract
from facenas.errors import ModelError

SPACE = IRSpace(input_size=32, embedding_size=24)
SMALL = Blueprint(architecture=SPACE.sample(Random(2), depths=[10, 12], widths=[8]), space=SPACE)
IMAGE = torch.rand(2, 3, 32, 32)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "architecture.json").write_text(SMALL.model_dump_json())
    save_file(SMALL.build().state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def test_every_name_of_the_zoo_is_there() -> None:
    assert set(timm.list_models("facenas*")) == {"facenas", *(f"facenas_{name.replace('-', '_')}" for name in ZOO)}
    with torch.device("meta"):
        model = timm.create_model("facenas_r58_256", num_classes=0)
    assert sum(p.numel() for p in model.parameters()) == ZOO["r58-256"].space.count_parameters(ZOO["r58-256"].architecture)
    with torch.device("meta"):
        assert timm.create_model("facenas_ir18")(torch.zeros(2, 3, 112, 112, device="meta")).shape == (2, 512)
        assert timm.create_model("facenas_ir18", num_classes=7)(torch.zeros(2, 3, 112, 112, device="meta")).shape == (2, 7)


def test_the_input_convention_is_that_of_the_contract() -> None:
    with torch.device("meta"):
        model = timm.create_model("facenas_ir18")
    config = timm.data.resolve_data_config({}, model=model)
    assert (config["input_size"], config["mean"], config["std"], config["crop_pct"]) == ((3, 112, 112), (0.5,) * 3, (0.5,) * 3, 1.0)
    transform = timm.data.create_transform(**config)
    pixels = torch.randint(0, 256, (3, 112, 112), dtype=torch.uint8)
    from torchvision.transforms.functional import to_pil_image

    torch.testing.assert_close(transform(to_pil_image(pixels)), InputContract().prepare(pixels[None])[0])


def test_weights_of_a_run_load_and_give_its_embeddings(run: Path) -> None:
    network = SMALL.build().eval()
    save_file(network.state_dict(), run / "model.safetensors")
    model = timm.create_model("facenas", architecture=str(run / "architecture.json"), checkpoint_path=str(run / "model.safetensors"))
    torch.testing.assert_close(model.eval()(IMAGE), network(IMAGE), rtol=0, atol=0)
    assert model.load_state_dict(model.state_dict()).missing_keys == []
    assert timm.create_model("facenas", architecture=run).num_features == 24
    model.reset_classifier(5)
    assert model(IMAGE).shape == (2, 5) and model.forward_head(model.forward_features(IMAGE), pre_logits=True).shape == (2, 24)


def test_a_folder_with_config_is_enough(run: Path) -> None:
    contract = InputContract(size=32, mean=(100, 110, 120), std=(50,))
    (run / "config.json").write_text(json.dumps(registered.timm_config(SMALL, contract)))
    network = SMALL.build().eval()
    save_file(network.state_dict(), run / "model.safetensors")
    model = timm.create_model(f"local-dir:{run}", pretrained=True).eval()
    torch.testing.assert_close(model(IMAGE), network(IMAGE), rtol=0, atol=0)
    config = timm.data.resolve_data_config({}, model=model)
    assert config["input_size"] == [3, 32, 32] and config["mean"] == pytest.approx([100 / 255, 110 / 255, 120 / 255])
    assert timm.create_model(f"local-dir:{run}", pretrained=True, num_classes=4)(IMAGE).shape == (2, 4)


def test_feature_maps_of_the_stages(run: Path) -> None:
    model = timm.create_model("facenas", architecture=run, features_only=True).eval()
    assert model.feature_info.channels() == [8, 16, 32, 64] and model.feature_info.reduction() == [2, 4, 8, 16]
    assert [tuple(one.shape) for one in model(IMAGE)] == [(2, 8, 16, 16), (2, 16, 8, 8), (2, 32, 4, 4), (2, 64, 2, 2)]


def test_other_blueprints(tmp_path: Path) -> None:
    plain = PlainSpace(input_size=8, in_channels=1, num_classes=3)
    digits = Blueprint(architecture=plain.start(depth=4, width=4), space=plain).model_dump()
    assert timm.create_model("facenas", architecture=digits)(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    with pytest.raises(ModelError, match="a classifier of 3 classes and has no embeddings, got num_classes=0"):
        timm.create_model("facenas", architecture=digits, num_classes=0)
    hand_made = timm_space("test_resnet", input_size=64, embedding_size=8)
    by_hand = Blueprint(architecture=hand_made.start(), space=hand_made).model_dump()
    assert timm.create_model("facenas", architecture=by_hand)(torch.zeros(2, 3, 64, 64)).shape == (2, 8)
    with pytest.raises(ModelError, match="feature maps are offered of the space 'ir'"):
        timm.create_model("facenas", architecture=by_hand, features_only=True)
    with pytest.raises(ModelError, match=r"architecture needs an architecture\.json"):
        timm.create_model("facenas", architecture=tmp_path / "none.json")
    with pytest.raises(ModelError, match=r"cannot be built so: .* multiple of 16"):
        timm.create_model("facenas", architecture=SMALL.model_dump(), img_size=33)

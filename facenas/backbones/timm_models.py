"""The networks of facenas in timm: importing this module registers them.

`timm.create_model("facenas_ir50", num_classes=0)` for every name of the zoo,
`timm.create_model("facenas", architecture="architecture.json")` for a found or trained one. The input
convention is that of the contract: `timm.data.resolve_data_config({}, model=model)`.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn

from facenas.backbones.zoo import ZOO, Blueprint
from facenas.data import InputContract
from facenas.data.faces import sides
from facenas.errors import ModelError, in_short


class FaceBackbone(nn.Module):
    """A network of facenas with what timm expects of a model; weights of a facenas run load as they are.

    Args:
        blueprint: Architecture and space of the network.
        num_classes: Number of logits of a fresh linear layer after the embeddings; 0: embeddings (B, D) that are not normalised.
        in_chans: Image channels; None: the blueprint's.
        img_size: Image side in pixels; None: the blueprint's.
        drop_rate: Dropout before the embedding layer, a fraction; None: the blueprint's.

    Raises:
        ModelError: If a classifier is asked for another number of classes than its own.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        num_classes: int = 0,
        in_chans: int | None = None,
        img_size: int | tuple[int, int] | None = None,
        drop_rate: float | None = None,
    ) -> None:
        super().__init__()
        size = img_size[0] if isinstance(img_size, tuple | list) else img_size
        wanted = {"in_channels": in_chans, "input_size": size, "dropout": drop_rate}
        blueprint = _changed(blueprint, {key: value for key, value in wanted.items() if value is not None})
        classes = blueprint.space.classes
        if classes and num_classes != classes:
            raise ModelError(f"this network is a classifier of {classes} classes and has no embeddings, got num_classes={num_classes}")
        self.backbone = blueprint.build()
        self.num_classes, self.num_features, self.head_hidden_size = num_classes, blueprint.dimension, blueprint.dimension
        self.feature_info = _stage_ends(blueprint)
        self.fc = nn.Linear(blueprint.dimension, num_classes) if num_classes and not classes else nn.Identity()
        self.register_load_state_dict_pre_hook(_prefixed)  # type: ignore[no-untyped-call]

    def get_classifier(self) -> nn.Module:
        """The linear layer after the embedding, or the identity."""
        return self.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put another fresh linear layer after the embedding, or none.

        Args:
            num_classes: Number of logits; 0: no layer.
            global_pool: Kind of pooling, which timm gives; it is not used.
        """
        self.num_classes = num_classes
        self.fc = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()

    def forward_features(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> embeddings (B, D)."""
        out: Tensor = self.backbone(x)
        return out

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Logits (B, N), or the embeddings themselves where there is no layer after them.

        Args:
            x: Embeddings (B, D).
            pre_logits: Whether the embeddings are wanted in any case.
        """
        out: Tensor = x if pre_logits else self.fc(x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) -> embeddings (B, D), or logits (B, N)."""
        return self.forward_head(self.forward_features(x))


def timm_convention(contract: InputContract, *, num_classes: int = 0) -> dict[str, Any]:
    """An input contract in the words of timm's `pretrained_cfg`.

    Args:
        contract: What the network expects of an image.
        num_classes: Number of classes of a classifier; 0: a face network.
    """
    mean, std = ([value / 255 for value in values * (contract.channels // len(values))] for values in (contract.mean, contract.std))
    return {
        "input_size": (contract.channels, *sides(contract.size)),
        "fixed_input_size": True,
        "mean": tuple(mean),
        "std": tuple(std),
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "num_classes": num_classes,
        "first_conv": None,
        "classifier": "fc",
    }


def timm_config(blueprint: Blueprint, contract: InputContract) -> dict[str, Any]:
    """The `config.json` by which timm builds a network from a folder or from the Hugging Face hub.

    Args:
        blueprint: Architecture and space of the network.
        contract: What the network expects of an image.
    """
    classes = blueprint.space.classes
    return {
        "architecture": "facenas",
        "num_classes": classes,
        "num_features": blueprint.dimension,
        "model_args": {"architecture": blueprint.model_dump(mode="json")},
        "pretrained_cfg": timm_convention(contract, num_classes=classes),
    }


def _read(source: str | Path | dict[str, Any]) -> tuple[Blueprint, InputContract | None]:
    """A blueprint by its name, content or file, and the contract where the file has one."""
    try:
        if isinstance(source, dict):
            return Blueprint.model_validate(source), None
        if source in ZOO:
            return ZOO[str(source)], None
        path = Path(source)
        content = json.loads((path / "architecture.json" if path.is_dir() else path).read_bytes())
        contract = InputContract.model_validate(content["input"]) if "input" in content else None
        return Blueprint.model_validate({key: content[key] for key in Blueprint.model_fields}), contract
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise ModelError(
            f"architecture needs an architecture.json, a model.json or a name that `facenas models` lists: {in_short(error)}"
        ) from None


def _changed(blueprint: Blueprint, changes: dict[str, Any]) -> Blueprint:
    tree = blueprint.model_dump()
    tree["space"] |= {key: value for key, value in changes.items() if key in tree["space"]}
    try:
        return Blueprint.model_validate(tree)
    except ValidationError as error:
        raise ModelError(f"this network cannot be built so: {' '.join(str(error).split())[:160]}") from None


def _stage_ends(blueprint: Blueprint) -> list[dict[str, Any]]:
    """Where the feature maps of each stage come from, in timm's words; empty where the space offers none."""
    ends = blueprint.space.stage_ends(blueprint.architecture)
    return [
        {"num_chs": channels, "reduction": 2**halvings, "module": f"backbone.{module}"}
        for halvings, (module, channels) in enumerate(ends, 1)
    ]


def _prefixed(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Weights of a facenas run have no `backbone.` before their names."""
    for key in [key for key in state if key.startswith(prefix) and not key.removeprefix(prefix).startswith(("backbone.", "fc."))]:
        state[f"{prefix}backbone.{key.removeprefix(prefix)}"] = state.pop(key)


def _create(name: str, blueprint: Blueprint, *, contract: InputContract | None = None, **options: Any) -> nn.Module:
    if options.get("features_only") and not _stage_ends(blueprint):
        raise ModelError(
            f"feature maps are offered of the space 'ir', and this network is of {blueprint.space.name!r}; leave features_only out"
        )
    if not options.get("pretrained_cfg"):
        channels = "grey" if blueprint.space.in_channels == 1 else "rgb"
        contract = contract or InputContract(size=blueprint.space.input_size, color=channels)
        overlay = timm_convention(contract, num_classes=blueprint.space.classes)
        options["pretrained_cfg_overlay"] = overlay | (options.get("pretrained_cfg_overlay") or {})
    feature_cfg = {"feature_cls": "hook", "out_indices": tuple(range(4))}
    made: nn.Module = build_model_with_cfg(FaceBackbone, name, feature_cfg=feature_cfg, blueprint=blueprint, **options)
    return made


@register_model
def facenas(pretrained: bool = False, *, architecture: str | Path | dict[str, Any], **options: Any) -> nn.Module:
    """A found or trained network, for `timm.create_model("facenas", architecture=...)`.

    Args:
        pretrained: Whether weights are loaded, as timm does it.
        architecture: An architecture.json, a run folder that has one, a model.json, the content of such a file, or a name of the zoo.
        options: Options of `FaceBackbone` and of timm's `create_model`.

    Raises:
        ModelError: If there is no such architecture, or its network cannot be built so.
    """
    blueprint, contract = _read(architecture)
    return _create("facenas", blueprint, contract=contract, pretrained=pretrained, **options)


def _register(name: str, blueprint: Blueprint) -> None:
    def create(pretrained: bool = False, **options: Any) -> nn.Module:
        return _create(create.__name__, blueprint, pretrained=pretrained, **options)

    create.__name__ = f"facenas_{name.replace('-', '_')}"
    create.__doc__ = f"The network {name} of facenas."
    register_model(create)


for _name, _blueprint in ZOO.items():
    _register(_name, _blueprint)

"""Heads as modules for anybody's training loop: the signatures that others rely on, and the same head as the settings make."""

import inspect
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from facenas import heads
from facenas.heads import (
    HEADS,
    AdaFace,
    ArcFace,
    CombinedMargin,
    CosFace,
    CurricularFace,
    MagFace,
    MarginHead,
    NormSoftmax,
    SubcentreArcFace,
)

MODULES = (AdaFace, ArcFace, CosFace, CurricularFace, MagFace, SubcentreArcFace, CombinedMargin, NormSoftmax)


def test_adaface_as_promised() -> None:
    head = AdaFace(16, 5, margin=0.4, h=0.333, scale=64, ema=0.01)
    logits = head(torch.randn(3, 16), torch.tensor([0, 4, 2]))
    assert logits.shape == (3, 5)
    nn.functional.cross_entropy(logits, torch.tensor([0, 4, 2])).backward()
    assert head.weight.grad is not None


@pytest.mark.parametrize("module", MODULES)
def test_is_what_its_settings_build(module: type[MarginHead]) -> None:
    (member,) = [one for one in HEADS.members.values() if one.module is module]
    torch.manual_seed(0)
    built = member().build(16, 5)
    torch.manual_seed(0)
    own = module(16, 5)
    assert type(built) is module
    assert own.state_dict().keys() == built.state_dict().keys()
    x, y = torch.randn(3, 16), torch.tensor([0, 4, 2])
    assert torch.equal(own(x, y), built(x, y))


@pytest.mark.parametrize("module", MODULES)
def test_takes_what_its_settings_have(module: type[MarginHead]) -> None:
    (member,) = [one for one in HEADS.members.values() if one.module is module]
    signature = inspect.signature(module).parameters
    assert set(signature) == {"embedding_size", "num_identities", *member.model_fields} - {"name"}
    assert all(signature[key].default == field.default for key, field in member.model_fields.items() if key != "name")


def test_a_margin_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        ArcFace(16, 5, margin=-0.5)


@pytest.mark.parametrize("sizes", [(0, 5), (8, 0), (8, -1)])
def test_sizes_that_make_no_sense_are_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"(embedding_size|num_identities) must be at least 1, got (0|-1)"):
        ArcFace(*sizes)


def test_names_that_moved_are_still_there() -> None:
    from facenas.heads import settings

    assert settings.AdaFaceHead is HEADS.get("adaface")
    assert {"MarginHead", "PartialFC", "margin_loss", "Head"} <= set(heads.__all__)
    with pytest.raises(AttributeError, match="no attribute 'NoHead'"):
        settings.NoHead  # noqa: B018


def test_the_python_of_the_page() -> None:
    (code,) = re.findall(
        r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "heads.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    made: dict[str, torch.Tensor] = {}
    exec(compile(code, "heads.md", "exec"), made)  # as it stands there
    assert made["loss"].isfinite()

"""Every format there is keeps the contract, and stores what it is told to."""

import onnx
import pytest
import torch

from facenas.data import InputContract
from facenas.export import FORMATS
from facenas.export.format import FormatSection
from facenas.testing import FormatContract
from facenas.testing.formats import exported

OURS = tuple(member() for member in FORMATS.members.values())


class TestOurs(FormatContract):
    settings = OURS


def test_no_two_formats_write_files_of_one_name() -> None:
    assert len({member.suffix for member in OURS}) == len(OURS)


def metadata(member: FormatSection, path: str) -> str:
    told = {"facenas": ""}
    if member.name == "torch-export":
        torch.export.load(path, extra_files=told)
    elif member.name == "torchscript":
        torch.jit.load(path, _extra_files=told)
    else:
        told = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    content = told["facenas"]
    return content.decode() if isinstance(content, bytes) else content


@pytest.mark.parametrize("member", OURS, ids=lambda member: member.name)
def test_a_file_says_what_it_expects(member: FormatSection) -> None:
    made = exported(member, raw=True)
    assert made.done.parity.images == 16
    assert made.done.parity.min_cosine > (member.least_cosine if member.name.endswith(("8", "16")) else 0.999999)
    assert made.done.opset == (18 if "onnx" in member.name else None)
    contract = made.done.contract
    assert InputContract.model_validate_json(metadata(member, str(made.file))) == contract
    assert (contract.color, contract.mean, contract.std) == ("rgb", (0.0,), (1.0,))

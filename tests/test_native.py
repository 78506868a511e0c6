"""Where there is a compiler, a C file that it refuses is a mistake, not a reason to go without."""

from collections.abc import Callable

import pytest
import torch

from facenas.native import compiler, fused, lanczos, norm_prelu


@pytest.mark.skipif(not compiler(), reason="no C compiler")
@pytest.mark.parametrize(
    "library",
    [lambda: fused.library(torch.float32), lambda: fused.library(torch.bfloat16), norm_prelu.library, lanczos._library],
    ids=["fused-fp32", "fused-bf16", "norm_prelu", "lanczos"],
)
def test_every_c_file_compiles(library: Callable[[], object]) -> None:
    assert library()

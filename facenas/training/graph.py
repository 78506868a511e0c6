"""A training step recorded as a CUDA graph: one launch instead of hundreds, which is what small networks wait for."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3  # steps that run as they are, so that everything that is made once has been made
logger = logging.getLogger("facenas")


class Recorded:
    """Runs a step a few times, then records it and plays it again.

    A step that cannot be recorded, since it waits for the device or copies from the host, goes on as it is.

    Args:
        step: Function that computes on tensors of the same sizes every time; nothing else that it reads may change but tensors, in place.
    """

    def __init__(self, step: Callable[..., None]) -> None:
        self.step, self.calls = step, 0
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.given: tuple[Tensor, ...] = ()
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, *inputs: Tensor) -> None:
        """Run the step on a batch."""
        self.calls += 1
        if self.graph is None and self.calls == WARM_UP + 1:
            self._record(inputs)
        if self.graph is not None:
            for given, new in zip(self.given, inputs, strict=True):
                given.copy_(new)
            self.graph.replay()
        elif self.calls <= WARM_UP:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.step(*inputs)
            torch.cuda.current_stream().wait_stream(self.stream)
        else:
            self.step(*inputs)

    def _record(self, inputs: tuple[Tensor, ...]) -> None:
        self.given, graph = tuple(value.clone() for value in inputs), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.step(*self.given)
        except RuntimeError as error:
            logger.warning("the training step runs unrecorded, and slower: %s", " ".join(str(error).split())[:200])
            return
        self.graph = graph

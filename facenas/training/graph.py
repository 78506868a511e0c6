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
        step: From row numbers (B,) and random draws (B, R) of one batch, always of the same size; it must read nothing else that changes
            but tensors that are changed in place.
    """

    def __init__(self, step: Callable[[Tensor, Tensor], None]) -> None:
        self.step, self.calls = step, 0
        self.stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.given: tuple[Tensor, Tensor] | None = None
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, rows: Tensor, draws: Tensor) -> None:
        """Run the step on a batch."""
        self.calls += 1
        if self.graph is None and self.calls == WARM_UP + 1:
            self._record(rows, draws)
        if self.graph is not None and self.given is not None:
            self.given[0].copy_(rows)
            self.given[1].copy_(draws)
            self.graph.replay()
        elif self.calls <= WARM_UP:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.step(rows, draws)
            torch.cuda.current_stream().wait_stream(self.stream)
        else:
            self.step(rows, draws)

    def _record(self, rows: Tensor, draws: Tensor) -> None:
        self.given, graph = (rows.clone(), draws.clone()), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.step(*self.given)
        except RuntimeError as error:
            logger.warning("the training step runs unrecorded, and slower: %s", " ".join(str(error).split())[:200])
            return
        self.graph = graph

"""Shards of a `PartialFC`, for another number of ranks or none: its state and that of its optimiser, merged and split by rows."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

State = dict[Any, Any]


def bounds(identities: int, rank: int, ranks: int) -> tuple[int, int]:
    """The first identity of a rank's shard, and the first beyond it.

    Args:
        identities: Number of identities N over all ranks.
        rank: Number of the rank, from 0.
        ranks: Number of ranks R.
    """
    return identities * rank // ranks, identities * (rank + 1) // ranks


def merge_shards(states: Sequence[State]) -> State:
    """One state of the states of all ranks, in order: matrices are joined by rows, all else is alike and taken from the first.

    Args:
        states: The `state_dict()` of the `PartialFC`, or of its optimiser, on each rank.
    """
    return {key: _merged([state[key] for state in states]) for key in states[0]}


def split_shards(state: State, ranks: int, *, subcentres: int = 1) -> list[State]:
    """The states of `ranks` ranks of a merged one.

    Args:
        state: A merged state, or that of a single rank.
        ranks: Number of ranks to split it for.
        subcentres: Centres of each identity, which stay together.
    """
    return [{key: _part(value, rank, ranks, subcentres) for key, value in state.items()} for rank in range(ranks)]


def _merged(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        return merge_shards(values)
    return torch.cat(values) if _by_rows(values[0]) else values[0]


def _part(value: Any, rank: int, ranks: int, subcentres: int) -> Any:
    if isinstance(value, dict):
        return {key: _part(inner, rank, ranks, subcentres) for key, inner in value.items()}
    if not _by_rows(value):
        return value
    first, end = bounds(len(value) // subcentres, rank, ranks)
    return value[first * subcentres : end * subcentres].clone()


def _by_rows(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim == 2

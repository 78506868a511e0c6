"""Half-trained models on disk: everything that changes, at any step; read back as tensors and plain values only."""

from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import distributed

from facenas.data import Fingerprint
from facenas.errors import RunError
from facenas.files import DamagedError, read_sealed, write_sealed
from facenas.heads import merge_shards, split_shards
from facenas.training.loop import Epoch, Training

CHECKPOINT = "checkpoint.pt"
COUNTERS = ("epoch", "step", "loss_sum", "correct", "losses", "first_loss", "seconds")


def save_checkpoint(path: Path, training: Training, history: list[Epoch], fabric: Fabric) -> None:
    """Write what a later process needs to go on, whole or not at all; every rank calls this, and the random numbers of all are the same.

    Args:
        path: File to write; it is replaced only when the new content is whole.
        training: State of the training run.
        history: Finished epochs.
        fabric: Devices and ranks that train together; the first rank writes.
    """
    state = {
        "model": training.model.state_dict(),
        "optimisers": [training.optimisers[0].state_dict()],
        "scaler": fabric.strategy.precision.state_dict(),
        "ema": training.ema.state_dict() if training.ema else None,
        "history": [tuple(epoch) for epoch in history],
        "ranks": fabric.world_size,
        "data": [one.model_dump_json() for one in training.data],
        "random": _random_state(fabric.device),
        **{name: getattr(training, name) for name in COUNTERS},
    }
    if len(training.optimisers) > 1:
        head = {name: state["model"].pop(f"head.{name}") for name in training.model.head.state_dict()}
        state["shards"] = _gathered({"head": head, "optimiser": training.optimisers[1].state_dict()}, fabric)
    if fabric.is_global_zero:
        buffer = BytesIO()
        torch.save(state, buffer)
        write_sealed(path, buffer.getvalue())
    fabric.barrier()


def load_checkpoint(path: Path, training: Training, fabric: Fabric) -> tuple[list[Epoch], str]:
    """Continue from a checkpoint: `training` is changed in place.

    Args:
        path: File that `save_checkpoint` wrote.
        training: State of a fresh training run of the same network on the same data.
        fabric: Devices and ranks that train together, now.

    Returns:
        The finished epochs, and a remark if the run cannot be the same as an uninterrupted one.

    Raises:
        RunError: If the file is damaged or belongs to another network or to other data.
    """
    try:
        state = torch.load(BytesIO(read_sealed(path)), map_location=fabric.device, weights_only=True)
        _check_data(path, state, training)
        if "shards" in state:
            own = split_shards(state["shards"], fabric.world_size, subcentres=training.model.head.subcentres)[fabric.global_rank]
            state["model"] |= {f"head.{name}": value for name, value in own["head"].items()}
            state["optimisers"].append(own["optimiser"])
        training.model.load_state_dict(state["model"])
        for optimiser, kept in zip(training.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        fabric.strategy.precision.load_state_dict(state["scaler"])
        if training.ema and state["ema"]:
            training.ema.load_state_dict(state["ema"])
        for name in COUNTERS:
            setattr(training, name, state[name])
        history = [Epoch(*epoch) for epoch in state["history"]]
        _restore_random(state["random"], fabric.device)
    except RunError:
        raise
    except DamagedError as error:
        raise RunError(f"{error}; remove it to train from the start") from None
    except Exception as error:  # torch raises many kinds for a damaged file
        raise RunError(f"{path} is damaged or of another network; remove it to train from the start ({type(error).__name__})") from None
    was, now = state["ranks"], fabric.world_size
    changed = f"begun on {was} devices, goes on on {now}: the same batches, augmentation and dropout, but other rounding"
    return history, "" if was == now else changed


def _check_data(path: Path, state: dict[str, Any], training: Training) -> None:
    """Refuse a checkpoint of other data; one that was written before it said so is taken."""
    before = [Fingerprint.model_validate_json(one) for one in state.get("data", [])]
    differing = [told for was, now in zip(before, training.data, strict=False) if (told := was.differs(now))]
    if differing:
        raise RunError(f"{path} was trained on other data: {'; '.join(differing)}. Put them back, or remove it to train from the start")


def _gathered(shard: dict[str, Any], fabric: Fabric) -> dict[str, Any]:
    """The shards of all ranks as one; on ranks but the first: nothing of use."""
    if fabric.world_size == 1:
        return shard
    shards: list[Any] | None = [None] * fabric.world_size if fabric.is_global_zero else None
    distributed.gather_object(shard, shards)
    return merge_shards(shards) if shards else {}


def _random_state(device: torch.device) -> dict[str, torch.Tensor]:
    return {"cpu": torch.get_rng_state()} | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _restore_random(state: dict[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)

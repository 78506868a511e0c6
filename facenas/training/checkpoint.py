"""Half-trained models on disk: everything that changes, at any step; read back as tensors and plain values only."""

from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from facenas.errors import RunError
from facenas.files import replacing
from facenas.training.loop import Epoch, Training

CHECKPOINT = "checkpoint.pt"
COUNTERS = ("epoch", "step", "loss_sum", "correct", "seconds")


def save_checkpoint(path: Path, training: Training, history: list[Epoch], fabric: Fabric) -> None:
    """Write what a later process needs to go on; called on every rank.

    What differs between the ranks is written beside it first, under a name that only this checkpoint knows: whole, or as before.
    """
    state = {
        "model": training.model.state_dict(),
        "optimiser": training.optimiser.state_dict(),
        "scaler": fabric.strategy.precision.state_dict(),
        "ema": training.ema.state_dict() if training.ema else None,
        "history": [tuple(epoch) for epoch in history],
        "ranks": fabric.world_size,
        **{name: getattr(training, name) for name in COUNTERS},
    }
    own = {"random": _random_state(fabric.device)}
    if fabric.world_size > 1:
        _write(_of_rank(path, fabric.global_rank, training), own)
        fabric.barrier()
    if fabric.is_global_zero:
        _write(path, state | own)
        current = {_of_rank(path, rank, training) for rank in range(fabric.world_size)}
        for old in set(path.parent.glob(f"{path.name}.rank*")) - current:
            old.unlink(missing_ok=True)
    fabric.barrier()


def load_checkpoint(path: Path, training: Training, fabric: Fabric) -> tuple[list[Epoch], str]:
    """Continue from a checkpoint: `training` is changed in place.

    Returns:
        The finished epochs, and a remark if the run cannot be the same as an uninterrupted one.

    Raises:
        RunError: If the file is damaged or belongs to another network.
    """
    try:
        state = torch.load(path, map_location=fabric.device, weights_only=True)
        training.model.load_state_dict(state["model"])
        training.optimiser.load_state_dict(state["optimiser"])
        fabric.strategy.precision.load_state_dict(state["scaler"])
        if training.ema and state["ema"]:
            training.ema.load_state_dict(state["ema"])
        for name in COUNTERS:
            setattr(training, name, state[name])
        history = [Epoch(*epoch) for epoch in state["history"]]
        remark = _restore_random(path, training, fabric, state)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise RunError(f"{path} is damaged or of another network; remove it to train from the start ({type(error).__name__})") from None
    return history, remark


def _restore_random(path: Path, training: Training, fabric: Fabric, state: dict[str, Any]) -> str:
    if state["ranks"] != fabric.world_size:
        torch.manual_seed(training.epoch * fabric.world_size + fabric.global_rank)
        return (
            f"the run was on {state['ranks']} devices and goes on on {fabric.world_size}: batches and augmentation stay the same, "
            "dropout and the order of sums do not"
        )
    if fabric.world_size > 1:
        state = torch.load(_of_rank(path, fabric.global_rank, training), map_location="cpu", weights_only=True)
    torch.set_rng_state(state["random"]["cpu"].cpu())
    if fabric.device.type == "cuda":
        torch.cuda.set_rng_state(state["random"]["cuda"].cpu(), fabric.device)
    return ""


def _random_state(device: torch.device) -> dict[str, torch.Tensor]:
    return {"cpu": torch.get_rng_state()} | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _of_rank(path: Path, rank: int, training: Training) -> Path:
    return path.with_name(f"{path.name}.rank{rank}.epoch{training.epoch}.step{training.step}")


def _write(path: Path, state: dict[str, Any]) -> None:
    buffer = BytesIO()
    torch.save(state, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())

"""Half-trained models on disk, read back as tensors and plain values only."""

from io import BytesIO
from pathlib import Path

import torch

from facenas.errors import RunError
from facenas.files import replacing
from facenas.training.loop import Epoch, Training

CHECKPOINT = "checkpoint.pt"


def save_checkpoint(path: Path, training: Training, history: list[Epoch], seconds: float) -> None:
    """Write everything that changes during training, in one step."""
    state = {
        "model": training.model.state_dict(),
        "optimiser": training.optimiser.state_dict(),
        "history": [tuple(epoch) for epoch in history],
        "seconds": training.seconds + seconds,
    }
    buffer = BytesIO()
    torch.save(state, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load_checkpoint(path: Path, training: Training, device: torch.device) -> list[Epoch]:
    """Continue from a checkpoint: `training` is changed in place.

    Returns:
        The finished epochs.

    Raises:
        RunError: If the file is damaged or belongs to another network.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        training.model.load_state_dict(state["model"])
        training.optimiser.load_state_dict(state["optimiser"])
        history = [Epoch(*epoch) for epoch in state["history"]]
        training.seconds = float(state["seconds"])
    except Exception as error:  # torch raises many kinds for a damaged file
        raise RunError(f"{path} is damaged or of another network; remove it to train from the start ({type(error).__name__})") from None
    training.epoch = len(history)
    return history

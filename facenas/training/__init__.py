"""The training loop, tasks, recipes and checkpoints."""

"""Draws AllegroNAS' learning rate by both readings of its equation 8, beside the cosine.

python benchmarks/schedule.py docs/schedule.svg
"""

import sys
from pathlib import Path

from matplotlib.figure import Figure

from facenas.training.schedule import ExponentialCosine, PrintedExponentialCosine, Restarts

EPOCHS, MOST, LEAST = 90, 0.025, 0.001


def main() -> None:
    share = LEAST / MOST
    curves = {
        "cosine (DARTS)": Restarts(period_epochs=EPOCHS, least=share),
        "equation 8, the cosine alone in the exponent": ExponentialCosine(least=share),
        "equation 8 as printed": PrintedExponentialCosine(lr_max=MOST, lr_min=LEAST),
    }
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    epochs = [EPOCHS * part / 400 for part in range(400)]
    for name, schedule in curves.items():
        axes.plot(epochs, [MOST * schedule.factor(epoch, EPOCHS) for epoch in epochs], label=name)
    axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    axes.legend(frameon=False)
    figure.savefig(Path(sys.argv[1]), metadata={"Date": None})


if __name__ == "__main__":
    main()

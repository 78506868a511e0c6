"""ROC and CMC curves of several models as PNG pictures."""

from collections.abc import Mapping, Sequence
from io import BytesIO

Curve = Sequence[tuple[float, float]]
DPI, SIZE = 150, (6.0, 4.2)  # inches


def roc_picture(title: str, curves: Mapping[str, Curve]) -> bytes:
    """Draw ROC curves as PNG: true accept rate against false accept rate on a logarithmic axis.

    Args:
        title: Title above the plot.
        curves: Points (false accept rate, true accept rate) of each model, fractions.
    """
    return _picture(title, curves, x="false accept rate", y="true accept rate", log=True)


def cmc_picture(title: str, curves: Mapping[str, Curve]) -> bytes:
    """Draw CMC curves as PNG: identification rate against rank.

    Args:
        title: Title above the plot.
        curves: Points (rank, share of the probes) of each model.
    """
    return _picture(title, curves, x="rank", y="identification rate", log=False)


def _picture(title: str, curves: Mapping[str, Curve], *, x: str, y: str, log: bool) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    axes = figure.add_subplot(title=title, xlabel=x, ylabel=y)
    for style, (name, points) in zip(_styles(len(curves)), curves.items(), strict=True):
        shown = [(across, up) for across, up in points if across > 0 or not log]
        axes.plot(*zip(*shown, strict=True), style, label=name, linewidth=1.6, drawstyle="steps-post" if log else "default")
    if log:
        axes.set_xscale("log")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    stream = BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _styles(count: int) -> list[str]:
    """Line styles for a number of models, which are told apart without colour too."""
    return [("-", "--", "-.", ":")[number % 4] for number in range(count)]

"""Accept rates of pairs: at wanted false accept rates, and the whole curve. Scores are similarities, accepted from a threshold on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from facenas.eval.scores import Scores, checked, finite, need_both

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
DRAWN = 300  # points of a curve
WINDOW = 1024  # impostors on either side among which a corner of the curve is looked for


class AcceptRates(NamedTuple):
    """True accept rates and their thresholds, by the false accept rate: keys like `1e-03`.

    Attributes:
        tar: True accept rates.
        thresholds: Least score that is accepted at each.
        refused: Why there is no true accept rate at the other false accept rates.
    """

    tar: dict[str, float]
    thresholds: dict[str, float]
    refused: dict[str, str]


def tar_at_far(genuine: ArrayLike, impostor: ArrayLike, far: float) -> float:
    """True accept rate at the loosest threshold whose false accept rate is at most `far`.

    Args:
        genuine: Scores of same-identity pairs, shape (G,).
        impostor: Scores of different-identity pairs, shape (I,).
        far: Target false accept rate, a fraction in (0, 1].

    Raises:
        ValueError: If there are too few impostor pairs to measure `far`.
    """
    same, different = finite(genuine), finite(impostor)
    need_both(same, different)
    _check_rates([far])
    allowed = _allowed(far, len(different))
    if allowed == 0:
        raise ValueError(f"FAR {rate_key(far)} {_too_few(far, len(different))}; ask for far >= {1 / len(different):.3g}")
    return float((same >= _threshold(_best(different, allowed + 1), allowed, len(different))).mean())


def accept_rates(scores: ArrayLike, same: ArrayLike, fars: Sequence[float] = FARS) -> AcceptRates:
    """`tar_at_far` at each of several rates, where the impostor pairs suffice.

    Args:
        scores: Similarity of each pair, shape (P,).
        same: Whether the pair shows one person, shape (P,).
        fars: False accept rates, fractions in (0, 1].

    Raises:
        ValueError: If a kind of pairs is missing, a score is not finite or a rate impossible.
    """
    genuine, impostor = _both(scores, same)
    _check_rates(fars)
    best, rates = _best(impostor, _allowed(max(fars), len(impostor)) + 1), AcceptRates({}, {}, {})
    for far in fars:
        key, allowed = rate_key(far), _allowed(far, len(impostor))
        if allowed == 0:
            rates.refused[key] = _too_few(far, len(impostor))
        else:
            threshold = _threshold(best, allowed, len(impostor))
            rates.tar[key], rates.thresholds[key] = float((genuine >= threshold).mean()), threshold
    return rates


def nearest_tar_at_far(scores: ArrayLike, same: ArrayLike, fars: Sequence[float] = FARS) -> dict[str, float]:
    """True accept rates at the corners of the ROC whose false accept rates are nearest to the wanted ones, and may exceed them.

    So InsightFace's and AdaFace's IJB code reads scikit-learn's curve, which leaves out points between two equal steps; of corners equally
    near it takes the one further up. `accept_rates` never exceeds a rate.

    Args:
        scores: Similarity of each pair, shape (P,).
        same: Whether the pair shows one person, shape (P,).
        fars: False accept rates, fractions in (0, 1].

    Raises:
        ValueError: If a kind of pairs is missing, a score is not finite or a rate impossible.
    """
    genuine, impostor = _both(scores, same)
    _check_rates(fars)
    genuine = np.sort(genuine)
    least = _best(impostor, 2 * _allowed(max(fars), len(impostor)) + 2)[0]
    best = np.sort(impostor[impostor >= least])  # the curve's beginning; what lies beyond twice a rate is further from it than (0, 0)
    return {rate_key(far): _at_nearest_corner(genuine, best, far, len(impostor)) for far in fars}


def _at_nearest_corner(genuine: Scores, best: Scores, far: float, impostors: int) -> float:
    """True accept rate at the nearest corner, found among a growing number of impostors around the wanted one; scores ascend."""
    rank, reach = round(far * impostors), WINDOW
    while True:
        false, true = _corners(genuine, best[max(0, len(best) - rank - reach) : len(best) - max(0, rank - reach)], best)
        distances = np.abs(false / impostors - far)
        nearest = int(distances.argmin())
        if distances[nearest] * impostors + 1 < reach or reach > len(best):
            return float(true[nearest] / len(genuine))
        reach *= 4


def _corners(genuine: Scores, window: Scores, best: Scores) -> tuple[Scores, Scores]:
    """Impostor and genuine pairs accepted at the curve's corners within a window of `best`, falling, the origin last."""
    low = min(genuine[0], best[0]) if window[0] == best[0] else window[0]
    high = max(genuine[-1], best[-1]) if window[-1] == best[-1] else window[-1]
    values = np.unique(np.concatenate([window, genuine[(genuine >= low) & (genuine <= high)]]))
    counts = [[len(side) - np.searchsorted(side, values, end) for end in ("left", "right")] for side in (best, genuine)]
    steps = np.stack([accepted - above for accepted, above in counts])
    corner = np.append(True, (steps[:, 1:] != steps[:, :-1]).any(0))  # the next lower score steps otherwise
    corner[-1] |= values[-1] >= max(genuine[-1], best[-1])
    false, true = (np.append(accepted[corner], 0) for accepted, _ in counts)
    return false.astype(np.float64), true.astype(np.float64)


def rate_key(far: float) -> str:
    """How a rate is called in results: `1e-03`, or `1.5e-01`."""
    return np.format_float_scientific(far, trim="-", exp_digits=2)


def roc_points(scores: ArrayLike, same: ArrayLike) -> list[tuple[float, float]]:
    """Points (false accept rate, true accept rate) of the ROC, as many as a picture shows, from the least rate on to (1, 1).

    Args:
        scores: Similarity of each pair, shape (P,).
        same: Whether the pair shows one person, shape (P,).
    """
    genuine, impostor = (np.sort(side) for side in _both(scores, same))
    counts = np.unique(np.geomspace(1, len(impostor), DRAWN).astype(np.int64))
    thresholds = impostor[len(impostor) - counts]
    tar = 1 - np.searchsorted(genuine, thresholds, "left") / len(genuine)
    far = 1 - np.searchsorted(impostor, thresholds, "left") / len(impostor)
    return [*zip(far.tolist(), tar.tolist(), strict=True), (1.0, 1.0)]


def _both(scores: ArrayLike, same: ArrayLike) -> tuple[Scores, Scores]:
    values, flags = checked(scores, same)
    genuine, impostor = values[flags], values[~flags]
    need_both(genuine, impostor)
    return genuine, impostor


def _check_rates(fars: Sequence[float]) -> None:
    for far in fars:
        if not 0 < far <= 1:
            raise ValueError(f"far must be in (0, 1], got {far:g}")


def _allowed(far: float, impostors: int) -> int:
    return int(np.floor(far * impostors * (1 + 1e-12)))


def _best(impostor: Scores, count: int) -> Scores:
    """The highest scores, ascending."""
    place = len(impostor) - count
    return np.sort(np.partition(impostor, place)[place:]) if place > 0 else np.sort(impostor)


def _threshold(best: Scores, allowed: int, impostors: int) -> float:
    """The least threshold that accepts `allowed` of the impostors at most."""
    return -float("inf") if allowed == impostors else float(np.nextafter(best[-allowed - 1], best.dtype.type(np.inf)))


def _too_few(far: float, impostors: int) -> str:
    return f"needs at least {int(np.ceil(1 / far)):,} impostor pairs, got {impostors:,}"

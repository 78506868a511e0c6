"""How far two scores must lie apart to mean something."""

import math
from base64 import b64decode

from facenas.score import Score


def standard_error(first: Score, second: Score) -> float:
    """Standard error of the difference of two accuracies on independent items, a fraction.

    Args:
        first: Score of one network.
        second: Score of another network, on items of its own.

    Source: the variance of two binomial proportions, p (1 - p) / n each.
    """
    return math.sqrt(sum(float(score.accuracy * (1 - score.accuracy)) / score.total for score in (first, second)))


def paired_error(first: Score, second: Score) -> float:
    """Standard error of the difference of two accuracies on the same items, a fraction.

    Only items that one of the two answered wrongly count. A difference of z such errors is McNemar's z.

    Args:
        first: Score of one network, with its answers.
        second: Score of another network on the same items, with its answers.

    Raises:
        ValueError: If a score does not say which items were right.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
    """
    if first.answers is None or second.answers is None or first.total != second.total:
        raise ValueError("a paired test needs the answers of both scores, on the same items")
    differing = int.from_bytes(b64decode(first.answers)) ^ int.from_bytes(b64decode(second.answers))
    return math.sqrt(differing.bit_count()) / first.total

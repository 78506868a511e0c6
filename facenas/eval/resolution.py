"""Which differences a number of questions can tell from chance."""

from math import sqrt

from facenas.eval.confidence import wilson

Z = 1.96  # 95 % of a normal distribution lie within so many deviations


def least_difference(correct: int, total: int) -> float:
    """The least difference of two accuracies, a fraction, that this number of questions tells from chance with 95 % confidence.

    It is 1.96 sqrt(2 p (1 - p) / n) of questions that are independent of each other, each model asked its own. The questions of one person
    are not independent, which makes it larger; two models on the same pairs, compared with `facenas eval --compare`, can do with less.

    Args:
        correct: Number of questions that are answered correctly.
        total: Number of all questions, n.

    Source: p is the middle of Wilson's interval (1927), (correct + 1.92) / (n + 3.84), since no error among few questions does not mean
        that there are none.
    """
    p = sum(wilson(correct, total)) / 2
    return Z * sqrt(2 * p * (1 - p) / total)


def in_words(correct: int, total: int) -> str:
    """The least difference of two accuracies that some questions tell from chance, as a sentence for people.

    Args:
        correct: Number of questions that are answered correctly.
        total: Number of all questions.
    """
    return f"{total:,} pairs tell two networks apart whose accuracies differ by {100 * least_difference(correct, total):.1f} points or more"

"""Where a share lies with 95 % confidence."""


def wilson(correct: int, total: int) -> tuple[float, float]:
    """The ends of the 95 % confidence interval of an accuracy, fractions, as far as the chance choice of questions goes.

    Args:
        correct: Questions that were answered correctly.
        total: All questions.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927; computed by SciPy.
    """
    from scipy.stats import binomtest

    ends = binomtest(correct, total).proportion_ci(method="wilson")
    return float(ends.low), float(ends.high)

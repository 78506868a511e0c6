"""Numbers as people read them."""


def percent(fraction: float, digits: int = 2) -> str:
    """A rate as people read it, in percent.

    Args:
        fraction: The rate, a fraction.
        digits: Decimal places.
    """
    return f"{100 * fraction:.{digits}f} %"


def millions(count: float) -> str:
    """A count as people read it, in millions."""
    return f"{count / 1e6:.2f} M"

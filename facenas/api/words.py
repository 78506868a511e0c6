"""Numbers as people read them."""


def percent(fraction: float, digits: int = 2) -> str:
    """A rate as people read it."""
    return f"{100 * fraction:.{digits}f} %"


def millions(count: float) -> str:
    """A count in millions."""
    return f"{count / 1e6:.2f} M"

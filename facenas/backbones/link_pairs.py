"""Between which units of a network there may be links: the binary variables S(j, t) of NAR."""

from collections.abc import Sequence

from facenas.errors import ModelError


def pairs(units: int) -> list[tuple[int, int]]:
    """All (j, t), t <= j - 2, in the order of an architecture's links; 0 is the stem, 1 the first unit.

    Source: NAR, equation 4.
    """
    return [(unit, before) for unit in range(2, units + 1) for before in range(unit - 1)]


def check_links(links: Sequence[int], units: int) -> None:
    """Check the links of an architecture.

    Args:
        links: The links, in the order of `pairs`.
        units: Number of units of the network.

    Raises:
        ModelError: Unless there are no links, or a 0 or 1 for every pair.
    """
    wanted = len(pairs(units))
    if links and (len(links) != wanted or not set(links) <= {0, 1}):
        raise ModelError(f"{units} units have {wanted} possible links, each 0 or 1, or none at all; got {len(links)} in 0 to {max(links)}")

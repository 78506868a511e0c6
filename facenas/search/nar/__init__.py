"""Neural architecture refinement (NAR): operators of a proven network, chosen by policy gradient over shared weights."""

from facenas.search.nar.settings import NARSettings

__all__ = ["NARSettings"]

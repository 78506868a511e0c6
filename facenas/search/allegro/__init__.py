"""AllegroNAS: differentiable architecture search over cells, with asymptotic regularisation; DARTS is its special case."""

from facenas.search.allegro.settings import AllegroSettings

__all__ = ["AllegroSettings"]

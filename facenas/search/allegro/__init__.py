"""AllegroNAS: differentiable architecture search over cells, with asymptotic regularisation; DARTS is its special case."""

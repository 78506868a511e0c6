"""What a margin rule is: the cosine of the right identity goes in, what stands in for it in the softmax comes out."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor

Gradient = Literal["exact", "straight_through"]
Harden = Callable[[Tensor, Tensor], Tensor]


class Margin(NamedTuple):
    """What a rule makes of a batch; every rule is `rule(own, norms) -> Margin`.

    A rule sees `own` (B,), the cosines with the centres of the right identities, and `norms` (B,), the embeddings' lengths, of the
    process's own images. Statistics that it keeps are taken over all ranks, before use, while training. They are buffers, and by being so
    the rule says how it is frozen: in evaluation it leaves them alone, and where a search looks ahead each pass changes copies of them.

    Attributes:
        target: What stands in for `own` in the softmax (B,).
        penalty: What is added to the mean cross-entropy.
        bar: Cosine above which other identities are hard negatives, one for each image (B,); None: none is.
        harden: Function that changes all cosines (B, N), given the bar (B, 1); None: they stay.
    """

    target: Tensor
    penalty: Tensor | float = 0.0
    bar: Tensor | None = None
    harden: Harden | None = None


def through_angle(cosines: Tensor, change: Callable[[Tensor], Tensor], *, gradient: Gradient, eps: float) -> Tensor:
    """cos(change(theta)) of the angles theta = acos(cosines) in radians, the changed angle held in [eps, pi - eps].

    Held there, it never turns round beyond pi: a larger theta never has a larger result.

    Args:
        cosines: Cosines in [-1, 1], any shape; those within `eps` of the ends are moved there.
        change: Function of the angles in radians; what else it depends on keeps its gradient.
        gradient: How the gradient of acos and cos is computed. exact: d/dcos = sin(change) change' / sin(theta), as in AdaFace's
            repository. straight_through: 1, as in arcface_torch and CVLface. The values are the same.
        eps: Smallest angle in radians, which keeps the gradient of acos finite.
    """
    straight = gradient == "straight_through"
    theta = (cosines.detach() if straight else cosines).clamp(-1 + eps, 1 - eps).acos()
    result = change(theta).clamp(eps, math.pi - eps).cos()
    return result + (cosines - cosines.detach()) if straight else result

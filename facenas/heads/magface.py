"""MagFace: a margin that grows with the embedding's norm, and a pull towards long embeddings."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field
from torch import Tensor, nn

from facenas.heads.arcface import EPS
from facenas.heads.head import MarginHead
from facenas.heads.rule import Gradient, Margin, through_angle
from facenas.heads.settings import SCALE, Gradients, HeadSection

Range = tuple[float, float]
NORM_RANGE, MARGIN_RANGE, PENALTY = (10.0, 110.0), (0.45, 0.8), 35.0  # as in the authors' code and paper


class MagFaceRule(nn.Module):
    """target = cos(theta_y + m(a)) and penalty = lambda_g mean(g(a)), a the norm held in [l_a, u_a].

    m(a) = l_m + (u_m - l_m) (a - l_a) / (u_a - l_a); g(a) = 1 / a + a / u_a^2. Both carry a gradient to the norm.

    Args:
        norm_range: Shortest and longest norm that is told apart, l_a and u_a.
        margin_range: Margins at these norms, l_m and u_m, in radians.
        penalty: Weight lambda_g of the pull towards long embeddings.
        gradient: How the gradient of acos and cos is computed, see `facenas.heads.rule.through_angle`; the norm's is exact either way.

    Source: Meng et al., "MagFace", 2021, section 3: the loss, its linear m(a) and its g(a); l_m = 0.45 as in the authors' code.
    theta_y + m stops short of pi, where their code goes on with cos(theta_y) - m sin(m).
    """

    def __init__(self, norm_range: Range, margin_range: Range, penalty: float, gradient: Gradient) -> None:
        super().__init__()
        self.norm_range, self.margin_range, self.penalty, self.gradient = norm_range, margin_range, penalty, gradient

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """Add the margin that belongs to each norm to the angles of the right identities.

        Args:
            own: Cosines with the right identities' centres (B,).
            norms: Lengths of the embeddings (B,).

        Returns:
            The target (B,) and the penalty in a `Margin`.
        """
        (shortest, longest), (least, most) = self.norm_range, self.margin_range
        norms = norms.clamp(shortest, longest)
        margin = least + (most - least) * (norms - shortest) / (longest - shortest)
        target = through_angle(own, lambda theta: theta + margin, gradient=self.gradient, eps=EPS)
        return Margin(target, self.penalty * (1 / norms + norms / longest**2).mean())


class MagFace(MarginHead):
    """Margin that grows with the embedding's norm: embeddings (B, D) that are not normalised, and labels (B,) -> logits (B, N).

    The logits know nothing of the rule's penalty: train with `margin_loss`, which adds it.

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        norm_range: Shortest and longest norm that is told apart, l_a and u_a.
        margin_range: Margins at these norms, l_m and u_m, in radians.
        penalty: Weight lambda_g of the pull towards long embeddings.
        scale: Factor s of all logits.
        gradient: How the gradient of acos and cos is computed: `exact` or `straight_through`; the norm's is exact either way.
        subcentres: Centres of each identity, of which the nearest counts.

    Source: see `MagFaceRule`.
    """

    def __init__(
        self,
        embedding_size: int,
        num_identities: int,
        norm_range: Range = NORM_RANGE,
        margin_range: Range = MARGIN_RANGE,
        penalty: float = PENALTY,
        scale: float = SCALE,
        *,
        gradient: Gradient = "exact",
        subcentres: int = 1,
    ) -> None:
        rule = MagFaceHead(norm_range=norm_range, margin_range=margin_range, penalty=penalty, gradient=gradient).rule()
        super().__init__(rule, embedding_size, num_identities, scale=scale, subcentres=subcentres)


def _rising(ends: Range) -> Range:
    if not 0 < ends[0] < ends[1]:
        raise ValueError(f"needs 0 < shortest < longest, got {ends[0]:g} and {ends[1]:g}")
    return ends


class MagFaceHead(HeadSection):
    """Margin that grows with the embedding's norm."""

    module: ClassVar = MagFace
    name: Literal["magface"] = Field("magface", description="Name of the head.")
    norm_range: Annotated[Range, AfterValidator(_rising)] = Field(NORM_RANGE, description="Shortest and longest norm that is told apart.")
    margin_range: Range = Field(MARGIN_RANGE, description="Margins at these norms, in radians.")
    penalty: float = Field(PENALTY, ge=0, description="Weight of the pull towards long embeddings.")
    gradient: Gradients = "exact"

    def rule(self) -> MagFaceRule:
        """The rule that these settings describe."""
        return MagFaceRule(self.norm_range, self.margin_range, self.penalty, self.gradient)

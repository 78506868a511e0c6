"""Normalised softmax: cosine logits without a margin."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from facenas.heads.head import MarginHead
from facenas.heads.rule import Margin
from facenas.heads.settings import SCALE, HeadSection


class SoftmaxRule(nn.Module):
    """target = cos(theta_y).

    Source: Wang et al., "NormFace", 2017, equation 5.
    """

    def forward(self, own: Tensor, norms: Tensor) -> Margin:
        """Leave the cosines of the right identities as they are.

        Args:
            own: Cosines with the right identities' centres (B,).
            norms: Lengths of the embeddings (B,); this rule does not use them.

        Returns:
            The target (B,) in a `Margin`.
        """
        return Margin(own)


class NormSoftmax(MarginHead):
    """A softmax over scaled cosines, without a margin: embeddings (B, D) and labels (B,) -> logits (B, N).

    Args:
        embedding_size: Embedding dimension D.
        num_identities: Number of identities N.
        scale: Factor s of all logits.
        subcentres: Centres of each identity, of which the nearest counts.

    Source: see `SoftmaxRule`.
    """

    def __init__(self, embedding_size: int, num_identities: int, scale: float = SCALE, *, subcentres: int = 1) -> None:
        super().__init__(SoftmaxHead().rule(), embedding_size, num_identities, scale=scale, subcentres=subcentres)


class SoftmaxHead(HeadSection):
    """Normalised softmax."""

    module: ClassVar = NormSoftmax
    name: Literal["softmax"] = Field("softmax", description="Name of the head.")

    def rule(self) -> SoftmaxRule:
        """The rule that leaves every cosine as it is."""
        return SoftmaxRule()

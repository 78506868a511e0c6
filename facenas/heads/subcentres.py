"""Sub-centres: several centres for each identity, of which the nearest counts."""

from torch import Tensor


def nearest(cosines: Tensor, subcentres: int) -> Tensor:
    """Cosines (B, K N), the K centres of an identity side by side, -> those with the nearest centre of each (B, N).

    A clean image trains its identity's main centre; wrongly labelled ones gather at the others and stop pulling at it.

    Source: Deng et al., "Sub-center ArcFace", 2020, section 3: theta_j = arccos(max_k w_jk x), in ArcFace's loss.
    """
    return cosines if subcentres == 1 else cosines.view(len(cosines), -1, subcentres).amax(2)

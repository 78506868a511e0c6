"""Search spaces and the networks made from them."""

from facenas.backbones.architecture import Architecture, Operation
from facenas.backbones.cells import CellSpace
from facenas.backbones.ir import IRSpace
from facenas.backbones.plain import PlainSpace
from facenas.backbones.refined import RefinedSpace
from facenas.backbones.settings import SEARCHED, SPACES, Builder, Known, NetworkSection, Space, SpaceSection
from facenas.backbones.space import Alternatives, SearchSpace
from facenas.backbones.timm_space import TimmSpace, published_weights, timm_space
from facenas.backbones.zoo import ZOO, Blueprint, get_architecture, get_blueprint

__all__ = [
    "SEARCHED",
    "SPACES",
    "ZOO",
    "Alternatives",
    "Architecture",
    "Blueprint",
    "Builder",
    "CellSpace",
    "IRSpace",
    "Known",
    "NetworkSection",
    "Operation",
    "PlainSpace",
    "RefinedSpace",
    "SearchSpace",
    "Space",
    "SpaceSection",
    "TimmSpace",
    "get_architecture",
    "get_blueprint",
    "published_weights",
    "timm_space",
]

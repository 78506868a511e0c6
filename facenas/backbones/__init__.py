"""Search spaces and the networks made from them."""

from facenas.backbones.architecture import Architecture, Operation
from facenas.backbones.cells import CellSpace
from facenas.backbones.ir import IRSpace
from facenas.backbones.plain import PlainSpace
from facenas.backbones.refined import RefinedSpace
from facenas.backbones.space import SearchSpace
from facenas.backbones.zoo import ZOO, Blueprint, Space, get_architecture, get_blueprint

__all__ = [
    "ZOO",
    "Architecture",
    "Blueprint",
    "CellSpace",
    "IRSpace",
    "Operation",
    "PlainSpace",
    "RefinedSpace",
    "SearchSpace",
    "Space",
    "get_architecture",
    "get_blueprint",
]

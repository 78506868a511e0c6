"""Readers, identities, pairs, augmentation and the input contract."""

from facenas.data.augment import Augmentation
from facenas.data.class_sources import ClassSource, DigitImages
from facenas.data.classes import ImageSet, ImageSplit, pixel_statistics, split_stratified
from facenas.data.contract import InputContract
from facenas.data.faces import FaceSet, Split, share_of_each, split_by_identity
from facenas.data.pairs import Pairs, balanced_pairs
from facenas.data.sources import FaceSource, FaceSources, FolderFaces, OrlFaces, SyntheticFaces, development_faces, test_names

__all__ = [
    "Augmentation",
    "ClassSource",
    "DigitImages",
    "FaceSet",
    "FaceSource",
    "FaceSources",
    "FolderFaces",
    "ImageSet",
    "ImageSplit",
    "InputContract",
    "OrlFaces",
    "Pairs",
    "Split",
    "SyntheticFaces",
    "balanced_pairs",
    "development_faces",
    "pixel_statistics",
    "share_of_each",
    "split_by_identity",
    "split_stratified",
    "test_names",
]

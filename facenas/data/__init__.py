"""Readers, identities, pairs, augmentation and the input contract."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing albumentations asks the network for a newer version

from facenas.data.alignment import align_face
from facenas.data.augmentation.augment import Augmentation
from facenas.data.augmentation.face_augment import FaceAugmentation
from facenas.data.augmentation.pipeline import Pipeline, in_turn
from facenas.data.benchmarks.ijb import IJB, open_ijb
from facenas.data.benchmarks.pair_files import open_pairs
from facenas.data.benchmarks.pairs import Pairs, balanced_pairs
from facenas.data.benchmarks.tinyface import TinyFace, open_tinyface
from facenas.data.benchmarks.verification_set import VerificationSet, subjects_of, verification_set
from facenas.data.classes import ImageSet, ImageSplit, pixel_statistics, split_stratified
from facenas.data.contract import InputContract
from facenas.data.face_files import FaceFiles, in_memory, path_contents, state
from facenas.data.faces import FaceDataset, FaceSet, Split, share_of_each, split_by_identity
from facenas.data.fingerprint import Fingerprint, fingerprint_of
from facenas.data.formats.bin_pairs import open_bin, write_bin
from facenas.data.sources.class_sources import DigitImages
from facenas.data.sources.face_sources import development_faces, open_faces, test_names
from facenas.data.sources.folders import FolderFaces, OrlFaces
from facenas.data.sources.lists import ListFaces
from facenas.data.sources.parquet_faces import ParquetFaces
from facenas.data.sources.record_faces import RecordFaces
from facenas.data.sources.source import SOURCES, ClassSource, FaceSource
from facenas.data.sources.synthetic import SyntheticFaces

__all__ = [
    "IJB",
    "SOURCES",
    "Augmentation",
    "ClassSource",
    "DigitImages",
    "FaceAugmentation",
    "FaceDataset",
    "FaceFiles",
    "FaceSet",
    "FaceSource",
    "Fingerprint",
    "FolderFaces",
    "ImageSet",
    "ImageSplit",
    "InputContract",
    "ListFaces",
    "OrlFaces",
    "Pairs",
    "ParquetFaces",
    "Pipeline",
    "RecordFaces",
    "Split",
    "SyntheticFaces",
    "TinyFace",
    "VerificationSet",
    "align_face",
    "balanced_pairs",
    "development_faces",
    "fingerprint_of",
    "in_memory",
    "in_turn",
    "open_bin",
    "open_faces",
    "open_ijb",
    "open_pairs",
    "open_tinyface",
    "path_contents",
    "pixel_statistics",
    "share_of_each",
    "split_by_identity",
    "split_stratified",
    "state",
    "subjects_of",
    "test_names",
    "verification_set",
    "write_bin",
]

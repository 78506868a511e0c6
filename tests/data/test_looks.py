"""A photograph is known again by its looks, and taken for no other."""

import cv2
import numpy as np

from facenas.data import FaceSet, OrlFaces, SyntheticFaces
from facenas.data.looks import ALIKE, KEPT, Looks, alike, prints

ORL = OrlFaces().load(112)


def bits(images: np.ndarray) -> np.ndarray:
    return alike(prints(lambda row: images[row], len(images)), Looks.of([ORL]).kept)


def test_copies_and_new_encodings_are_known() -> None:
    assert not bits(ORL.images).any()
    again = [cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR) for image in ORL.images]
    smaller = [cv2.resize(image, (96, 96), interpolation=cv2.INTER_AREA) for image in ORL.images]
    for changed in (np.stack(again), np.stack(smaller)):
        assert (bits(changed) <= ALIKE).all()


def test_other_photographs_are_not() -> None:
    """Not even those of the same person."""
    made = prints(ORL.image, len(ORL))
    assert all(alike(made[[row]], np.delete(made, row, axis=0))[0] > ALIKE for row in range(len(ORL)))


def test_the_looks_of_two_sets() -> None:
    """Of all their photographs, each of its own set."""
    halves = ORL.rows(np.arange(200)), ORL.rows(np.arange(200, 400))
    assert {bytes(one) for one in Looks.of(halves).kept} == {bytes(one) for one in Looks.of([ORL]).kept}


def test_empty_pictures_are_like_no_other() -> None:
    empty = FaceSet("empty", np.zeros((3, 32, 32, 3), np.uint8), np.arange(3), ("a", "b", "c"))
    assert (alike(prints(empty.image, 3), Looks.of([empty]).kept) > ALIKE).all()


def test_of_many_photographs_each_person_has_one() -> None:
    few = SyntheticFaces(people=4, photographs=2).load(16)
    rows = np.concatenate([np.zeros(KEPT, np.int64), np.arange(2, 8)])
    many = FaceSet("many", few.images[rows], few.identities[rows], few.names)
    looks = Looks.of([many])
    assert looks.sampled
    assert looks.photographs == KEPT + 6
    assert len(looks.kept) == KEPT
    assert not alike(prints(lambda row: many.image(KEPT + row), 6), looks.kept).any()

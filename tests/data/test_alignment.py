import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facenas.data import align_face
from facenas.data.alignment import points_of_68, similarity, template
from facenas.errors import DataError

rng = np.random.default_rng(0)


def slow_similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The four parameters a, b, c, d of (a x - b y + c, b x + a y + d), by linear least squares."""
    rows = [row for x, y in source for row in ((x, -y, 1, 0), (y, x, 0, 1))]
    a, b, c, d = np.linalg.lstsq(np.array(rows), target.ravel(), rcond=None)[0]
    return np.array([[a, -b, c], [b, a, d]])


def turned(points: np.ndarray, *, angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ matrix.T + shift


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 20), st.floats(-3.2, 3.2), st.floats(0, 0.3))
def test_similarity_is_the_least_squares_solution(seed: int, scale: float, angle: float, noise: float) -> None:
    target = template(112)
    source = turned(target, angle=angle, scale=scale, shift=(30, -400))
    source = source + np.random.default_rng(seed).normal(0, noise * scale * 20, source.shape)
    np.testing.assert_allclose(similarity(source, target), slow_similarity(source, target), rtol=1e-9, atol=1e-8)


def test_a_known_transform_is_undone() -> None:
    source = turned(template(112), angle=0.7, scale=3.5, shift=(100, 20))
    found = similarity(source.astype(np.float32), template(112))
    np.testing.assert_allclose(np.c_[source, np.ones(5)] @ found.T, template(112), atol=1e-4)
    np.testing.assert_allclose(np.linalg.det(found[:, :2]), 1 / 3.5**2, rtol=1e-5)


def test_mirrored_points_are_turned_and_never_reflected() -> None:
    mirrored = template(112) * (-1, 1) + (112, 0)
    found = similarity(mirrored, template(112))
    assert np.linalg.det(found[:, :2]) > 0
    np.testing.assert_allclose(found, slow_similarity(mirrored, template(112)), atol=1e-9)


def test_points_on_a_line_still_determine_the_transform() -> None:
    line = np.outer(np.arange(5.0), [1, 2])
    np.testing.assert_allclose(
        similarity(line, turned(line, angle=1, scale=2, shift=(3, 4))),
        slow_similarity(line, turned(line, angle=1, scale=2, shift=(3, 4))),
        atol=1e-9,
    )


@pytest.mark.parametrize("value", [0.1, 0, 1e9, 1 / 3])
def test_equal_points_are_refused(value: float) -> None:
    with pytest.raises(DataError, match="must differ from each other"):
        align_face(np.zeros((20, 20, 3), np.uint8), np.full((5, 2), value))


def test_points_that_differ_by_rounding_alone_are_refused() -> None:
    points = np.full((5, 2), 1e5)
    points[[0, 3], [1, 0]] = np.nextafter(1e5, 0)
    with pytest.raises(DataError, match="must differ from each other"):
        similarity(points, template(112))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_are_not_finite_are_refused(value: float) -> None:
    points = template(112)
    points[3, 1] = value
    with pytest.raises(DataError, match="finite"):
        align_face(np.zeros((20, 20, 3), np.uint8), points)
    assert np.isfinite(template(112)).all()  # the template itself was not changed


def test_points_of_the_wrong_number_are_refused() -> None:
    with pytest.raises(DataError, match=r"got \(4, 2\) and \(5, 2\)"):
        align_face(np.zeros((20, 20, 3), np.uint8), np.ones((4, 2)))
    with pytest.raises(DataError, match="68"):
        points_of_68(np.ones((5, 2)))


def test_templates_of_all_sizes() -> None:
    assert template(112)[0].tolist() == [38.2946, 51.6963]
    np.testing.assert_allclose(template(224), 2 * template(112))
    np.testing.assert_allclose(template(128), template(112) + np.array([8, 0]))
    np.testing.assert_allclose(template(256), 2 * template(112) + np.array([16, 0]))
    for size in (0, -112, 96, 113):
        with pytest.raises(DataError, match=f"got {size}"):
            template(size)


def test_five_of_68_points() -> None:
    landmarks = np.zeros((68, 2))
    landmarks[[36, 39, 42, 45, 30, 48, 54]] = [(10, 20), (20, 22), (40, 20), (50, 24), (30, 40), (15, 60), (45, 61)]
    assert points_of_68(landmarks).tolist() == [[15, 21], [45, 22], [30, 40], [15, 60], [45, 61]]


def test_a_face_comes_upright_with_black_beyond_the_border() -> None:
    upright = np.kron(rng.integers(1, 256, (14, 14, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    assert np.array_equal(align_face(upright, template(112)), upright)
    turned_image = np.rot90(upright).copy()  # counter-clockwise: x, y -> y, 111 - x
    points = np.stack([template(112)[:, 1], 111 - template(112)[:, 0]], axis=1)
    assert np.abs(align_face(turned_image, points).astype(int) - upright).max() <= 2
    assert np.array_equal(align_face(upright, template(112) + np.array([10, 0]))[:, :102], upright[:, 10:])
    assert (align_face(upright, template(112) + np.array([10, 0]))[:, 103:] == 0).all()
    assert align_face(upright, template(112), 256).shape == (256, 256, 3)


def test_the_template_of_spherefaces_crops() -> None:
    published = [[30.2946, 51.6963], [65.5318, 51.5014], [48.0252, 71.7366], [33.5493, 92.3655], [62.7299, 92.2041]]
    np.testing.assert_allclose(template((112, 96)), published, atol=1e-9)
    assert align_face(np.zeros((200, 200, 3), np.uint8), 1.3 * template(112), (112, 96)).shape == (112, 96, 3)

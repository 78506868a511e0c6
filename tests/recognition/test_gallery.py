"""Search by FAISS and by NumPy, against a loop."""

import numpy as np
import pytest

from facenas.data import InputContract
from facenas.eval import unit
from facenas.recognition import gallery
from facenas.recognition.aligning import Alignment
from facenas.recognition.gallery import Gallery, GalleryCard, Match, Person, told


def made(values: np.ndarray) -> Gallery:
    people = tuple(Person(name=f"p{i}", pictures=()) for i in range(len(values)))
    card = GalleryCard(people=people, model="", model_sha256="", input=InputContract(), alignment=Alignment(), embeddings_sha256="")
    return Gallery(card, values)


@pytest.mark.extra("faiss")
@pytest.mark.parametrize(("people", "k"), [(1, 5), (30, 3), (500, 10), (40, 40)])
def test_faiss_and_numpy_give_the_answers_of_a_loop(monkeypatch: pytest.MonkeyPatch, people: int, k: int) -> None:
    rng = np.random.default_rng(people)
    values = unit(rng.normal(size=(people, 16)).astype(np.float32))
    values[people // 2 :: 7] = values[0]  # equal scores
    faces = unit(np.concatenate([rng.normal(size=(5, 16)).astype(np.float32), values[:1]]))
    scores = [[sum(float(a) * float(b) for a, b in zip(face, one, strict=True)) for one in values] for face in faces]
    wanted = [sorted(range(people), key=lambda i: (-round(row[i], 12), i))[:k] for row in scores]
    answers = {}
    for name in ("numpy", "faiss"):
        monkeypatch.setattr(gallery, "find_spec", lambda package, name=name: name == "faiss" or None)
        answers[name] = made(values).search(faces, k)
        assert [[match.name for match in row] for row in answers[name]] == [[f"p{i}" for i in row] for row in wanted]
    assert answers["numpy"] == answers.get("faiss", answers["numpy"])


def test_who_is_told() -> None:
    matches = [Match("a", 0.5), Match("b", 0.4)]
    assert told(matches, 0.5) == "a"
    assert told(matches, 0.51) is None
    assert told(matches, None) is None
    assert told([], 0.1) is None

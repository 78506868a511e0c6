"""IJB-C and TinyFace at their true sizes, with random embeddings, through the real command and files, against plain loops."""

import json
import resource
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

pytestmark = pytest.mark.slow
D = 64
PHOTOGRAPHS, TEMPLATES, PAIRS, GALLERY, FIRST_GALLERY, PROBES = 469_375, 23_124, 15_658_489, 3_531, 1_772, 19_593
rng = np.random.default_rng(0)


def evaluate(features: np.ndarray, benchmark: str, folder: Path, *, most_gib: float) -> Any:
    """The figures that the command prints, in a process whose memory is bounded."""
    np.save(folder / "features.npy", features)
    command = [sys.executable, "-m", "facenas", "eval", "--model", str(folder / "features.npy"), "--benchmark", benchmark, "--json"]
    done = subprocess.run([*command, "--data", str(folder)], capture_output=True, text=True, cwd=folder, check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20 < most_gib
    return json.loads(done.stdout)[benchmark]


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def plain_ranks(probes: np.ndarray, people: np.ndarray, gallery: np.ndarray, identities: np.ndarray) -> list[int]:
    """Of the probes whose person is there: entries of others that score as high as the best of the person, and one."""
    ranks = []
    for start in range(0, len(probes), 100):
        for scores, person in zip(probes[start : start + 100] @ gallery.T, people[start : start + 100], strict=True):
            right = identities == person
            if right.any():
                ranks.append(1 + int((scores >= scores[right].max()).sum() - (scores[right] >= scores[right].max()).sum()))
    return ranks


def table(columns: list[np.ndarray]) -> str:
    return "".join(f"{line}\n" for line in map(" ".join, zip(*(map(str, column.tolist()) for column in columns), strict=True)))


def ijbc(folder: Path) -> dict[str, np.ndarray]:
    """Files of IJB-C's layout: a gallery template for each person, compared with probes in runs."""
    meta = folder / "IJBC" / "meta"
    meta.mkdir(parents=True)
    (folder / "IJBC" / "loose_crop").mkdir()
    template = np.sort(np.concatenate([np.arange(TEMPLATES), rng.integers(0, TEMPLATES, PHOTOGRAPHS - TEMPLATES)]))
    made = {
        "template": template,
        "media": 10 * template + rng.integers(0, 4, PHOTOGRAPHS),
        "detector": rng.integers(50, 100, PHOTOGRAPHS) / 100,
        "subject": np.concatenate([np.arange(GALLERY), rng.integers(0, GALLERY, TEMPLATES - GALLERY)]),
    }
    names = np.char.add(np.arange(PHOTOGRAPHS).astype(str), ".jpg")
    points = np.full(PHOTOGRAPHS, "40 50 75 50 56 72 42 92 70 92")
    (meta / "ijbc_name_5pts_score.txt").write_text(table([names, points, made["detector"]]))
    (meta / "ijbc_face_tid_mid.txt").write_text(table([names, template, made["media"]]))
    probes = GALLERY + np.arange(PROBES)
    for name, some in (
        ("gallery_G1", np.arange(FIRST_GALLERY)),
        ("gallery_G2", np.arange(FIRST_GALLERY, GALLERY)),
        ("probe_mixed", probes),
    ):
        rows = "".join(f"{one},{made['subject'][one]}\n" for one in some)
        (meta / f"ijbc_1N_{name}.csv").write_text(f"TEMPLATE_ID,SUBJECT_ID\n{rows}")
    made["first"] = np.repeat(np.arange(GALLERY), -(-PAIRS // GALLERY))[:PAIRS]
    made["second"] = probes[rng.integers(0, PROBES, PAIRS)]
    made["same"] = made["subject"][made["first"]] == made["subject"][made["second"]]
    with (meta / "ijbc_template_pair_label.txt").open("w") as file:
        for part in np.array_split(np.arange(PAIRS), 50):
            file.write(table([made["first"][part], made["second"][part], made["same"][part].astype(int)]))
    return made


def plain_templates(features: np.ndarray, made: dict[str, np.ndarray]) -> np.ndarray:
    """Weighted by the detector; the mean of each medium, their sum, at unit length."""
    weighted = features * made["detector"][:, None]
    pooled = np.zeros((TEMPLATES, D))
    starts = np.flatnonzero(np.diff(made["template"], prepend=-1, append=TEMPLATES))
    for number, (start, stop) in enumerate(pairwise(starts.tolist())):
        media = made["media"][start:stop]
        for one in np.unique(media):
            pooled[number] += weighted[start:stop][media == one].mean(axis=0)
    return unit(pooled)


def test_ijbc(tmp_path: Path) -> None:
    made = ijbc(tmp_path)
    centres = rng.normal(size=(GALLERY, D))[made["subject"][made["template"]]]
    features = (centres + 3 * rng.normal(size=(PHOTOGRAPHS, D))).astype(np.float32)
    found = evaluate(features, "ijbc", tmp_path, most_gib=4)
    pooled = plain_templates(features, made)
    scores = np.empty(PAIRS)
    for part in np.array_split(np.arange(PAIRS), 100):
        scores[part] = (pooled[made["first"][part]] * pooled[made["second"][part]]).sum(axis=1)
    genuine, impostor = scores[made["same"]], np.sort(scores[~made["same"]])[::-1]
    assert (found["pairs"], found["genuine"]) == (PAIRS, len(genuine))
    for far in ("1e-02", "1e-04", "1e-06"):
        wanted = (genuine > impostor[int(float(far) * len(impostor))]).mean()
        assert found["tar_at_far"][far] == pytest.approx(wanted, abs=3 / len(genuine))  # where float32 turns a comparison
    assert 0.01 < found["tar_at_far"]["1e-04"] < 0.99
    probes, people = pooled[GALLERY : GALLERY + PROBES], made["subject"][GALLERY : GALLERY + PROBES]
    ranks: list[int] = []
    for some in (slice(0, FIRST_GALLERY), slice(FIRST_GALLERY, GALLERY)):
        ranks += plain_ranks(probes, people, pooled[some], made["subject"][some])
    assert found["probes"] == len(ranks) == PROBES
    for k in (1, 5, 10):
        assert found["rank"][str(k)] == pytest.approx(np.mean(np.array(ranks) <= k), abs=3 / PROBES)


def test_tinyface(tmp_path: Path) -> None:
    people = 2_569
    probes, matches = (np.arange(count) % people for count in (3_728, 4_443))
    folder = tmp_path / "tinyface" / "Testing_Set"
    names = {
        "Probe": [f"{person}_{number}.jpg" for number, person in enumerate(probes)],
        "Gallery_Match": [f"{person}_{number}.jpg" for number, person in enumerate(matches, 5_000)],
        "Gallery_Distractor": [f"{number}.jpg" for number in range(153_428)],
    }
    for part, those in names.items():
        (folder / part).mkdir(parents=True)
        for name in those:
            (folder / part / name).touch()
    for file, part in (("probe", "Probe"), ("gallery_match", "Gallery_Match")):
        cells = np.array(names[part], object)[:, None]
        savemat(folder / f"{file}_img_ID_pairs.mat", {f"{file.removesuffix('_match')}_set": cells})
    gallery = np.concatenate([matches, np.full(153_428, -100)])
    centres = rng.normal(size=(people + 1, D))
    centres[-1] = 0  # distractors have nothing in common
    identities = np.concatenate([probes, gallery])
    features = (centres[np.maximum(identities, -1)] + 1.2 * rng.normal(size=(len(identities), D))).astype(np.float32)
    found = evaluate(features, "tinyface", tmp_path, most_gib=4)
    embeddings = unit(features.astype(np.float64))
    some = slice(0, len(probes))
    ranks = np.array(plain_ranks(embeddings[some], probes, embeddings[len(probes) :], gallery))
    assert (found["probes"], found["gallery"]) == (3_728, 157_871)
    for k in (1, 5, 20):
        assert found["rank"][str(k)] == pytest.approx((ranks <= k).mean(), abs=2 / len(ranks))
    assert 0.05 < found["rank"]["1"] < 0.95

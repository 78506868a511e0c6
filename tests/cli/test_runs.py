"""What a run knows of itself: its data, its people, its settings, and who else is at it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from facenas import cli
from facenas.data import OrlFaces
from facenas.locks import locked, locked_output
from facenas.recognition.thresholds import stored_threshold
from facenas.training.models import ModelCard, load_card

Command = Callable[..., Any]
SMALL = {
    "architecture": {"space": "ir", "depth": 10, "width": 8, "operations": ["conv"] * 4, "kernels": [3] * 4},
    "space": {"name": "ir", "embedding_size": None, "input_size": 32},
}
TRAIN = ("train", "--config", "smoke", "--architecture", "architecture.json", "--set", "data.name=folder", "--run", "m")


def write_people(root: Path, people: range, *, suffix: str = ".png", start: str = "p") -> None:
    """Six photographs each of people of ORL."""
    orl = OrlFaces().load(48)
    for person in people:
        (root / f"{start}{person}").mkdir(parents=True)
        for number, row in enumerate(np.flatnonzero(orl.identities == person)[:6]):
            cv2.imwrite(str(root / f"{start}{person}" / f"{number}{suffix}"), orl.images[row])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the photographs of 14 people, and a model that is trained on ten of them."""
    place = tmp_path_factory.mktemp("made")
    write_people(place / "photographs", range(14))
    (place / "architecture.json").write_text(json.dumps(SMALL))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert cli.run([*TRAIN, "--set", "epochs=2", "--set", "data.root=photographs", "--set", "data.test_people=4"]) == 0
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """The same to play with."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


DATA = ("--set", "data.root=photographs", "--set", "data.test_people=4")
AGAIN = (*TRAIN, "--set", "epochs=2", *DATA)


def files(run: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in run.iterdir()
        if path.is_file() and path.suffix in {".json", ".yaml", ".pt", ".safetensors"}
    }


def development(run: Path) -> str:
    """One of the people that a model was trained on."""
    return load_card(run).seen[0].identities[0]


def test_a_run_says_what_it_was_trained_on(made: Path) -> None:
    [data] = json.loads((made / "m" / "data.json").read_text())["data"]
    assert (data["dataset"], data["people"], data["photographs"]) == ("folder", 10, 60)
    assert set(data["table"]) == set(load_card(made / "m").seen[0].identities)
    assert load_card(made / "m").trained_on[0].photographs == 60


@pytest.mark.parametrize("change", ["more", "gone", "content", "renamed"])
def test_other_photographs_are_refused(facenas: Command, place: Path, change: str) -> None:
    person = development(place / "m")
    folder, before = place / "photographs" / person, files(place / "m")
    if change == "more":
        shutil.copy(folder / "0.png", folder / "7.png")
    elif change == "gone":
        (folder / "0.png").unlink()
    elif change == "content":
        shutil.copy(folder / "1.png", folder / "0.png")
    else:
        folder.rename(folder.with_name(f"{person}-again"))
    wanted = {
        "more": f"{person} has 7 photographs instead of 6",
        "gone": f"{person} has 5 photographs instead of 6",
        "content": f"{person} has other photographs",
        "renamed": "is new",
    }
    said = facenas(*AGAIN, code=1).stderr
    assert "m was begun with other data: " in said
    assert wanted[change] in said
    assert files(place / "m") == before


def test_a_checkpoint_of_other_data_is_refused(facenas: Command, place: Path) -> None:
    (place / "m" / "data.json").unlink()
    (place / "photographs" / development(place / "m") / "0.png").unlink()
    assert "checkpoint.pt was trained on other data" in facenas(*AGAIN, code=1).stderr


def test_data_that_moved_is_the_same(facenas: Command, place: Path) -> None:
    (place / "photographs").rename(place / "elsewhere")
    moved = ("--set", f"data.root={place / 'elsewhere'}", "--set", "data.test_people=4")
    facenas(*TRAIN, "--set", "epochs=2", *moved)


def test_paths_are_not_compared_as_text(facenas: Command, place: Path) -> None:
    (place / "m" / "data.json").unlink()  # as in a run of an earlier version
    absolute = [text.replace("data.root=photographs", f"data.root={place}/photographs") for text in AGAIN]
    absolute[absolute.index("architecture.json")] = str(place / "architecture.json")
    facenas(*absolute)


def test_a_finished_search_is_not_rewritten(facenas: Command, tmp_path: Path) -> None:
    write_people(tmp_path / "photographs", range(8))
    quick = ["strategy.micro=false", "strategy.max_depth=10", "strategy.min_width=12", "data.name=folder", "data.root=photographs"]
    command = ["search", "--config", "smoke", "--run", "s", *(part for one in quick for part in ("--set", one))]
    facenas(*command)
    found = (tmp_path / "s" / "architecture.json").read_bytes()
    assert json.loads(found)["searched_on"][0]["people"] == 8
    write_people(tmp_path / "photographs", range(20, 22))
    shutil.rmtree(tmp_path / "photographs" / "p0")
    assert "s was begun with other data: p0 is gone, p20 is new, p21 is new" in facenas(*command, code=1).stderr
    assert (tmp_path / "s" / "architecture.json").read_bytes() == found


def measured(facenas: Command, folder: str, *options: str) -> Any:
    return facenas("eval", "--model", "m", "--benchmark", "folder", "--data", folder, "--set", "replicates=0", *options, "--json")


def test_training_people_are_known_in_a_copy(facenas: Command, place: Path) -> None:
    wanted = measured(facenas, "photographs").json["folder"]
    assert wanted["pairs"] == 2 * 4 * 15
    shutil.copytree("photographs", "copy")
    write_people(place / "renamed", range(14), start="someone")
    write_people(place / "encoded", range(14), suffix=".jpg", start="e")
    for file in Path("copy").glob("*/*.png"):
        (place / "mirrored" / file.parent.name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / "mirrored" / file.parent.name / file.name), cv2.imread(str(file))[:, ::-1])
    for folder in ("copy", "renamed", "encoded", "mirrored"):
        done = measured(facenas, folder)
        assert done.json["folder"]["pairs"] == wanted["pairs"], folder
        assert "10 of 14 people are known by their photographs, and left out" in done.stderr
    exact = measured(facenas, "copy").json["folder"]
    assert exact["accuracy"] == wanted["accuracy"]
    assert exact["seen_pictures"] == 0


def test_an_exported_file_knows_them_too(facenas: Command, place: Path) -> None:
    shutil.copytree("photographs", "copy")
    facenas("export", "--model", "m", "--check-on", "folder", "--set", "data.root=photographs")
    done = facenas("eval", "--model", "m/model.onnx", "--benchmark", "folder", "--data", "copy", "--set", "replicates=0", "--json")
    assert done.json["folder"]["pairs"] == 2 * 4 * 15


def test_pairs_of_training_photographs_are_flagged(facenas: Command, place: Path) -> None:
    people = load_card(place / "m").seen[0].identities
    lines = [f"photographs/{people[i]}/{i % 6}.png,photographs/{people[i + j]}/5.png,{int(not j)}" for i in range(9) for j in (0, 1)]
    Path("pairs.csv").write_text("\n".join(lines * 2))
    done = facenas("eval", "--model", "m", "--benchmark", "pairs", "--data", "pairs.csv", "--set", "replicates=0", "--json")
    assert "pictures look like photographs that the model was trained or selected on" in done.stderr
    assert done.json["pairs"]["seen_pictures"] > 9


def test_models_without_looks_load(place: Path) -> None:
    card = json.loads((place / "m" / "model.json").read_text())
    assert len(json.dumps(card)) < 20_000
    del card["seen"][0]["looks"], card["trained_on"]
    assert ModelCard.model_validate(card).seen[0].looks == ()


def test_thresholds_are_kept_for_each_data(facenas: Command, place: Path) -> None:
    measured(facenas, "photographs", "--set", "data.test_people=4")
    write_people(place / "strangers", range(20, 34))
    first = json.loads((place / "m/eval/folder.json").read_text())["folder"]
    measured(facenas, "strangers")
    kept = sorted(path.name for path in (place / "m" / "eval").iterdir())
    assert kept == [f"folder-{first['data_sha256'][:8]}.json", "folder.json"]
    sha = load_card(place / "m").weights_sha256
    best = stored_threshold(place / "m", sha, 0.1)
    assert "on folder, strangers, 84 photographs, with" in best.in_words
    measured(facenas, "photographs")
    assert stored_threshold(place / "m", sha, 0.1) == best


def test_what_is_measured_on_seen_people_replaces_nothing(facenas: Command, place: Path) -> None:
    measured(facenas, "photographs")
    before = (place / "m/eval/folder.json").read_bytes()
    card = json.loads((place / "m/model.json").read_text())
    card["seen"][0].update(looks=[])  # as written before looks were kept
    (place / "m/model.json").write_text(json.dumps(card))
    shutil.copytree("photographs", "copy")
    measured(facenas, "copy")
    assert (place / "m/eval/folder.json").read_bytes() == before
    assert len(list((place / "m/eval").glob("folder-*.json"))) == 1
    assert "photographs" in stored_threshold(place / "m", card["weights_sha256"], 0.1).data


def test_a_report_that_cannot_be_kept_is_printed(facenas: Command, place: Path) -> None:
    (place / "m" / "eval").write_text("no folder")
    done = measured(facenas, "photographs", "--set", "cache=false")
    assert done.json["folder"]["pairs"] == 120
    assert "the result cannot be kept at m/eval/folder.json" in done.stderr


def test_one_process_at_a_time(facenas: Command, place: Path) -> None:
    before = files(place / "m")
    with locked(place / "m"):
        said = facenas(*AGAIN, code=1).stderr
    assert said == "facenas: another process is working on m; wait for it, or give another --run\n"
    assert files(place / "m") == before
    facenas(*AGAIN)


@pytest.mark.parametrize(
    ("output", "command"),
    [
        ("g", ["gallery", "build", "photographs", "--model", "m", "--out", "g"]),
        ("faces.rec", ["data", "pack", "photographs", "faces.rec"]),
        ("pairs.bin", ["data", "make-bin", "pairs.csv", "pairs.bin"]),
    ],
)
@pytest.mark.usefixtures("place")
def test_outputs_are_written_by_one_process(facenas: Command, tmp_path: Path, output: str, command: list[str]) -> None:
    Path("pairs.csv").write_text("photographs/p1/0.png,photographs/p1/1.png,1\nphotographs/p1/0.png,photographs/p2/1.png,0\n")
    with locked_output(tmp_path / output):
        assert f"another process is working on {output}" in facenas(*command, code=1).stderr
    assert not Path(output).exists()
    facenas(*command)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_the_slower_of_two_saves_nothing(facenas: Command, place: Path) -> None:
    """A second process is refused while the first trains; ended early, the first goes on where it was."""
    command = [sys.executable, "-m", "facenas", *(text.replace("epochs=2", "epochs=300") for text in AGAIN)]
    command[command.index("m")] = "long"
    first = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with suppress(subprocess.TimeoutExpired):
        while first.poll() is None and not (place / "long" / "checkpoint.pt").exists():
            time.sleep(0.05)
        assert "another process is working on long" in facenas(*command[3:], code=1).stderr
    first.send_signal(signal.SIGTERM)
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 143
    assert "saved; run the same command to go on" in errors


def test_a_gallery_whose_names_were_damaged(facenas: Command, place: Path) -> None:
    facenas("gallery", "build", "photographs", "--model", "m", "--out", "g")
    card = (place / "g" / "gallery.json").read_text()
    (place / "g" / "gallery.json").write_text(card.replace('"name": "p3"', '"name": "q3"'))
    said = facenas("identify", "photographs/p3/0.png", "--gallery", "g", code=1).stderr
    assert said == "facenas: g/gallery.json is damaged: its content is not what was written; build the gallery anew\n"


@pytest.mark.parametrize("text", ["a: [1", "", "# nothing\n", "- 1\n", "text"])
def test_a_damaged_config_is_one_sentence(facenas: Command, place: Path, text: str) -> None:
    (place / "m" / "config.yaml").write_text(text)
    said = facenas(*AGAIN, code=1).stderr
    assert said.startswith("facenas: m/config.yaml ")
    assert said.endswith("; restore it, or give another --run\n")
    assert len(said) < 300
    (place / "s").mkdir()
    (place / "s" / "config.yaml").write_text(text)
    assert facenas("search", "--config", "smoke", "--run", "s", code=1).stderr.startswith("facenas: s/config.yaml ")


def test_a_failed_start_blocks_nothing(facenas: Command, place: Path) -> None:
    wrong = [text.replace("photographs", "fotographs") for text in AGAIN]
    wrong[wrong.index("m")] = "new"
    assert "no folder at fotographs" in facenas(*wrong, code=1).stderr
    diverged = [text if text != "m" else "new" for text in AGAIN]
    assert "the loss became" in facenas(*diverged, "--set", "recipe.lr=1e25", "--set", "recipe.clip_norm=0", code=1).stderr
    facenas(*diverged)
    search = ["search", "--config", "smoke", "--set", "data.name=folder", "--run", "s", "--set", "strategy.max_depth=10"]
    assert "no folder at" in facenas(*search, "--set", "data.root=fotographs", code=1).stderr
    quick = ("--set", "strategy.micro=false", "--set", "strategy.min_width=12", "--set", "data.root=photographs")
    facenas(*search, *quick)
    assert "made with other settings" in facenas(*search, *quick, "--set", "recipe.lr=0.2", code=1).stderr


def test_what_is_found_of_data_that_moved(facenas: Command, place: Path) -> None:
    search = ["search", "--config", "smoke", "--set", "data.name=folder", "--run", "s", "--set", "budget.trials=1"]
    facenas(*search, "--set", "data.root=photographs")
    (place / "photographs").rename(place / "moved")
    assert "no folder at photographs" in facenas("search", "--finish", "--run", "s", code=1).stderr
    for where in (("--data-root", "moved"), ("--set", "data.root=moved")):
        assert facenas("search", "--finish", "--run", "s", *where, "--json").json["candidates"] == 1
    said = facenas("search", "--finish", "--run", "m", code=1).stderr
    assert said == "facenas: no journal in m; give the folder of a `facenas search` run\n"
    (place / "s/config.yaml").write_text("a: [")
    assert facenas("search", "--finish", "--run", "s", code=1).stderr.endswith("; restore it, or give another --run\n")


def test_a_start_that_is_refused_changes_no_settings(facenas: Command, place: Path) -> None:
    shutil.copy(place / "photographs/p0/0.png", place / "photographs/p1/copy.png")
    before = files(place / "m")
    longer = facenas(*TRAIN, "--set", "epochs=3", *DATA, code=1).stderr
    assert "p1 has 7 photographs instead of 6" in longer
    (place / "photographs/p1/copy.png").unlink()
    assert "no folder at nowhere" in facenas(*AGAIN, "--set", "data.root=nowhere", code=1).stderr
    told = facenas(*TRAIN, "--set", "epochs=3", *DATA, "--set", "head.margin=0.3", code=1).stderr
    assert told.endswith("head.margin (0.2 there, 0.3 here); give another --run or the same settings\n") and "going on" not in told
    assert files(place / "m") == before
    facenas(*AGAIN)


def test_of_many_settings_that_differ_some_are_named(facenas: Command, place: Path) -> None:
    config = place / "m/config.yaml"
    config.write_text("".join(config.read_text().splitlines(keepends=True)[:4]))  # cut short
    told = facenas(*AGAIN, code=1).stderr
    assert len(told) < 700 and " more; give another --run" in told


def test_more_epochs_go_on_from_the_checkpoint(facenas: Command, place: Path) -> None:
    longer = [text.replace("epochs=2", "epochs=3") for text in AGAIN]
    done = facenas(*longer, "--json")
    assert done.json["epoch"] == 3
    assert (
        "going on from the checkpoint of a run of 2 epochs, by the schedule of 3, whose beginning had other learning rates" in done.stderr
    )
    assert "epochs: 3" in (place / "m" / "config.yaml").read_text()
    assert "m is a run of 3 epochs, and cannot become one of 2; give another --run" in facenas(*AGAIN, code=1).stderr
    (place / "m" / "checkpoint.pt").unlink()
    longest = [text.replace("epochs=2", "epochs=4") for text in AGAIN]
    assert "m has no checkpoint.pt from which its 3 epochs could become 4" in facenas(*longest, code=1).stderr


def test_more_epochs_by_a_schedule_that_does_not_know_their_number(facenas: Command, place: Path) -> None:
    """The result is bit for bit that of the longer run."""
    step = ("--set", "recipe.schedule.name=step", "--set", "recipe.schedule.milestones_epochs=[1]")
    whole, parts = (["w" if text == "m" else text for text in AGAIN], ["p" if text == "m" else text for text in AGAIN])
    facenas(*[text.replace("epochs=2", "epochs=4") for text in whole], *step)
    facenas(*parts, *step)
    done = facenas(*[text.replace("epochs=2", "epochs=4") for text in parts], *step)
    assert "by the schedule of 4\n" in done.stderr
    assert (place / "w/model.safetensors").read_bytes() == (place / "p/model.safetensors").read_bytes()


def test_damaged_numbers_of_a_checkpoint(facenas: Command, place: Path) -> None:
    file = place / "m" / "checkpoint.pt"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 64
    file.write_bytes(data)
    said = facenas(*(text.replace("epochs=2", "epochs=3") for text in AGAIN), code=1).stderr
    assert said.splitlines()[-1] == (
        "facenas: m/checkpoint.pt is damaged: its content is not what was written; remove it to train from the start"
    )


@pytest.mark.parametrize(
    ("command", "word"), [("train", "to go on"), ("search", "to go on"), ("eval", "to begin again"), ("gallery", "to begin again")]
)
def test_what_is_left_after_ctrl_c(command: str, word: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted(**_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    assert cli.run([command]) == 130
    assert capfd.readouterr().err.strip().endswith(f"run the same command {word}")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a folder read-only")
def test_a_folder_that_is_mounted_read_only(place: Path) -> None:
    """Reading works; a command that must write says so."""
    mount = f"mount --bind {place / 'm'} {place / 'm'} && mount -o remount,ro,bind {place / 'm'}"
    read = ["eval", "--model", "m", "--benchmark", "folder", "--data", "photographs", "--set", "cache=false", "--set", "replicates=0"]
    code = f"import sys; from facenas import cli; sys.exit(cli.run({read}) or cli.run({list(AGAIN)}))"
    command = ["unshare", "-m", "sh", "-c", f'{mount} || exit 77; exec "$0" -c "$1"', sys.executable, code]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounts are not allowed here")
    assert "120 pairs" in done.stdout
    assert "the result cannot be kept at m/eval/folder.json (Read-only file system)" in done.stderr
    assert done.returncode == 1
    assert "facenas: Read-only file system: m/run.lock; it, or its folder, cannot be written" in done.stderr.splitlines()[-1].replace(
        str(place) + "/", ""
    )

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from facenas.backbones import Blueprint, CellSpace, IRSpace, PlainSpace
from facenas.backbones.cell_network import CellNetwork, DropPath
from facenas.data import Augmentation, DigitImages, InputContract, SyntheticFaces, development_faces, split_by_identity, split_stratified
from facenas.errors import DataError, ModelError, RunError
from facenas.heads.settings import CosFaceHead
from facenas.training.fit import evaluate, fit
from facenas.training.loop import Epoch
from facenas.training.models import load_model, save_model
from facenas.training.recipe import Recipe
from facenas.training.schedule import Cosine, Step
from facenas.training.tasks import ClassModel, ClassTask, FaceTask

CONTRACT = InputContract(size=32)
SPACE = IRSpace(embedding_size=None, input_size=32, output="gdc", dropout=0.1)
BLUEPRINT = Blueprint(architecture=SPACE.start(depth=10, width=8), space=SPACE)
RECIPE = Recipe(batch_size=16, lr=0.1, augmentation=Augmentation(flip=0.5, shift=0.05, cutout=0.5))


@pytest.fixture(scope="module")
def task() -> FaceTask:
    split = split_by_identity(development_faces(SyntheticFaces(), 32), held_out=5, seed=0)
    return FaceTask(split.train, split.validation, head=CosFaceHead(margin=0.2, scale=16), contract=CONTRACT)


def test_a_candidates_result_depends_on_its_content_alone(task: FaceTask) -> None:
    first = evaluate(task, BLUEPRINT, recipe=RECIPE, epochs=2, seed=5)
    torch.rand(17)
    second = evaluate(task, BLUEPRINT, recipe=RECIPE, epochs=2, seed=5)
    other = evaluate(task, BLUEPRINT, recipe=RECIPE, epochs=2, seed=6)
    assert (first.score, first.history) == (second.score, second.history)
    assert first.history != other.history


def test_training_recognises_people_it_has_never_seen(task: FaceTask) -> None:
    evaluation = evaluate(task, BLUEPRINT, recipe=RECIPE, epochs=6, seed=0)
    assert evaluation.history[-1].loss < 0.7 * evaluation.history[0].loss
    assert evaluation.score.accuracy > 0.8


def test_divergence_is_a_result_with_score_zero(task: FaceTask) -> None:
    evaluation = evaluate(task, BLUEPRINT, recipe=RECIPE.model_copy(update={"lr": 1e20, "clip_norm": 0.0}), epochs=2, seed=0)
    assert evaluation.diverged
    assert (evaluation.score.correct, evaluation.score.total) == (0, task.validation_items)


def test_resumed_training_equals_the_uninterrupted_one(task: FaceTask, tmp_path: Path) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    whole = fit(task, BLUEPRINT, recipe=RECIPE, epochs=4, seed=1)
    with pytest.raises(KeyboardInterrupt):
        fit(task, BLUEPRINT, recipe=RECIPE, epochs=4, seed=1, checkpoint=tmp_path / "c.pt", after_epoch=stop)
    resumed = fit(task, BLUEPRINT, recipe=RECIPE, epochs=4, seed=1, checkpoint=tmp_path / "c.pt")
    assert resumed.history == whole.history
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name


def test_damaged_checkpoint_is_one_sentence(task: FaceTask, tmp_path: Path) -> None:
    (tmp_path / "c.pt").write_bytes(b"PK damaged")
    with pytest.raises(RunError, match="damaged or of another network"):
        fit(task, BLUEPRINT, recipe=RECIPE, epochs=1, seed=1, checkpoint=tmp_path / "c.pt")


def test_a_classifier_learns_the_digits() -> None:
    split = split_stratified(DigitImages().load(), share=0.2, seed=0)
    assert len(split.train) + len(split.validation) == 1437
    shares = np.bincount(split.validation.labels) / np.bincount(DigitImages().load().labels)
    assert (abs(shares - 0.2) < 0.02).all()
    space = PlainSpace(in_channels=1, num_classes=10, input_size=8)
    digits = ClassTask(split.train, split.validation, contract=InputContract(size=8, color="grey"))
    blueprint = Blueprint(architecture=space.start(depth=5, width=16), space=space)
    assert evaluate(digits, blueprint, recipe=Recipe(lr=0.1), epochs=6, seed=0).score.accuracy > 0.9


def test_people_in_both_halves_are_refused() -> None:
    faces = development_faces(SyntheticFaces(), 16)
    with pytest.raises(DataError, match="both"):
        FaceTask(faces, faces, head=CosFaceHead(), contract=InputContract(size=16))


def test_model_survives_the_disk_and_tampering_is_noticed(task: FaceTask, tmp_path: Path) -> None:
    network = BLUEPRINT.build().eval()
    save_model(tmp_path, network, blueprint=BLUEPRINT, contract=CONTRACT, seen=(), metrics={"loss": 1.0})
    loaded = load_model(tmp_path)
    image = torch.randn(2, 3, 32, 32)
    assert torch.equal(loaded.network(image), network(image))
    assert (loaded.card.blueprint, loaded.card.input) == (BLUEPRINT, CONTRACT)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"is not the file that model\.json was written with"):
        load_model(tmp_path)


def test_schedules() -> None:
    assert [Cosine().factor(e, 10) for e in (0, 5, 10)] == pytest.approx([1, 0.5, 0])
    assert [Step().factor(e, 26) for e in (0, 11.99, 12, 20, 25.9)] == pytest.approx([1, 1, 0.1, 0.01, 0.001])
    warm = Recipe(lr=0.2, lr_warmup_epochs=2, schedule=Step())
    assert [warm.learning_rate(e, 26) for e in (0.5, 1, 2, 3)] == pytest.approx([0.05, 0.1, 0.2, 0.2])


def test_weight_decay_spares_biases_norms_and_slopes() -> None:
    optimiser = Recipe(weight_decay=0.1).optimiser(BLUEPRINT.build(), torch.device("cpu"))
    decayed, spared = optimiser.param_groups
    assert {p.ndim for p in decayed["params"]} <= {2, 4}
    assert {p.ndim for p in spared["params"]} == {1}
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


def changed(augmentation: Augmentation, images: Tensor, seed: int = 0) -> Tensor:
    """Bytes of 0 to 254 as the network sees them, with 0 in the middle."""
    draws = augmentation.draw(len(images), torch.Generator().manual_seed(seed))
    return augmentation.change(augmentation.crop(images, draws).float() - 127, draws)


def test_augmentation_is_drawn_from_its_generator_and_off_by_default() -> None:
    images = torch.randint(0, 255, (8, 3, 16, 16), dtype=torch.uint8)
    assert torch.equal(changed(Augmentation(), images), images.float() - 127)
    assert torch.equal(changed(Augmentation(flip=1.0), images), images.flip(3).float() - 127)
    assert torch.allclose(changed(Augmentation(flip=1.0, zoom=1e-9), images), images.flip(3).float() - 127, atol=0.1)
    share = float((changed(Augmentation(cutout=1.0, cutout_side=0.5), images.clamp(0, 100)) == 0).float().mean())
    assert 0.05 < share <= 0.3
    every = Augmentation(flip=0.5, crop_padding=2, shift=0.1, rotation_deg=10, zoom=0.1, light=0.2, cutout=0.5)
    first, second = (changed(every, images, 1) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, changed(every, images, 2))


def test_a_random_crop_is_a_window_of_the_padded_image() -> None:
    """As torchvision's RandomCrop with padding: every offset occurs, equally often, and what comes in is black."""
    images = torch.randint(1, 255, (2000, 1, 6, 6), dtype=torch.uint8)
    augmentation = Augmentation(crop_padding=2)
    crops = augmentation.crop(images, augmentation.draw(len(images), torch.Generator().manual_seed(0)))
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    windows = [padded[:, :, i : i + 6, j : j + 6] for i in range(5) for j in range(5)]
    hits = torch.stack([(window == crops).flatten(1).all(1) for window in windows])
    assert (hits.sum(0) == 1).all()
    assert hits.sum(1).min() > 40 and hits.sum(1).max() < 125  # 80 expected


def test_draws_of_an_epoch_are_those_of_its_steps() -> None:
    one, two = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    steps = [Augmentation().draw(33, one) for _ in range(4)]
    assert torch.equal(torch.cat(steps), Augmentation().draw(132, two))


def test_learning_rate_is_never_zero_on_a_step() -> None:
    steps = 7
    rates = [Recipe().learning_rate(epoch + (step + 0.5) / steps, 2) for epoch in range(2) for step in range(steps)]
    assert min(rates) > 0
    assert math.isclose(max(rates), 0.025, rel_tol=0.02)


CELLS = CellSpace(num_classes=10, depth=3, channels=4, in_channels=1, input_size=32, auxiliary=True, drop_path=0.4)


def test_outputs_are_dropped_the_more_often_the_further_training_is(monkeypatch: pytest.MonkeyPatch) -> None:
    shares, progress = list[float](), CellNetwork.progress
    monkeypatch.setattr(CellNetwork, "progress", lambda network, share: (shares.append(share), progress(network, share)))
    space = CELLS.model_copy(update={"input_size": 8, "auxiliary": False})
    train = split_stratified(DigitImages().load(), share=0.05, seed=0).validation
    task = ClassTask(train, None, contract=InputContract(size=8, color="grey"))
    blueprint = Blueprint(architecture=space.start(), space=space)
    network = fit(task, blueprint, recipe=Recipe(precision="fp32"), epochs=4, seed=0, device="cpu").network
    kept = {float(module.kept) for module in network.modules() if isinstance(module, DropPath)}
    assert shares == [0, 0.25, 0.5, 0.75] and list(kept) == [pytest.approx(1 - 0.4 * 0.75)]


def test_the_second_heads_loss_counts_two_fifths_in_training() -> None:
    torch.manual_seed(0)
    network = CELLS.build(CELLS.start()).train()
    images, labels = torch.randn(6, 1, 32, 32), torch.arange(6)
    main, aside = network.with_auxiliary(images)
    loss, _ = ClassModel(network).train()(images, labels)
    assert torch.allclose(loss, functional.cross_entropy(main, labels) + 0.4 * functional.cross_entropy(aside, labels))
    network.eval()
    assert torch.allclose(ClassModel(network).eval()(images, labels)[0], functional.cross_entropy(network(images), labels))

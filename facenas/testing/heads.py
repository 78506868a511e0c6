"""What every margin head promises."""

from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn

from facenas.heads import HeadSection, MarginHead, margin_loss
from facenas.search.held_out import still_statistics
from facenas.testing.members import check_settings, each

B, D, N = 6, 5, 4
EXTREMES = ("zero", "along", "against", "one")


class HeadContract:
    """Tests of a margin head; a subclass whose name begins with Test names the settings, and pytest does the rest.

        class TestMine(facenas.testing.HeadContract):
            settings = Mine()
            without_margin = Mine(margin=0)

    Attributes:
        settings: Settings of the head, or several.
        without_margin: Settings by which the head is a softmax over scaled cosines, or several; empty: there are none.
    """

    settings: HeadSection | Sequence[HeadSection]
    without_margin: HeadSection | Sequence[HeadSection] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test that takes `member` with each of the settings, and each that takes `plain` with each of those without a margin."""
        each(metafunc, "member", self.settings)
        each(metafunc, "plain", self.without_margin)

    def test_its_settings_have_a_name_and_survive_json(self, member: HeadSection) -> None:
        """The head can be chosen by `head.name`, and kept in `config.yaml`."""
        check_settings(member)

    def test_its_module_is_what_its_settings_build(self, member: HeadSection) -> None:
        """The head's module, for training loops of one's own, computes what the head that the settings build computes."""
        if member.module is None:
            pytest.skip("it has no module of its own")
        built, (x, y) = _built(member), _batch()
        torch.manual_seed(0)
        own = member.module(D, N, **member.model_dump(exclude={"name"})).double()
        assert type(built) is member.module and torch.equal(own(x, y), built(x, y))

    def test_without_a_margin_it_is_a_softmax(self, plain: HeadSection) -> None:
        """Without a margin, logits are scaled cosines, for images whose nearest centre is that of their person."""
        head, (x, _) = _built(plain), _batch()
        centres = nn.functional.normalize(x) @ nn.functional.normalize(head.weight).T
        cosines = centres.view(B, N, -1).amax(2)  # of several centres of an identity the nearest counts
        torch.testing.assert_close(head(x, cosines.argmax(1)), head.scale * cosines, rtol=0, atol=1e-9)

    def test_its_loss_is_that_of_its_logits_and_its_penalty(self, member: HeadSection) -> None:
        """The loss of `margin_loss` is the cross-entropy of the head's logits, and the rule's penalty."""
        head, (x, y) = _built(member).eval(), _batch()
        cosines, norms = head.cosines(x)
        penalty = head.rule(cosines.gather(1, y.unsqueeze(1)).squeeze(1), norms).penalty
        wanted = nn.functional.cross_entropy(head(x, y), y) + penalty
        torch.testing.assert_close(margin_loss(head, x, y).loss, wanted)

    @pytest.mark.parametrize("case", EXTREMES)
    def test_extreme_embeddings_have_finite_values_and_gradients(self, member: HeadSection, case: str) -> None:
        """Logits and gradients of extreme embeddings are finite.

        Args:
            member: Settings of the head.
            case: Kind of embeddings: without length, along their centre, against it, or one alone.
        """
        head = _built(member).float()
        x = _extreme(case, head.weight.detach()[:1]).requires_grad_()
        y = torch.zeros(len(x), dtype=torch.long)
        logits = head(x, y)
        assert logits.shape == (len(x), N)
        torch.autograd.backward(nn.functional.cross_entropy(logits, y))
        assert logits.isfinite().all() and x.grad is not None and x.grad.isfinite().all()
        assert head.weight.grad is not None and head.weight.grad.isfinite().all()

    def test_computes_in_single_precision_under_autocast(self, member: HeadSection) -> None:
        """Logits are computed in single precision whatever autocast says, since half precision cannot hold the angles."""
        head, (x, y) = _built(member).float().eval(), _batch()
        with torch.autocast("cpu", torch.bfloat16):
            inside = head(x.bfloat16(), y)
        assert inside.dtype == torch.float32
        torch.testing.assert_close(inside, head(x.bfloat16().float(), y))

    def test_its_statistics_stand_still_in_evaluation_and_where_they_are_frozen(self, member: HeadSection) -> None:
        """Statistics change in training alone, and are buffers that are saved with the weights.

        A look ahead, as AllegroNAS' second order takes it, freezes them and leaves no trace.
        """
        head, (x, y) = _built(member), _batch()
        before = {name: value.clone() for name, value in head.state_dict().items()}
        head.eval()(x, y)
        assert dict(_moved(head, before)) == {}
        head.train()
        with still_statistics(head):
            first, second = head(x, y), head(x, y)
        assert dict(_moved(head, before)) == {} and torch.equal(first, second)
        head(x, y)
        again = _built(member)
        again.load_state_dict(head.state_dict())
        assert torch.equal(again.eval()(x, y), head.eval()(x, y))


def _built(member: HeadSection) -> MarginHead:
    torch.manual_seed(0)
    return member.build(D, N).double()


def _batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(B, D, generator=generator, dtype=torch.float64) * 8, torch.randint(N, (B,), generator=generator)


def _extreme(case: str, centre: Tensor) -> Tensor:
    """Embeddings (1 or 2, D) of a case, given a centre (1, D)."""
    cases = {"zero": torch.zeros(2, D), "along": centre.repeat(2, 1) * 100, "against": -centre.repeat(2, 1) * 100}
    return cases.get(case, torch.ones(1, D)).clone()


def _moved(head: nn.Module, before: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name, value) for name, value in head.state_dict().items() if not torch.equal(value, before[name]))

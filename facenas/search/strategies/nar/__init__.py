"""Neural architecture refinement (NAR): operators of a proven network, chosen by policy gradient over shared weights."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from facenas.search.strategy import SharedWeightsSection
from facenas.section import Section
from facenas.training.schedule import Restarts, Schedule

if TYPE_CHECKING:
    from facenas.search.settings import SearchSettings
    from facenas.search.strategies.nar.stage import Refinement
    from facenas.training.tasks import Task


class ControllerSettings(Section):
    """The controller and how it learns; the defaults are ENAS' (sections 2.2 and 3.2)."""

    hidden: int = Field(100, ge=1, description="Units of the LSTM.")
    temperature: float = Field(5.0, gt=0, description="Divides the logits.")
    tanh_constant: float = Field(2.5, gt=0, description="Largest logit, after tanh.")
    lr: float = Field(3.5e-4, gt=0, description="Learning rate of Adam.")
    entropy: float = Field(1e-4, ge=0, description="Weight of the entropy of its decisions in what it maximises.")
    baseline_decay: float = Field(0.99, ge=0, lt=1, description="Share of the old baseline in the moving average of rewards.")
    steps: int = Field(50, ge=1, description="Updates after each epoch of the shared weights.")
    samples: int = Field(1, ge=1, description="Architectures whose rewards make one update.")


class NARSettings(SharedWeightsSection):
    """Neural architecture refinement; the defaults are the paper's where it has them.

    Source: NAR, sections 3.3, 3.4 and 4.1.1.
    """

    name: Literal["nar"] = Field("nar", description="Name of the strategy.")
    epochs: int = Field(150, ge=1, description="Epochs of the shared weights.")
    pretrain_epochs: int = Field(
        0, ge=0, description="Of these, epochs of random paths before the controller begins: the paper's suffix P."
    )
    lr: float = Field(0.1, gt=0, description="Largest learning rate of the shared weights; the rest of their recipe is `recipe`.")
    schedule: Schedule = Field(
        Restarts(least=0.001), description="Shape of their learning rate: SGDR, T_0 = 10, T_mult = 2, down to 0.0001."
    )
    controller: ControllerSettings = Field(ControllerSettings(), description="The controller.")
    reward: Literal["accuracy", "verification"] = Field(
        "accuracy",
        description="accuracy: of classes on the validation images, of people on held-out photographs of the training people; "
        "verification: of pairs of the validation people.",
    )
    reward_share: float = Field(0.1, gt=0, lt=1, description="Photographs of each person held out for the reward; the paper: 4 of 40.")
    reward_batch: int = Field(256, ge=2, description="Held-out images, or pairs, that a reward is measured on.")
    skips: Literal["fixed", "joint", "alternating"] = Field(
        "fixed",
        description="fixed: the base's; joint: searched by the same controller, as ENAS does; alternating: by turns with the operators.",
    )
    turn_epochs: int = Field(10, ge=1, description="Epochs of one turn of the alternating scheme.")
    samples: int = Field(
        50, ge=1, description="Architectures sampled at the end, or at the end of a turn, and measured on all held-out data."
    )
    shortlist: int = Field(3, ge=1, description="The best of them, which are trained from scratch.")
    retrain_epochs: int = Field(50, ge=1, description="Training epochs of each.")

    @model_validator(mode="after")
    def _controller_begins(self) -> Self:
        if self.pretrain_epochs >= self.epochs:
            raise ValueError("pretrain_epochs must be fewer than epochs: the controller learns in what is left")
        return self

    def stage(self, settings: "SearchSettings", task: "Task") -> "Refinement":
        """The stage of shared weights.

        Args:
            settings: Settings of the search, whose strategy is this one.
            task: Data of the search.
        """
        from facenas.search.strategies.nar.stage import Refinement

        return Refinement(settings, task)

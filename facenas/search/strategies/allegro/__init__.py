"""AllegroNAS: differentiable architecture search over cells, with asymptotic regularisation; DARTS is its special case."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from facenas.search.strategy import SharedWeightsSection
from facenas.training.schedule import ExponentialCosine, Schedule, check_rate

if TYPE_CHECKING:
    from facenas.search.settings import SearchSettings
    from facenas.search.strategies.allegro.stage import Differentiable
    from facenas.training.tasks import Task


class AllegroSettings(SharedWeightsSection):
    """AllegroNAS; its defaults are the paper's, and DARTS' where it says "as DARTS".

    What the paper leaves open: E = 90, of the annealing, is taken for the epochs of the search too, since equation 7 calls it their total
    number; H = 25 for those after which chi has reached chi_max, since otherwise it would leave the range that the paper gives.

    Source: AllegroNAS, equations 4 to 8 and section 4.2; Liu et al., "DARTS: differentiable architecture search", 2019, appendix A.
    """

    name: Literal["allegro"] = Field("allegro", description="Name of the strategy.")
    epochs: int = Field(90, ge=1, description="Epochs of the supernet, E.")
    order: Literal["second", "first", "single"] = Field(
        "second",
        description="second: through one step of the weights; first: weights as they are; single: both kinds on training data.",
    )
    step_ahead: Literal["optimiser", "gradient"] = Field(
        "optimiser", description="The step looked ahead to: with momentum and weight decay, as DARTS' code; or as equation 3 prints it."
    )
    chi_max: float = Field(0.1, ge=0, description="Largest share of the training loss in the architecture's; 0: DARTS.")
    chi_min: float = Field(0.0, ge=0, description="Its share at the beginning.")
    chi_epochs: int = Field(25, ge=1, description="Epochs that the share grows, H.")
    lr: float = Field(0.025, gt=0, description="Largest learning rate of the weights; the rest of their recipe is `recipe`.")
    schedule: Schedule = Field(
        ExponentialCosine(least=0.04),
        description="Its shape: by default equation 8 read so that it begins at lr; printed_exponential_cosine: as printed.",
    )
    architecture_lr: float = Field(3e-4, gt=0, description="Learning rate of Adam on the architecture parameters.")
    architecture_decay: float = Field(1e-3, ge=0, description="Their weight decay.")
    cells: int = Field(8, ge=3, description="Cells of the supernet; the network found has the space's own depth.")
    channels: int = Field(16, ge=4, description="Channels of its nodes before the first reduction.")
    held_share: float = Field(
        0.5, gt=0, lt=1, description="Photographs of each person that the architecture is learnt on; of classes, validation_share says it."
    )
    eigenvalue_iterations: int = Field(10, ge=0, description="Of the power iteration after each epoch; 0: the eigenvalue is not computed.")
    eigenvalue_batch: int = Field(64, ge=2, description="Held-out images that the Hessian is of.")
    collapse_skips: int = Field(4, ge=1, le=8, description="Skips among the normal cell's 8 edges at which the search is said to collapse.")
    retrain_epochs: int = Field(10, ge=1, description="Training epochs of the network found, for its score.")

    @model_validator(mode="after")
    def _one_largest_rate(self) -> Self:
        check_rate(self.schedule, self.lr)
        return self

    def stage(self, settings: "SearchSettings", task: "Task") -> "Differentiable":
        """The stage of shared weights.

        Args:
            settings: Settings of the search, whose strategy is this one.
            task: Data of the search.
        """
        from facenas.search.strategies.allegro.stage import Differentiable

        return Differentiable(settings, task)

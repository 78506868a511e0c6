"""The controller: an LSTM that writes an architecture decision by decision."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facenas.backbones.links import pairs
from facenas.search.strategies.nar import ControllerSettings


class Sampled(NamedTuple):
    """M architectures and the policy that drew them.

    Attributes:
        operators: Number of the operator at each position (M, J).
        links: 0 or 1 for each pair of units (M, P).
        operator_logs: Logarithms of the operators' probabilities at each position (M, J, K).
        link_logits: ln p / (1 - p) of each link (M, P).
    """

    operators: Tensor
    links: Tensor
    operator_logs: Tensor
    link_logits: Tensor

    @property
    def operator_log_probability(self) -> Tensor:
        """Logarithm of the probability of the operator at each position (M, J)."""
        return self.operator_logs.gather(2, self.operators.unsqueeze(2)).squeeze(2)

    @property
    def link_log_probability(self) -> Tensor:
        """Logarithm of the probability of each link's being there or not, as drawn (M, P)."""
        return functional.logsigmoid(self.link_logits * (2 * self.links - 1))

    def entropy(self, *, operators: bool = True, links: bool = True) -> Tensor:
        """Entropy of the decisions of each architecture (M,), in nats.

        Args:
            operators: Whether the choices of operators count.
            links: Whether the choices of links count.
        """
        of_operators = -(self.operator_logs.exp() * self.operator_logs).sum((1, 2))
        p, logits = self.link_logits.sigmoid(), self.link_logits
        of_links = -(p * functional.logsigmoid(logits) + (1 - p) * functional.logsigmoid(-logits)).sum(1)
        return of_operators * operators + of_links * links


class Controller(nn.Module):
    """Writes the operators of a unit, then, where skips are searched, the unit's links; each decision is the next one's input.

    A link's logit is v . tanh(W_before h_t + W_here h_j) of the two units' states. Logits are bounded: c tanh(logit / temperature).

    Source: ENAS, sections 2.2 and 2.3; NAR, equation 2 (operators before skips, each given all decisions before it).

    Args:
        units: Number of units of the base network.
        per_unit: Number of operators in a unit.
        operators: Number of operators to choose from, K.
        settings: Size of the LSTM, and bounds of the logits.
    """

    def __init__(self, units: int, per_unit: int, operators: int, settings: ControllerSettings) -> None:
        super().__init__()
        hidden = settings.hidden
        sizes = {"before": hidden, "here": hidden, "value": 1}
        self.units, self.per_unit, self.settings = units, per_unit, settings
        self.start = nn.Parameter(torch.empty(1, hidden))
        self.stem = nn.Parameter(torch.empty(1, hidden))
        self.embedding = nn.Embedding(operators, hidden)
        self.lstm = nn.LSTMCell(hidden, hidden)
        self.operator_head = nn.Linear(hidden, operators, bias=False)
        self.link_head = nn.ModuleDict({name: nn.Linear(hidden, size, bias=False) for name, size in sizes.items()})
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def forward(
        self, count: int, generator: torch.Generator, *, operators: Tensor | None = None, links: Tensor | None = None, greedy: bool = False
    ) -> Sampled:
        """Draw architectures.

        Args:
            count: Number of architectures, M.
            generator: Generator of the draws.
            operators: Operators (M, J) to take instead of drawing them.
            links: Links (M, P) to take instead of drawing them, 0 or 1.
            greedy: Whether to take the likeliest of each decision instead of drawing.
        """
        h = c = self.start.new_zeros(count, self.lstm.hidden_size)
        x, states = self.start.expand(count, -1), [self.stem.expand(count, -1)]
        drawn, logs, drawn_links, logits = list[Tensor](), list[Tensor](), list[Tensor](), list[Tensor]()
        for unit in range(1, self.units + 1):
            for _ in range(self.per_unit):
                h, c = self.lstm(x, (h, c))
                logs.append(self._bounded(self.operator_head(h)).log_softmax(1))
                p = logs[-1].detach().exp()
                mine = logs[-1].argmax(1) if greedy else torch.multinomial(p, 1, generator=generator).squeeze(1)
                drawn.append(mine if operators is None else operators[:, len(drawn)])
                x = self.embedding(drawn[-1])
            h, c = self.lstm(x, (h, c))
            if unit > 1:
                before = torch.stack(states[: unit - 1], 1)
                logit = self._bounded(self._link_logits(before, h))
                at = len(pairs(unit - 1))
                p = logit.detach().sigmoid()
                mine = (p > 0.5 if greedy else torch.rand(p.shape, generator=generator, dtype=p.dtype) < p).long()
                chosen = mine if links is None else links[:, at : at + unit - 1]
                drawn_links.append(chosen)
                logits.append(logit)
                x = x + (chosen.unsqueeze(2) * before).sum(1) / (1 + chosen.sum(1, keepdim=True))
            states.append(h)
        none = torch.zeros(count, 0)
        return Sampled(
            torch.stack(drawn, 1),
            torch.cat(drawn_links, 1) if drawn_links else none.long(),
            torch.stack(logs, 1),
            torch.cat(logits, 1) if logits else none,
        )

    def _bounded(self, logits: Tensor) -> Tensor:
        return self.settings.tanh_constant * torch.tanh(logits / self.settings.temperature)

    def _link_logits(self, before: Tensor, here: Tensor) -> Tensor:
        """States of earlier units (M, T, H) and of this one (M, H) -> (M, T)."""
        head = self.link_head
        logits: Tensor = head["value"](torch.tanh(head["before"](before) + head["here"](here).unsqueeze(1))).squeeze(2)
        return logits

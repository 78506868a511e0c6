"""Which candidates a search will ask for next: the strategy is replayed with the scores known so far, plus guessed ones."""

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count

from facenas.score import Score
from facenas.search.candidate import Candidate, Outcome, Phase, Strategy, Verdict

Known = Callable[[Candidate], Score | None]
OUTCOMES: tuple[Outcome, ...] = ("accepted", "neutral", "rejected")
LOOK_AHEAD = 20  # steps of replaying for each wanted candidate, at most
PRIOR = (1.0, 4.0)  # one rejection in four verdicts, before a phase has any


class Replay:
    """A strategy that is fed with known scores, to see which candidate it asks for next."""

    def __init__(self, strategy: Strategy, scores: Sequence[Score]) -> None:
        self.scores: list[Score] = []
        self.verdicts: list[Verdict] = []
        self.best = Score(correct=0, total=1)
        self._plan = strategy.search(self.verdicts.append)
        self.candidate: Candidate | None = next(self._plan)
        for score in scores:
            self.send(score)

    def send(self, score: Score) -> None:
        """Answer the current candidate with its score; `candidate` is then the next one, or None at the end."""
        self.scores.append(score)
        try:
            self.candidate = self._plan.send(score)
        except StopIteration:
            self.candidate = None
        if self.verdicts[-1].outcome == "accepted":
            self.best = score


def forecast(strategy: Strategy, scores: Sequence[Score], most: int = 10_000) -> list[Candidate]:
    """The candidates still to come if every further score equals that of the best so far: the longest likely way.

    So a macro phase goes on to its bound, and the micro phases reject what they try.

    Args:
        strategy: The algorithm.
        scores: Scores known so far, in plan order.
        most: Most candidates to return.
    """
    replay, ahead = Replay(strategy, scores), list[Candidate]()
    while replay.candidate and len(ahead) < most:
        ahead.append(replay.candidate)
        replay.send(replay.best)
    return ahead


def likely_next(strategy: Strategy, phases: Sequence[Phase], scores: Sequence[Score], known: Known, most: int) -> list[Candidate]:
    """Up to `most` candidates without a score that the search is most likely to ask for, the likeliest first; the first is certain.

    A candidate without a score is guessed to be as good as the best so far. Where a bad score would change the next candidate, which is
    where a phase may end, that future is followed too; how likely it is, is learned from the verdicts of the phase. (Following the
    futures of a better score as well made the published searches slower.)

    Args:
        strategy: The algorithm.
        phases: Phase of the candidate of each score.
        scores: Scores known so far, in plan order.
        known: Function that gives the score of a candidate computed ahead of time, else None.
        most: Number of candidates wanted.

    Source: the speculative reduction of C-Reduce (Regehr, 2013) and predictive prefetching in MCMC (Brockwell, 2006): parallel, with
    the serial result.
    """
    start = Replay(strategy, scores)
    outcomes = Counter(zip(phases, (verdict.outcome for verdict in start.verdicts), strict=True))
    order, wanted = count(), dict[Candidate, None]()
    heap = [(-1.0, next(order), start)]
    while heap and len(wanted) < most and next(order) < LOOK_AHEAD * most:
        odds, _, replay = heapq.heappop(heap)
        candidate = replay.candidate
        if candidate is None:
            continue
        score = known(candidate)
        if score:
            replay.send(score)
            heapq.heappush(heap, (odds, next(order), replay))
            continue
        wanted[candidate] = None
        rejected, judged = outcomes[candidate.phase, "rejected"], sum(outcomes[candidate.phase, outcome] for outcome in OUTCOMES)
        for share, future in _futures(strategy, replay, candidate, (rejected + PRIOR[0]) / (judged + PRIOR[1])):
            heapq.heappush(heap, (odds * share, next(order), future))
    return list(wanted)


def _futures(strategy: Strategy, replay: Replay, candidate: Candidate, odds: float) -> list[tuple[float, Replay]]:
    """What may follow a candidate, with its share; `replay` is used up. `odds` are those of a rejection."""
    scores, best = list(replay.scores), replay.best
    replay.send(best)
    if replay.verdicts[-1].outcome != "rejected":
        worse = Replay(strategy, [*scores, Score(correct=0, total=best.total)])
        if worse.candidate != replay.candidate:
            return [(1 - odds, replay), (odds, worse)]
    return [(1.0, replay)]

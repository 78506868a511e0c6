"""The page of a search, built from rows without training."""

import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facenas.backbones import ZOO, Architecture, Blueprint, IRSpace, PlainSpace, SearchSpace, Space
from facenas.errors import RunError
from facenas.files import write_json, write_text
from facenas.report import page, write_report
from facenas.report.axes import around, of_cost
from facenas.report.drawing import GAP, blocks, draw
from facenas.report.search import chosen
from facenas.report.svg import tag
from facenas.report.words import amount, interval
from facenas.search import Candidate, DynamicRanking, Journal, NetworkCost, Row, Score, Verdict
from facenas.search.candidate import Phase
from facenas.training.device import derive_seed
from facenas.training.fit import Evaluation
from facenas.training.loop import Epoch
from tests.conftest import Result

PLAIN, IR = PlainSpace(input_size=28), IRSpace(embedding_size=None, input_size=32)
RUN = Path("runs/some")


def make_row(step: int, candidate: Candidate, space: SearchSpace, verdict: Verdict, **changes: Any) -> Row:
    correct = 600 + derive_seed(candidate.model_dump(mode="json")) % 300
    history = tuple(Epoch(n, 2 / n, 50 + n, 100, 0.1, validation=correct) for n in range(1, candidate.epochs + 1))
    evaluation = Evaluation(score=Score(correct=correct, total=1000), history=history, seconds=60, device="cpu")
    cost = space.cost(candidate.architecture)
    evaluation = evaluation.model_copy(update=changes)
    return Row(step=step, candidate=candidate, evaluation=evaluation, verdict=verdict, parameters=cost.parameters, macs=cost.macs)


def a_search(space: Space) -> tuple[list[Row], Architecture]:
    """A whole search whose scores derive from the candidates."""
    verdicts: list[Verdict] = []
    strategy = DynamicRanking(space, min_depth=10, max_depth=16, min_width=8, max_width=14, macro_epochs=2)
    plan, rows = strategy.search(verdicts.append), list[Row]()
    candidate = next(plan)
    while True:
        row = make_row(len(rows), candidate, space, Verdict(outcome="neutral", reason="to come"))
        try:
            following = plan.send(row.evaluation.score)
        except StopIteration as end:
            return [*rows, row.model_copy(update={"verdict": verdicts[-1]})], end.value
        rows.append(row.model_copy(update={"verdict": verdicts[-1]}))
        candidate = following


def of_phase(phase: Phase, count: int, **changes: Any) -> list[Row]:
    start = [Candidate(architecture=PLAIN.start(depth=5 + n, width=8), epochs=2, phase=phase) for n in range(count)]
    return [make_row(n, it, PLAIN, Verdict(outcome="rejected", reason="a test"), **changes) for n, it in enumerate(start)]


class Reader(HTMLParser):
    """Elements that are open, and what would be loaded from elsewhere."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.loads: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [f"{tag} {key}" for key, _ in attrs if key in ("src", "href", "xlink:href", "srcset", "data", "action", "style")]
        if tag not in ("meta", "link", "img", "br", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawings(html: str) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(text) for text in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def figure(html: str, title: str) -> ElementTree.Element:
    """The chart under a title."""
    return ElementTree.fromstring(re.search(rf"<figcaption>{title}.*?</figcaption>(<svg.*?</svg>)", html, re.DOTALL)[1])  # type: ignore[index]


def marks(chart: ElementTree.Element, kind: str = "") -> list[str]:
    """Kinds of the marks of a chart."""
    kinds = [str(path.get("class")).removeprefix("mark ") for path in chart.iter("path") if str(path.get("class")).startswith("mark ")]
    return [it for it in kinds if kind in ("", it)]


@pytest.fixture(scope="module", params=[PLAIN, IR], ids=["plain", "ir"])
def searched(request: pytest.FixtureRequest) -> tuple[Space, list[Row], Architecture]:
    rows, found = a_search(request.param)
    return request.param, rows, found


def test_finished_search_says_what_was_found(searched: tuple[Space, list[Row], Architecture]) -> None:
    space, rows, found = searched
    html, best = page(RUN, rows, space=space, found=found), chosen(rows, found)
    assert f"Found: depth {found.depth}, width {found.width}" in html
    assert "half done" not in html
    assert best is not None
    assert f"{best.evaluation.score.correct} of 1,000 validation items after 2 epochs" in html
    assert f"{space.count_parameters(found):,}" in html
    assert "facenas search --config runs/some/config.yaml --run runs/some-again" in html
    assert {"Grow", "Prune", "Operations", "Kernels"} == set(re.findall(r"<figcaption>(\w+): ", html))


def test_half_done_search_says_so_and_how_to_go_on(searched: tuple[Space, list[Row], Architecture]) -> None:
    space, rows, _ = searched
    for length in range(1, len(rows)):
        html, best = page(RUN, rows[:length], space=space, found=None), chosen(rows[:length], None)
        assert best is not None
        assert f"Best so far: depth {best.candidate.architecture.depth}, width {best.candidate.architecture.width}" in html
        assert ">half done<" in html
        assert "facenas search --config runs/some/config.yaml --run runs/some<" in html


def test_page_is_well_formed_and_loads_nothing(searched: tuple[Space, list[Row], Architecture]) -> None:
    space, rows, found = searched
    html = page(RUN, rows, space=space, found=found, config="seed: 0")
    reader = Reader(html)
    assert reader.open == []
    assert reader.loads == []
    assert not reader.tags & {"script", "link", "iframe", "object", "embed", "img", "base"}
    assert not re.search(r"url\(|@import|https?:|nan|inf\b", html.split("<h2>All candidates")[0])
    assert len(drawings(html)) > 10


def test_equal_rows_make_equal_bytes(searched: tuple[Space, list[Row], Architecture]) -> None:
    space, rows, found = searched
    assert page(RUN, rows, space=space, found=found) == page(RUN, list(rows), space=space, found=found)


def test_every_candidate_is_a_mark_and_a_phase_begins_where_the_last_one_ended(searched: tuple[Space, list[Row], Architecture]) -> None:
    space, rows, found = searched
    html = page(RUN, rows, space=space, found=found)
    phases = [row.candidate.phase for row in rows]
    for title, phase, before in (("Grow", "grow", 0), ("Prune", "prune", 1), ("Operations", "operations", 0), ("Kernels", "kernels", 1)):
        assert len(marks(figure(html, title))) == phases.count(phase) + before  # type: ignore[arg-type]
    grown = [row for row in rows if row.candidate.phase == "grow"]
    assert sorted(marks(figure(html, "Grow"))) == sorted(row.verdict.outcome for row in grown)
    table = html.split("<h2>All candidates")[1]
    assert len(re.findall("<tr", table)) == len(rows) + 1


def test_widths_fall_from_left_to_right(searched: tuple[Space, list[Row], Architecture]) -> None:
    space, rows, found = searched
    titled = [mark for mark in figure(page(RUN, rows, space=space, found=found), "Prune").iter("g") if mark.find("title") is not None]
    across = {
        float(mark.attrib["transform"][10:].split()[0]): int(str(mark.findtext("title")).split("width ")[1].split(",")[0])
        for mark in titled
    }
    assert [across[x] for x in sorted(across)] == sorted(across.values(), reverse=True)


def test_text_of_users_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    row = of_phase("random", 1)[0]
    row = row.model_copy(update={"verdict": Verdict(outcome="accepted", reason=evil)})
    html = page(Path(evil), [row], space=PLAIN, found=None, config=f"# {evil}", warnings=[evil])
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)") >= 5


def test_svg_is_escaped_in_text_and_attributes() -> None:
    parsed = ElementTree.fromstring(tag("text", "<b>&", title='"><b>', x=1.25, stroke_width=2.0))
    assert (parsed.text, parsed.attrib) == ("<b>&", {"title": '"><b>', "x": "1.2", "stroke-width": "2"})


def test_warnings_come_first() -> None:
    html = page(RUN, of_phase("random", 1), space=PLAIN, found=None, warnings=["read this", "and this"])
    assert html.index("read this") < html.index("and this") < html.index("<h1")
    assert 'role="note"' not in page(RUN, of_phase("random", 1), space=PLAIN, found=None)


def test_other_strategies_show_the_best_so_far_by_number() -> None:
    html = page(RUN, of_phase("evolution", 30), space=PLAIN, found=None)
    assert len(marks(figure(html, "Score of each candidate"))) == 30
    assert "<details>\n<summary>30 candidates" in html


def test_learning_curves_need_two_epochs() -> None:
    row = of_phase("random", 1)[0]
    assert "<h2>Learning curves" in page(RUN, [row], space=PLAIN, found=None)
    once = row.model_copy(update={"evaluation": row.evaluation.model_copy(update={"history": row.evaluation.history[:1]})})
    assert "<h2>Learning curves" not in page(RUN, [once], space=PLAIN, found=None)


def test_one_failed_network_does_not_squeeze_the_others() -> None:
    rows = of_phase("random", 9)
    rows += [row.model_copy(update={"step": 9}) for row in of_phase("random", 1, score=Score(correct=10, total=1000))]
    chart = figure(page(RUN, rows, space=PLAIN, found=None), "Score of each candidate")
    assert marks(chart, "outside") == ["outside"]
    percents = [float(text.text or 0) for text in chart.iter("text") if text.get("text-anchor") == "end" and text.get("class") is None]
    assert min(percents) >= 50


@pytest.mark.parametrize(
    "changes", [{"diverged": True}, {"score": Score(correct=0, total=9, refused=True), "history": (), "remark": "9 ms"}]
)
def test_a_search_without_any_score_is_still_a_page(changes: dict[str, Any]) -> None:
    html = page(RUN, of_phase("grow", 3, **changes), space=PLAIN, found=None)
    assert "no candidate was accepted" in html
    assert marks(figure(html, "Grow")) == ["outside"] * 3
    assert ("9 ms" in html) == ("remark" in changes)


def test_no_candidate_is_one_sentence() -> None:
    with pytest.raises(RunError, match="no candidate of runs/some has a score yet; a report needs at least one"):
        page(RUN, [], space=PLAIN, found=None)


@pytest.mark.parametrize("width", [340, 928])
@pytest.mark.parametrize("name", [*ZOO, "plain3", "plain100"])
def test_drawing_is_to_scale_and_stays_inside(name: str, width: int) -> None:
    blueprint = ZOO.get(name) or Blueprint(architecture=PLAIN.start(depth=int(name.removeprefix("plain")), width=16), space=PLAIN)
    svg = ElementTree.fromstring(draw(blueprint, width))
    boxes = [{key: float(rect.get(key, 0)) for key in ("x", "y", "width", "height")} for rect in svg.iter("rect")]
    chain = blocks(blueprint)
    architecture = blueprint.architecture
    units = architecture.depth if architecture.space == "cells" else len(architecture.operations)
    assert len(boxes) == units + 2 == len(chain)
    for box, block in zip(boxes, chain, strict=True):
        assert box["height"] / boxes[0]["height"] == pytest.approx(block.height, abs=0.01)
        assert box["width"] / boxes[0]["width"] == pytest.approx(block.channels / chain[0].channels, rel=0.02)
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] >= 7.9
    for left, right in pairwise(boxes):
        assert right["x"] - left["x"] - left["width"] >= GAP - 0.2 or right["y"] > left["y"]


def test_blocks_follow_the_network() -> None:
    """EGNAS' R-58-256: 3, 5, 17 and 3 units of 32, 64, 128 and 256 channels."""
    stages = [block.labels for block in blocks(ZOO["r58-256"])[1:-1]]
    assert [block.below for block in blocks(ZOO["ir18"])] == ["stem", "", "", "", "", "5", "", "", "", "head"]
    assert stages == [("56 x 56", "32 ch")] * 3 + [("28 x 28", "64 ch")] * 5 + [("14 x 14", "128 ch")] * 17 + [("7 x 7", "256 ch")] * 3


numbers = st.floats(1e-3, 1e10)


@given(st.lists(numbers, min_size=1, max_size=20), st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_axes_hold_their_values_and_a_few_round_ticks(values: list[float], whole: bool, falling: bool) -> None:
    for axis in (around(values, "v", whole=whole, falling=falling), of_cost(values, "v")):
        assert all(-1e-9 <= axis.at(value) <= 1 + 1e-9 for value in values)
        ticks = axis.ticks()
        assert len(ticks) <= 20
        assert all(math.isfinite(axis.at(tick)) and axis.low <= tick <= axis.high for tick in ticks)
    assert len(around([0, 100], "v").ticks()) > 3


def test_numbers_as_people_read_them() -> None:
    assert [amount(value) for value in (7, 309_450, 999_900, 1_234_567, 2.5e9)] == ["7", "309 k", "1 M", "1.23 M", "2.5 G"]
    assert interval(Score(correct=0, total=10)) == "0.0 to 27.8 %"  # scipy.stats.binomtest(0, 10).proportion_ci(method="wilson")
    assert not any(interval(Score(correct=0, total=total)).startswith("-") for total in range(1, 3000))
    assert interval(Score(correct=8932, total=10_000)) == "88.7 to 89.9 %"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a half-done search."""
    folder = tmp_path / "some"
    journal = Journal(folder, warnings=["seen on the way"])
    for row in a_search(IR)[0][:6]:
        journal.append(row.candidate, row.evaluation, row.verdict, NetworkCost(row.parameters, row.macs))
    write_text(folder / "config.yaml", "# facenas 9.9\nspace: {name: ir, embedding_size: null, input_size: 32}\n")
    return folder


def test_run_folder_becomes_a_page_and_the_found_architecture_ends_it(run: Path) -> None:
    half = write_report(run).read_text()
    assert ">half done<" in half
    assert "seen on the way" in half
    assert "# facenas 9.9" in half
    found = ZOO["ir18"].architecture.replace(width=14)
    write_json(run / "architecture.json", Blueprint(architecture=found, space=IR).model_dump(mode="json"))
    assert "Found: depth 18, width 14" in write_report(run).read_text()


def test_damaged_run_folder_is_one_sentence(run: Path) -> None:
    write_text(run / "config.yaml", "space: {name: nowhere}")
    with pytest.raises(RunError, match=r"config.yaml names no search space"):
        write_report(run)
    (run / "config.yaml").unlink()
    with pytest.raises(RunError, match=r"no config.yaml in"):
        write_report(run)


def test_command_says_where_the_page_is(facenas: Callable[..., Result], run: Path) -> None:
    assert facenas("report", run).stdout.strip() == str(run / "report.html")
    other = run.parent / "other.html"
    assert facenas("report", run, "--output", other, "--json").json == {"run": str(run), "file": str(other)}
    assert other.read_text() == (run / "report.html").read_text()
    assert "no journal in" in facenas("report", run / "nowhere", code=1).stderr

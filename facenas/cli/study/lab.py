"""Where a study runs: its folder, its searches in folders below, its result in two files."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from facenas.api.folders import open_run
from facenas.cli.common import overrides, print_json, print_result
from facenas.files import write_json, write_text

if TYPE_CHECKING:
    from facenas.backbones import Architecture
    from facenas.search import Row, SearchSettings
    from facenas.search.row import StageEpoch
    from facenas.search.run import Means
    from facenas.settings import Section

S = TypeVar("S", bound="Section")
R = TypeVar("R", bound="Section")


@dataclass
class Lab(Generic[S]):
    """A study and its folder; run again, it goes on where it was interrupted.

    Attributes:
        name: Of the study.
        settings: Of the study.
        folder: For everything that it writes.
        means: Of its searches.
        threads: CPU threads of one candidate: what was set, else what the first search began with.
        lock: On the folder, as long as this process works in it.
    """

    name: str
    settings: S
    folder: Path
    means: "Means"
    threads: int | None = None
    lock: ExitStack = field(default_factory=ExitStack)

    def search(self, name: str, settings: "SearchSettings") -> "tuple[Architecture, list[Row]]":
        """Run or continue one search in a folder below; what it found, and its journal."""
        from facenas.api.searching import run_in, with_threads

        known = settings.model_copy(update={"threads": settings.threads or self.threads})
        ready = with_threads(known, self.folder / name, self.means.workers)
        self.threads = ready.threads
        done = run_in(self.folder / name, ready, self.means)
        return done.architecture, list(done.rows)

    def epochs(self, name: str) -> "list[StageEpoch]":
        """Epochs of the shared weights of a search in a folder below."""
        from facenas.search import open_journal

        kept = open_journal(self.folder / name).epochs()
        return kept.rows() if kept else []

    def publish(self, result: R, *, table: Callable[[R], object], picture: Callable[[R], str], as_json: bool) -> None:
        """Write study.json and study.svg, and print."""
        value: dict[str, Any] = {
            "study": self.name,
            "settings": self.settings.model_dump(mode="json"),
            "result": result.model_dump(mode="json"),
        }
        write_json(self.folder / "study.json", value)
        write_text(self.folder / "study.svg", picture(result))
        self.lock.close()
        if as_json:
            print_json(value)
            return
        print_result(table(result))
        print_result(f"{self.folder / 'study.json'}, {self.folder / 'study.svg'}")


def open_lab(
    name: str,
    schema: type[S],
    *,
    config: str,
    assignments: list[str],
    run: Path | None,
    seeds: list[int],
    device: str | None,
    workers: int,
    cache: Path | None,
) -> Lab[S]:
    """Read the settings of a study, and make its folder or go on in it."""
    from facenas.search import locked
    from facenas.search.run import Means
    from facenas.settings import load

    options = overrides(assignments, **{"seeds": seeds or None, "search.device": device})
    settings = load(schema, command="study", preset=config, overrides=options)
    folder = run or Path("runs") / f"study-{Path(config).stem}"
    lab = Lab(name, settings, folder, Means(workers=workers, cache=cache))
    lab.lock.enter_context(locked(folder))
    open_run(folder, settings)
    return lab

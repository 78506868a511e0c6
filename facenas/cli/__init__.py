"""The command line: `facenas COMMAND`."""

import errno
import logging
import os
import signal
import sys
import threading
from typing import Any

import typer

from facenas.api.progress import showing
from facenas.cli.lazy import PLAIN, Entry, group
from facenas.cli.pipes import UNREAD, finish, is_unread, place_of_output
from facenas.errors import FacenasError, StoppedError

# Names, and how the help of each begins, so that `facenas --help` imports none of them.
COMMANDS = {
    "align": Entry(
        "facenas.cli.align:align",
        "Find the faces in pictures and cut them out.",
    ),
    "search": Entry("facenas.cli.search:search", "Search an architecture."),
    "train": Entry(
        "facenas.cli.train:train",
        "Train an architecture with a margin head.",
    ),
    "eval": Entry("facenas.cli.evaluate:evaluate", "Measure a face model on people that it has not seen."),
    "export": Entry(
        "facenas.cli.export:export",
        "Write a trained model as one file.",
    ),
    "bench": Entry(
        "facenas.cli.bench:bench",
        "Measure how fast models are on this machine.",
    ),
    "push": Entry("facenas.cli.push:push", "Write a trained model with its page."),
    "models": Entry("facenas.cli.models:models", "List the named architectures with their cost, and the search spaces."),
    "journal": Entry("facenas.cli.journal:journal", "Show every candidate of a search in plan order."),
    "compare": Entry(
        "facenas.cli.compare:compare",
        "Compare the faces of two pictures.",
    ),
    "compare-searches": Entry("facenas.cli.compare_searches:compare_searches", "Compare searches."),
    "demo": Entry("facenas.cli.demo:demo", "Open a web page."),
    "embed": Entry(
        "facenas.cli.embed:embed",
        "Write the embeddings of aligned faces.",
    ),
    "identify": Entry("facenas.cli.gallery:identify", "Name the people of a gallery whom a face is most like."),
    "gallery": Entry("facenas.cli.gallery:gallery", "Known people, to be found in pictures by `facenas identify`."),
    "report": Entry("facenas.cli.report:report", "Write a search as one HTML page."),
    "dashboard": Entry("facenas.cli.dashboard:dashboard", "Show a run in optuna-dashboard."),
    "study": Entry("facenas.cli.study:study", "Repeat the paper's studies of the search itself."),
    "data": Entry("facenas.cli.data:data", "Look at, check, pack and show faces."),
    "quickstart": Entry(
        "facenas.cli.quickstart:quickstart",
        "Search, train, evaluate and export a face backbone.",
    ),
}
app = typer.Typer(help="Search, train, evaluate and export face-recognition backbones.", no_args_is_help=True, cls=group(COMMANDS), **PLAIN)


@app.callback()
def _commands() -> None:
    """So that typer makes a group of it."""


MISTAKE: Any = typer.BadParameter.__mro__[2]  # click's exception of the command line; recent versions of typer bring their own click
ANEW = {
    "bench",
    "compare",
    "compare-searches",
    "data",
    "embed",
    "eval",
    "export",
    "gallery",
    "identify",
    "push",
}  # others go on where they were
INTERRUPTED, TERMINATED = 130, 143  # as a shell reports Ctrl-C and SIGTERM


def main() -> None:
    """Run a command; what a user can fix is one sentence and exit code 1, Ctrl-C is 130."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger().handlers[0].addFilter(lambda record: record.name != "facenas")  # those are shown by `run`
    sys.unraisablehook = _ask_again
    sys.exit(run())


def _ask_again(dropped: "sys.UnraisableHookArgs") -> None:
    """Ctrl-C that falls into a finaliser or the callback of a weak reference, where Python drops it, comes again a moment later."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    else:
        sys.__unraisablehook__(dropped)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    output = place_of_output()
    try:
        with showing():
            code = int(app(args=arguments, standalone_mode=False, prog_name="facenas") or 0)
        finish()
        return _interrupted(arguments) if code == INTERRUPTED else code
    except (SystemExit, BrokenPipeError):  # what typer, rich and Python make of a pipe that has ended
        return UNREAD if is_unread(output) else _fail("a process or a connection ended early; what was finished is kept, see above")
    except StoppedError as error:
        return _fail(str(error), TERMINATED)
    except FacenasError as error:
        return _fail(str(error))
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else (error.strerror or str(error))
        protected = "; it, or its folder, cannot be written" if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM) else ""
        return _fail(f"{reason}: {error.filename or 'while writing'}{protected}; {_next(arguments)}")
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(arguments)
    except typer.Exit as error:
        return error.exit_code
    except MISTAKE as error:
        error.show()
        return int(error.exit_code)


def _interrupted(arguments: list[str] | None) -> int:
    return _fail(f"interrupted; {_next(arguments)}", INTERRUPTED)


def _next(arguments: list[str] | None) -> str:
    """What is left of a command that ended early."""
    command = next(iter(sys.argv[1:] if arguments is None else arguments), "")
    return "run the same command to begin again" if command in ANEW else "what was finished is kept, run the same command to go on"


def _fail(sentence: str, code: int = 1) -> int:
    print(f"facenas: {sentence}", file=sys.stderr)
    return code

"""The command line: `facenas COMMAND`."""

import errno
import logging
import os
import signal
import sys
import threading
from typing import Any

import typer

from facenas.cli import (
    align,
    bench,
    compare,
    dashboard,
    data,
    demo,
    embed,
    evaluate,
    export,
    gallery,
    journal,
    models,
    push,
    quickstart,
    report,
    search,
    study,
    train,
)
from facenas.cli.pipes import UNREAD, finish, is_unread, place_of_output
from facenas.errors import FacenasError, StoppedError

app = typer.Typer(
    help="Search, train, evaluate and export face-recognition backbones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("align")(align.align)
app.command("search")(search.search)
app.command("train")(train.train)
app.command("eval")(evaluate.evaluate)
app.command("export")(export.export)
app.command("bench")(bench.bench)
app.command("push")(push.push)
app.command("models")(models.models)
app.command("journal")(journal.journal)
app.command("compare")(compare.compare)
app.command("demo")(demo.demo)
app.command("embed")(embed.embed)
app.command("identify")(gallery.identify)
app.add_typer(gallery.gallery, name="gallery")
app.command("report")(report.report)
app.command("dashboard")(dashboard.dashboard)
app.add_typer(study.study, name="study")
app.add_typer(data.data, name="data")
app.command("quickstart")(quickstart.quickstart)


MISTAKE: Any = typer.BadParameter.__mro__[2]  # click's exception of the command line; recent versions of typer bring their own click
INTERRUPTED, TERMINATED = 130, 143  # as a shell reports Ctrl-C and SIGTERM


def main() -> None:
    """Run a command; what a user can fix is one sentence and exit code 1, Ctrl-C is 130."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
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
        code = int(app(args=arguments, standalone_mode=False, prog_name="facenas") or 0)
        finish()
        return _interrupted() if code == INTERRUPTED else code
    except (SystemExit, BrokenPipeError):  # what typer, rich and Python make of a pipe that has ended
        return UNREAD if is_unread(output) else _fail("a process or a connection ended early; what was finished is kept, see above")
    except StoppedError as error:
        return _fail(str(error), TERMINATED)
    except FacenasError as error:
        return _fail(str(error))
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else (error.strerror or str(error))
        return _fail(f"{reason}: {error.filename or 'while writing'}; what was finished is kept, run the same command to go on")
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except typer.Exit as error:
        return error.exit_code
    except MISTAKE as error:
        error.show()
        return int(error.exit_code)


def _interrupted() -> int:
    return _fail("interrupted; what was finished is kept, run the same command to go on", INTERRUPTED)


def _fail(sentence: str, code: int = 1) -> int:
    print(f"facenas: {sentence}", file=sys.stderr)
    return code

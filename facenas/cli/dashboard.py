"""`facenas dashboard`: optuna-dashboard on a copy of a run's journal."""

import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from facenas.cli.common import remark
from facenas.errors import RunError

HOST = "127.0.0.1"  # the dashboard can write and asks nobody who he is: it stays on this machine, and sees a copy
Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port on this machine.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")]


def dashboard(run: Annotated[Path, typer.Argument(help="Folder of a search run.")], port: Port = 8080, browser: Browser = True) -> None:
    """Show a run in optuna-dashboard, on this machine only, as it is now; Ctrl-C ends it.

    Example: facenas dashboard runs/orl --port 8080
    """
    from facenas.search import open_journal

    journal = open_journal(run)
    try:
        from optuna_dashboard import run_server
    except ImportError:
        raise RunError("optuna-dashboard is not installed; run `pip install 'facenas[dashboard]'`") from None
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/snapshot.db"
        journal.copy_to(url)
        remark(f"http://{HOST}:{port} shows {run} as it is now, {len(journal.rows())} candidates; Ctrl-C ends it")
        if browser:
            webbrowser.open(f"http://{HOST}:{port}")
        run_server(url, host=HOST, port=port)

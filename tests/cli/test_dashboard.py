"""optuna-dashboard on a run: on this machine alone, and on a copy."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from facenas.search import read_journal

pytestmark = pytest.mark.extra("dashboard")


def test_it_shows_both_scales_to_this_machine_and_cannot_change_the_run(facenas: Callable[..., Any], tmp_path: Path) -> None:
    quick = ["--set", "strategy.max_depth=12", "--set", "strategy.min_width=12", "--set", "strategy.micro_epochs=1"]
    facenas("search", "--config", "smoke", *quick, "--run", "r", "--json")
    rows = read_journal(tmp_path / "r")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "facenas", "dashboard", "r", "--port", str(port), "--no-browser"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        studies = {study["study_name"]: study for study in wait_for(f"http://127.0.0.1:{port}/api/studies")["study_summaries"]}
        assert set(studies) == {"r.macro", "r.micro"}
        number = studies["r.macro"]["study_id"]
        detail = wait_for(f"http://127.0.0.1:{port}/api/studies/{number}?after=0")
        assert len(detail["trials"]) == sum(row.scale == "macro" for row in rows)
        assert detail["directions"] == ["maximize", "minimize", "minimize"]  # so that it draws the Pareto front
        listening = {one.laddr.ip for one in psutil.Process(process.pid).net_connections() if one.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        delete = urllib.request.Request(f"http://127.0.0.1:{port}/api/studies/{number}", method="DELETE", data=b"{}")
        delete.add_header("Content-Type", "application/json")
        urllib.request.urlopen(delete, timeout=30)
        assert len(wait_for(f"http://127.0.0.1:{port}/api/studies")["study_summaries"]) == 1
        assert read_journal(tmp_path / "r") == rows
    finally:
        process.terminate()
        process.communicate()


def wait_for(url: str) -> Any:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)

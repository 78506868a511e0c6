"""What a strategy needs: neither torch nor files nor a clock."""

import json
import subprocess
import sys

from facenas.search.strategy import STRATEGIES


def test_no_strategy_loads_torch() -> None:
    """Each in turn in one process of its own, so that the one that does is named."""
    modules = ["facenas.search.candidate", "facenas.search.speculation", *(one.__module__ for one in STRATEGIES.members.values())]
    look = (
        "import json, sys\nfrom importlib import import_module\n"
        f"for name in {modules!r}:\n    import_module(name)\n    assert 'torch' not in sys.modules, name\n"
        "from facenas.search.strategy import STRATEGIES\nprint(json.dumps([sorted(STRATEGIES.members), 'torch' in sys.modules]))"
    )
    told = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    assert not told.returncode, told.stderr
    assert json.loads(told.stdout) == [sorted(STRATEGIES.members), False]

"""Small C files, compiled on first use by the machine's own compiler."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from facenas.files import cache_folder, replacing


def compiled(source: Path, flags: Sequence[str]) -> ctypes.CDLL | None:
    """The library that a C file becomes, from the cache if it was compiled here before; None where it cannot be compiled."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler or sys.byteorder != "little":
        return None
    try:
        machine = subprocess.run([compiler, "-march=native", "-dM", "-E", "-xc", os.devnull], capture_output=True, check=True).stdout
        name = sha256(source.read_bytes() + " ".join(flags).encode() + machine).hexdigest()[:16]
        file = cache_folder() / f"{source.stem}-{name}.so"
        if not file.exists():
            with replacing(file) as temporary:
                subprocess.run([compiler, *flags, str(source), "-o", str(temporary)], capture_output=True, check=True)
        return ctypes.CDLL(str(file))
    except (OSError, subprocess.CalledProcessError):
        return None

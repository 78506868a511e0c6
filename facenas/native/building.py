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


def compiler() -> str | None:
    """The machine's C compiler, if it has one that can be used."""
    if sys.byteorder != "little":
        return None
    return os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compiled(source: Path, flags: Sequence[str]) -> ctypes.CDLL | None:
    """Compile a C file into a shared library and load it; the cache keeps the library for the next time.

    Args:
        source: The C file.
        flags: The compiler's options; `-march=native` among them makes a library for this machine alone.

    Returns:
        The loaded library, or None where there is no compiler or it fails.
    """
    cc = compiler()
    if not cc:
        return None
    try:
        machine = subprocess.run([cc, "-march=native", "-dM", "-E", "-xc", os.devnull], capture_output=True, check=True).stdout
        name = sha256(source.read_bytes() + " ".join(flags).encode() + machine).hexdigest()[:16]
        file = cache_folder() / f"{source.stem}-{name}.so"
        if not file.exists():
            with replacing(file) as temporary:
                subprocess.run([cc, *flags, str(source), "-o", str(temporary)], capture_output=True, check=True)
        return ctypes.CDLL(str(file))
    except (OSError, subprocess.CalledProcessError):
        return None

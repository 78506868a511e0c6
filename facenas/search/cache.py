"""Results by content: what was once computed is found again, by this run or another."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from facenas.files import read_checked_json, write_checked_json
from facenas.score import Evaluation


class ResultCache:
    """Evaluations in a folder, one file each, named by the content that they depend on.

    Args:
        folder: Folder of the files; several runs may share it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Evaluation] = {}

    def get(self, key: str) -> Evaluation | None:
        """The finished evaluation of a name, or None; a damaged file counts as none."""
        if key not in self._read:
            try:
                self._read[key] = Evaluation.model_validate(read_checked_json(self._file(key)))
            except (FileNotFoundError, ValueError):
                return None
        return self._read[key]

    def put(self, key: str, evaluation: Evaluation) -> None:
        """Keep a finished evaluation, under `evaluation.filed` where its worker named the file, else under `key`.

        Args:
            key: Name of the result, as `get` is asked for it.
            evaluation: The finished evaluation; one of a worker of another kind names its own file (`filed`).
        """
        write_checked_json(self._file(evaluation.filed or key), evaluation.model_dump(mode="json"))
        self._read[key] = evaluation

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


def content_key(*parts: Any) -> str:
    """A file name made of content: equal parts give equal names."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

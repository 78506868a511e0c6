"""Parquet files of a data set: which of them belong together, and what their columns hold."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from facenas.data.remarks import say, some
from facenas.errors import DataError, nearest

WANTED = "it needs the columns image (bytes and path, or bytes) and label (whole numbers or names)"
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}


def parquet_files(root: Path) -> list[Path]:
    """The Parquet files at a path: the file itself, or those in the folder, else those in its folder `data`."""
    return [root] if root.is_file() else sorted(root.glob("*.parquet")) or sorted(root.glob("data/*.parquet"))


def of_split(root: Path, files: Sequence[Path], wanted: str | None) -> list[Path]:
    """The files of one split, by their names as Hugging Face gives them: `train-00000-of-00002.parquet`, `test.parquet`.

    Args:
        root: The file or folder that was given, for messages.
        files: The files.
        wanted: Name of the split; None: the only one, or else train.

    Raises:
        DataError: If there is no such split, or several and none of them is train.
    """
    splits: dict[str, list[Path]] = {}
    for file in files:
        splits.setdefault(_split(file.stem), []).append(file)
    if wanted is not None and wanted not in splits:
        raise DataError(f"{root} has no split {wanted!r}; {nearest(wanted, splits)}")
    chosen = wanted or ("train" if len(splits) > 1 else next(iter(splits)))
    if chosen not in splits:
        raise DataError(f"{root} has the splits {', '.join(sorted(splits))}; choose one with --set data.split=NAME")
    others = sorted(set(splits) - {chosen})
    if others and wanted is None:
        say(f"{root}: the split {chosen} is read, {some(others)} left out; --set data.split=NAME chooses another")
    return splits[chosen]


def open_parquet(path: Path) -> Any:
    """Open a Parquet file and check that it has the columns `image` and `label`.

    Raises:
        DataError: If pyarrow is not installed, the file is damaged, or a column is missing.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError("Parquet files need the package pyarrow; run `pip install pyarrow`") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise _damaged(path, error) from None
    missing = {"image", "label"} - set(file.schema_arrow.names)
    if missing:
        raise DataError(f"{path} needs the columns image (bytes, path) and label, got {', '.join(file.schema_arrow.names)}")
    if not _is_image(file.schema_arrow.field("image").type):
        raise DataError(f"the column image of {path} is of type {file.schema_arrow.field('image').type}; {WANTED}")
    return file


def read_column(path: Path, name: str, group: int | None = None) -> list[Any]:
    """A column as Python values, of one row group or of the whole file.

    Args:
        path: The Parquet file.
        name: Name of the column.
        group: Number of the row group, from 0; None: the whole file.

    Raises:
        DataError: If the file is damaged.
    """
    import pyarrow

    try:
        file = open_parquet(path)
        table = file.read(columns=[name]) if group is None else file.read_row_group(group, columns=[name])
        values: list[Any] = table[name].to_pylist()
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise _damaged(path, error) from None
    return values


def shard_labels(files: Sequence[Path]) -> Iterator[str]:
    """Each row's label in all files: the name of its class where the file says it, else the label itself; `-1` where there is none.

    Raises:
        DataError: If a label has no name, is neither a whole number nor text, or some of the files name their classes and others do not.
    """
    called = [_class_names(open_parquet(file)) for file in files]
    if any(called) and not all(called):
        unnamed = files[called.index([])]
        raise DataError(f"{unnamed} numbers its classes, other files name them, and the numbers need not agree; give files of one kind")
    for file, names in zip(files, called, strict=True):
        if len(set(names)) < len(names):
            raise DataError(f"{file} gives several classes one name, so that it cannot be told whether they are one person; mend the names")
        for row, label in enumerate(read_column(file, "label")):
            yield _label(label, names, f"row {row} of {file}")


def _label(label: Any, names: Sequence[str], place: str) -> str:
    if isinstance(label, float):
        label = None if label != label else int(label) if label.is_integer() else label
    if label is None or isinstance(label, str):
        return label or "-1"
    if isinstance(label, bool) or not isinstance(label, int):
        raise DataError(f"{place} has a label of type {type(label).__name__}; a label is a whole number or a name")
    if label < 0:
        return "-1"
    if names and label >= len(names):
        raise DataError(f"{place} has the label {label}, the file names the classes 0 to {len(names) - 1}; mend the labels or the names")
    return names[label] if names else str(label)


def _class_names(file: Any) -> list[str]:
    """The names of the classes that Hugging Face keeps in the schema; empty if there are none."""
    try:
        about = json.loads((file.schema_arrow.metadata or {})[b"huggingface"])
        return [str(name) for name in about["info"]["features"]["label"]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _split(stem: str) -> str:
    """The split that a file name tells: `train` of `train-00000-of-00002`, of `faces_train` and of `training`; others are their own."""
    numbered = re.fullmatch(r"(.+)-\d+-of-\d+", stem)
    words = re.findall(r"[a-z]+", stem.lower())
    known = next((SPLITS[word] for word in words if word in SPLITS), "")
    return (SPLITS.get(numbered[1].lower(), numbered[1]) if numbered else known) or "unnamed"


def _is_image(kind: Any) -> bool:
    import pyarrow.types as is_

    if is_.is_struct(kind):
        return {field.name for field in kind} & {"bytes", "path"} != set()
    return bool(is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_string(kind) or is_.is_large_string(kind) or is_.is_null(kind))


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is no readable Parquet file: {' '.join(str(error).split())[:160]}; get it again")

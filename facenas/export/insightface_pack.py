"""A folder that insightface 2 loads: the file, what it needs to know of it, and the licence that is the user's to state."""

import re
import shutil
from hashlib import sha256
from pathlib import Path

from facenas.data.faces import Size, sides
from facenas.files import replacing, write_json, write_text

LICENSE = "MODEL.LICENSE"  # the name that insightface asks for
NOTE = "The licence of this model is for whoever trained it to state; see also the licence of the photographs that it was trained on.\n"


def is_read(size: Size) -> bool:
    """Whether insightface takes a file of this input for a face recogniser; it ignores others, and 192 is its size of landmarks' models.

    Source: insightface 2.1, `model_zoo/model_zoo.py`.
    """
    return isinstance(size, int) and size >= 112 and size % 16 == 0 and size != 192


def write_pack(folder: Path, file: Path, *, size: Size, dimension: int) -> None:
    """Write a package for `insightface.model_zoo.get_model(folder, model_task="recognition")`.

    A licence that is already there stays.

    Args:
        folder: The package; its name becomes the model's.
        file: ONNX file that takes RGB values from 0 to 255.
        size: Size of a face in pixels: its side, or height and width.
        dimension: Length of the embeddings, D.

    Source: insightface 2.1, `model_zoo/package_manifest.py`, manifest version 2.
    """
    with replacing(folder / file.name) as temporary:
        shutil.copyfile(file, temporary)
    if not (folder / LICENSE).exists():
        write_text(folder / LICENSE, NOTE)
    recognition = {
        "file": file.name,
        "preprocessing": "embedded",
        "input_size": list(sides(size)[::-1]),
        "embedding_dimension": dimension,
        "sha256": sha256(file.read_bytes()).hexdigest(),
    }
    name = re.sub(r"[^A-Za-z0-9._-]", "-", folder.resolve().name).lstrip("._-")[:128] or "facenas"
    manifest = {"manifest_version": 2, "model_id": name, "license": LICENSE, "tasks": {"recognition": recognition}}
    write_json(folder / "manifest.json", manifest)

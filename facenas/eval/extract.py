"""Features of many photographs: workers decode ahead while the network computes, and what was computed is kept."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facenas.data.faces import Images
from facenas.errors import NotFiniteError
from facenas.eval.embed import Embedder, Embeddings
from facenas.files import cache_folder, replacing, write_json

AHEAD = 3  # batches that are decoded or in decoding beside the one that is computed


@dataclass(frozen=True)
class Features:
    """What a network says of photographs.

    Attributes:
        values: Raw embeddings (M, D), not normalised; where the mirror images were used, the sum of both.
        data_sha256: Hash of all pixels, in order: equal pictures, whatever file they come from, have the same.
        from_cache: Whether they were computed earlier.
    """

    values: Embeddings
    data_sha256: str
    from_cache: bool = False


class _Batch(NamedTuple):
    images: Images
    digests: list[bytes]


def extract(
    embedder: Embedder,
    image: Callable[[int], Images],
    count: int,
    *,
    batch_size: int = 64,
    flip: bool = True,
    workers: int | None = None,
    after_batch: Callable[[int], object] = lambda count: None,
) -> Features:
    """Embed all photographs, in order.

    Args:
        embedder: The network.
        image: Gives a photograph (H, W, 3), RGB, uint8, by its number; called by worker threads, some batches ahead.
        count: Number of photographs, M.
        batch_size: Photographs of a forward pass; with `flip`, their mirror images are in the same pass.
        flip: Whether the embeddings of a photograph and its mirror image are summed: the published protocol of the field.
        workers: Threads that decode; None: as many as cores, at least 2.
        after_batch: Called with the number of photographs of each finished batch.

    Raises:
        NotFiniteError: If the network yields numbers that are not finite.
        DataError: If a photograph cannot be decoded.
    """
    parts, whole = list[Embeddings](), sha256()
    for images, digests in _decoded(image, count, batch_size, workers=workers or max(2, os.cpu_count() or 1)):
        features = embedder(np.concatenate([images, images[:, :, ::-1]]) if flip else images)
        parts.append(features[: len(images)] + features[len(images) :] if flip else features)
        for digest in digests:
            whole.update(digest)
        after_batch(len(images))
    values = np.concatenate(parts)
    if not np.isfinite(values).all():
        raise NotFiniteError("the network yields embeddings that are not finite numbers")
    return Features(values, whole.hexdigest())


def unit(features: Embeddings) -> Embeddings:
    """Features (M, D) at unit length."""
    result: Embeddings = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return result


def kept(key: str, compute: Callable[[], Features]) -> Features:
    """Features from the cache, or computed and put there; a cache that cannot be written is done without.

    Args:
        key: All that they depend on: network, contract, pictures, flip.
        compute: Computes them.
    """
    path = cache_folder() / "embeddings" / sha256(key.encode()).hexdigest()[:24]
    found = _read(path)
    if found is None:
        found = compute()
        with suppress(OSError):
            _write(path, found)
    return found


def _decoded(image: Callable[[int], Images], count: int, batch_size: int, *, workers: int) -> Iterator[_Batch]:
    def decode(row: int) -> tuple[Images, bytes]:
        pixels = np.ascontiguousarray(image(row))
        return pixels, sha256(pixels.data).digest()

    waiting: deque[list[Future[tuple[Images, bytes]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for start in range(0, count, batch_size):
                waiting.append([pool.submit(decode, row) for row in range(start, min(start + batch_size, count))])
                if len(waiting) > AHEAD:
                    yield _stacked(waiting.popleft())
            while waiting:
                yield _stacked(waiting.popleft())
        finally:
            for future in (one for batch in waiting for one in batch):
                future.cancel()


def _stacked(batch: list[Future[tuple[Images, bytes]]]) -> _Batch:
    images, digests = zip(*(future.result() for future in batch), strict=True)
    return _Batch(np.stack(images), list(digests))


def _write(path: Path, features: Features) -> None:
    with replacing(path.with_suffix(".npy")) as temporary:
        with temporary.open("wb") as stream:
            np.save(stream, features.values, allow_pickle=False)
        told = {"data_sha256": features.data_sha256, "file_sha256": _digest(temporary)}
    write_json(path.with_suffix(".json"), told)


def _read(path: Path) -> Features | None:
    values = path.with_suffix(".npy")
    try:
        told = json.loads(path.with_suffix(".json").read_bytes())
        if told["file_sha256"] != _digest(values):  # before NumPy reads it: what it raises for a damaged file is manifold
            return None
        return Features(np.load(values, allow_pickle=False), told["data_sha256"], from_cache=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()

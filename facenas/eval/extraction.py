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
from facenas.errors import DataError, NotFiniteError
from facenas.eval.embed import Embedder, Embeddings, mirror_sum
from facenas.files import cache_folder, replacing, write_json

AHEAD = 3  # batches that are decoded or in decoding beside the one that is computed
SHOWN = 3  # problems that are kept


@dataclass(frozen=True)
class Features:
    """Embeddings of photographs, and what was seen of the photographs meanwhile.

    Attributes:
        values: Raw embeddings (M, D), not normalised; where the mirror images were used, the sum of both; NaN of what could not be read.
        data_sha256: Hash of all pixels, in order: equal pictures, whatever file they come from, have the same.
        from_cache: Whether they were computed earlier.
        problems: What is wrong with the first photographs that could not be read.
    """

    values: Embeddings
    data_sha256: str
    from_cache: bool = False
    problems: tuple[str, ...] = ()


class _Batch(NamedTuple):
    images: Images  # those that could be read
    digests: list[bytes]  # of all
    problems: list[str]  # of the others
    rows: list[int]  # in the batch, of those that could be read


def extract(
    embedder: Embedder,
    image: Callable[[int], Images],
    count: int,
    *,
    batch_size: int = 64,
    flip: bool = True,
    workers: int | None = None,
    most_missing: float = 0,
    after_batch: Callable[[int], object] = lambda count: None,
) -> Features:
    """Embed all photographs, in order.

    Args:
        embedder: Function that embeds a batch of photographs.
        image: Gives a photograph (H, W, 3), RGB, uint8, by its number; called by worker threads, some batches ahead.
        count: Number of photographs, M.
        batch_size: Photographs of a forward pass; with `flip`, their mirror images are in the same pass.
        flip: Whether the embeddings of a photograph and its mirror image are summed: the published protocol of the field.
        workers: Threads that decode; None: as many as cores, at least 2.
        most_missing: Share of the photographs that may be missing or damaged.
        after_batch: Called with the number of photographs of each finished batch.

    Raises:
        NotFiniteError: If the network yields numbers that are not finite.
        DataError: If more photographs than `most_missing` allows cannot be decoded, or none can.
    """
    parts, rows, problems, whole = list[Embeddings](), list[int](), list[str](), sha256()
    for start, batch in _decoded(image, count, batch_size, workers=workers or max(2, os.cpu_count() or 1)):
        problems += batch.problems
        if len(problems) > most_missing * count or len(problems) == count:
            raise DataError(_refusal(problems, count))
        if batch.rows:
            parts.append(mirror_sum(embedder, batch.images) if flip else embedder(batch.images))
            rows += [start + row for row in batch.rows]
        for digest in batch.digests:
            whole.update(digest)
        after_batch(len(batch.digests))
    values = np.concatenate(parts)
    if not np.isfinite(values).all():
        raise NotFiniteError("the network yields embeddings that are not finite numbers")
    return Features(_placed(values, rows, count), whole.hexdigest(), problems=tuple(problems[:SHOWN]))


def _refusal(problems: list[str], count: int) -> str:
    return problems[0] if len(problems) == 1 else f"{len(problems):,} of the first of {count:,} pictures cannot be used: {problems[0]}"


def _placed(values: Embeddings, rows: list[int], count: int) -> Embeddings:
    """Embeddings (K, D) at their rows (K,) among `count`, NaN elsewhere."""
    if len(rows) == count:
        return values
    placed = np.full((count, values.shape[1]), np.nan, values.dtype)
    placed[rows] = values
    return placed


def unit(features: Embeddings) -> Embeddings:
    """Features (M, D) at unit length."""
    result: Embeddings = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return result


def kept(key: str, compute: Callable[[], Features]) -> Features:
    """Features from the cache, or computed and put there; a cache that cannot be written is done without.

    Args:
        key: Text of all that the features depend on: network, contract, pictures, flip.
        compute: Function that computes them.
    """
    path = cache_folder() / "embeddings" / sha256(key.encode()).hexdigest()[:24]
    found = _read(path)
    if found is None:
        found = compute()
        with suppress(OSError):
            _write(path, found)
    return found


def _decoded(image: Callable[[int], Images], count: int, batch_size: int, *, workers: int) -> Iterator[tuple[int, _Batch]]:
    """The first row of each batch and what was decoded of it."""

    def decode(row: int) -> tuple[Images, bytes] | DataError:
        try:
            pixels = np.ascontiguousarray(image(row))
        except DataError as error:
            return error
        return pixels, sha256(pixels.data).digest()

    waiting: deque[tuple[int, list[Future[tuple[Images, bytes] | DataError]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for start in range(0, count, batch_size):
                waiting.append((start, [pool.submit(decode, row) for row in range(start, min(start + batch_size, count))]))
                if len(waiting) > AHEAD:
                    yield _stacked(*waiting.popleft())
            while waiting:
                yield _stacked(*waiting.popleft())
        finally:
            for future in (one for _, batch in waiting for one in batch):
                future.cancel()


def _stacked(start: int, batch: list[Future[tuple[Images, bytes] | DataError]]) -> tuple[int, _Batch]:
    found = [future.result() for future in batch]
    read = {row: one for row, one in enumerate(found) if not isinstance(one, DataError)}
    images = np.stack([pixels for pixels, _ in read.values()]) if read else np.empty(0, np.uint8)
    digests = [b"" if isinstance(one, DataError) else one[1] for one in found]
    return start, _Batch(images, digests, [str(one) for one in found if isinstance(one, DataError)], list(read))


def _write(path: Path, features: Features) -> None:
    with replacing(path.with_suffix(".npy")) as temporary:
        with temporary.open("wb") as stream:
            np.save(stream, features.values, allow_pickle=False)
        told = {"data_sha256": features.data_sha256, "file_sha256": _digest(temporary), "problems": features.problems}
    write_json(path.with_suffix(".json"), told)


def _read(path: Path) -> Features | None:
    values = path.with_suffix(".npy")
    try:
        told = json.loads(path.with_suffix(".json").read_bytes())
        if told["file_sha256"] != _digest(values):  # before NumPy reads it: what it raises for a damaged file is manifold
            return None
        problems = tuple(map(str, told.get("problems", ())))
        return Features(np.load(values, allow_pickle=False), told["data_sha256"], from_cache=True, problems=problems)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()

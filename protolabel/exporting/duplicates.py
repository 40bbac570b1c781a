"""Group images of the same thing: near-duplicates by their vectors, copies by their bytes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from protolabel.clustering.clusters import numbered_by_appearance
from protolabel.clustering.neighbors import KnnGraph, knn_graph
from protolabel.common.checks import as_indices, as_numbers, checked, described
from protolabel.common.vectors import FloatArray, as_vectors, unit_rows
from protolabel.errors import ImageReadError, InputError
from protolabel.images.files import StoredFile, open_file

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "Groups",
    "content_keys",
    "file_size",
    "groups_of",
    "identical_files",
    "merge_groups",
    "near_duplicates",
]

Groups: TypeAlias = str | Callable[[str], Hashable] | Sequence[Hashable]
"""Groups of images: a pattern, a function of the name, or a value for each image."""

FARTHEST = 0.05
"""1 - cosine above which two images are never called near-duplicates."""

_RANK = 5  # rank of the neighbour whose distance measures the density of the folder
_LOCAL = 0.12  # threshold as a fraction of the median distance to that neighbour
_GLOBAL = 0.01  # the same of the median distance of two images; for folders of bursts alone
_SMALL = 20  # images that a group may have in any folder
_LARGEST = 0.1  # largest fraction of the folder in a group
_CLASS = 10  # images of a class from which no group may hold most of it
_KEY = 2**16  # bytes at the beginning and at the end that are compared
_ROUNDS = 6  # halvings of the threshold inside a group that is too large or too loose


@checked
def near_duplicates(
    vectors: FloatArray,
    graph: KnnGraph | None = None,
    label: NDArray[np.integer] | None = None,
) -> NDArray[np.int32]:
    """Group near-duplicate images: resized or recompressed copies, consecutive frames.

    Connected components of the neighbour graph over edges shorter than a threshold that adapts
    to the encoder: 0.12 of the median distance (1 - cosine) to the 5th neighbour, at least 0.01
    of the median distance of two random images, and never more than `FARTHEST`. Equal vectors
    always go together.

    Parameters
    ----------
    vectors : ndarray of floating
        (N, d) floating; may be a memory map.
    graph : KnnGraph or None
        A `knn_graph` of the same vectors, to avoid computing it again.
    label : ndarray or None
        (N,) class index of every image. If given, no group may have more than half of a class of
        10 images or more, because such a class could not be split.

    Returns
    -------
    (N,) int32
        Group of every image, numbered from 0 by first appearance; most groups hold one image.

    Raises
    ------
    InputError
        If `vectors` cannot be used.

    Notes
    -----
    Chains (a is similar to b, b to c, but not a to c) could join half a folder. A group is
    therefore divided again with half the threshold, up to six times, if it has more than a tenth
    of the images (and more than 20), if it has more than 20 images whose distance from their mean
    exceeds the threshold, or if it has most of a class. After that, only equal vectors stay
    together.
    """
    vectors = as_vectors(vectors)
    n = len(vectors)
    if label is not None:
        label = as_indices(as_numbers(label, "label", n), 2**31 - 1, "label")
    if graph is None:
        graph = knn_graph(vectors)
    elif len(graph) != n:
        raise InputError(
            f"Expected the graph of the same {n} images, got one of {len(graph)}: leave it out."
        )
    same = _first_equal(vectors)
    threshold = _threshold(vectors, graph)
    distance = 1.0 - graph.similarities
    left, column = np.nonzero(distance < threshold)
    right, length = graph.indices[left, column], distance[left, column]
    limit = np.full(n, threshold, dtype=np.float32)
    copies = np.flatnonzero(same != np.arange(n))
    group = np.arange(n, dtype=np.int32)
    for attempt in range(_ROUNDS + 1):
        keep = length < limit[left]
        ends = np.concatenate([right[keep], same[copies]])
        group = _components(n, np.concatenate([left[keep], copies]), ends)
        bad = _is_chain(vectors, group, threshold)
        if label is not None:
            bad |= _holds_a_class(group, label)
        if not bad.any():
            break
        limit[bad[group]] *= 0.5 if attempt < _ROUNDS - 1 else 0.0
    return group


def identical_files(paths: Sequence[Path | StoredFile]) -> NDArray[np.int32]:
    """Group files with the same content; only files of equal size are read.

    Parameters
    ----------
    paths : sequence of path
        N files, as `ImageSet.paths`.

    Returns
    -------
    (N,) int32
        Group of every file, numbered from 0 by first appearance. An unreadable file forms a group
        of its own.
    """
    sizes = np.array([file_size(path) for path in paths], dtype=np.int64)
    first: dict[bytes, int] = {}
    leader = np.arange(len(paths))
    values, counts = np.unique(sizes, return_counts=True)
    shared = np.isin(sizes, values[(counts > 1) & (values >= 0)])
    for index in np.flatnonzero(shared):
        try:
            with open_file(paths[int(index)]) as file:
                digest = hashlib.file_digest(cast("BufferedReader", file), "blake2b").digest()
        except (OSError, ImageReadError):
            continue
        leader[index] = first.setdefault(digest, int(index))
    return _components(len(paths), np.arange(len(paths)), leader)


def content_keys(paths: Sequence[Path | StoredFile]) -> list[bytes]:
    """Return a key of the content of each file, independent of its name and folder.

    The key is a hash of the size and of the first and last 64 KiB; files with the same ones are
    taken as equal.

    Parameters
    ----------
    paths : sequence of path
        N files, as `ImageSet.paths`.

    Returns
    -------
    list of bytes
        N keys. The key of an unreadable file depends on its name.
    """
    with ThreadPoolExecutor(8, "protolabel-keys") as pool:
        return list(pool.map(_content_key, paths, chunksize=64))


@checked
def groups_of(names: Sequence[str], groups: Groups) -> NDArray[np.int32]:
    """Return the group of each image from a pattern, a function or values.

    Parameters
    ----------
    names : sequence of str
        N names of images.
    groups : str, callable or sequence
        A regular expression, searched for in each name: its first group, or else the whole match,
        names the group. Or a function from the name of an image to its group. Or N values, such
        as the column of a table. An image with None, NaN, empty text or no match has no group.

    Returns
    -------
    (N,) int32
        Group of every image, numbered from 0 by first appearance.

    Raises
    ------
    InputError
        If the expression is invalid, the number of values is wrong, or values cannot be compared.
    """
    values = list(_group_values(names, groups))
    if len(values) != len(names):
        raise InputError(
            f"Expected a group for each of the {len(names)} images, got {len(values)}: pass one "
            "value per image, a function of its name, or a pattern."
        )
    leader: dict[Any, int] = {}
    try:
        leaders = [
            index if _is_nothing(value) else leader.setdefault(value, index)
            for index, value in enumerate(values)
        ]
    except TypeError as error:
        raise InputError(
            f"Expected groups that can be compared, such as text or numbers: {error}."
        ) from error
    return _components(len(names), np.arange(len(names)), np.array(leaders, dtype=np.int64))


def _group_values(names: Sequence[str], groups: Groups) -> Iterable[Any]:
    if isinstance(groups, str):
        try:
            pattern = re.compile(groups)
        except re.error as error:
            raise InputError(
                f"Expected a regular expression for groups, got {groups!r} ({error}): escape "
                "special characters with a backslash."
            ) from error
        found = (pattern.search(name) for name in names)
        return [match and match[min(1, pattern.groups)] for match in found]
    if callable(groups):
        return [groups(name) for name in names]
    if not isinstance(groups, Iterable) or getattr(groups, "ndim", 1) == 0:
        raise InputError(
            f"Expected groups as a pattern, a function of the name, or a value for each image, got "
            f"{described(groups)}."
        )
    return np.asarray(groups).tolist() if hasattr(groups, "__array__") else list(groups)


def _is_nothing(value: Any) -> bool:
    return value is None or value == "" or bool(value != value)  # noqa: PLR0124 -- NaN of a table


def merge_groups(*groupings: NDArray[np.int32]) -> NDArray[np.int32]:
    """Join groups that share an image.

    Parameters
    ----------
    *groupings : (N,) int32
        Group of every image.
    """
    n = len(groupings[0])
    leaders = [_leader(group) for group in groupings]
    return _components(n, np.tile(np.arange(n), len(leaders)), np.concatenate(leaders))


def _threshold(vectors: FloatArray, graph: KnnGraph) -> float:
    n = len(vectors)
    if graph.k == 0:
        return 0.0
    # In a small folder the 5th neighbour is already a different picture.
    column = min(_RANK, graph.k, max(1, n // 4)) - 1
    local = float(np.median(1.0 - graph.similarities[:, column]))
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(n, size=min(n, 2000), replace=False))
    sample = unit_rows(vectors[chosen])[rng.permutation(len(chosen))]
    spread = float(np.median(1.0 - np.einsum("ij,ij->i", sample, np.roll(sample, 1, axis=0))))
    return min(FARTHEST, max(_LOCAL * local, _GLOBAL * spread))


def _is_chain(vectors: FloatArray, group: NDArray[np.int32], reach: float) -> NDArray[np.bool_]:
    """Return (G,) bool: groups that are more likely a chain than a burst."""
    size = np.bincount(group)
    bad = size > max(_SMALL, _LARGEST * len(group))
    suspects = np.flatnonzero((size > _SMALL) & ~bad)
    if len(suspects):
        order = np.argsort(group, kind="stable")
        stop = np.cumsum(size)
        for number in suspects:
            members = unit_rows(vectors[order[stop[number] - size[number] : stop[number]]])
            centre = unit_rows(members.mean(axis=0))
            bad[number] = float(np.quantile(1.0 - members @ centre, 0.9)) > reach
    return bad


def _holds_a_class(group: NDArray[np.int32], label: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return (G,) bool: groups with more than half of a class that is large enough to split."""
    pairs, count = np.unique(np.stack([group, label]), axis=1, return_counts=True)
    whole = np.bincount(label)[pairs[1]]
    bad = np.zeros(int(group.max()) + 1, dtype=bool)
    bad[pairs[0][(whole >= _CLASS) & (2 * count > whole)]] = True
    return bad


def _first_equal(vectors: FloatArray) -> NDArray[np.int64]:
    """Return the index of the first image with exactly the same vector, (N,)."""
    words = np.ascontiguousarray(vectors[:1]).view(np.uint8).shape[1] // 2
    weight = np.random.default_rng(0).integers(1, 2**63, size=words, dtype=np.uint64) | np.uint64(1)
    value = np.empty(len(vectors), dtype=np.uint64)
    for start in range(0, len(vectors), 16_384):
        block = np.ascontiguousarray(vectors[start : start + 16_384])
        # Compare bits: cosines of equal vectors can differ in the last digit from row to row.
        value[start : start + len(block)] = block.view(np.uint16).astype(np.uint64) @ weight
    return _leader(np.unique(value, return_inverse=True)[1])


def _leader(group: NDArray[np.integer]) -> NDArray[np.int64]:
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(first[inverse])


def _components(n: int, left: NDArray[np.integer], right: NDArray[np.integer]) -> NDArray[np.int32]:
    edges = coo_array((np.ones(len(left), dtype=bool), (left, right)), shape=(n, n))
    label = connected_components(edges, directed=False)[1]
    return numbered_by_appearance(label)


def _content_key(path: Path | StoredFile) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open_file(path) as file:
            size = file.seek(0, os.SEEK_END)
            digest.update(str(size).encode())
            file.seek(0)
            digest.update(file.read(_KEY))
            file.seek(max(_KEY, size - _KEY))
            digest.update(file.read(_KEY))
    except (OSError, ImageReadError):
        digest.update(os.fsencode(path.name))
    return digest.digest()


def file_size(path: Path | StoredFile) -> int:
    """Return the size of an image file in bytes, -1 if it cannot be opened."""
    try:
        if isinstance(path, StoredFile):
            with path.open() as file:
                return file.seek(0, os.SEEK_END)
        return os.stat(path).st_size  # noqa: PTH116 -- twice as fast, and there may be a million
    except OSError:
        return -1

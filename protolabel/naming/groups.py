"""Group images at every level from coarse to fine, and choose names for all groups together.

Each image gets a posterior over all words of a vocabulary. Images with similar vectors and similar
posteriors are merged step by step (Ward, 1963), so that one tree has every level. At each level,
names are assigned to all groups at once (Kuhn, *The Hungarian method for the assignment problem*,
1955), each word to at most one group. A word includes every word below it, so that a group of
several breeds is named "dog" and a group of one breed "beagle".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.common.checks import as_indices, as_seed, checked
from protolabel.common.progress import ProgressFn, resolve
from protolabel.common.vectors import (
    Float32Array,
    FloatArray,
    as_vectors,
    is_whole_number,
    unit_rows,
)
from protolabel.embedding.prompts import ClassPrompts
from protolabel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from protolabel.clustering.neighbors import KnnGraph
    from protolabel.naming.vocabulary import Vocabulary

__all__ = ["GOOD", "Group", "NameTree", "Suggestions", "group_images"]

GOOD = 0.1
"""Least `Group.agreement` of a word that is suggested as a name."""

# Chosen on five sets of real features; see tests/benchmarks/naming.
_FOLDER = 0.3  # fraction of the folder's mean vector that is subtracted from each image
_SPECIAL = 0.6  # power of the preference for words with few others below them
_NEIGHBOURS = 0.5  # weight of an image's neighbours in its evidence

_SAMPLE = 3000  # images that are merged; every other image joins the group of the nearest
_SHORTLIST = 1500  # words that may become names
_AS_WELL = 0.05  # nats per image; a smaller gain does not justify more groups
_COVERS = 0.5  # fraction of the images of a group that a general word must fit
_STEP = 1.15  # factor from one number of groups to the next
_MOST = 300  # groups
_CANDIDATES = 5  # words listed for a group
_EXAMPLES = 4  # images that represent a group
_TINY = 1e-4  # added to a posterior, so that no single image excludes a word
_FORBIDDEN = -1e8


@dataclass(frozen=True, eq=False)
class Group:
    """Similar images that a word may name.

    Attributes
    ----------
    images : (n,) int64
        Indices of its images, the most typical first.
    examples : (4 or fewer,) int64
        Images that represent the group: typical ones that differ from each other.
    words : tuple of (str, float)
        Words that may name it, the best first, each with the mean posterior, over the images, of
        the word and all words below it, 0..1.
    name : str or None
        The first word, if it is good enough and no other group has it.
    level : int
        Number of more general words above the first word: 0 is the most general.
    """

    images: NDArray[np.int64]
    examples: NDArray[np.int64]
    words: tuple[tuple[str, float], ...]
    name: str | None
    level: int

    def __len__(self) -> int:
        return len(self.images)

    @property
    def agreement(self) -> float:
        """The mean posterior of the first word, 0..1; 0 without words."""
        return self.words[0][1] if self.words else 0.0

    def __str__(self) -> str:
        words = ", ".join(word for word, _ in self.words[:3])
        count = f"{len(self):,} image{'' if len(self) == 1 else 's'}"
        if self.name is None:
            return f"{count}: no good word" + (f", perhaps {words}" if words else "")
        others = ", ".join(word for word, _ in self.words[1:4])
        text = f"{self.name}: {count}, agreement {self.agreement:.2f}"
        return f"{text} (or {others})" if others else text


@dataclass(frozen=True, eq=False)
class Suggestions:
    """Groups of a whole folder with distinct names at one level.

    Attributes
    ----------
    groups : tuple of Group
        The largest first.
    tree : NameTree
        The tree with all levels, for example ``suggestions.tree.suggest(20)``.
    """

    groups: tuple[Group, ...]
    tree: NameTree

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    def __str__(self) -> str:
        return "\n".join(str(group) for group in self.groups)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the groups that have one."""
        return tuple(group.name for group in self.groups if group.name is not None)

    @property
    def classes(self) -> ClassPrompts:
        """The names, as classes for a `Session`."""
        return ClassPrompts.parse(self.names)

    @property
    def unnamed(self) -> tuple[Group, ...]:
        """The groups without a good word."""
        return tuple(group for group in self.groups if group.name is None)


@dataclass(frozen=True, eq=False)
class NameTree:
    """Every grouping of a folder from coarse to fine, and the evidence for each word.

    A sample of A images is merged; every other image joins the group of the nearest of them.

    Attributes
    ----------
    merges : (A - 1, 4) float64
        The merges, as SciPy's ``linkage`` returns them.
    leaf : (N,) int32
        The nearest sampled image of each image, 0..A-1.
    words : tuple of str
        The m words that may become names.
    above : (m, m) bool
        Whether the second word includes the first.
    levels : (m,) int32
        Number of more general words above each word.
    shares : (A, m) float32
        Posterior of a word and all words below it for each sampled image, 0..1.
    specificity : (m,) float32
        Preference for specific words, 0 or more.
    vectors : (N, d) floating
        The image vectors.
    """

    merges: NDArray[np.float64]
    leaf: NDArray[np.int32]
    words: tuple[str, ...]
    above: NDArray[np.bool_]
    levels: NDArray[np.int32]
    shares: Float32Array
    specificity: Float32Array
    vectors: FloatArray

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Numbers of groups to choose from, the coarsest level first."""
        most = min(_MOST, max(1, len(self.shares) // 3), len(self.words))
        steps = {round(2 * _STEP**step) for step in range(64)}
        return tuple(sorted({count for count in steps if count <= most} | {min(most, 2)}))

    @cached_property
    def best(self) -> int:
        """The smallest number of groups at which the words fit about as well as at any other."""
        fit = [self._fit(count) for count in self.counts]
        return next(
            count for count, value in zip(self.counts, fit, strict=True)
            if value >= max(fit) - _AS_WELL
        )  # fmt: skip

    def _fit(self, count: int) -> float:
        scores = self._scores(self._labels(count))
        chosen = _distinct(scores)
        held = chosen >= 0
        return float(scores[held, chosen[held]].sum() + _FORBIDDEN * (~held).sum())

    def suggest(self, count: int | None = None) -> Suggestions:
        """Cut the tree into groups and name them.

        Parameters
        ----------
        count : int, optional
            Number of groups, 1 or more: few groups are coarse, many are fine. By default `best`,
            the number at which the words describe the images best.

        Returns
        -------
        Suggestions
            At most `count` groups.

        Raises
        ------
        InputError
            If `count` is not a positive whole number.
        """
        if count is not None and not is_whole_number(count, 1):
            raise InputError(
                f"Expected a number of groups of 1 or more, got {count!r}: try "
                f"{self.best}, or leave it out."
            )
        labels = self._labels(min(self.best if count is None else count, len(self.shares)))
        labels, chosen = self._joined(labels, self._at_one_level(self._scores(labels)))
        scores, mean = self._scores(labels), self._mean(self.shares, labels)
        groups = [
            self._group(np.flatnonzero(labels[self.leaf] == number), mean[number], order, own)
            for number, (order, own) in enumerate(
                zip(self._ordered(scores, chosen), chosen.tolist(), strict=True)
            )
        ]
        return Suggestions(tuple(sorted(groups, key=lambda group: -len(group))), self)

    # --- saving ---------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that `from_state` needs besides the vectors; text as UTF-8."""
        return {
            "merges": self.merges,
            "leaf": self.leaf,
            "words": np.frombuffer("\n".join(self.words).encode(), np.uint8),
            "above": np.packbits(self.above),
            "levels": self.levels,
            "shares": self.shares,
            "specificity": self.specificity,
        }

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]], vectors: FloatArray) -> NameTree:
        """Return the tree that `state` described; the arrays are untrusted.

        Raises
        ------
        InputError
            If the arrays are not those of a tree of these images.
        """
        words = tuple(arrays["words"].astype(np.uint8).tobytes().decode().split("\n"))
        shares, leaf = arrays["shares"].astype(np.float32), arrays["leaf"]
        merges, m = arrays["merges"].astype(np.float64), len(words)
        fits = (
            arrays["above"].shape == (-(-m * m // 8),)
            and shares.shape[1:] == (m,)
            and bool(np.isfinite(shares).all())
            and all(arrays[name].shape == (m,) for name in ("levels", "specificity"))
            and len(leaf) == len(vectors)
            and _is_tree(merges, len(shares))
        )
        if not fits:
            raise InputError("Expected the groups of these images, got parts that do not fit.")
        above = np.unpackbits(arrays["above"].astype(np.uint8), count=m * m).reshape(m, m)
        return cls(
            merges=merges,
            leaf=as_indices(leaf, len(shares), "leaf").astype(np.int32),
            words=words,
            above=above.astype(bool),
            levels=arrays["levels"].astype(np.int32),
            shares=shares,
            specificity=arrays["specificity"].astype(np.float32),
            vectors=vectors,
        )

    # --- names at a level -----------------------------------------------------------------------

    def _labels(self, count: int) -> NDArray[np.int32]:
        """Return the group of every sampled image, (A,) int32."""
        if len(self.shares) == 1:
            return np.zeros(1, dtype=np.int32)
        from scipy.cluster.hierarchy import fcluster

        return np.asarray(fcluster(self.merges, count, "maxclust") - 1, dtype=np.int32)

    def _mean(self, values: Float32Array, labels: NDArray[np.int32]) -> Float32Array:
        order = np.argsort(labels, kind="stable")
        size = np.bincount(labels)
        starts = np.concatenate([[0], np.cumsum(size)[:-1]])
        total = np.add.reduceat(values[order], starts, axis=0)
        return np.asarray(total / size[:, None], dtype=np.float32)

    @cached_property
    def _evidence(self) -> Float32Array:
        return np.asarray(np.log(self.shares + _TINY) + self.specificity, dtype=np.float32)

    def _scores(self, labels: NDArray[np.int32]) -> Float32Array:
        """Return how well each word names each group, (groups, m): the sum over its images."""
        share = np.bincount(labels)[:, None] / len(labels)
        return np.asarray(self._mean(self._evidence, labels) * share, dtype=np.float32)

    def _at_one_level(self, scores: Float32Array) -> NDArray[np.int64]:
        """Assign distinct words, none of them above another; `scores` is changed."""
        while True:
            chosen = _distinct(scores)
            held = np.flatnonzero(chosen >= 0)
            pairs = self.above[np.ix_(chosen[held], chosen[held])]
            if not pairs.any():
                return chosen
            general = held[pairs.sum(axis=0).argmax()]
            word = chosen[general]
            below = [group for group in held if self.above[chosen[group], word]]
            banned = self.above[:, word] | (np.arange(len(self.words)) == word)
            free = np.ones(len(self.words), dtype=bool)
            free[chosen[held]] = False
            # Drop either the general word or all specific ones below it, whichever costs less.
            cost = _loss(scores[general], word, free)
            costs = sum(_loss(scores[group], chosen[group], free & ~banned) for group in below)
            if cost <= costs:
                scores[general, word] = _FORBIDDEN
            else:
                for group in below:
                    scores[group, banned] = _FORBIDDEN

    def _joined(
        self, labels: NDArray[np.int32], chosen: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Join groups that have no good word alone but one in common, such as groups of dogs.

        Groups with a more specific word join them, unless these hold more images.
        """
        mean, scores = self._mean(self.shares, labels), self._scores(labels)
        size = np.bincount(labels)
        sure = np.where(chosen >= 0, mean[np.arange(len(mean)), chosen], 0.0)
        covering = np.where(mean >= _COVERS, scores, -np.inf)
        common = np.where(np.isfinite(covering.max(axis=1)), covering.argmax(axis=1), -1)
        common[sure >= GOOD] = -1
        merged = np.arange(len(mean))
        for word in np.unique(common[common >= 0]).tolist():
            apart = np.flatnonzero(common == word)
            below = np.flatnonzero(
                (common != word) & (chosen >= 0) & (self.above[chosen, word] | (chosen == word))
            )
            if size[apart].sum() >= size[below].sum():
                together = np.concatenate([apart, below])
                merged[together] = together.min()
                chosen[together] = word
        kept, new = np.unique(merged, return_inverse=True)
        return new[labels].astype(np.int32), chosen[kept]

    def _ordered(self, scores: Float32Array, chosen: NDArray[np.int64]) -> list[list[int]]:
        """Return the words to list for each group: its own, then unused ones, the best first."""
        taken = set(chosen.tolist())
        found = []
        for row, own in zip(scores, chosen.tolist(), strict=True):
            best = np.argsort(-row, kind="stable")[: _CANDIDATES + len(chosen)].tolist()
            free = [word for word in best if word not in taken]
            found.append(([own] if own >= 0 else []) + free[: _CANDIDATES - 1])
        return found

    def _group(
        self, images: NDArray[np.int64], shares: Float32Array, order: list[int], own: int
    ) -> Group:
        unit = unit_rows(self.vectors[images])
        closeness = unit @ unit_rows(unit.mean(axis=0))
        typical = np.argsort(-closeness, kind="stable")
        good = own >= 0 and shares[own] >= GOOD
        return Group(
            images=images[typical],
            examples=images[typical[_spread(unit[typical])]],
            words=tuple((self.words[word], float(shares[word])) for word in order),
            name=self.words[own] if good else None,
            level=int(self.levels[order[0]]) if order else 0,
        )


@checked
def group_images(
    vectors: FloatArray,
    graph: KnnGraph,
    vocabulary: Vocabulary,
    words: Float32Array,
    *,
    logit_scale: float = 100.0,
    seed: int = 0,
    progress: ProgressFn | None = None,
) -> NameTree:
    """Group images by their vectors and by the words that fit them, from coarse to fine.

    Parameters
    ----------
    vectors : (N, d) floating
        Image vectors, N >= 1; may be a memory map.
    graph : KnnGraph
        Neighbours of the images.
    vocabulary : Vocabulary
        M words.
    words : (M, d) floating
        Their text vectors, from `embed_words`.
    logit_scale : float
        Factor from cosine similarity to logit, that of the encoder, above 0.
    seed : int
        Seed of the sample, in a folder of more than 3,000 images.
    progress : callable, optional
        ``progress(phase, done, total)``, counting steps; by default a tqdm bar.

    Returns
    -------
    NameTree

    Raises
    ------
    InputError
        If the arguments do not fit together.
    """
    vectors = as_vectors(vectors)
    words = unit_rows(as_vectors(words, what="words", dim=vectors.shape[1]))
    n, seed = len(vectors), as_seed(seed)
    if not 0 < logit_scale < np.inf:
        raise InputError(
            f"Expected a logit scale above 0, got {logit_scale!r}: pass that of the encoder."
        )
    if len(graph) != n or len(words) != len(vocabulary):
        raise InputError(
            f"Expected a graph of {n} images and {len(vocabulary)} text vectors, got "
            f"{len(graph)} and {len(words)}: pass those of these images and this vocabulary."
        )
    report = resolve(progress)
    report("suggesting names", 0, 3)
    rows = np.arange(n)
    if n > _SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(n, _SAMPLE, replace=False))
    sample = unit_rows(vectors[rows])
    leaf = _followed(vectors, sample, rows)
    report("suggesting names", 1, 3)

    posterior = _posterior(_evidence_vectors(vectors, graph, rows), words, logit_scale)
    merges = _merge(sample, unit_rows(posterior @ words))
    report("suggesting names", 2, 3)

    ancestry = vocabulary.ancestry()
    shares = np.minimum((ancestry.T @ posterior.T).T, 1.0)
    below = np.asarray(ancestry.sum(axis=0)).ravel()
    kept = np.sort(np.argsort(-shares.mean(axis=0), kind="stable")[:_SHORTLIST])
    related = ancestry[kept][:, kept].toarray() > 0
    np.fill_diagonal(related, val=False)
    report("suggesting names", 3, 3)
    return NameTree(
        merges=merges,
        leaf=leaf,
        words=tuple(vocabulary.words[word] for word in kept),
        above=related,
        levels=vocabulary.levels()[kept],
        shares=np.ascontiguousarray(shares[:, kept], dtype=np.float32),
        specificity=(_SPECIAL * np.log(len(vocabulary) / below[kept])).astype(np.float32),
        vectors=vectors,
    )


def _is_tree(merges: NDArray[np.float64], count: int) -> bool:
    """Return whether an array is a valid linkage of `count` images, safe for compiled code."""
    if count < 2:
        return count == 1
    from scipy.cluster.hierarchy import is_valid_linkage

    # SciPy's own check lets NaN and fractions through, which would crash `fcluster`.
    whole = merges.shape == (count - 1, 4) and np.isfinite(merges).all()
    return bool(whole and (merges[:, :2] % 1 == 0).all() and is_valid_linkage(merges))


def _followed(
    vectors: FloatArray, sample: Float32Array, rows: NDArray[np.intp]
) -> NDArray[np.int32]:
    """Return the most similar sampled image of every image; its own for sampled images."""
    if len(sample) == len(vectors):
        return np.arange(len(vectors), dtype=np.int32)
    from protolabel.clustering.clusters import nearest_centroids

    leaf = nearest_centroids(vectors, sample)
    leaf[rows] = np.arange(len(rows), dtype=np.int32)
    return leaf


def _evidence_vectors(vectors: FloatArray, graph: KnnGraph, rows: NDArray[np.intp]) -> Float32Array:
    """Return sampled images averaged with neighbours, minus a part of the folder's mean."""
    own = unit_rows(vectors[rows])
    seen = own
    if graph.k:
        beside = unit_rows(vectors[graph.indices[rows].ravel()])
        mean = beside.reshape(len(rows), graph.k, -1).mean(axis=1)
        seen = (1.0 - _NEIGHBOURS) * own + _NEIGHBOURS * mean
    return np.asarray(seen - _FOLDER * own.mean(axis=0), dtype=np.float32)


def _posterior(images: Float32Array, words: Float32Array, scale: float) -> Float32Array:
    logits = scale * (images @ words.T)
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return np.asarray(logits, dtype=np.float32)


def _merge(images: Float32Array, texts: Float32Array) -> NDArray[np.float64]:
    """Merge images by their vectors and by the words that fit them, in equal parts."""
    if len(images) < 2:
        return np.empty((0, 4))
    from scipy.cluster.hierarchy import linkage

    parts = [unit_rows(part - part.mean(axis=0)) for part in (images, texts)]
    return np.asarray(linkage(np.concatenate(parts, axis=1), "ward"))


def _distinct(scores: Float32Array) -> NDArray[np.int64]:
    """Return a different word for each group, (groups,) int64; -1 if there are too few."""
    from scipy.optimize import linear_sum_assignment

    chosen = np.full(len(scores), -1, dtype=np.int64)
    groups, words = linear_sum_assignment(-scores)
    possible = scores[groups, words] > _FORBIDDEN / 2
    chosen[groups[possible]] = words[possible]
    return chosen


def _loss(row: Float32Array, word: int, free: NDArray[np.bool_]) -> float:
    """Return what a group loses if it takes its best free word in place of its own."""
    return float(row[word] - row[free].max(initial=_FORBIDDEN))


def _spread(unit: Float32Array) -> NDArray[np.intp]:
    """Choose rows among the more typical half, each as different as possible from the others."""
    half = unit[: max(_EXAMPLES, (len(unit) + 1) // 2)]
    chosen = [0]
    nearest = half @ half[0]
    while len(chosen) < min(_EXAMPLES, len(half)):
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, half @ half[chosen[-1]])
    return np.array(chosen, dtype=np.intp)
